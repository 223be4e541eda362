# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

from ansible_collections.rendiff.ops.plugins.module_utils._census import Census, HeldTask
from ansible_collections.rendiff.ops.plugins.module_utils._message import Message
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys
from ansible_collections.rendiff.ops.plugins.module_utils._queue_plan import Trash
from ansible_collections.rendiff.ops.plugins.module_utils._queue_report import (
    Seen,
    UnackedSummary,
    is_sibling,
    judge,
    owner_in,
    report,
)
from ansible_collections.rendiff.ops.plugins.module_utils._queue_scan import Scan
from ansible_collections.rendiff.ops.plugins.module_utils._unacked import Unacked

CENSUS = Census(1, {"w": ("q",)}, (), 1, (HeldTask("t1", "n", "j", "active", 1.0, "w"),))
WELL = Seen(
    info={"redis_version": "7", "maxmemory_policy": "noeviction"},
    census=CENSUS,
    lengths={"q": {"0": 1, "3": 2}},
    scans={"q": Scan(read=3)},
    unacked={},
    index_only=0,
    known_tasks={"n"},
    siblings={},
    trash={},
    held={},
    parked={},
    paused={},
)


def delivered(task_id="t1", at=50.0, owner=""):
    return Unacked("tag", b"", at, Message(b"", {}, (), task_id=task_id, queue="q"), owner=owner)


def severities(**changes):
    found = judge(dataclasses.replace(WELL, **changes), 30_000, 21_600)
    return {finding.id: finding.severity for finding in found}


def test_a_broker_that_is_well_has_no_complaint():
    assert set(severities().values()) == {"ok"}


def test_each_danger_has_a_finding_of_its_own_that_the_healthy_one_lacks():
    for identity, severity, changes in [
        ("redis.evicted", "warning", {"info": {**WELL.info, "evicted_keys": 3}}),
        ("redis.policy", "warning", {"info": {**WELL.info, "maxmemory_policy": "allkeys-lru"}}),
        ("unacked.lost", "critical", {"index_only": 2}),
        ("workers.silent", "unknown", {"census": dataclasses.replace(CENSUS, receivers=2)}),
        ("poison.q", "critical", {"scans": {"q": Scan(poison=1)}}),
        ("strangers.q", "warning", {"scans": {"q": Scan(strangers=1)}}),
        ("siblings.q", "warning", {"siblings": {"q": {"5": 1}}}),
        ("held.q", "critical", {"held": {"q": 4}}),
        ("parked.q", "warning", {"parked": {"q": 2}}),
        ("paused.q", "warning", {"paused": {"q": ["w"]}, "census": dataclasses.replace(CENSUS, nodes={"w": ()})}),
        ("queue.gpu", "critical", {"lengths": {"gpu": {"0": 1}}}),
        ("trash.q", "ok", {"trash": {"q": [Trash("s", {0: 1})]}}),
    ]:
        assert severities(**changes).get(identity) == severity, identity
        assert identity not in severities()


def test_a_visibility_timeout_below_the_limit_of_a_task_is_told():
    assert "broker.visibility_timeout" in {finding.id for finding in judge(WELL, 3600, 21_600)}


def test_who_has_a_message_is_told_by_the_best_evidence():
    assert owner_in(delivered(), CENSUS) == ("w", "active")
    assert owner_in(delivered("t2", owner="x"), CENSUS) == ("x", "result backend")
    assert owner_in(delivered("t2"), CENSUS) == (None, "unknown")
    assert owner_in(delivered(""), Census(1, {}, (), 1, (HeldTask("", "", "", "active", 0, "w"),)))[0] is None


def test_the_oldest_age_is_of_all_and_the_sample_is_capped():
    summary = UnackedSummary()
    for at in (90.0, 40.0, None, 70.0):
        summary.add(delivered(at=at), CENSUS, 100.0, 2)
    assert (summary.count, summary.oldest_s, len(summary.sample)) == (4, 60.0, 2)


def test_siblings_are_lists_beside_the_configured_ones():
    keys = Keys(prefix="p:", separator=":")
    assert is_sibling(b"p:q:5", "q", keys)
    for key in (b"p:q:3", b"p:q", b"p:q:x", b"q:5", b"p:qq:5", b"p:q:5555"):
        assert not is_sibling(key, "q", keys), key


def test_what_was_parked_is_told_with_the_ways_back():
    seen = dataclasses.replace(WELL, parked={"q": 2})
    (found,) = [finding for finding in judge(seen, 30_000, 21_600) if finding.id == "parked.q"]
    assert found.summary.startswith("2 messages of queue 'q' were put aside as a worker would stop at them")
    assert found.summary.endswith("state=refilled trash=parked puts them back, drop=true removes them.")
    assert report(seen, [found], False, ())["queues"]["q"]["parked"] == 2
    assert report(WELL, [], False, ())["queues"]["q"]["parked"] == 0


def test_the_report_has_every_queue_and_ids_only_on_request():
    plain = report(WELL, judge(WELL, 1, 2), False, ())
    assert (plain["queues"]["q"]["total"], plain["queues"]["q"]["consumers"]) == (3, ["w"])
    assert "job_ids" not in plain["queues"]["q"] and plain["verdict"] == "warning"
    assert plain["findings"][0]["id"] == "broker.visibility_timeout"
    assert report(WELL, [], True, ("q",))["queues"]["q"]["scanned"] is False
