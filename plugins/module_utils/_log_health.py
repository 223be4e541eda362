# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: errors in what the containers print, in every form that the service writes. Pure."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import typing as t

from ._docker import DockerClient
from ._probe import run_probes
from ._redact import generalize
from ._stack import Stack
from ._verdict import OK, UNKNOWN, WARNING, Finding

TAIL = 2000
_ROLES = ("api", "worker", "postgres", "redis", "proxy")
_BAD_LEVELS = frozenset(("error", "critical", "fatal", "panic"))
# Docker's own time stamp in front of each line.
_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\S+ ")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
# [2026-11-23 10:58:19,377: ERROR/MainProcess] text
_CELERY = re.compile(r"^\[[^\]]*: (?P<level>[A-Z]+)/[^\]]+\] (?P<text>.*)$")
# 2026-11-23 10:58:19.377 UTC [42] ERROR:  text
_POSTGRES = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ \S+ \[\d+\][^:]*?\b(?P<level>ERROR|FATAL|PANIC):\s+(?P<text>.*)$")
# INFO:     172.19.0.1:33998 - "POST /api/v1/convert HTTP/1.1" 500 Internal Server Error
_ACCESS = re.compile(r'^INFO:\s+\S+ - "(?P<request>[A-Z]+ [^"]*) HTTP/[\d.]+" (?P<status>\d{3})\b')
_PLAIN = re.compile(r"^(?P<level>ERROR|CRITICAL|FATAL)\b[:\s]+(?P<text>.*)$")
# 2026-11-23T10:58:19Z ERR text
_TRAEFIK = re.compile(r"^\S+ (?P<level>ERR|FTL) (?P<text>.*)$")


@dataclasses.dataclass(frozen=True)
class LogErrors:
    """Errors of one container: how many lines were read, and how often each kind of error came."""

    lines: int
    kinds: t.Mapping[str, int]
    cut: bool = False

    @property
    def total(self) -> int:
        """Return how many lines tell of an error."""
        return sum(self.kinds.values())


def error_of(line: str) -> str | None:
    """Return what a line says if it tells of an error, or None. The word "error" in a line alone is no error."""
    line = _COLOUR.sub("", _STAMP.sub("", line, count=1))
    if line.startswith("{"):
        return _error_in_json(line)
    for pattern in (_CELERY, _POSTGRES, _TRAEFIK, _PLAIN):
        match = pattern.match(line)
        if match:
            level, text = match.group("level").lower(), match.group("text")
            if level not in _BAD_LEVELS and level not in ("err", "ftl"):
                # The deployed worker nests its own JSON behind Celery's prefix.
                return _error_in_json(text) if text.startswith("{") else None
            return (_error_in_json(text) or text) if text.startswith("{") else text
    match = _ACCESS.match(line)
    if match and match.group("status").startswith("5"):
        return f"{match.group('request').partition('?')[0]} answered {match.group('status')}"
    return None


def _error_in_json(text: str) -> str | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    level = str(document.get("level") or document.get("severity") or document.get("levelname") or "").lower()
    if level not in _BAD_LEVELS:
        return None
    return str(document.get("event") or document.get("message") or document.get("msg") or "an error without a message")


def read_errors(text: bytes) -> LogErrors:
    """Return the errors in what a container printed; hostile bytes are data like any other."""
    lines = text.decode("utf-8", "replace").splitlines()
    kinds: dict[str, int] = {}
    for line in lines:
        said = error_of(line[:4000])
        if said is not None:
            kind = generalize(said[:400])[:160]
            kinds[kind] = kinds.get(kind, 0) + 1
    return LogErrors(len(lines), dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0]))), len(lines) >= TAIL)


def read_logs(client: DockerClient, stack: Stack, since: float, timeout_s: float) -> dict[str, LogErrors | str]:
    """Return each container's errors since a time in seconds of the epoch, or why its log could not be read."""
    replicas = [replica for role in _ROLES for replica in stack.running(role)]
    probes = {replica.name: functools.partial(client.logs, replica.id, since, TAIL) for replica in replicas}
    found: dict[str, LogErrors | str] = {}
    for name, result in sorted(run_probes(probes, timeout_s).items()) if probes else ():
        if result.value is not None:
            found[name] = read_errors(result.value)
        else:
            found[name] = str(result.error or "it could not be read in time")
    return found


def judge_logs(logs: t.Mapping[str, LogErrors | str], window_s: int, limits: t.Mapping[str, t.Any]) -> list[Finding]:
    """Judge each container by the errors that it told of in a window of ``window_s`` seconds. Pure."""
    found = []
    total = 0
    for name, errors in logs.items():
        command = (f"docker logs --since {window_s}s {name}",)
        if isinstance(errors, str):
            summary = f"The log of '{name}' could not be read: {errors.rstrip('.')}."
            found.append(Finding(f"{name}.log", "logs", UNKNOWN, name, summary, {}, command))
            continue
        total += errors.total
        if errors.total >= limits["log_errors"]:
            most, count = next(iter(errors.kinds.items()))
            more = " or more" if errors.cut else ""
            counted = f"{errors.total}{more} errors in {window_s // 60} minutes"
            summary = f"'{name}' told of {counted}; {count} times: {most[:120].rstrip('.')}."
            evidence = {"kinds": dict(list(errors.kinds.items())[:10]), "lines": errors.lines}
            found.append(Finding(f"{name}.errors", "logs", WARNING, name, summary, evidence, command))
    if logs and not found:
        summary = f"{len(logs)} containers told of {total} errors in the last {window_s // 60} minutes."
        cut = [name for name, errors in logs.items() if isinstance(errors, LogErrors) and errors.cut]
        if cut:
            summary += f" Of {', '.join(cut)} only the last {TAIL} lines were read."
        kinds = {
            name: dict(list(errors.kinds.items())[:3])
            for name, errors in logs.items()
            if isinstance(errors, LogErrors) and errors.kinds
        }
        found.append(Finding("logs", "logs", OK, "logs", summary, kinds))
    return found
