# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import types

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils import _job_stop
from ansible_collections.rendiff.ops.plugins.module_utils._census import HeldTask
from ansible_collections.rendiff.ops.plugins.module_utils._job_encoders import Process, watch
from ansible_collections.rendiff.ops.plugins.module_utils._job_stop import GoingOn, Stopped, Stopper

JOB, NODE = "0b0e5a0e-5f0e-4c3e-9c0e-2f4f6f0b7a11", "celery@w1"
TASK = HeldTask("task", "t", JOB, "active", 1.0, NODE, 7)
CHILD, ENCODER = Process(7, 1, "100", ("celery",)), Process(21, 7, "200", ("ffmpeg", "a.mp4", "b.mp4"))
FOREIGN = Process(30, 8, "300", ("ffmpeg", "c.mp4", "d.mp4"))


class Clock:
    """Time goes by only where it is waited for."""

    def __init__(self):
        self.now = 1000.0

    def wait(self, seconds):
        self.now += seconds


class Worker:
    """A worker as Celery's census tells of it, and its container; ``obeys``: which signal ends its encoder."""

    def __init__(self, obeys, *, keeps=False, visible=True, container=True, why=""):
        self.obeys, self.keeps, self.visible, self.container, self.why = obeys, keeps, visible, container, why
        self.tasks = [TASK]
        self.running = {process.pid: process for process in (CHILD, ENCODER, FOREIGN)}
        self.signals = []

    def ask(self, methods, _timeout_s, *, arguments, destination):
        assert (methods, destination, arguments["terminate"]) == (["revoke"], [NODE], True)
        if not self.keeps:
            self.tasks = []

    def census(self):
        return types.SimpleNamespace(tasks=tuple(self.tasks))

    def watch(self, tasks, beside):
        workers = {NODE: types.SimpleNamespace(id="c1", name="w1")} if self.container else {}
        return watch(tasks, workers, self.processes(["c1"]), beside)

    def processes(self, containers):
        return {identity: dict(self.running) if self.visible else None for identity in containers}

    def signal(self, watched, process, name):
        assert watched.job == JOB
        self.signals.append((process.pid, name))
        if name == self.obeys:
            del self.running[process.pid]
        return self.why


def stopped(worker, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_job_stop, "time", types.SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(_job_stop, "threading", types.SimpleNamespace(Event=lambda: clock))
    evidence = types.SimpleNamespace(held={JOB: [TASK]})
    found = Stopper(worker, worker, 2.0, 30, worker, lambda: None).stop({JOB}, evidence, terminate=True)
    assert clock.now - 1000 <= 30 + _job_stop.LAST_S
    assert FOREIGN.pid in worker.running
    return found


@pytest.mark.parametrize(
    "obeys, signals", [("TERM", [(21, "TERM")]), ("KILL", [(21, "TERM"), (21, "KILL")])], ids=["TERM", "KILL"]
)
def test_an_encoder_that_its_worker_leaves_alone_is_ended(monkeypatch, obeys, signals):
    worker = Worker(obeys)
    assert stopped(worker, monkeypatch) == Stopped([], [JOB], [], [])
    assert worker.signals == signals


def test_an_encoder_that_ends_by_itself_is_not_touched(monkeypatch):
    worker = Worker("")
    worker.ask = lambda *_args, **_options: (worker.tasks.clear(), worker.running.pop(ENCODER.pid))
    assert stopped(worker, monkeypatch) == Stopped([], [], [], []) and worker.signals == []


@pytest.mark.parametrize("why, told", [("", "it does not end"), ("not permitted", "not permitted")])
def test_a_job_whose_encoder_goes_on_is_not_said_to_be_stopped(monkeypatch, why, told):
    found = stopped(Worker("", why=why), monkeypatch)
    assert found == Stopped([JOB], [], [GoingOn(JOB, "w1", told)], [])


def test_the_encoder_of_a_task_that_its_worker_still_runs_is_left_alone(monkeypatch):
    worker = Worker("TERM", keeps=True)
    assert stopped(worker, monkeypatch) == Stopped([JOB], [], [], []) and worker.signals == []


def test_what_cannot_be_seen_is_told(monkeypatch):
    assert stopped(Worker("TERM", container=False), monkeypatch) == Stopped([], [], [], [JOB])
    assert stopped(Worker("TERM", visible=False), monkeypatch) == Stopped([], [], [], [JOB])


def test_what_the_same_process_begins_for_its_next_task_is_left_alone(monkeypatch):
    worker = Worker("TERM")
    later = Process(40, 7, "900", ("ffmpeg", "e.mp4", "f.mp4"))

    def ask(*_arguments, **_options):
        # The task ended just before it would have been told to.
        worker.tasks = [HeldTask("next", "t", "another-job", "active", 2.0, NODE, 7)]
        worker.running = {process.pid: process for process in (CHILD, later, FOREIGN)}

    worker.ask = ask
    assert stopped(worker, monkeypatch) == Stopped([], [], [], []) and worker.signals == []
