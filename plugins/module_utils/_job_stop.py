# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: make workers drop tasks that they took, or stop those that they run."""

from __future__ import annotations

import threading
import time
import typing as t

from ._census import HeldTask
from ._job_encoders import Encoders, Process, Watched
from ._job_evidence import Evidence
from ._queue_look import Look
from ._redis import Broker

_LOOK_EVERY_S = 1.0
# An encoder that its worker leaves alone is told to end, and then ended: (so long after, the signal). Then it is waited
# for a last time.
SIGNALS = ((5.0, "TERM"), (10.0, "KILL"))
LAST_S = 15.0


class GoingOn(t.NamedTuple):
    """A job that its worker forgot and whose encoder goes on all the same: where, and why it could not be ended."""

    job: str
    container: str
    why: str


class Stopped(t.NamedTuple):
    """What became of the jobs that workers were told to drop or to stop.

    ``still_running``: workers hold them yet, or their encoders go on; the latter are told of in ``going_on``.
    ``ended``: their encoders went on, and were ended. ``unseen``: their encoders cannot be seen from here.
    """

    still_running: t.Sequence[str] = ()
    ended: t.Sequence[str] = ()
    going_on: t.Sequence[GoingOn] = ()
    unseen: t.Sequence[str] = ()


class Stopper:
    """Revokes tasks on the workers that hold them. ``timeout_s``: how long a running one has to end, in seconds."""

    def __init__(
        self,
        broker: Broker,
        look: Look,
        census_timeout_s: float,
        timeout_s: float,
        encoders: Encoders | None,
        beat: t.Callable[[], None],
    ) -> None:
        self._broker = broker
        self._look = look
        self._census_timeout_s = census_timeout_s
        self._timeout_s = timeout_s
        self._encoders = encoders
        self._beat = beat

    def stop(self, jobs: t.Collection[str], evidence: Evidence, *, terminate: bool) -> Stopped:
        """Revoke the tasks of some jobs; return what became of them.

        ``terminate``: also one that runs; then it is waited for until none holds it and its encoder is gone.
        """
        tasks = [task for job in sorted(jobs) for task in evidence.held.get(job, [])]
        if not tasks:
            return Stopped()
        watched, unseen = self._watch({task.id for task in tasks}) if terminate else ([], [])
        arguments = {"task_id": [task.id for task in tasks], "terminate": terminate, "signal": "SIGTERM"}
        nodes = sorted({task.node for task in tasks})
        self._broker.ask(["revoke"], self._census_timeout_s, arguments=arguments, destination=nodes)
        left = self._wait(jobs, terminate)
        # Whose worker holds it yet may still end by itself, and would be told to have failed.
        ended, going_on, lost = self._end([each for each in watched if each.job not in left])
        return Stopped(sorted({*left, *(each.job for each in going_on)}), ended, going_on, sorted({*unseen, *lost}))

    def _active(self) -> dict[str, HeldTask]:
        return {task.id: task for task in self._look.census().tasks if task.state == "active"}

    def _watch(self, wanted: t.Collection[str]) -> tuple[list[Watched], list[str]]:
        """Return what is to be watched of tasks that run now, and the jobs of those of which nothing can be seen."""
        before = self._active()
        running = [task for identity, task in before.items() if identity in wanted]
        if not running or self._encoders is None:
            return [], []
        watched = self._encoders.watch(running, before.values())
        seen = {each.task.id for each in watched if each.seen}
        # One that ended meanwhile: its process may have been seen at the next one.
        after = self._active()
        sure = [
            each for each in watched if each.seen and each.task.id in after and after[each.task.id].pid == each.task.pid
        ]
        return sure, sorted({task.job_id.lower() for task in running if task.id not in seen})

    def _wait(self, jobs: t.Collection[str], terminate: bool) -> list[str]:
        """Wait until no worker holds any of the jobs, where they are stopped; return those that are held at the end."""
        deadline = time.monotonic() + (self._timeout_s if terminate else 0)
        while True:
            census = self._look.census()
            held = {task.job_id.lower() for task in census.tasks if terminate or task.state == "active"}
            left = sorted(set(jobs) & held)
            if not left or time.monotonic() >= deadline:
                return left
            self._beat()
            threading.Event().wait(_LOOK_EVERY_S)

    def _end(self, watched: list[Watched]) -> tuple[list[str], list[GoingOn], list[str]]:
        """See the encoders of tasks end, or end them.

        Returns the jobs of those that had to be ended, those that go on, and the jobs of which nothing can be seen.
        """
        ended: set[str] = set()
        failed: dict[str, str] = {}
        first_seen: dict[tuple[str, Process], float] = {}
        told: dict[tuple[str, Process], list[str]] = {}
        seen: dict[str, dict[int, Process] | None] = {}
        deadline = time.monotonic() + LAST_S
        while watched and self._encoders is not None:
            seen = self._encoders.processes({each.id for each in watched})
            busy = {(task.node, task.pid) for task in self._active().values()}
            watched = [each for each in watched if seen[each.id] is None or each.still(seen[each.id] or {}, busy)]
            now = time.monotonic()
            if not watched or now >= deadline:
                break
            for each in watched:
                for process in each.still(seen[each.id] or {}, busy):
                    here = (each.id, process)
                    signals = told.setdefault(here, [])
                    for signal in due(now - first_seen.setdefault(here, now), signals):
                        signals.append(signal)
                        failed[each.job] = self._encoders.signal(each, process, signal)
                        if not failed[each.job]:
                            ended.add(each.job)
            self._beat()
            threading.Event().wait(_LOOK_EVERY_S)
        unseen = {each.job for each in watched if seen[each.id] is None}
        going_on = [
            GoingOn(each.job, each.container, failed.get(each.job) or "it does not end")
            for each in watched
            if each.job not in unseen
        ]
        return sorted(ended - unseen - {each.job for each in going_on}), going_on, sorted(unseen)


def due(waited_s: float, told: t.Collection[str]) -> list[str]:
    """Return the signals that are to be sent to an encoder now. Pure."""
    return [signal for after_s, signal in SIGNALS if waited_s >= after_s and signal not in told][:1]
