# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: requests by second, what is usual, and what stands out. Pure."""

from __future__ import annotations

import array
import statistics
import typing as t

_SPAN = 4096
# About 97 days of seconds, at 16 KiB for each 68 minutes in which anything came.
_SPANS_MAX = 2048
BURST_FACTOR = 5
BURST_MIN = 20
_BURSTS_SHOWN = 10


class Seconds:
    """How many requests each second brought; times outside a bound are counted as such, and never take memory."""

    def __init__(self) -> None:
        self._spans: dict[int, array.array[int]] = {}
        self.outside = 0

    def add(self, second: int, count: int = 1) -> None:
        """Count requests of a second of the epoch."""
        span, place = divmod(second, _SPAN)
        counts = self._spans.get(span)
        if counts is None:
            if len(self._spans) >= _SPANS_MAX:
                self.outside += count
                return
            counts = self._spans[span] = array.array("L", bytes(array.array("L").itemsize * _SPAN))
        counts[place] += count

    def active(self) -> t.Iterator[tuple[int, int]]:
        """Yield (second, requests) of each second in which there was one, in order."""
        for span in sorted(self._spans):
            for place, count in enumerate(self._spans[span]):
                if count:
                    yield span * _SPAN + place, count

    def dump(self) -> dict[str, t.Any]:
        """Return plain data for ``absorb``."""
        return {"spans": {span: counts.tobytes() for span, counts in self._spans.items()}, "outside": self.outside}

    def absorb(self, other: t.Mapping[str, t.Any]) -> None:
        """Add what another process counted."""
        self.outside += int(other["outside"])
        for span, raw in other["spans"].items():
            counts = array.array("L", raw)
            for place, count in enumerate(counts):
                if count:
                    self.add(span * _SPAN + place, count)


def percentile(counts: t.Mapping[int, int], share: float) -> int:
    """Return the smallest value at which so large a share of all values is reached; ``counts``: how often each is."""
    wanted = share * sum(counts.values())
    reached = 0
    for value in sorted(counts):
        reached += counts[value]
        if reached >= wanted:
            return value
    return 0


def judge_rates(seconds: Seconds, usual: Seconds | None = None) -> dict[str, t.Any]:
    """Return mean, 95th percentile and peak per second, from the first to the last second, and the bursts.

    A burst is a run of seconds, each with at least BURST_MIN requests and more than BURST_FACTOR times the median of
    the seconds that had any. With ``usual``, a time before, the median is that one's, so that a flood that fills the
    whole window is still told from what is usual.
    """
    active = list(seconds.active())
    if not active:
        return {"mean": None, "p95": None, "peak": None, "bursts": [], "bursts_total": 0, "median": None}
    first, last = active[0][0], active[-1][0]
    span = last - first + 1
    spread: dict[int, int] = {0: span - len(active)}
    for _second, count in active:
        spread[count] = spread.get(count, 0) + 1
    before = [count for _second, count in usual.active()] if usual is not None else []
    median = statistics.median(before or [count for _second, count in active])
    peak = max(active, key=lambda item: (item[1], -item[0]))
    bursts = find_bursts(active, median)
    total = sum(count for _second, count in active)
    return {
        "mean": round(total / span, 3),
        "p95": percentile(spread, 0.95),
        "peak": {"second": peak[0], "requests": peak[1]},
        "median": median,
        "bursts": sorted(bursts, key=lambda burst: (-burst["requests"], burst["start"]))[:_BURSTS_SHOWN],
        "bursts_total": len(bursts),
    }


def find_bursts(active: t.Iterable[tuple[int, int]], median: float) -> list[dict[str, int]]:
    """Return the runs of seconds that stand out, in order: start, seconds, requests, peak."""
    bursts: list[dict[str, int]] = []
    for second, count in active:
        if count < BURST_MIN or count <= BURST_FACTOR * median:
            continue
        if bursts and second == bursts[-1]["start"] + bursts[-1]["seconds"]:
            run = bursts[-1]
            run["seconds"] += 1
            run["requests"] += count
            run["peak"] = max(run["peak"], count)
        else:
            bursts.append({"start": second, "seconds": 1, "requests": count, "peak": count})
    return bursts
