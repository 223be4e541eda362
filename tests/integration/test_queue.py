# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_queue_info and rendiff_queue on real Redis and real workers, also on workers that are killed or hang."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import subprocess
import sys
import time
import typing as t
import uuid

import pytest
import redis
from conftest import COLLECTIONS, ROOT, STEPS, Module, Sandbox, docker, until
from core_common import Core, core_broker, either
from jobs_common import Jobs

from ansible_collections.rendiff.ops.plugins.module_utils import _queue_moves as moves
from ansible_collections.rendiff.ops.plugins.module_utils._busy import Busy
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._message import TASK, make_message, parse_message
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys
from ansible_collections.rendiff.ops.plugins.module_utils._queue_change import CHANGE_ARGUMENTS, change
from ansible_collections.rendiff.ops.plugins.module_utils._queue_info import INFO_ARGUMENTS, look
from ansible_collections.rendiff.ops.plugins.module_utils._queue_plan import Names, Route
from ansible_collections.rendiff.ops.plugins.module_utils._queue_scan import QueueScanner

# Queues that no worker of the sandbox consumes.
PARKED, OTHER = "rdops-parked", "rdops-other"
CAMPAIGN_DB = 9


def look_at_queues(options: t.Mapping[str, t.Any], run_as_module: t.Any) -> dict[str, t.Any]:
    return {"changed": False, "queues": look(options, run_as_module)}


def info(sandbox: Sandbox) -> Module | Core:
    return either(sandbox, "rendiff_queue_info", look_at_queues, INFO_ARGUMENTS, changes=False, project=sandbox.project)


def whole_queue(sandbox: Sandbox) -> Module:
    return Module("rendiff_queue", project=sandbox.project)


def queue(sandbox: Sandbox) -> Module | Core:
    return either(sandbox, "rendiff_queue", change, CHANGE_ARGUMENTS, changes=True, project=sandbox.project)


def core_queue(sandbox: Sandbox) -> Core:
    """Return the body of rendiff_queue."""
    return Core(change, CHANGE_ARGUMENTS, changes=True, project=sandbox.project)


def message(name: str, priority: int = 5, job: str = "") -> bytes:
    identity = str(uuid.uuid4())
    return make_message(TASK, identity, job or str(uuid.uuid4()), name, priority, identity)


def statuses(sandbox: Sandbox, ids: t.Sequence[str]) -> list[str]:
    return [sandbox.status(identity) for identity in ids]


def in_order(client: redis.Redis, name: str) -> list[bytes]:
    """Return what waits in a queue, in the order in which it is served."""
    return [raw for step in STEPS for raw in client.lrange(name + step, 0, -1)[::-1]]


@pytest.fixture(name="client")
def fixture_client(request: pytest.FixtureRequest) -> t.Iterator[redis.Redis]:
    """Return the broker of the sandbox that the test uses, and remove what the test has left in it."""
    sandbox = request.getfixturevalue("one" if "one" in request.fixturenames else "sandbox")
    with sandbox.broker() as client:
        yield client
        left = [
            *client.scan_iter("rdops:*"),
            *client.scan_iter("rdops-*"),
            *client.scan_iter("*celery-task-meta-by-hand*"),
        ]
        if left:
            client.delete(*left)


@contextlib.contextmanager
def stopped(sandbox: Sandbox) -> t.Iterator[None]:
    worker = sandbox.container("worker-cpu")
    with sandbox.broken(["stop", "-t", "5", worker], ["start", worker]):
        yield


def test_the_depth_is_told_where_the_runbooks_llen_reads_nothing(sandbox: Sandbox, client: redis.Redis) -> None:
    healthy = info(sandbox)().result["queues"]
    assert healthy["unacked"]["count"] == 0 and healthy["queues"]["high"]["total"] == 0
    assert not [found for found in healthy["findings"] if found["severity"] in ("critical", "unknown")]
    with stopped(sandbox):
        ids = [*sandbox.submit("--count", "3"), *sandbox.submit("--count", "2", "--priority", "high")]
        client.lpush("low" + STEPS[1], message("low"))
        # The runbook's literal commands, on the very same backlog.
        assert [client.llen(name) for name in ("high", "default", "low")] == [0, 0, 0]
        answer = info(sandbox)(job_ids_max=2)
        client.delete("low" + STEPS[1])
        found = answer.result["queues"]
        queues = found["queues"]
        assert [queues[name]["total"] for name in ("high", "default", "low")] == [2, 3, 1]
        assert queues["high"]["by_priority"] == {"0": 0, "3": 0, "6": 0, "9": 2}
        assert queues["default"]["consumers"] == [] and queues["default"]["poison"]["count"] == 0
        assert queues["default"]["oldest"][0]["job_id"] == ids[0]
        assert set(queues["default"]["job_ids"]) < set(ids) and queues["default"]["job_ids_cut"] is True
        assert "queue.default" in {finding["id"] for finding in found["findings"] if finding["severity"] == "critical"}
        # What the api really sends is read the fast way, but for the first of each replica: its shape is learnt.
        scanner = QueueScanner("default", {TASK})
        for _turn in range(2):
            scanner.feed(client.lrange("default" + STEPS[1], 0, -1), 3, 0)
        assert (scanner.scan.read, scanner.scan.poison) == (6, 0) and scanner.scan.usual >= 3
        for secret in [*sandbox.secrets.values(), sandbox.api_key]:
            assert secret not in answer.output
    until(lambda: set(statuses(sandbox, ids)) == {"completed"}, "the jobs end")


def test_a_message_that_would_stop_a_worker_is_found_and_not_shown(sandbox: Sandbox, client: redis.Redis) -> None:
    good = message(PARKED)
    broken = json.loads(message(PARKED))
    del broken["headers"]["id"]
    secret_body = broken["body"]
    bad = [b"no json", json.dumps(broken).encode(), make_message("worker.nobody", "i", "j", PARKED, 5, "t")]
    client.lpush(PARKED + STEPS[1], good)
    assert info(sandbox)(queues=[PARKED]).result["queues"]["queues"][PARKED]["poison"]["count"] == 0
    client.lpush(PARKED + STEPS[1], *bad)
    answer = info(sandbox)(queues=[PARKED])
    found = answer.result["queues"]["queues"][PARKED]
    assert (found["total"], found["poison"]["count"]) == (4, 3)
    assert [sample["why"] for sample in found["poison"]["sample"]] == [
        ["no worker knows the task 'worker.nobody'"],
        ["the header 'id' is missing"],
        ["it is not JSON"],
    ]
    assert [sample["index"] for sample in found["poison"]["sample"]] == [0, 1, 2]
    assert secret_body not in answer.output and "no json" not in answer.output
    unread = info(sandbox)(queues=[PARKED], scan=False).result["queues"]["queues"][PARKED]
    assert (unread["scanned"], unread["total"], unread["read"]) == (False, 4, 0)


def test_what_is_dangerous_about_the_broker_is_told(one: Sandbox, client: redis.Redis) -> None:
    policy = client.config_get("maxmemory-policy")["maxmemory-policy"]
    before = info(one)(visibility_timeout_s=30000).result["queues"]
    quiet = {finding["id"] for finding in before["findings"]}
    client.config_set("maxmemory-policy", "allkeys-lru")
    # What an eviction of the hash of delivered messages leaves.
    client.zadd("unacked_index", {"by-hand": time.time()})
    client.lpush(f"{PARKED}\x06\x165", message(PARKED))
    # Of a worker that is gone nothing is paused any more.
    client.sadd(f"rdops:paused:{PARKED}", "celery@gone", *before["workers"]["nodes"])
    client.sadd("rdops:paused:low", "celery@gone")
    try:
        answer = info(one)(queues=[PARKED])
    finally:
        client.config_set("maxmemory-policy", policy)
        client.zrem("unacked_index", "by-hand")
        client.delete("rdops:paused:low")
    found = {finding["id"]: finding["severity"] for finding in answer.result["queues"]["findings"]}
    expected = {
        "redis.policy": "warning",
        "unacked.lost": "critical",
        "broker.visibility_timeout": "warning",
        f"siblings.{PARKED}": "warning",
        f"paused.{PARKED}": "warning",
    }
    assert expected.items() <= found.items()
    assert not set(expected) & quiet and "paused.low" not in found
    assert answer.result["queues"]["queues"][PARKED]["siblings"] == {"5": 1}


def test_emptying_deletes_nothing_and_refilling_keeps_the_order(sandbox: Sandbox, client: redis.Redis) -> None:
    module = queue(sandbox)
    sent = [message(PARKED, priority) for priority in (0, 0, 5, 5, 9)]
    for raw in sent:
        client.lpush(PARKED + STEPS[parse_message(raw).priority // 3 if raw else 0], raw)
    assert in_order(client, PARKED) == sent
    refused = module(queue=PARKED, state="emptied")
    assert refused.failed and "5 messages would be taken out and it is not confirmed" in refused.result["msg"]
    assert refused.result["msg"].endswith(f"Pass confirm={PARKED}.")
    wrong = module(queue=PARKED, state="emptied", confirm="other")
    assert wrong.failed and "confirm is 'other'" in wrong.result["msg"]
    planned = module(queue=PARKED, state="emptied", confirm=PARKED, check=True).result
    assert planned["changed"] is True and in_order(client, PARKED) == sent
    done = module(queue=PARKED, state="emptied", confirm=PARKED).result
    assert (done["changed"], done["queue"]["moved"], done["plan_id"]) == (True, 5, planned["plan_id"])
    assert in_order(client, PARKED) == []
    assert module(queue=PARKED, state="emptied", confirm=PARKED).result["changed"] is False
    newer = [message(PARKED, 5) for _index in range(2)]
    for raw in newer:
        client.lpush(PARKED + STEPS[1], raw)
    listed = info(sandbox)().result["queues"]["queues"][PARKED]["trash"]
    assert listed == [{"name": done["queue"]["trash"], "total": 5, "by_priority": {"0": 2, "3": 2, "9": 1}}]
    assert module(queue=PARKED, state="refilled", check=True).result["changed"] is True
    assert module(queue=PARKED, state="refilled").result["changed"] is True
    assert in_order(client, PARKED) == [*sent[:4], *newer, sent[4]]
    assert module(queue=PARKED, state="refilled").result["changed"] is False
    assert in_order(client, PARKED) == [*sent[:4], *newer, sent[4]]


def test_a_trash_is_dropped_only_when_confirmed_and_no_older_one_by_a_second_run(
    one: Sandbox, client: redis.Redis
) -> None:
    module = whole_queue(one)
    stamps = []
    for _index in range(2):
        client.lpush(PARKED, message(PARKED, 0))
        stamps.append(module(queue=PARKED, state="emptied", confirm=PARKED).result["queue"]["trash"])
    refused = module(queue=PARKED, state="refilled", drop=True)
    assert refused.failed and "not confirmed" in refused.result["msg"]
    done = module(queue=PARKED, state="refilled", drop=True, confirm=PARKED).result
    assert (done["changed"], done["queue"]["trash"]) == (True, stamps[1])
    again = module(queue=PARKED, state="refilled", drop=True, confirm=PARKED).result
    assert again["changed"] is False and again["queue"]["other_trash"][0]["name"] == stamps[0]
    unknown = module(queue=PARKED, state="refilled", trash="never")
    assert unknown.failed and stamps[0] in unknown.result["msg"]
    assert module(queue=PARKED, state="refilled", trash=stamps[0]).result["changed"] is True
    assert len(in_order(client, PARKED)) == 1


def test_what_was_parked_is_told_and_put_back_behind_what_waits(sandbox: Sandbox, client: redis.Redis) -> None:
    module, core = queue(sandbox), core_queue(sandbox)
    good, urgent = message(PARKED), make_message("worker.nobody", "i", "j", PARKED, 9, "t")
    assert f"parked.{PARKED}" not in info(sandbox)(queues=[PARKED], scan=False).result["queues"]["root_causes"]
    client.lpush(PARKED + STEPS[1], good, b"no json", b"nor this")
    client.lpush(PARKED + STEPS[3], urgent)
    parked = Jobs(sandbox).change(state="reconciled", queues=[PARKED])
    assert parked.result["jobs"]["done"] == {"park_message": 3}, parked.output
    assert in_order(client, PARKED) == [good]
    client.delete(PARKED + STEPS[1])
    answer = info(sandbox)()
    found = answer.result["queues"]
    # Only what was parked tells that there is such a queue.
    assert (found["queues"][PARKED]["parked"], found["queues"][PARKED]["total"]) == (3, 0)
    (told,) = [finding for finding in found["findings"] if finding["id"] == f"parked.{PARKED}"]
    assert told["severity"] == "warning" and "state=refilled trash=parked puts them back" in told["summary"]
    assert "no json" not in answer.output
    assert core(queue=PARKED, state="refilled").result["changed"] is False
    oldest_first = client.lrange(f"rdops:parked:{PARKED}", 0, -1)[::-1]
    client.lpush(PARKED, message(PARKED, 0))
    waits = in_order(client, PARKED)
    options = {"queue": PARKED, "state": "refilled", "trash": "parked"}
    planned = core(check=True, **options).result
    assert planned["changed"] is True and in_order(client, PARKED) == waits
    assert planned["msg"].endswith("A worker would stop at 3 of them.")
    done = module(**options).result
    assert (done["changed"], done["queue"]["moved"], done["plan_id"]) == (True, 3, planned["plan_id"])
    assert [done["queue"][when] for when in ("before", "after")] == [
        planned["diff"][when] for when in ("before", "after")
    ]
    # What says nothing of its priority is in the list of the first step.
    assert in_order(client, PARKED) == [*waits, *[raw for raw in oldest_first if raw != urgent], urgent]
    assert client.lrange(PARKED + STEPS[3], 0, -1) == [urgent]
    for check in (False, True):
        assert core(check=check, **options).result["changed"] is False


def test_what_was_parked_is_dropped_only_when_confirmed(one: Sandbox, client: redis.Redis) -> None:
    module = core_queue(one)
    client.lpush(f"rdops:parked:{PARKED}", b"no json", message(PARKED))
    client.lpush(PARKED, message(PARKED, 0))
    trash = module(queue=PARKED, state="emptied", confirm=PARKED).result["queue"]["trash"]
    options = {"queue": PARKED, "state": "refilled", "trash": "parked", "drop": True}
    refused = module(**options)
    assert refused.failed and refused.result["msg"].endswith(f"is not confirmed. Pass confirm={PARKED}.")
    planned = module(check=True, confirm=PARKED, **options).result
    assert planned["changed"] is True and client.llen(f"rdops:parked:{PARKED}") == 2
    done = whole_queue(one)(confirm=PARKED, **options).result
    assert (done["changed"], done["queue"]["moved"], done["plan_id"]) == (True, 2, planned["plan_id"])
    assert not client.exists(f"rdops:parked:{PARKED}") and in_order(client, PARKED) == []
    assert [other["name"] for other in done["queue"]["other_trash"]] == [trash]
    assert module(confirm=PARKED, **options).result["changed"] is False


def test_a_parked_job_that_is_put_back_runs(sandbox: Sandbox, client: redis.Redis) -> None:
    with stopped(sandbox):
        (job,) = sandbox.submit()
        client.rename("default" + STEPS[1], "rdops:parked:default")
        assert core_queue(sandbox)(queue="default", state="refilled", trash="parked").result["queue"]["moved"] == 1
        assert client.llen("default" + STEPS[1]) == 1
    until(lambda: sandbox.status(job) == "completed", "the job ends")


def test_a_move_rewrites_what_a_restore_reads_and_keeps_order_and_poison(sandbox: Sandbox, client: redis.Redis) -> None:
    module = queue(sandbox)
    jobs = [str(uuid.uuid4()) for _index in range(6)]
    sent = [message(PARKED, 5, job) for job in jobs]
    for raw in [*sent[:3], b"no json", *sent[3:]]:
        client.lpush(PARKED + STEPS[1], raw)
    refused = module(queue=PARKED, state="moved", to_queue=OTHER)
    assert refused.failed and f"no live worker consumes queue '{OTHER}'" in refused.result["msg"]
    options = {"queue": PARKED, "state": "moved", "to_queue": OTHER, "to_priority": 9, "allow_unconsumed": True}
    planned = module(check=True, **options).result
    assert planned["changed"] is True and client.llen(PARKED + STEPS[1]) == 7
    done = module(**options).result
    assert (done["queue"]["moved"], done["queue"]["left_poison"]) == (6, 1)
    assert done["plan_id"] == planned["plan_id"]
    moved = [parse_message(raw) for raw in client.lrange(OTHER + STEPS[3], 0, -1)[::-1]]
    assert [found.job_id for found in moved] == jobs
    assert {(found.queue, found.exchange, found.priority, found.problems) for found in moved} == {(OTHER, "", 9, ())}
    assert client.lrange(PARKED + STEPS[1], 0, -1) == [b"no json"]
    assert module(**options).result["changed"] is False
    some = module(
        queue=OTHER, state="moved", to_queue=PARKED, job_ids=[jobs[4], jobs[1], "absent"], allow_unconsumed=True
    ).result
    assert (some["queue"]["moved"], some["queue"]["job_ids_not_found"]) == (2, ["absent"])
    ids = [parse_message(raw).job_id for raw in client.lrange(PARKED + STEPS[3], 0, -1)[::-1]]
    assert ids == [jobs[1], jobs[4]]
    assert client.llen(OTHER + STEPS[3]) == 4


def test_moved_jobs_run_once_each(sandbox: Sandbox, client: redis.Redis) -> None:
    module = queue(sandbox)
    with stopped(sandbox):
        ids = sandbox.submit("--count", "4")
        parked = module(queue="default", state="moved", to_queue=PARKED, allow_unconsumed=True).result
        assert parked["queue"]["moved"] == 4
    assert statuses(sandbox, ids) == ["queued"] * 4
    assert module(queue=PARKED, state="moved", to_queue="high").result["queue"]["moved"] == 4
    until(lambda: set(statuses(sandbox, ids)) == {"completed"}, "the moved jobs end")
    until(lambda: client.hlen("unacked") == 0, "every message is acknowledged")
    assert in_order(client, PARKED) == in_order(client, "high") == []


def test_bad_input_is_refused_before_anything_is_touched(one: Sandbox, client: redis.Redis) -> None:
    module = queue(one)
    client.lpush(PARKED, message(PARKED, 0))
    before = sorted(client.keys("*"))
    for options, words in [
        ({"queue": "defualt", "state": "moved", "to_queue": "high"}, "there is no queue 'defualt'"),
        ({"queue": "defualt", "state": "paused"}, "there is no queue 'defualt'"),
        ({"queue": PARKED, "state": "moved"}, "neither another queue nor a priority"),
        ({"queue": PARKED, "state": "moved", "to_priority": 300}, "not from 0 to 255"),
        ({"queue": PARKED, "state": "restored", "min_age_s": -1}, "min_age_s is -1"),
        ({"queue": PARKED, "state": "consumed", "nodes": ["celery@none"]}, "no live worker is called 'celery@none'"),
        ({"queue": PARKED, "state": "consumed"}, "it was not paused here"),
    ]:
        answer = module(**options)
        assert answer.failed and words in answer.result["msg"], answer.output
        assert answer.result["msg"].startswith("Cannot ")
    assert sorted(client.keys("*")) == before


def test_a_full_redis_is_refused_and_loses_nothing(one: Sandbox, client: redis.Redis) -> None:
    limit = client.config_get("maxmemory")["maxmemory"]
    client.lpush(PARKED, message(PARKED, 0))
    client.config_set("maxmemory", 1_000_000)
    try:
        for options in ({"state": "moved", "to_queue": "high"}, {"state": "emptied", "confirm": PARKED}):
            answer = queue(one)(queue=PARKED, **options)
            assert answer.failed and "of 1000000 bytes. Raise maxmemory, or free memory, first." in answer.result["msg"]
        assert client.llen(PARKED) == 1 and client.llen("high") == 0
        # Filled up in the middle of a move: the push is refused before anything is removed.
        with core_broker(one) as broker, pytest.raises(OpsError, match="used memory > 'maxmemory'"):
            route = Route(Keys(), PARKED, OTHER)
            moves.move(broker, Names(Keys(), PARKED), route, frozenset(), lambda: None)
        assert client.llen(PARKED) == 1 and client.llen(OTHER) == 0
    finally:
        client.config_set("maxmemory", limit)


def test_two_runs_exclude_each_other(one: Sandbox, client: redis.Redis) -> None:
    client.lpush(PARKED, message(PARKED, 0))
    options = {"queue": PARKED, "state": "emptied", "confirm": PARKED}
    with core_broker(one) as broker:
        with Busy(broker, Keys(), "requeue 7 jobs") as busy:
            refused = queue(one)(**options)
            assert refused.failed and "'requeue 7 jobs' is at work since" in refused.result["msg"]
            assert client.llen(PARKED) == 1
            assert queue(one)(check=True, **options).result["changed"] is True
            busy.refresh()
        assert not client.exists("rdops:busy")
        with Busy(broker, Keys(), "x") as busy:
            client.set("rdops:busy", "another's")
        assert client.getdel("rdops:busy") == b"another's"
    assert queue(one)(**options).result["changed"] is True
    assert not client.exists("rdops:busy")


def run_until_done(one: Sandbox, seed: int, what: str, company: str) -> int:
    """Run the mover until it comes through; return how often it was killed."""
    argv = [sys.executable, str(ROOT / "tests" / "integration" / "killed_mover.py")]
    env = {**os.environ, "PYTHONPATH": str(COLLECTIONS), "REDIS_PASSWORD": one.secrets["REDIS_PASSWORD"]}
    for attempt in range(500):
        target = [one.address("redis"), "6379", str(CAMPAIGN_DB), what, company]
        done = subprocess.run([*argv, str(seed * 1000 + attempt), *target], env=env, timeout=60, check=False)
        if done.returncode == 0:
            return attempt
        assert done.returncode == -9, done.returncode
    raise AssertionError("it never came through")


@pytest.mark.parametrize("company", ["alone", "rival"])
@pytest.mark.parametrize("what", ["move", "refill", "unpark"])
def test_killed_anywhere_nothing_is_lost_or_doubled(one: Sandbox, what: str, company: str) -> None:
    jobs = [str(uuid.uuid4()) for _index in range(240)]
    kills = 0
    password = one.secrets["REDIS_PASSWORD"]
    # Of what was put aside, more than may be moved at once, and less.
    for seed, put_aside in enumerate((40, 10) if what == "unpark" else (100, 30)):
        with redis.Redis(one.address("redis"), db=CAMPAIGN_DB, password=password, socket_timeout=10) as client:
            client.flushdb()
            for place, job in enumerate(jobs):
                key = "from" + STEPS[place % 2]
                if what == "refill" and place < put_aside:
                    key = f"rdops:trash:from:t:{'03'[place % 2]}"
                elif what == "unpark" and place >= len(jobs) - put_aside:
                    key = "rdops:parked:from"
                client.lpush(key, message("from", 5 * (place % 2), job))
                if place % 50 == 7 and what != "refill":
                    client.lpush(key, f"poison {place}")
            kills += run_until_done(one, seed, what, company)
            assert not [key for kind in ("held", "trash", "parked") for key in client.keys(f"rdops:{kind}:*")]
            taken = client.lrange("taken", 0, -1)
            there = [*taken, *in_order(client, "from"), *in_order(client, "to")]
            counted = collections.Counter(parse_message(raw).job_id for raw in there if raw.startswith(b"{"))
            assert counted == collections.Counter(jobs), "a job was lost or doubled"
            poison = [raw for raw in there if raw.startswith(b"poison")]
            assert len(poison) == len(set(poison)) == (0 if what == "refill" else 5)
            served = [parse_message(raw).job_id for raw in in_order(client, "to" if what == "move" else "from")]
            kept = [job for job in served if job]
            assert bool(taken) == (company == "rival")
            if company == "alone":
                assert kept == jobs[::2] + jobs[1::2]
            elif what != "refill":
                assert kept == [job for job in jobs[::2] + jobs[1::2] if job in set(kept)]
            client.flushdb()
    assert kills >= 2


def test_the_job_of_a_worker_that_was_killed_is_put_back_and_runs(sandbox: Sandbox, client: redis.Redis) -> None:
    worker = sandbox.container("worker-cpu")
    module = queue(sandbox)
    # Longer than all that follows takes, on any machine; it is made short before it runs again.
    (job,) = sandbox.submit("--seconds", "600")
    until(lambda: statuses(sandbox, [job]) == ["processing"], "the job begins")
    options = {"queue": "default", "state": "restored", "min_age_s": 0, "census_interval_s": 0.5}
    held = module(**options).result
    # The worker lives and has it: it is left alone however it is asked.
    assert (held["changed"], held["queue"]["left"]) == (False, {"held": 1})
    assert module(force=["foreign_owner"], **options).result["queue"]["left"] == {"held": 1}
    with sandbox.broken(["kill", "-s", "KILL", worker], ["start", worker]):
        young = module(**{**options, "min_age_s": 3600}).result
        assert (young["changed"], young["queue"]["left"]) == (False, {"young": 1})
        seen = info(sandbox)().result["queues"]
        assert seen["queues"]["default"]["unacked"]["count"] == 1
        assert seen["queues"]["default"]["unacked"]["sample"][0]["job_id"] == job
        planned = module(check=True, **options).result
        assert planned["changed"] is True and client.hlen("unacked") == 1
        done = module(**options).result
        assert (done["changed"], done["queue"]["moved"]) == (True, 1), done
        assert "does not run" in done["queue"]["sample"][0]["why"]
        assert (client.hlen("unacked"), client.zcard("unacked_index")) == (0, 0)
        (raw,) = client.lrange("default" + STEPS[1], 0, -1)
        assert parse_message(raw).job_id == job and json.loads(raw)["headers"]["redelivered"] is True
        assert module(**options).result["changed"] is False
        sandbox.query("UPDATE jobs SET options = %s WHERE id::text = %s", '{"seconds": 1}', job)
    until(lambda: statuses(sandbox, [job]) == ["completed"], "the job runs again, to its end")
    until(lambda: client.hlen("unacked") == 0, "its message is acknowledged")


def test_a_worker_that_hangs_is_not_taken_for_dead(sandbox: Sandbox, client: redis.Redis) -> None:
    worker = sandbox.container("worker-cpu")
    module = core_queue(sandbox)
    (job,) = sandbox.submit("--seconds", "3")
    until(lambda: statuses(sandbox, [job]) == ["processing"], "the job begins")
    with sandbox.broken(["kill", "-s", "STOP", worker], ["kill", "-s", "CONT", worker]):
        options = {"queue": "default", "census_timeout_s": 1.0}
        refused = module(**options, state="restored", min_age_s=0, census_interval_s=0.1, force=["foreign_owner"])
        assert refused.failed and "0 of 1 workers connected to Redis answered" in refused.result["msg"]
        paused = module(**options, state="paused")
        assert paused.failed and "0 of 1 workers" in paused.result["msg"]
        assert client.hlen("unacked") == 1
        found = info(sandbox)(census_timeout_s=1.0).result["queues"]
        assert "workers.silent" in {finding["id"] for finding in found["findings"]}
    until(lambda: statuses(sandbox, [job]) == ["completed"], "the job ends")


def test_what_may_belong_to_a_worker_elsewhere_waits_for_the_brokers_own_time(
    one: Sandbox, client: redis.Redis
) -> None:
    module = queue(one)
    options = {"queue": PARKED, "state": "restored", "min_age_s": 1, "census_interval_s": 0.1}

    def deliver(age_s: float, node: str = "", tag: str = "by-hand") -> bytes:
        raw = make_message(TASK, f"by-hand-{tag}", "j", PARKED, 5, tag)
        client.hset("unacked", tag, json.dumps([json.loads(raw), "", PARKED]))
        client.zadd("unacked_index", {tag: time.time() - age_s})
        if node:
            meta = {"status": "STARTED", "result": {"pid": 1, "hostname": node}}
            client.set(f"celery-task-meta-by-hand-{tag}", json.dumps(meta))
        return raw

    try:
        for node in ("", "celery@host-elsewhere"):
            deliver(120, node)
            left = module(**options).result
            assert (left["changed"], left["queue"]["left"]) == (False, {"foreign_owner": 1})
        forced = module(force=["foreign_owner"], **options).result
        assert forced["queue"]["moved"] == 1 and "forced" in forced["queue"]["sample"][0]["why"]
        deliver(4000)
        assert module(**options).result["queue"]["moved"] == 1
        # A worker here that answers and does not have it is another process than the one that took it.
        hostname = docker("inspect", "-f", "{{.Config.Hostname}}", one.container("worker-cpu"))
        # Its container may have been restarted a minute ago, by another test.
        deliver(5, f"celery@{hostname}")
        done = module(**options).result
        assert done["queue"]["moved"] == 1 and "does not have it" in done["queue"]["sample"][0]["why"]
        assert len(in_order(client, PARKED)) == 3
        client.hset("unacked", "by-hand", "no json")
        client.zadd("unacked_index", {"by-hand": time.time() - 4000})
        assert module(**options).result["queue"]["left"] == {"poison": 1}
    finally:
        client.hdel("unacked", "by-hand")
        client.zrem("unacked_index", "by-hand")


def test_a_pause_holds_is_undone_exactly_and_does_not_outlive_a_restart(sandbox: Sandbox, client: redis.Redis) -> None:
    module = queue(sandbox)
    worker = sandbox.container("worker-cpu")

    def consumers() -> list[str]:
        return info(sandbox)(scan=False).result["queues"]["queues"]["default"]["consumers"]

    (node,) = consumers()
    assert module(queue="default", state="paused", check=True).result["changed"] is True
    assert consumers() == [node]
    done = module(queue="default", state="paused", drain_timeout_s=60).result
    assert (done["changed"], done["queue"]["nodes"], done["queue"]["persistent"]) == (True, [node], False)
    assert done["queue"]["drained"] is True and consumers() == []
    assert module(queue="default", state="paused").result["changed"] is False
    (job,) = sandbox.submit()
    (other,) = sandbox.submit("--priority", "high")
    until(lambda: statuses(sandbox, [other]) == ["completed"], "another queue is served all the same")
    # Who had asked for the next message when it was paused puts it back, and may do so into another list.
    assert statuses(sandbox, [job]) == ["queued"] and len(in_order(client, "default")) == 1
    assert module(queue="default", state="consumed", check=True).result["changed"] is True
    resumed = module(queue="default", state="consumed").result
    assert (resumed["changed"], resumed["queue"]["nodes"]) == (True, [node])
    until(lambda: statuses(sandbox, [job]) == ["completed"], "the job that waited ends")
    assert not client.exists("rdops:paused:default")
    assert module(queue="default", state="consumed").result["changed"] is False
    module(queue="default", state="paused")
    docker("restart", "-t", "5", worker)
    sandbox.wait_until_well()
    until(lambda: consumers() == [node], "the restarted worker consumes, paused or not")
    # Its pause is forgotten, and nothing else is changed.
    assert module(queue="default", state="consumed").result["queue"]["nodes"] == []
    assert not client.exists("rdops:paused:default")


def test_workers_that_were_never_paused_are_not_made_to_consume(one: Sandbox, client: redis.Redis) -> None:
    client.sadd(f"rdops:paused:{PARKED}", "celery@recreated", "celery@gone")
    refused = queue(one)(queue=PARKED, state="consumed", queues=[PARKED])
    assert refused.failed and "none of the 2 workers that were paused lives any more" in refused.result["msg"]
    assert info(one)(scan=False).result["queues"]["queues"][PARKED]["consumers"] == []


def test_a_host_without_the_driver_says_which(one: Sandbox, bare_python: str) -> None:
    answer = Module("rendiff_queue_info", project=one.project)(python=bare_python)
    assert answer.failed and "the Python module redis is missing on this host" in answer.result["msg"]
