# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: probes side by side, each with its own deadline."""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
import typing as t

Probe = t.Callable[[], t.Any]


@dataclasses.dataclass(frozen=True)
class ProbeResult:
    """What one probe brought: a value, an exception, or neither because its deadline passed. Seconds are wall time."""

    name: str
    seconds: float
    value: t.Any = None
    error: Exception | None = None
    timed_out: bool = False


def run_probes(probes: t.Mapping[str, Probe], timeout_s: float) -> dict[str, ProbeResult]:
    """Run all probes at once and return a result for each, no later than ``timeout_s`` from now.

    The threads are daemons on purpose: a probe stuck in a system call must not keep the process from ending.
    """
    results: queue.Queue[ProbeResult] = queue.Queue()
    started = time.monotonic()

    def run(name: str, probe: Probe) -> None:
        begin = time.monotonic()
        try:
            outcome = ProbeResult(name, 0.0, value=probe())
        except Exception as error:  # a probe's crash is a result like any other: the caller reports it by name
            outcome = ProbeResult(name, 0.0, error=error)
        results.put(dataclasses.replace(outcome, seconds=time.monotonic() - begin))

    for name, probe in probes.items():
        threading.Thread(target=run, args=(name, probe), name=f"probe-{name}", daemon=True).start()

    collected: dict[str, ProbeResult] = {}
    while len(collected) < len(probes):
        left = timeout_s - (time.monotonic() - started)
        try:
            result = results.get(timeout=max(left, 0.001))
        except queue.Empty:
            break
        collected[result.name] = result
    for name in probes:
        if name not in collected:
            collected[name] = ProbeResult(name, time.monotonic() - started, timed_out=True)
    return collected
