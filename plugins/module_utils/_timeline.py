# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the timeline of an incident: what was done where, a JSON line each, without secrets."""

from __future__ import annotations

import json
import os
import re
import time
import typing as t

from ._redact import looks_secret, redact

_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
_TEXT, _ENTRIES, _DEPTH = 300, 40, 4
_MASK = "********"


def timeline_path(artifacts: str, incident: str) -> str | None:
    """Return the file of an incident's timeline, or None for an id that would be no plain folder name."""
    if not _ID.match(incident) or ".." in incident:
        return None
    root = os.path.abspath(os.path.expanduser(artifacts))
    return os.path.join(root, "incidents", incident, "timeline.jsonl")


def tidy(value: t.Any, depth: int = _DEPTH) -> t.Any:
    """Return a value as small plain data: masked where it looks like a secret, cut where it is long."""
    if isinstance(value, t.Mapping):
        if depth == 0:
            return f"{len(value)} fields"
        pairs = list(value.items())[:_ENTRIES]
        return {str(name): _MASK if looks_secret(str(name)) else tidy(inner, depth - 1) for name, inner in pairs}
    if isinstance(value, (list, tuple)):
        return [tidy(inner, depth - 1) for inner in value[:_ENTRIES]] if depth else f"{len(value)} entries"
    if isinstance(value, (bool, int, float)) or value is None:
        return value
    text = redact(str(value))
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}... ({len(text)} characters)"


def describe_result(result: t.Mapping[str, t.Any], status: str) -> dict[str, t.Any]:
    """Return what an outcome tells: whether it changed, before and after where a module gave them, why it failed."""
    told: dict[str, t.Any] = {"status": status, "changed": bool(result.get("changed"))}
    diff = result.get("diff")
    for one in diff if isinstance(diff, list) else [diff]:
        if isinstance(one, t.Mapping) and ("before" in one or "after" in one):
            told["before"], told["after"] = tidy(one.get("before")), tidy(one.get("after"))
            break
    if status in ("failed", "unreachable") and result.get("msg"):
        told["message"] = tidy(result["msg"])
    return told


class Timeline:
    """Appends events to one file; folders are 0700 and the file 0600. A line is written whole or not at all."""

    def __init__(self, path: str) -> None:
        self.path = path

    def add(self, event: t.Mapping[str, t.Any]) -> None:
        """Append one event with its time in UTC, to the millisecond."""
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        line = json.dumps({"at": stamp, **event}, sort_keys=True) + "\n"
        folder = os.path.dirname(self.path)
        for part in (os.path.dirname(folder), folder):
            os.makedirs(part, mode=0o700, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
