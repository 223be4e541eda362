# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import types

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._census import HeldTask, read_task
from ansible_collections.rendiff.ops.plugins.module_utils._docker import ExecResult
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._job_apply import Done
from ansible_collections.rendiff.ops.plugins.module_utils._job_encoders import (
    Encoders,
    Process,
    descends,
    names_job,
    parse_processes,
    watch,
)
from ansible_collections.rendiff.ops.plugins.module_utils._job_result import said_of_encoders
from ansible_collections.rendiff.ops.plugins.module_utils._job_stop import GoingOn, due

JOB, OTHER = "0b0e5a0e-5f0e-4c3e-9c0e-2f4f6f0b7a11", "1c1e5a0e-5f0e-4c3e-9c0e-2f4f6f0b7a22"
NODE = "celery@w1"
STAT = "{pid} ({name}) S {parent} 1 1 0 -1 4194368 1208 0 0 0 0 0 0 0 20 0 1 0 {started} 86593536 10533"


def line(pid, parent, *argv, name="python", started="100"):
    return STAT.format(pid=pid, name=name, parent=parent, started=started) + " \x1e" + "\x1f".join([*argv, ""])


LISTED = "\n".join(
    [
        line(1, 0, "python", "celery", "worker"),
        line(7, 1, "python", "celery", "worker"),
        line(8, 1, "python", "celery", "worker"),
        line(20, 7, "sh", "-c", "ffmpeg", started="200"),
        line(21, 20, "/usr/bin/ffmpeg", "-i", "/storage/input/a) b.mp4", "out.mp4", name="ffm) peg", started="200"),
        line(30, 8, "ffmpeg", "-i", "in.mp4", "other.mp4", started="300"),
        line(40, 8, "tail", f"/tmp/{JOB}/ffmpeg.log", started="300"),
        "gone",
        "",
    ]
)
PROCESSES = parse_processes(LISTED)


def task(identity, job, pid, node=NODE):
    return HeldTask(identity, "t", job, "active", 1.0, node, pid)


WORKERS = {NODE: types.SimpleNamespace(id="c1", name="w1")}


def watched(*tasks, wanted=None):
    return watch(wanted or tasks, WORKERS, {"c1": PROCESSES}, tasks)


def pids(processes):
    return [process.pid for process in processes]


def test_processes_are_read_also_where_names_and_arguments_are_odd():
    assert sorted(PROCESSES) == [1, 7, 8, 20, 21, 30, 40]
    assert PROCESSES[21] == Process(21, 20, "200", ("/usr/bin/ffmpeg", "-i", "/storage/input/a) b.mp4", "out.mp4"))


@pytest.mark.parametrize(
    "job, argv, named",
    [
        (JOB, ["ffmpeg", f"/out/{JOB}.mp4.tmp"], True),
        (JOB, ["ffmpeg", f"/out/{JOB.upper()}/a.mp4"], True),
        (JOB, ["ffmpeg", f"/out/{JOB}0.mp4"], False),
        (JOB, ["ffmpeg", f"/out/{OTHER}.mp4"], False),
        ("12", ["ffmpeg", "-t", "12"], False),
        ("", ["ffmpeg"], False),
    ],
)
def test_a_command_names_a_job_by_its_whole_id(job, argv, named):
    assert names_job(job, argv) is named


def test_only_what_the_same_process_began_descends_from_it():
    assert descends(PROCESSES[21], PROCESSES[7], PROCESSES)
    assert not descends(PROCESSES[30], PROCESSES[7], PROCESSES)
    assert not descends(PROCESSES[21], dataclasses.replace(PROCESSES[7], started="99"), PROCESSES)


def test_the_encoder_of_a_task_is_what_its_process_began():
    (mine, other) = watched(task("a", JOB, 7), task("b", OTHER, 8))
    assert (pids(mine.encoders), pids(other.encoders)) == ([21], [30]) and mine.seen
    # The process that ran it is gone, or runs another by now: what was seen before is known all the same.
    orphaned = {pid: process for pid, process in PROCESSES.items() if pid not in (7, 20)}
    assert pids(mine.still(orphaned)) == [21]
    newer = {**PROCESSES, 22: dataclasses.replace(PROCESSES[21], pid=22, started="900")}
    assert pids(mine.still(newer)) == [21, 22] and pids(mine.still(newer, {(NODE, 7)})) == [21]
    reused = {**PROCESSES, 21: Process(21, 8, "900", ("ffmpeg", "later.mp4"))}
    assert mine.still(reused) == []


def test_where_one_process_runs_several_tasks_only_a_named_job_tells():
    (mine, other) = watched(task("a", JOB, 1), task("b", OTHER, 1))
    assert mine.child is None and other.encoders == () and not mine.seen
    named = {**PROCESSES, 50: Process(50, 1, "400", ("ffmpeg", f"/out/{JOB}.mp4"))}
    assert pids(mine.still(named)) == [50] and other.still(named) == []


def test_a_worker_that_is_in_no_container_here_is_left_out():
    assert watched(task("a", JOB, 7, "celery@elsewhere")) == []


def test_a_worker_tells_which_process_runs_a_task():
    told = {"id": "a", "args": [JOB], "worker_pid": 7}
    assert read_task(told, "active", NODE).pid == 7 and read_task({"id": "a"}, "reserved", NODE).pid == 0


class Docker:
    def __init__(self, done):
        self.done = done
        self.ran = []

    def inspect(self, _container):
        return {"State": {"Running": True}}

    def execute(self, container, argv, _timeout_s):
        self.ran.append((container, *argv[3:]))
        if isinstance(self.done, OpsError):
            raise self.done
        return self.done


@pytest.mark.parametrize(
    "done, why",
    [
        (ExecResult(0, b"", b""), ""),
        (ExecResult(3, b"", b""), ""),
        (ExecResult(1, b"", b"kill: Operation not permitted\n"), "kill: Operation not permitted"),
        (OpsError("run sh in container 'c1'", "it is paused"), "Cannot run sh in container 'c1': it is paused."),
    ],
)
def test_a_signal_goes_to_one_process_that_began_then(done, why):
    (mine,) = watched(task("a", JOB, 7))
    docker = Docker(done)
    assert Encoders(docker, []).signal(mine, mine.encoders[0], "TERM") == why
    assert docker.ran == [("c1", "sh", "21", "200", "TERM")]


def test_what_cannot_be_seen_is_not_said_to_be_gone():
    assert Encoders(Docker(OpsError("run sh", "no")), []).processes(["c1"]) == {"c1": None}
    assert Encoders(Docker(ExecResult(127, b"", b"")), []).processes(["c1"]) == {"c1": None}
    assert Encoders(Docker(ExecResult(0, LISTED.encode(), b"")), []).processes(["c1"]) == {"c1": PROCESSES}


@pytest.mark.parametrize(
    "waited_s, told, signals",
    [(0, [], []), (4.9, [], []), (5, [], ["TERM"]), (6, ["TERM"], []), (10, ["TERM"], ["KILL"]), (12, [], ["TERM"])],
)
def test_an_encoder_is_asked_before_it_is_ended(waited_s, told, signals):
    assert due(waited_s, told) == signals


def test_what_goes_on_is_said_to_hold_its_place():
    said = said_of_encoders(Done(ended=["a"], going_on=[GoingOn("b", "w1", "it does not end")], unseen=["c"]))
    assert "of 1 went on, and were ended." in said and "they may go on" in said
    assert "job b goes on in 'w1' and holds its place there: it does not end." in said
    assert said_of_encoders(Done()) == ""
