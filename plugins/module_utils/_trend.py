# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: from earlier reports to when the storage will be full. Pure."""

from __future__ import annotations

import calendar
import time
import typing as t

from ._host_health import largest_command
from ._verdict import SEVERITIES, WARNING, rank

# Nearer together than this, two reports tell of noise.
_APART_S = 600
_WINDOW_S = 7 * 86400

Point = tuple[float, float]


def storage_point(health: t.Mapping[str, t.Any]) -> Point | None:
    """Return (time, bytes used) of one host's report, or None where it does not tell."""
    try:
        used = float(health["measurements"]["storage"]["used_bytes"])
        return calendar.timegm(time.strptime(str(health["checked_at"]), "%Y-%m-%dT%H:%M:%SZ")), used
    except (KeyError, TypeError, ValueError):
        return None


def hours_to_full(points: t.Iterable[Point], now: Point, free_bytes: float) -> float | None:
    """Return hours until no byte is left at the mean rate since the oldest point of a week, or None if it never is."""
    usable = [point for point in points if _APART_S <= now[0] - point[0] <= _WINDOW_S]
    if not usable:
        return None
    oldest = min(usable)
    rate = (now[1] - oldest[1]) / (now[0] - oldest[0])
    return free_bytes / rate / 3600 if rate > 0 else None


def add_trend(health: t.Mapping[str, t.Any], earlier: t.Iterable[t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """Return a host's report with the time until its storage is full, and a finding where that is soon."""
    now = storage_point(health)
    if now is None:
        return dict(health)
    storage = health["measurements"]["storage"]
    points = [point for point in map(storage_point, earlier) if point is not None]
    hours = hours_to_full(points, now, float(storage["free_bytes"]))
    if hours is None:
        return dict(health)
    measured = {**health["measurements"], "storage": {**storage, "full_in_h": round(hours, 1)}}
    told = {**health, "measurements": measured}
    known = any(finding["id"] == "storage.full" for finding in health["findings"])
    if hours > float(storage.get("full_within_h", 0)) or known:
        return told
    finding = {
        "id": "storage.trend",
        "component": "storage",
        "severity": WARNING,
        "subject": storage["path"],
        "summary": f"The storage will be full in {hours:.0f} hours, at the rate since earlier reports.",
        "evidence": {"full_in_h": round(hours, 1), "free_bytes": storage["free_bytes"]},
        "commands": [largest_command(storage)],
        "caused_by": None,
    }
    verdict = max(str(health["verdict"]), WARNING, key=rank)
    told["findings"] = sorted(
        [*health["findings"], finding], key=lambda one: (-SEVERITIES.index(one["severity"]), bool(one["caused_by"]))
    )
    told["root_causes"] = [*health["root_causes"], "storage.trend"]
    if not health["root_causes"]:
        told["summary"] = finding["summary"]
    told["verdict"] = verdict
    return told
