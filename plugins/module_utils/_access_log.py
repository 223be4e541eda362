# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: who sends what, from an access log."""

from __future__ import annotations

import os
import time
import typing as t

from ._access_result import describe
from ._access_scan import Scan, without_collection
from ._access_seek import skip_before
from ._access_source import Source, from_paths, locate
from ._access_tally import Settings
from ._access_text import address_of, moment_of, show
from ._argspec import ArgumentSpec
from ._docker import DockerClient, RunCommand
from ._errors import OpsError
from ._stack import STACK_ARGUMENTS, discover

ACCESS_LOG_ARGUMENTS = ArgumentSpec(
    {
        "path": {"type": "path"},
        "paths": {"type": "list", "elements": "path", "default": []},
        "role": {"type": "str", "choices": ["proxy", "api"], "default": "proxy"},
        "since_s": {"type": "int"},
        "since": {"type": "str"},
        "until": {"type": "str"},
        "baseline_s": {"type": "int"},
        "addresses": {"type": "list", "elements": "str", "default": []},
        "only_addresses": {"type": "bool", "default": False},
        "forwarded_depth": {"type": "int", "default": 0},
        "top": {"type": "int", "default": 10},
        "max_tracked": {"type": "int", "default": 200_000},
        "ties": {"type": "bool", "default": False},
        "ties_max": {"type": "int", "default": 1_000},
        "processes": {"type": "int", "default": 2},
        "timeout_s": {"type": "int", "default": 600},
    },
    mutually_exclusive=[("path", "paths"), ("since_s", "since")],
).merge(STACK_ARGUMENTS)

_ACT = "read the access log"
# (lowest, highest) of what is a number.
_BOUNDS = {
    "since_s": (1, 10**9),
    "baseline_s": (1, 10**9),
    "forwarded_depth": (0, 100),
    "top": (0, 1_000),
    "max_tracked": (1_000, 1_000_000),
    "ties_max": (0, 20_000),
    "processes": (1, 2),
    "timeout_s": (1, 86_400),
}


def _time(options: t.Mapping[str, t.Any], name: str) -> float | None:
    text = options[name]
    if text is None:
        return None
    moment = moment_of(str(text).strip().encode("utf-8", "replace"))
    if not moment:
        raise OpsError(_ACT, f"{name} is '{show(str(text).encode(), 40)}', no time", "Write it as 2026-11-23T03:12:45Z")
    return moment


def make_settings(options: t.Mapping[str, t.Any], now: float) -> Settings:
    """Return what is to be counted; ``now`` in seconds of the epoch. Raise OpsError where that makes no sense. Pure."""
    for name, (lowest, highest) in _BOUNDS.items():
        value = options[name]
        if value is not None and not lowest <= value <= highest:
            raise OpsError(_ACT, f"{name} is {value}, not between {lowest} and {highest}")
    since, until = _time(options, "since"), _time(options, "until")
    if options["since_s"] is not None:
        since = (now if until is None else until) - options["since_s"]
    if since is not None and until is not None and since > until:
        raise OpsError(_ACT, "since is after until")
    if options["baseline_s"] is not None and since is None:
        raise OpsError(_ACT, "baseline_s needs a window that it comes before", "Give since_s or since")
    only = set()
    for text in options["addresses"]:
        address = address_of(text.strip().encode("utf-8", "replace"))
        if not address:
            raise OpsError(_ACT, f"'{show(text.encode(), 60)}' in addresses is no IP address")
        only.add(address)
    return Settings(
        since=since,
        until=until,
        baseline=None if options["baseline_s"] is None or since is None else since - options["baseline_s"],
        only=frozenset(only),
        depth=options["forwarded_depth"],
        tracked_max=options["max_tracked"],
        ties=options["ties"],
        ties_max=options["ties_max"],
    )


def find_source(options: t.Mapping[str, t.Any], settings: Settings, run_command: RunCommand, now: float) -> Source:
    """Return the log to read."""
    paths = [options["path"]] if options["path"] else options["paths"]
    if paths:
        return from_paths(paths)
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    stack = discover(client, run_command, options["project"], options["service_roles"])
    until = now if settings.until is None else min(now, settings.until)
    return locate(client, stack, options["role"], settings.begin, until, options["docker_host"].startswith("unix:"))


def read(source: Source, settings: Settings, options: t.Mapping[str, t.Any], now: float) -> dict[str, t.Any]:
    """Read a source to its end and return what it tells."""
    begin = time.monotonic()
    scan = Scan(settings, options["only_addresses"], begin + options["timeout_s"])
    try:
        with without_collection():
            if source.segments:
                segments, scan.passed_over = skip_before(source.segments, settings.begin)
                scan.read_segments(segments, min(options["processes"], os.cpu_count() or 1))
            for stream in source.streams:
                scan.read(stream())
            scan.finish()
            result = describe(scan, options["top"], now)
    finally:
        scan.close()
    result["source"] = {**source.describe(), "bytes": scan.bytes, "bytes_before": scan.passed_over}
    result["seconds"] = round(time.monotonic() - begin, 2)
    return result


def look(options: t.Mapping[str, t.Any], run_command: RunCommand) -> dict[str, t.Any]:
    """Find the log, read it, and return what it tells."""
    now = time.time()
    settings = make_settings(options, now)
    return read(find_source(options, settings, run_command, now), settings, options, now)
