# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: from which measure on something is a finding, as options with their defaults. Pure."""

from __future__ import annotations

import typing as t

from ._argspec import ArgumentSpec
from ._errors import OpsError

# Why each is what it is stands in the documentation fragment of the same options.
DEFAULTS: t.Mapping[str, t.Any] = {
    "api_p95_s": 5.0,
    "container_memory": 0.9,
    "container_cpu": 0.95,
    "connections_warning": 0.8,
    "connections_critical": 0.95,
    "transaction_s": 600,
    "idle_in_transaction_s": 60,
    "lock_wait_s": 10,
    "slot_retained_bytes": 4 * 1024**3,
    "dead_tuples": 0.3,
    "broker_memory": 0.75,
    "unacked_age_s": 3600,
    "job_wait_s": 900,
    "job_stuck_s": 21900,
    "job_failures": 0.2,
    "storage_warning": 0.85,
    "storage_critical": 0.95,
    "storage_full_within_h": 24,
    "certificate_warning_d": 21,
    "certificate_critical_d": 3,
    "log_errors": 10,
    "drill_age_s": 8 * 86400,
}
_SHARES = tuple(name for name, value in DEFAULTS.items() if isinstance(value, float) and value < 1)


def _type(value: t.Any) -> str:
    return "float" if isinstance(value, float) else "int"


THRESHOLD_ARGUMENTS = ArgumentSpec(
    {
        "thresholds": {
            "type": "dict",
            "default": {},
            "options": {name: {"type": _type(value), "default": value} for name, value in DEFAULTS.items()},
            "apply_defaults": True,
        },
        "required_extensions": {"type": "list", "elements": "str", "default": []},
    }
)


def read_thresholds(given: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return every threshold, those given over the defaults; one that cannot be meant is an error. Pure."""
    chosen = {**DEFAULTS, **{name: value for name, value in given.items() if value is not None}}
    for name, value in chosen.items():
        if value < 0:
            raise OpsError(f"use the threshold {name}", f"{value} is below zero")
        if name in _SHARES and value > 1:
            raise OpsError(f"use the threshold {name}", f"{value} is more than all", "Give a share between 0 and 1")
    for lower, upper in (
        ("connections_warning", "connections_critical"),
        ("storage_warning", "storage_critical"),
        ("certificate_critical_d", "certificate_warning_d"),
    ):
        if chosen[lower] > chosen[upper]:
            raise OpsError(f"use the threshold {lower}", f"{chosen[lower]} lies above {upper} ({chosen[upper]})")
    return chosen
