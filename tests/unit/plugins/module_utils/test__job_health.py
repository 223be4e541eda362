# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._census import Census, HeldTask
from ansible_collections.rendiff.ops.plugins.module_utils._job_health import group_failures, judge_jobs, put_aside
from ansible_collections.rendiff.ops.plugins.module_utils._queue_health import QueueFacts
from ansible_collections.rendiff.ops.plugins.module_utils._thresholds import DEFAULTS

QUEUES = QueueFacts({}, {}, 1.0, {}, {}, 0, 0.0, frozenset({"in-queue"}), {}, True)
CENSUS = Census(1, {"w": ()}, (), 1, (HeldTask("t", "n", "held", "active", 1.0, "w"),))


def row(identity, age=100.0):
    return {"id": identity, "age_s": age, "worker": None}


def judged(queues=QUEUES, census=CENSUS, evicted=False, **changes):
    jobs = {
        "counts": {"completed": 3},
        "waiting": [],
        "running": [],
        "failures": {},
        "completed_last_hour": 3,
        **changes,
    }
    jobs.setdefault("failed_last_hour", sum(jobs["failures"].values()))
    return {found.id: found for found in judge_jobs(jobs, queues, census, evicted, DEFAULTS)}


def test_jobs_that_a_message_or_a_worker_has_are_well():
    found = judged(waiting=[row("in-queue"), row("held")], running=[row("held")])
    assert [(one.id, one.severity) for one in found.values()] == [("jobs", "ok")]


def test_a_waiting_job_without_a_message_is_lost():
    assert judged(waiting=[row("gone"), row("in-queue")])["jobs.lost"].evidence["jobs"] == ["gone"]
    assert judged(waiting=[row("gone")], evicted=True)["jobs.lost"].caused_by == "redis.policy"


@pytest.mark.parametrize(
    "unsure",
    [
        {"queues": None},
        {"queues": dataclasses.replace(QUEUES, whole=False)},
        {"census": None},
        {"census": dataclasses.replace(CENSUS, replies=0)},
        {"census": dataclasses.replace(CENSUS, tasks=(HeldTask("t", "n", "", "active", 1.0, "w"),))},
        {"waiting": [row("gone", 5.0)]},
    ],
)
def test_absence_is_claimed_only_when_everything_was_seen_and_has_settled(unsure):
    assert "jobs.lost" not in judged(**{"waiting": [row("gone")], **unsure})


def test_a_running_job_that_no_worker_has_is_stuck():
    assert judged(running=[row("gone"), row("held")])["jobs.stuck"].severity == "critical"
    assert "delivers that anew" in judged(running=[row("in-queue")])["jobs.stuck"].summary
    assert "jobs.stuck" not in judged(running=[row("gone", 5.0)])


def test_without_an_answer_of_every_worker_an_old_one_is_unknown_and_not_stuck():
    silent = dataclasses.replace(CENSUS, replies=0)
    assert "jobs.stuck" not in judged(census=silent, running=[row("gone")])
    assert judged(census=silent, running=[row("gone", 30_000.0)])["jobs.stuck"].severity == "unknown"


def test_a_long_wait_and_many_failures_are_warnings():
    assert judged(waiting=[row("in-queue", 2000.0)])["jobs.waiting"].severity == "warning"
    assert judged(failures={"no disk": 3}, completed_last_hour=3)["jobs.failures"].severity == "warning"
    assert "jobs.failures" not in judged(failures={"no disk": 2}, completed_last_hour=0)
    assert "jobs.failures" not in judged(failures={"no disk": 3}, completed_last_hour=30)


def test_times_that_are_not_known_are_no_crash():
    assert judged(waiting=[row("in-queue", None)], running=[row("held", None)]) is not None


def test_failures_of_one_kind_are_one():
    kinds = group_failures([("exit 1: /a/b.mp4", 2), ("exit 254: /c/d.mp4", 3), ("other", 1)])
    assert kinds == {"exit N: PATH": 5, "other": 1}


def test_a_large_backlog_is_judged_by_numbers_where_not_every_message_was_read():
    many = dataclasses.replace(QUEUES, whole=False, lengths={"q": {"0": 600}}, unacked=1)
    assert judged(queues=many, waiting_settled=3000)["jobs.lost"].evidence["count"] == 2399
    assert judged(queues=many, waiting_settled=3000, evicted=True)["jobs.lost"].caused_by == "redis.policy"
    assert "jobs.lost" not in judged(queues=many, waiting_settled=600)
    assert judged(queues=many, waiting_settled=600, evicted=True)["jobs.lost"].severity == "unknown"


def test_the_share_of_failures_is_that_of_all_and_not_of_the_kinds_that_were_read():
    found = judged(failures={"a": 10}, failed_last_hour=3000, completed_last_hour=1000)
    assert "3000 of 4000 jobs failed" in found["jobs.failures"].summary


def test_jobs_whose_messages_were_put_aside_are_not_called_lost():
    lost = judge_jobs(
        {
            "counts": {},
            "waiting": [row("gone")],
            "running": [],
            "failures": {},
            "completed_last_hour": 0,
            "failed_last_hour": 0,
        },
        QUEUES,
        CENSUS,
        False,
        DEFAULTS,
    )
    assert put_aside(lost, 0) == lost
    (found,) = [one for one in put_aside(lost, 2) if one.id == "jobs.lost"]
    assert found.severity == "unknown" and "2 lists of messages are put aside" in found.summary
