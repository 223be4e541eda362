# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._census import take_census
from ansible_collections.rendiff.ops.plugins.module_utils._errors import LoginRefusedError, MissingDriverError, OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._health import (
    component_states,
    judge_api_replica,
    judge_entrance,
    judge_failure,
    judge_postgres,
    judge_queues,
    judge_redis,
    judge_workers,
)
from ansible_collections.rendiff.ops.plugins.module_utils._http import Response
from ansible_collections.rendiff.ops.plugins.module_utils._probe import ProbeResult
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Broadcast

from .builders import replica, stack

HEALTHY = Response(200, b'{"status": "healthy"}', {"total": 0.01})


def detailed(**states):
    document = {"status": "x", "components": {name: {"status": state} for name, state in states.items()}}
    return Response(200, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("body", "states"),
    [
        (b"<html>", None),
        (b"[]", None),
        (b"{}", {}),
        (
            b'{"components": {"database": {"status": "Healthy"}, "redis": "down"}}',
            {"database": "healthy", "redis": "down"},
        ),
        (b'{"checks": {"db": {}}}', {"db": "unknown"}),
    ],
)
def test_component_states(body, states):
    assert component_states(body) == states


def api(health, deep):
    return judge_api_replica(stack(), replica("api"), health, deep)


def test_an_api_that_says_healthy_and_is_not_is_found():
    found = api(HEALTHY, detailed(database="unhealthy", storage="healthy"))
    assert found.severity == "critical" and "database is unhealthy" in found.summary
    assert found.blames == ("postgres",)


@pytest.mark.parametrize(
    ("health", "deep", "words"),
    [
        (Response(error="could not connect to 10.0.0.1:8000: the connection was refused"), Response(), "refused"),
        (Response(503, b"{}"), Response(), "status 503"),
        (Response(200, b"<html>"), Response(), "not JSON"),
        (HEALTHY, Response(500, b""), "answers 500"),
        (HEALTHY, Response(error="nothing came within 2.5 s"), "nothing came"),
        (HEALTHY, Response(200, b"oops"), "not JSON"),
    ],
)
def test_an_api_that_cannot_answer_is_critical(health, deep, words):
    found = api(health, deep)
    assert found.severity == "critical" and words in found.summary


def test_an_api_without_a_detailed_check_is_ok_and_says_so():
    assert api(HEALTHY, Response(404, b"{}")).severity == "ok"
    assert "no detailed health check" in api(HEALTHY, Response(404, b"{}")).summary
    assert api(HEALTHY, detailed(database="healthy")).severity == "ok"


@pytest.mark.parametrize(
    ("response", "severity"),
    [
        (HEALTHY, "ok"),
        (Response(500, b"{}"), "critical"),
        (Response(404, b"404 page not found"), "critical"),
        (Response(200, b"<html>maintenance</html>"), "critical"),
        (Response(error="nothing came within 5 s"), "critical"),
    ],
)
def test_a_status_is_judged_where_the_runbooks_pipe_into_jq_hides_it(response, severity):
    assert judge_entrance(stack(), "https://api.example.com", response).severity == severity


def test_a_database_in_recovery_is_critical():
    facts = {"version": "15", "database": "x", "in_recovery": False, "connections": 3, "max_connections": 100}
    assert [found.severity for found in judge_postgres(facts)] == ["ok"]
    assert [found.severity for found in judge_postgres({**facts, "in_recovery": True})] == ["critical"]


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({}, [("redis.answers", "ok")]),
        ({"maxmemory_policy": "allkeys-lru", "evicted_keys": 7}, [("redis.policy", "critical")]),
        ({"maxmemory_policy": "allkeys-lru"}, [("redis.policy", "warning")]),
        ({"maxmemory_policy": "noeviction", "used_memory": 95, "maxmemory": 100}, [("redis.memory", "warning")]),
        ({"aof_last_write_status": "err"}, [("redis.persistence", "critical")]),
        ({"rdb_last_bgsave_status": "err"}, [("redis.persistence", "critical")]),
        ({"role": "slave"}, [("redis.replica", "critical")]),
        ({"loading": 1}, [("redis.loading", "critical")]),
    ],
)
def test_a_broker_that_answers_ping_may_still_lose_jobs(info, expected):
    assert [(found.id, found.severity) for found in judge_redis(info)] == expected


def census(receivers, *names):
    return take_census(Broadcast(receivers, tuple((name, [{"name": "high"}]) for name in names)))


def test_workers_are_held_against_connections_and_containers():
    running = stack(replica("worker-cpu"), replica("worker-cpu", number=2))
    both = census(2, "celery@worker-cpu1", "celery@worker-cpu2")
    assert judge_workers(running, both).severity == "ok"
    silent = judge_workers(running, census(2, "celery@worker-cpu1"))
    assert silent.severity == "unknown" and "2 workers are connected and 1 answered" in silent.summary
    gone = judge_workers(running, census(1, "celery@worker-cpu1"))
    assert gone.severity == "warning" and "rendiff-prod-worker-cpu-2" in gone.summary
    assert judge_workers(running, census(0)).severity == "critical"
    assert judge_workers(running, census(2, "same", "same")).severity == "unknown"


def test_a_queue_counts_over_all_its_keys_and_needs_a_consumer():
    lengths = {"high": {"0": 0, "9": 2}, "low": {"0": 1}}
    found = {f.id: f for f in judge_queues(lengths, census(1, "w"), 0)}
    assert set(found) == {"queue.low"}
    assert found["queue.low"].severity == "critical" and "1 message waits" in found["queue.low"].summary
    doubtful = {f.id: f.severity for f in judge_queues(lengths, census(2, "w"), 0)}
    assert doubtful == {"queue.low": "unknown"}
    calm = judge_queues({"high": {"9": 2}}, census(1, "w"), 3)
    assert [f.severity for f in calm] == ["ok"] and calm[0].evidence["totals"] == {"high": 2}


@pytest.mark.parametrize(
    ("result", "severity"),
    [
        (ProbeResult("redis", 5.0, timed_out=True), "unknown"),
        (ProbeResult("redis", 0.1, error=MissingDriverError("query Redis", "no module")), "unknown"),
        (ProbeResult("redis", 0.1, error=LoginRefusedError("query Redis", "WRONGPASS")), "unknown"),
        (ProbeResult("redis", 0.1, error=OpsError("query Redis", "refused")), "critical"),
        (ProbeResult("redis", 0.1, error=KeyError("x")), "unknown"),
    ],
)
def test_what_could_not_be_looked_at_is_unknown_and_what_is_down_critical(result, severity):
    found = judge_failure("redis", "redis", result)
    assert found.severity == severity and "Traceback" not in found.summary
