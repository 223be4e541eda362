# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_health_info at depth on real services: whole, with each part gone, and with jobs that really went wrong."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import typing as t

import pytest
from conftest import Answer, Module, Sandbox, health_info
from core_common import Core, either_health

PARTS = {"api", "entrance", "postgres", "redis", "queues", "workers", "jobs", "storage", "certificate", "load", "logs"}
UNSETTLED_S = 61


DEEP = {"depth": "deep", "log_window_s": 1, "thresholds": {"job_failures": 1.0}}


def deep(sandbox: Sandbox) -> Module | Core:
    """Return the module or its body at depth; what other tests made fail on purpose is not what these look for."""
    look = either_health(sandbox)
    look.common.update(DEEP)
    return look


def deep_module(sandbox: Sandbox) -> Module:
    """Return the module at depth."""
    module = health_info(sandbox)
    module.common.update(DEEP)
    return module


def until(sandbox: Sandbox, wanted: t.Callable[[Answer], bool], bound_s: float = 60, **options: t.Any) -> Answer:
    """Look until something is so, within a bound; return the last look."""
    deadline = time.monotonic() + bound_s
    while True:
        answer = deep(sandbox)(**options)
        if wanted(answer) or time.monotonic() > deadline:
            return answer
        threading.Event().wait(1)


def ids(answer: Answer) -> set[str]:
    """Return the ids of what is not well."""
    return {finding["id"] for finding in answer.result["health"]["findings"] if finding["severity"] != "ok"}


def test_a_service_that_is_well_is_measured_in_every_part(sandbox: Sandbox) -> None:
    sandbox.wait_until_well()
    answer = until(sandbox, lambda each: not ids(each))
    health = answer.result["health"]
    assert health["verdict"] == "ok", answer.output
    assert {finding["component"] for finding in health["findings"]} >= PARTS
    measured = health["measurements"]
    entrance = next(figures for subject, figures in measured["latency"].items() if "://" in subject)
    assert entrance["samples"] == 5 and 0 < entrance["p50_s"] <= entrance["p95_s"] <= entrance["max_s"]
    assert {"connect", "first_byte"} <= set(entrance["phases_s"])
    assert len(measured["containers"]) == 8
    assert all(row["memory_bytes"] > 0 and row["memory_limit_bytes"] > 0 for row in measured["containers"])
    assert measured["postgres"]["max_connections"] == 100 and measured["postgres"]["connections"] >= 1
    assert measured["storage"]["size_bytes"] > measured["storage"]["used_bytes"] > 0
    assert measured["workers"]["receivers"] == measured["workers"]["replies"] == 1
    assert measured["certificate"]["days_left"] > 800
    assert sum(measured["connections"].values()) > 0


def test_no_credential_leaves_the_host(sandbox: Sandbox) -> None:
    output = deep_module(sandbox)(log_window_s=3600).output
    for secret in [*sandbox.secrets.values(), sandbox.api_key]:
        assert secret not in output


def test_what_a_worker_runs_is_told_with_its_job_and_age(sandbox: Sandbox) -> None:
    (job,) = sandbox.submit("--seconds", "12")
    try:
        answer = until(sandbox, lambda each: bool(each.result["health"]["measurements"]["workers"]["tasks"]))
        (task,) = answer.result["health"]["measurements"]["workers"]["tasks"]
        assert task["job_id"] == job and 0 <= task["age_s"] < 60
        assert "jobs.stuck" not in ids(answer) and "jobs.lost" not in ids(answer)
    finally:
        _wait_for(sandbox, job, "completed")


def _wait_for(sandbox: Sandbox, job: str, status: str, bound_s: float = 90) -> None:
    deadline = time.monotonic() + bound_s
    while time.monotonic() < deadline:
        if sandbox.query("SELECT status FROM jobs WHERE id::text = %s", job) == [(status,)]:
            return
        threading.Event().wait(0.5)
    raise AssertionError(f"job {job} is not {status} after {bound_s} s")


@contextlib.contextmanager
def row(sandbox: Sandbox, status: str, age_s: int) -> t.Iterator[str]:
    """Keep a row of this status and age in the table of jobs that belongs to no message."""
    identity = "00000000-0000-4000-8000-0000000d00d5"
    zone = " AT TIME ZONE 'UTC'" if sandbox.facts["schema"] == "upstream" else ""
    moment = f"((now() - interval '{age_s} seconds'){zone})"
    started = moment if status == "processing" else "NULL"
    sandbox.query(
        "INSERT INTO jobs (id, status, priority, input_path, output_path, created_at, started_at, api_key)"
        f" VALUES (%s, %s, 'normal', '/storage/x', '/storage/y', {moment}, {started}, 'none')",
        identity,
        status,
    )
    try:
        yield identity
    finally:
        sandbox.query("DELETE FROM jobs WHERE id::text = %s", identity)


def test_a_queued_row_without_a_message_is_lost(sandbox: Sandbox) -> None:
    with row(sandbox, "queued", UNSETTLED_S + 60) as job:
        found = deep(sandbox)().finding("jobs.lost")
    assert found["severity"] == "critical" and found["evidence"]["jobs"] == [job]
    assert "jobs.lost" not in ids(deep(sandbox)())


def test_a_processing_row_that_no_worker_has_is_stuck_though_its_worker_lives(sandbox: Sandbox) -> None:
    with row(sandbox, "processing", UNSETTLED_S + 60) as job:
        found = deep(sandbox)().finding("jobs.stuck")
    assert found["severity"] == "critical" and found["evidence"]["jobs"] == [job]


def test_nothing_is_claimed_lost_beside_a_worker_that_hangs(sandbox: Sandbox) -> None:
    worker = sandbox.container("worker-cpu")
    with (
        row(sandbox, "queued", UNSETTLED_S + 60),
        sandbox.broken(["kill", "-s", "STOP", worker], ["kill", "-s", "CONT", worker]),
    ):
        answer = deep(sandbox)(census_timeout_s=1.0)
    assert answer.finding("workers")["severity"] == "unknown"
    assert not {"jobs.lost", "jobs.stuck"} & ids(answer)


def test_a_long_wait_is_told_also_where_times_are_naive(sandbox: Sandbox) -> None:
    with row(sandbox, "queued", 3600):
        found = deep(sandbox)().finding("jobs.waiting")
    assert found["severity"] == "warning" and 3590 < found["evidence"]["oldest_s"] < 3700


def test_messages_in_steps_that_nobody_reads_are_told_and_prove_no_loss(one: Sandbox) -> None:
    with one.broker() as broker, row(one, "queued", UNSETTLED_S + 60):
        broker.lpush("high\x06\x165", "{}")
        try:
            answer = deep(one)()
        finally:
            broker.delete("high\x06\x165")
    assert answer.finding("queue.high.foreign")["severity"] == "warning"
    assert "jobs.lost" not in ids(answer)


def test_a_job_whose_message_was_put_aside_is_not_called_lost(one: Sandbox) -> None:
    with one.broker() as broker, row(one, "queued", UNSETTLED_S + 60):
        broker.lpush("rdops:trash:high:20010101T000000.000000Z:9", "{}")
        try:
            found = deep(one)().finding("jobs.lost")
        finally:
            broker.delete("rdops:trash:high:20010101T000000.000000Z:9")
    assert found["severity"] == "unknown" and "put aside" in found["summary"]


@pytest.mark.parametrize("service", ["redis", "postgres", "traefik", "prometheus", "s3", "worker-cpu"])
def test_each_part_gone_is_told_and_the_others_are_still_looked_at(one: Sandbox, service: str) -> None:
    gone = one.container(service)
    with one.broken(["kill", "-s", "KILL", gone], ["start", gone]):
        answer = deep(one)(probe_timeout_s=3)
    health = answer.result["health"]
    assert not answer.failed and health["verdict"] in ("critical", "warning")
    assert f"{gone}.down" in health["root_causes"], health["root_causes"]
    components = {finding["component"] for finding in health["findings"]}
    assert {"storage", "load", "logs", "connections"} <= components
    severe = {
        finding["id"]
        for finding in health["findings"]
        if finding["severity"] in ("critical", "unknown") and not finding["caused_by"]
    }
    assert severe <= {f"{gone}.down"}, answer.output


def test_a_host_without_drivers_says_which_and_measures_the_rest(one: Sandbox, bare_python: str) -> None:
    answer = deep_module(one)(python=bare_python)
    severities = {f["component"]: f["severity"] for f in answer.result["health"]["findings"]}
    for part in ("postgres", "redis", "queues", "workers", "jobs"):
        assert severities[part] == "unknown", part
    assert severities["storage"] == severities["load"] == severities["entrance"] == "ok"


def test_a_prometheus_that_is_not_there_is_unknown(one: Sandbox) -> None:
    answer = deep(one)(prometheus_url="http://127.0.0.1:1")
    assert answer.finding("metrics")["severity"] == "unknown"
    assert "the connection was refused" in answer.finding("metrics")["summary"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"thresholds": {"storage_critical": 95.0}}, "Give a share between 0 and 1"),
        ({"slo": 99.9}, "Give one like 0.999"),
        ({"thresholds": {"nonsense": 1}}, "nonsense"),
        ({"depth": "bottomless"}, "must be one of"),
    ],
)
def test_what_cannot_be_meant_is_refused(one: Sandbox, options: dict, words: str) -> None:
    answer = deep_module(one)(**options)
    assert answer.failed and words in answer.result["msg"]


THIRD = """
CREATE SCHEMA third;
CREATE TABLE third.jobs (
    id uuid PRIMARY KEY, status varchar(50) NOT NULL DEFAULT 'pending', priority varchar(20) NOT NULL DEFAULT 'normal',
    input_path varchar(1000) NOT NULL, output_path varchar(1000) NOT NULL, operations jsonb, progress float DEFAULT 0.0,
    stage varchar(100), created_at timestamptz NOT NULL DEFAULT now(), started_at timestamptz, completed_at timestamptz,
    error_message text, retry_count integer DEFAULT 0, worker_id varchar(100), api_key varchar(255)
);
INSERT INTO third.jobs (id, input_path, output_path, created_at)
VALUES ('00000000-0000-4000-8000-000000000003', 'a', 'b', now() - interval '2 hours');
ALTER ROLE rendiff_user SET search_path = third;
"""


def test_the_third_shape_has_other_words_and_fewer_columns(one: Sandbox) -> None:
    one.query(THIRD)
    try:
        answer = deep(one)()
    finally:
        one.query("ALTER ROLE rendiff_user RESET search_path; DROP SCHEMA third CASCADE")
    assert answer.result["health"]["measurements"]["jobs"]["counts"] == {"pending": 1}
    assert answer.finding("jobs.waiting")["severity"] == "warning"
    assert answer.finding("jobs.lost")["evidence"]["count"] == 1


def test_a_table_without_what_is_needed_is_named(one: Sandbox) -> None:
    one.query("CREATE SCHEMA odd; CREATE TABLE odd.jobs (id uuid, created_at timestamptz)")
    one.query("ALTER ROLE rendiff_user SET search_path = odd")
    try:
        answer = deep(one)()
    finally:
        one.query("ALTER ROLE rendiff_user RESET search_path")
        one.query("DROP SCHEMA odd CASCADE")
    found = answer.finding("jobs")
    assert found["severity"] == "unknown" and "the table has no column 'status'" in found["summary"]


def test_check_mode_says_the_same_and_everything_is_plain_data(one: Sandbox) -> None:
    answer = deep_module(one)(check=True)
    assert answer.result["changed"] is False
    assert json.loads(json.dumps(answer.result["health"]["measurements"]))
