# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: make workers drop tasks that they took, or stop those that they run."""

from __future__ import annotations

import threading
import time
import typing as t

from ._job_evidence import Evidence
from ._queue_look import Look
from ._redis import Broker

_LOOK_EVERY_S = 1.0


class Stopper:
    """Revokes tasks on the workers that hold them. ``timeout_s``: how long a running one has to end, in seconds."""

    def __init__(
        self, broker: Broker, look: Look, census_timeout_s: float, timeout_s: float, beat: t.Callable[[], None]
    ) -> None:
        self._broker = broker
        self._look = look
        self._census_timeout_s = census_timeout_s
        self._timeout_s = timeout_s
        self._beat = beat

    def stop(self, jobs: t.Collection[str], evidence: Evidence, *, terminate: bool) -> list[str]:
        """Revoke the tasks of some jobs; return the jobs that workers still hold at the end.

        ``terminate``: also one that runs; then it is waited for until none holds it.
        """
        tasks = [task for job in sorted(jobs) for task in evidence.held.get(job, [])]
        if not tasks:
            return []
        arguments = {"task_id": [task.id for task in tasks], "terminate": terminate, "signal": "SIGTERM"}
        nodes = sorted({task.node for task in tasks})
        self._broker.ask(["revoke"], self._census_timeout_s, arguments=arguments, destination=nodes)
        deadline = time.monotonic() + (self._timeout_s if terminate else 0)
        while True:
            census = self._look.census()
            held = {task.job_id.lower() for task in census.tasks if terminate or task.state == "active"}
            left = sorted(set(jobs) & held)
            if not left or time.monotonic() >= deadline:
                return left
            self._beat()
            threading.Event().wait(_LOOK_EVERY_S)
