# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: that a limit at the proxy really holds, and that who keeps to it is served.

The requests come from the managed host itself, so they count against its own share and nobody else's.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
import typing as t

from ._http import Target
from ._http_repeat import Repeater
from ._probe import run_probes

LIMITED, FORBIDDEN = 429, 403
# A slow api answers each of them less often than the limit allows.
_CALLERS = 32
_REQUEST_S = 5.0
_PAUSE_S = 0.3
# How much more than the limit must have been sent to say that it does not hold.
_CLEARLY = 1.5
# From this status on it is the service that does not answer.
_BROKEN = 500
# Requests that a proof may send in all. A higher limit is not reached from here.
REQUESTS_MAX = 5000


@dataclasses.dataclass(frozen=True)
class Wish:
    """What is to be seen: ``status`` at ``path`` after at most ``requests`` requests as fast as they go.

    ``average`` and ``burst``: what the limit allows, to tell a limit that does not hold from one that was not reached.
    """

    path: str
    status: int
    requests: int
    average: int = 0
    burst: int = 0


@dataclasses.dataclass
class Tally:
    """Answers by their status, 0 for none, shared by those who ask."""

    wanted: int
    most: int
    counts: dict[int, int] = dataclasses.field(default_factory=dict)
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def add(self, status: int) -> None:
        """Count an answer."""
        with self.lock:
            self.counts[status] = self.counts.get(status, 0) + 1

    @property
    def done(self) -> bool:
        """Tell whether what was wanted was seen, or enough was asked."""
        return self.wanted in self.counts or self.total >= self.most

    @property
    def total(self) -> int:
        """Return how many answers there were."""
        return sum(self.counts.values())


def _repeater(target: Target, path: str) -> Repeater:
    return Repeater(dataclasses.replace(target, url=target.url + path), _REQUEST_S)


def storm(target: Target, wish: Wish, deadline: float) -> Tally:
    """Send requests from several callers at once until the wanted status is seen, or the bound is reached."""
    tally = Tally(wish.status, min(wish.requests, REQUESTS_MAX))

    def call() -> None:
        with _repeater(target, wish.path) as caller:
            while not tally.done and time.monotonic() < deadline:
                tally.add(caller.ask())

    callers: dict[str, t.Callable[[], None]] = {str(number): functools.partial(call) for number in range(_CALLERS)}
    run_probes(callers, max(0.0, deadline - time.monotonic()) + 2 * _REQUEST_S)
    return tally


def prove_limit(target: Target, wish: Wish, within_s: float) -> dict[str, t.Any]:
    """Return whether the limit holds and a calm client is served, both seen live."""
    deadline = time.monotonic() + within_s
    counts: dict[int, int] = {}
    exceeded = False
    while time.monotonic() < deadline and wish.status not in counts:
        # The proxy takes a moment to read its files.
        begin = time.monotonic()
        tally = storm(target, wish, deadline)
        allowed = wish.burst + wish.average * (time.monotonic() - begin)
        exceeded = tally.total - tally.counts.get(0, 0) > _CLEARLY * allowed + 1
        for status, count in tally.counts.items():
            counts[status] = counts.get(status, 0) + count
        if wish.status not in counts:
            threading.Event().wait(_PAUSE_S)
    calm = 0
    limited = wish.status in counts
    while limited and wish.status == LIMITED and calm in (0, LIMITED) and time.monotonic() < deadline + 2 * _REQUEST_S:
        threading.Event().wait(2 * _PAUSE_S)
        with _repeater(target, wish.path) as caller:
            calm = caller.ask()
    return judge_limit(wish, counts, calm, exceeded)


def judge_limit(wish: Wish, counts: t.Mapping[int, int], calm: int, exceeded: bool) -> dict[str, t.Any]:
    """Return the proof from what was answered. Pure.

    ``counts`` by status, ``calm``: the answer to a request after a pause, ``exceeded``: whether clearly more was sent
    than the limit allows. ``proven`` is true where it holds, false where it was seen not to hold or to refuse a calm
    client, and None where it was not reached, or the service itself did not answer.
    """
    total = sum(counts.values())
    proven: bool | None
    if wish.status in counts:
        proven = True if wish.status != LIMITED or 0 < calm < _BROKEN and calm != LIMITED else None
        proven = False if calm == LIMITED and wish.status == LIMITED else proven
        said = f"{wish.path} answered {wish.status} within {total} requests"
        said += f", and {calm or 'nothing'} to one after a pause" if wish.status == LIMITED else ""
    else:
        proven = False if exceeded else None
        told = ", ".join(f"{count} times {status or 'nothing'}" for status, count in sorted(counts.items()))
        said = f"{wish.path} never answered {wish.status} to {total} requests ({told or 'none was sent'})"
        said += "" if exceeded else ", which are too few to exceed it"
    return {
        "proven": proven,
        "path": wish.path,
        "requests": total,
        "answers": {str(status): count for status, count in sorted(counts.items())},
        "calm_status": calm or None,
        "said": said + ".",
    }


def unite_proofs(proofs: t.Sequence[dict[str, t.Any]]) -> dict[str, t.Any] | None:
    """Return what several proofs prove together: the worst of them. None where there is none. Pure."""
    if not proofs:
        return None
    worst = min(proofs, key=lambda proof: {False: 0, None: 1, True: 2}[proof["proven"]])
    return {**worst, "said": " ".join(str(proof["said"]) for proof in proofs)}


def prove_absence(target: Target, path: str, requests: int, within_s: float) -> dict[str, t.Any]:
    """Return whether no limit is left: so many requests at once, and none is refused by the proxy."""
    deadline = time.monotonic() + within_s
    while True:
        tally = storm(target, Wish(path, LIMITED, requests), deadline)
        if LIMITED not in tally.counts and tally.counts.get(0, 0) < tally.total:
            said = f"{path} answered {tally.total} requests without a limit."
            return {"proven": True, "path": path, "requests": tally.total, "said": said}
        if time.monotonic() >= deadline:
            said = f"{path} still answers {LIMITED}, or not at all."
            return {"proven": False, "path": path, "requests": tally.total, "said": said}
        threading.Event().wait(2 * _PAUSE_S)
