# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: keep lines of an access log as evidence, once, without the API keys in them."""

from __future__ import annotations

import os
import time
import typing as t

from ._access_extract import extract
from ._access_log import ACCESS_LOG_ARGUMENTS, find_source, make_settings
from ._argspec import ArgumentSpec
from ._docker import RunCommand
from ._errors import OpsError
from ._plan import Action, Plan
from ._state import make_folder

_SHARED = (
    *("path", "paths", "role", "since_s", "since", "until", "addresses", "forwarded_depth", "timeout_s"),
    *("project", "service_roles", "docker_host", "docker_timeout_s"),
)
KEEP_ARGUMENTS = ArgumentSpec(
    {
        **{name: ACCESS_LOG_ARGUMENTS.options[name] for name in _SHARED},
        "dest": {"type": "path", "required": True},
        "max_bytes": {"type": "int", "default": 100_000_000},
    },
    mutually_exclusive=[("path", "paths"), ("since_s", "since")],
)
_ACT = "keep lines of the access log"


def plan_keep(dest: str, exists: bool) -> Plan:
    """Return the plan that writes the file unless it is there: evidence is not written twice. Pure."""
    before, after = {dest: "there" if exists else "absent"}, {dest: "there"}
    return Plan(before, after, () if exists else (Action(dest, "is written"),))


def keep(options: t.Mapping[str, t.Any], run_command: RunCommand, check_mode: bool) -> dict[str, t.Any]:
    """Find the log and write the lines that are asked for; return the module's result."""
    if options["max_bytes"] < 1:
        raise OpsError(_ACT, f"max_bytes is {options['max_bytes']}, below 1")
    dest = os.path.abspath(options["dest"])
    plan = plan_keep(dest, os.path.lexists(dest))
    now = time.time()
    unused = {name: spec.get("default") for name, spec in ACCESS_LOG_ARGUMENTS.options.items()}
    whole = {**unused, **{name: options[name] for name in _SHARED}}
    settings = make_settings(whole, now)
    written: dict[str, t.Any] | None = None
    if plan.changed:
        source = find_source(whole, settings, run_command, now)
        if not check_mode:
            _make_folder(os.path.dirname(dest))
            written = extract(source, settings, dest, options["timeout_s"], options["max_bytes"])
    nothing = {"path": dest, "lines": None, "bytes": None, "sha256": None, "cut": None, "complete": None}
    result = {"changed": plan.changed, "plan_id": plan.plan_id, "diff": plan.diff()}
    return {**result, "extract": written or nothing}


def _make_folder(folder: str) -> None:
    try:
        make_folder(*os.path.split(folder))
    except OSError as error:
        raise OpsError(f"make the folder '{folder}'", str(error.strerror), "Pass another dest") from error
