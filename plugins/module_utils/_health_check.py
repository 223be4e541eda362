# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: one health check, quick or deep: all probes side by side, then one verdict."""

from __future__ import annotations

import time
import typing as t

from ._argspec import ArgumentSpec
from ._credentials import POSTGRES_ARGUMENTS, REDIS_ARGUMENTS
from ._deep_health import DEEP_ARGUMENTS, DeepHealth
from ._docker import DockerClient, RunCommand
from ._errors import OpsError
from ._health import findings_of, report
from ._probe import run_probes
from ._queue import QUEUE_ARGUMENTS
from ._quick_health import QuickHealth
from ._routes import HTTP_ARGUMENTS
from ._stack import STACK_ARGUMENTS, discover
from ._thresholds import THRESHOLD_ARGUMENTS, read_thresholds
from ._verdict import CRITICAL, UNKNOWN, Finding

HEALTH_ARGUMENTS = ArgumentSpec(
    {
        "depth": {"type": "str", "choices": ["quick", "deep"], "default": "quick"},
        "timeout_s": {"type": "int", "default": 20},
        "probe_timeout_s": {"type": "int", "default": 5},
        "census_timeout_s": {"type": "float", "default": 2.0},
    }
).merge(
    STACK_ARGUMENTS,
    POSTGRES_ARGUMENTS,
    REDIS_ARGUMENTS,
    QUEUE_ARGUMENTS,
    HTTP_ARGUMENTS,
    DEEP_ARGUMENTS,
    THRESHOLD_ARGUMENTS,
)


def check(options: t.Mapping[str, t.Any], run_command: RunCommand) -> dict[str, t.Any]:
    """Discover the stack, run every probe, and return the report; what cannot be discovered is a finding too."""
    started = time.monotonic()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    limits = read_thresholds(options["thresholds"])
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    try:
        stack = discover(client, run_command, options["project"], options["service_roles"])
    except OpsError as error:
        finding = Finding("stack", "stack", UNKNOWN, options["project"] or "stack", str(error))
        return report(options["project"] or "", [finding], None, time.monotonic() - started, now)
    left = max(1.0, float(options["timeout_s"]) - (time.monotonic() - started))
    health = (
        DeepHealth(client, stack, options, limits)
        if options["depth"] == "deep"
        else QuickHealth(client, stack, options)
    )
    results = run_probes(health.probes(), left)
    findings = [*findings_of(stack, results), *health.conclude()]
    if not stack.by_role("api"):
        summary = f"Project '{stack.project}' has no api service."
        findings.append(Finding("api.absent", "api", CRITICAL, stack.project, summary))
    return report(stack.project, findings, stack, time.monotonic() - started, now, health.measurements)
