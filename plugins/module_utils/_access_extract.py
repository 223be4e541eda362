# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: lines of an access log as evidence, without the API keys in them."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import time
import typing as t

from ._access_file import read_segment
from ._access_line import NotAHitError, key_identity, parse_json
from ._access_parse import Parser
from ._access_scan import whole_lines
from ._access_seek import skip_before
from ._access_source import Source
from ._access_tally import Settings
from ._access_text import Remembered, address_of, seconds_of
from ._errors import OpsError
from ._redact import looks_secret
from ._state import whole_file

EXTRACT_MAX_BYTES = 100 << 20
# In a path, a referer or anywhere else: what a name that sounds secret is given.
_NAMED = re.compile(
    rb"(?i)([?&;]|%3f|%26)"
    rb"([\w.-]{0,60}(?:key|token|secret|passw(?:or)?d|signature|credential|auth)[\w.-]{0,60})(=|%3d)([^&\s\"'\\#;]+)"
)
_BEARER = re.compile(rb"(?i)\b(bearer|basic) +[A-Za-z0-9._~+/=-]{8,}")


def _masked(key: bytes) -> bytes:
    return key_identity(key).partition(b":")[0] + b"..."


def redact_line(line: bytes) -> bytes:
    """Return a line of an access log with API keys and other secrets cut to a short prefix. Pure."""
    secrets: list[bytes] = []
    start = line.find(b"{")
    if start >= 0 and b'"' in line:
        try:
            document = parse_json(line[start:])
        except NotAHitError:
            document = {}
        inner = document.get("log")
        if isinstance(inner, str) and isinstance(document.get("stream"), str):
            document["log"] = redact_line(inner.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")
            line = line[:start] + json.dumps(document, separators=(",", ":")).encode()
        else:
            line, secrets = _redact_fields(line, start, document)
    for secret in sorted(secrets, key=len, reverse=True):
        # Short ones would take ordinary words with them; they are gone from their own field anyway.
        if len(secret) >= 8:
            line = line.replace(secret, _masked(secret))
    line = _BEARER.sub(rb"\1 ...", line)
    return _NAMED.sub(lambda match: match.group(1) + match.group(2) + match.group(3) + _masked(match.group(4)), line)


def _redact_fields(line: bytes, start: int, document: dict[str, t.Any]) -> tuple[bytes, list[bytes]]:
    """Return the line with its secret fields cut, and what was in them."""
    secrets = []
    for name, value in document.items():
        header = name.partition("_")[2] if name.startswith(("request_", "origin_", "downstream_")) else name
        if looks_secret(header) and isinstance(value, str) and value not in ("", "-", "REDACTED"):
            raw = value.encode("utf-8", "replace")
            document[name] = _masked(raw).decode()
            secrets.append(raw)
    if secrets:
        line = line[:start] + json.dumps(document, separators=(",", ":")).encode()
    return line, secrets


class _Chooser:
    """Tells which lines are asked for: by address and time. What has no time is in every window."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._parser = Parser(fast=False, depth=settings.depth)
        self._address: Remembered[bytes, bytes] = Remembered(self._address_of, 20_000)
        self._second = Remembered(seconds_of, 5_000)

    def _address_of(self, raw: bytes) -> bytes:
        return address_of(raw, self._settings.depth)

    def wants(self, line: bytes) -> bool:
        settings = self._settings
        try:
            hit = self._parser.parse(line)
        except NotAHitError:
            return False
        address = self._address[hit[0]]
        if not address or (settings.only and address not in settings.only):
            return False
        second = self._second[hit[1]]
        if not second:
            return True
        return (settings.since or 0) <= second and (settings.until is None or second <= settings.until)


def extract(
    source: Source, settings: Settings, path: str, timeout_s: float, max_bytes: int = EXTRACT_MAX_BYTES
) -> dict[str, t.Any]:
    """Write the lines of a log that are asked for into a file: 0600, whole or not at all, never more than a bound.

    Returns ``path``, ``lines``, ``bytes``, ``sha256`` of the file, ``cut``: how many lines were left out at its end,
    for want of room or time (None: it is not known how many), and ``complete``: whether none was. Raises OpsError where
    it cannot be written, and where the bounds leave no line of what may be there: an empty file would be no evidence.
    """
    deadline = time.monotonic() + timeout_s
    chooser = _Chooser(settings)
    digest = hashlib.sha256()
    lines = size = 0
    cut: int | None = 0
    try:
        with whole_file(path, durable=True) as target:
            for line in _lines(source, settings.begin):
                if time.monotonic() > deadline:
                    cut = None
                    break
                if not chooser.wants(line):
                    continue
                shown = redact_line(line) + b"\n"
                if cut or size + len(shown) > max_bytes:
                    cut = (cut or 0) + 1
                    continue
                target.write(shown)
                digest.update(shown)
                lines += 1
                size += len(shown)
            if not lines and cut != 0:
                raise _nothing(path, cut is None)
    except OSError as error:
        folder = os.path.dirname(path) or "."
        raise OpsError(
            f"write the extract '{path}'", error.strerror or str(error), f"See that '{folder}' is there and has room"
        ) from error
    return {"path": path, "lines": lines, "bytes": size, "sha256": digest.hexdigest(), "cut": cut, "complete": cut == 0}


def _nothing(path: str, late: bool) -> OpsError:
    act = f"write the extract '{path}'"
    if late:
        return OpsError(act, "the time was over before a line was found", "Raise timeout_s, or ask for a shorter time")
    return OpsError(act, "not even one line fits into max_bytes", "Raise it")


def _lines(source: Source, begin: float | None) -> t.Iterator[bytes]:
    segments, _passed_over = skip_before(source.segments, begin)
    streams = [functools.partial(read_segment, part) for part in segments] + list(source.streams)
    for stream in streams:
        for block in whole_lines(stream(), lambda: None):
            yield from block.split(b"\n")[:-1]
