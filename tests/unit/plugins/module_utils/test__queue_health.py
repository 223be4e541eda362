# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

from ansible_collections.rendiff.ops.plugins.module_utils._census import Census, HeldTask
from ansible_collections.rendiff.ops.plugins.module_utils._queue_health import (
    QueueFacts,
    describe_tasks,
    judge_broker,
    judge_messages,
    rates,
)
from ansible_collections.rendiff.ops.plugins.module_utils._thresholds import DEFAULTS

EMPTY = QueueFacts({"q": {"0": 4, "9": 4}}, {"q": {"0": 26, "9": 2}}, 2.0, {}, {}, 0, 0.0, frozenset(), {}, True)


def judged(**changes):
    return {found.id: found for found in judge_messages(dataclasses.replace(EMPTY, **changes), DEFAULTS)}


def test_a_queue_that_drains_says_when_it_is_empty():
    assert rates(EMPTY)["q"] == {
        "total": 8,
        "by_priority": {"0": 4, "9": 4},
        "gained_per_s": -10.0,
        "empty_in_s": 1,
    }


def test_a_queue_that_grows_or_rests_never_is():
    grows = dataclasses.replace(EMPTY, lengths={"q": {"0": 21}}, earlier={"q": {"0": 1}})
    assert rates(grows)["q"]["gained_per_s"] == 10.0 and rates(grows)["q"]["empty_in_s"] is None
    assert rates(dataclasses.replace(EMPTY, earlier={"q": {"0": 9}}))["q"]["gained_per_s"] == 0.0
    assert rates(dataclasses.replace(EMPTY, earlier=EMPTY.lengths))["q"]["empty_in_s"] is None


def test_what_lies_well_is_no_finding():
    assert judged() == {}


def test_poison_lists_nobody_reads_and_old_deliveries_are_told():
    found = judged(poison={"q": (("the body is missing",),)}, foreign={"q": 3}, unacked_oldest_s=4000.0)
    assert found["queue.q.poison"].severity == "critical" and "the body is missing" in found["queue.q.poison"].summary
    assert found["queue.q.foreign"].severity == "warning"
    assert found["queues.unacked"].severity == "warning"
    assert not any(one.stops for one in found.values())


def test_the_broker_is_held_against_both_limits():
    def ids(limit=0, **info):
        return [found.id for found in judge_broker(info, limit, DEFAULTS)]

    assert ids(used_memory=10, maxmemory=100) == ["redis.load"]
    assert ids(used_memory=80, maxmemory=100) == ["redis.used"]
    assert ids(limit=100, used_memory=10, maxmemory=100) == ["redis.limit"]
    assert ids(connected_clients=95, maxclients=100) == ["redis.clients"]


def test_what_workers_run_is_listed_longest_first():
    tasks = (
        HeldTask("1", "t", "young", "active", 90.0, "w"),
        HeldTask("2", "t", "old", "active", 10.0, "w"),
        HeldTask("3", "t", "taken", "reserved", 0.0, "w"),
    )
    rows = describe_tasks(Census(1, {"w": ()}, (), 1, tasks), 100.0)
    assert [(row["job_id"], row["age_s"]) for row in rows] == [("old", 90), ("young", 10)]
