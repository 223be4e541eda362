# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_health_info on real services: what it says of a service that is well, broken, or not to be looked at."""

from __future__ import annotations

import time

import pytest
from conftest import Module, Sandbox, docker, health_info
from core_common import either_health

DEADLINE_S = 30


def test_a_service_that_is_well_is_ok_in_every_part(sandbox: Sandbox) -> None:
    answer = either_health(sandbox)()
    health = answer.result["health"]
    assert not answer.failed and answer.result["changed"] is False
    assert health["verdict"] == "ok", answer.output
    assert health["root_causes"] == [] and health["hazards"] == []
    parts = {finding["component"] for finding in health["findings"]}
    assert {"api", "entrance", "postgres", "redis", "queues", "workers"} <= parts
    assert answer.finding("workers")["evidence"]["receivers"] == 1
    assert answer.finding("entrance")["evidence"]["status"] == 200
    assert health["summary"].startswith("All ")


def test_no_credential_leaves_the_host(sandbox: Sandbox) -> None:
    output = health_info(sandbox)().output
    for secret in [*sandbox.secrets.values(), sandbox.api_key]:
        assert secret not in output


def test_the_question_to_the_workers_leaves_nothing_in_the_broker(sandbox: Sandbox) -> None:
    with sandbox.broker() as broker:
        before = sorted(broker.keys("*reply.celery.pidbox*"))
        either_health(sandbox)()
        assert sorted(broker.keys("*reply.celery.pidbox*")) == before


def test_a_queue_is_as_deep_as_it_is_where_llen_reads_nothing(sandbox: Sandbox) -> None:
    worker = sandbox.container("worker-cpu")
    with sandbox.broken(["stop", "-t", "2", worker], ["start", worker]), sandbox.broker() as broker:
        ids = sandbox.submit("--count", "2", "--priority", "high")
        # The runbook's literal commands, on the very same backlog.
        assert [broker.llen(name) for name in ("celery", "high", "default", "low")] == [0, 0, 0, 0]
        answer = either_health(sandbox)()
        found = answer.finding("queue.high")
        assert (found["severity"], found["evidence"]["total"]) == ("critical", 2)
        assert found["evidence"]["by_priority"] == {"0": 0, "3": 0, "6": 0, "9": 2}
        assert found["caused_by"] == "workers"
        assert answer.finding("workers")["caused_by"] == f"{worker}.down"
        assert answer.result["health"]["root_causes"] == [f"{worker}.down"]
    assert len(ids) == 2


def test_messages_in_a_queue_that_nobody_consumes_are_critical_though_all_workers_live(one: Sandbox) -> None:
    with one.broker() as broker:
        broker.lpush("gpu\x06\x163", "x")
        try:
            answer = either_health(one)(queues=["gpu"])
        finally:
            broker.delete("gpu\x06\x163")
    assert answer.finding("workers")["severity"] == "ok"
    assert answer.result["health"]["root_causes"] == ["queue.gpu"]
    assert answer.result["health"]["verdict"] == "critical"


def test_a_worker_that_hangs_is_unknown_and_not_ok(sandbox: Sandbox) -> None:
    worker = sandbox.container("worker-cpu")
    with sandbox.broken(["kill", "-s", "STOP", worker], ["kill", "-s", "CONT", worker]):
        answer = either_health(sandbox)(census_timeout_s=1.0)
    found = answer.finding("workers")
    assert found["severity"] == "unknown"
    assert (found["evidence"]["receivers"], found["evidence"]["replies"]) == (1, 0)
    assert answer.result["health"]["verdict"] == "unknown"


def test_a_broker_that_evicts_is_told_where_ping_says_pong(one: Sandbox) -> None:
    with one.broker() as broker:
        before = broker.config_get("maxmemory-policy")["maxmemory-policy"]
        broker.config_set("maxmemory-policy", "allkeys-lru")
        try:
            assert broker.ping() is True
            answer = either_health(one)()
        finally:
            broker.config_set("maxmemory-policy", before)
    assert answer.finding("redis.policy")["severity"] == "warning"
    assert answer.result["health"]["verdict"] == "warning"


def test_half_the_replicas_dead_is_told_by_name(one: Sandbox) -> None:
    dead = one.container("api", 2)
    with one.broken(["kill", "-s", "KILL", dead], ["start", dead]):
        answer = either_health(one)()
    found = answer.finding(f"{dead}.down")
    assert (found["severity"], found["evidence"]["exit_code"]) == ("warning", 137)
    assert answer.finding(f"{one.container('api', 1)}.api")["severity"] == "ok"


def test_an_api_that_hangs_is_told_within_the_bound(one: Sandbox) -> None:
    stuck = one.container("api", 1)
    with one.broken(["kill", "-s", "STOP", stuck], ["kill", "-s", "CONT", stuck]):
        begin = time.monotonic()
        answer = either_health(one)(probe_timeout_s=2)
        assert time.monotonic() - begin < DEADLINE_S
    assert answer.finding(f"{stuck}.api")["severity"] == "critical"
    assert "nothing came within" in answer.finding(f"{stuck}.api")["summary"]


@pytest.mark.parametrize("service", ["redis", "postgres"])
def test_a_server_that_hangs_is_told_within_the_bound(one: Sandbox, service: str) -> None:
    hung = one.container(service)
    # To Docker the container still runs; only its process no longer answers.
    with one.broken(["kill", "-s", "STOP", hung], ["kill", "-s", "CONT", hung]):
        begin = time.monotonic()
        answer = either_health(one)(probe_timeout_s=2, timeout_s=10)
        assert time.monotonic() - begin < DEADLINE_S
    assert answer.finding(service)["severity"] == "critical"
    assert answer.result["health"]["root_causes"] == [service]


def test_a_paused_container_is_named_with_the_command_that_ends_it(one: Sandbox) -> None:
    paused = one.container("redis")
    with one.broken(["pause", paused], ["unpause", paused]):
        answer = either_health(one)(probe_timeout_s=2)
    assert answer.result["health"]["root_causes"] == [f"{paused}.down"]
    assert answer.finding(f"{paused}.down")["commands"][-1] == f"docker unpause {paused}"


@pytest.mark.parametrize(
    ("options", "identity", "words"),
    [
        ({"login_password": "wr0ng-for-test"}, "postgres", "authentication failed"),
        ({"redis_password": "wr0ng-for-test"}, "redis", "invalid username-password pair"),
    ],
)
def test_a_wrong_password_is_unknown_and_said(sandbox: Sandbox, options: dict, identity: str, words: str) -> None:
    answer = either_health(sandbox)(**options)
    found = answer.finding(identity)
    assert found["severity"] == "unknown" and words in found["summary"]
    assert "wr0ng-for-test" not in answer.output


def test_a_host_without_drivers_says_which_and_goes_on(one: Sandbox, bare_python: str) -> None:
    answer = health_info(one)(python=bare_python)
    assert (
        "psycopg2 is missing on this host. Run the playbook rendiff.ops.prepare"
        in answer.finding("postgres")["summary"]
    )
    assert "redis is missing on this host" in answer.finding("redis")["summary"]
    severities = {
        name: answer.finding(name)["severity"] for name in ("postgres", "redis", "queues", "workers", "entrance")
    }
    assert severities == {
        "postgres": "unknown",
        "redis": "unknown",
        "queues": "unknown",
        "workers": "unknown",
        "entrance": "ok",
    }
    assert answer.result["health"]["verdict"] == "unknown"


def test_names_that_mean_nothing_on_this_host_are_unknown_and_not_down(one: Sandbox) -> None:
    answer = either_health(one)(login_host="db.invalid", redis_host="broker.invalid")
    for part, option in (("postgres", "login_host"), ("redis", "redis_host")):
        assert answer.finding(part)["severity"] == "unknown", answer.output
        assert f"Pass {option}" in answer.finding(part)["summary"]


def test_a_database_that_is_not_there_is_critical(one: Sandbox) -> None:
    answer = either_health(one)(login_host="127.0.0.1", login_port=1)
    assert answer.finding("postgres")["severity"] == "critical"
    assert "Connection refused" in answer.finding("postgres")["summary"]


def test_servers_outside_compose_are_reached_by_explicit_options(one: Sandbox) -> None:
    explicit = {
        "login_host": one.address("postgres"),
        "login_user": "rendiff_user",
        "login_db": "postgres",
        "redis_host": one.address("redis"),
        "redis_port": 6379,
        "redis_db": 0,
    }
    answer = health_info(one)(**explicit)
    assert answer.result["health"]["verdict"] == "ok"
    assert answer.finding("postgres")["evidence"]["database"] == "postgres"


def test_a_certificate_that_is_not_trusted_is_a_warning_and_the_rest_is_known(one: Sandbox) -> None:
    answer = health_info(one)(ca_path=None)
    assert answer.finding("entrance.certificate")["severity"] == "warning"
    assert answer.finding("entrance")["severity"] == "ok"
    assert health_info(one)(ca_path=None, validate_certs=False).result["health"]["verdict"] == "ok"


@pytest.mark.parametrize(
    ("url", "words"),
    [("nonsense", "it is not an http or https URL"), ("http://127.0.0.1:1", "the connection was refused")],
)
def test_a_public_address_that_is_wrong_is_told(one: Sandbox, url: str, words: str) -> None:
    answer = either_health(one)(public_url=url)
    assert answer.finding("entrance")["severity"] == "critical"
    assert words in answer.finding("entrance")["summary"]


@pytest.mark.parametrize(
    "options", [{"project": "nowhere"}, {"project": None}, {"docker_host": "unix:///does/not/exist.sock"}]
)
def test_a_stack_that_cannot_be_told_is_unknown_with_the_reason(one: Sandbox, options: dict) -> None:
    answer = either_health(one)(**options)
    assert answer.result["health"]["verdict"] == "unknown"
    assert answer.finding("stack")["summary"].startswith("Cannot ")


def test_check_mode_says_the_same(one: Sandbox) -> None:
    answer = health_info(one)(check=True)
    assert answer.result["health"]["verdict"] == "ok" and answer.result["changed"] is False


def test_the_api_is_asked_inside_each_replica(sandbox: Sandbox) -> None:
    sick = sandbox.container("api", 1)
    network = f"{sandbox.project}_backend"
    mend = ["network", "connect", "--alias", "api", network, sick]
    with sandbox.broken(["network", "disconnect", network, sick], mend):
        # What the runbook looks at, in the very replica that is sick.
        literal = docker("exec", sick, "curl", "-s", "localhost:8000/api/v1/health")
        answer = either_health(sandbox)()
    assert '"healthy"' in literal
    assert answer.result["health"]["root_causes"] == [f"{sick}.api"]
    assert "database is unhealthy" in answer.finding(f"{sick}.api")["summary"]
    assert answer.finding(f"{sandbox.container('api', 2)}.api")["severity"] == "ok"


def test_an_unknown_option_is_refused(one: Sandbox) -> None:
    answer = Module("rendiff_health_info", nonsense=1)()
    assert answer.failed and "Unsupported parameters" in answer.result["msg"]
