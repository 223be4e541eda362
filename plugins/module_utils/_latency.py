# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: how long requests take, phase by phase, over several samples. Pure."""

from __future__ import annotations

import math
import typing as t

from ._http import Response
from ._verdict import OK, WARNING, Finding

PHASES = ("dns", "connect", "tls", "first_byte", "read")


def percentile(values: t.Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def summarize_samples(samples: t.Sequence[Response]) -> dict[str, t.Any]:
    """Return p50, p95 and max of the total in seconds, the median of each phase, and how many samples failed."""
    good = [sample for sample in samples if sample.ok]
    totals = [sample.phases.get("total", 0.0) for sample in good]
    phases: dict[str, float] = {}
    for name in PHASES:
        values = [_phase(sample.phases, name) for sample in good]
        if any(values):
            phases[name] = round(percentile(values, 0.5), 6)
    return {
        "samples": len(samples),
        "failed": len(samples) - len(good),
        "p50_s": round(percentile(totals, 0.5), 6) if totals else None,
        "p95_s": round(percentile(totals, 0.95), 6) if totals else None,
        "max_s": round(max(totals), 6) if totals else None,
        "phases_s": phases,
    }


def _phase(phases: t.Mapping[str, float], name: str) -> float:
    if name == "read":
        return max(0.0, phases.get("total", 0.0) - sum(phases.get(other, 0.0) for other in PHASES[:-1]))
    return phases.get(name, 0.0)


def judge_latency(
    identity: str, component: str, subject: str, figures: t.Mapping[str, t.Any], limit_s: float
) -> Finding:
    """Judge the time to answer by its 95th percentile: a mean would hide the tail."""
    if figures["p95_s"] is None:
        summary = f"{subject} answered once and then to none of {figures['samples']} more requests."
        return Finding(identity, component, WARNING, subject, summary, dict(figures))
    summary = (
        f"{subject} answers in {figures['p50_s'] * 1000:.0f} ms (median), {figures['p95_s'] * 1000:.0f} ms (p95), "
        f"{figures['max_s'] * 1000:.0f} ms (max) of {figures['samples']} requests"
    )
    if figures["failed"]:
        summary += f"; {figures['failed']} failed"
    slow = figures["p95_s"] > limit_s
    if slow:
        summary += f": slower than {limit_s:g} s"
    severity = WARNING if slow or figures["failed"] else OK
    return Finding(identity, component, severity, subject, f"{summary}.", dict(figures))
