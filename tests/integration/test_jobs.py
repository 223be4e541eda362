# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_jobs_info and rendiff_jobs beside real workers: each verdict by what really brings it about."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import typing as t
import urllib.request

import pytest
import redis
from conftest import STEPS, WITHIN_S, Sandbox, docker, run, until
from jobs_common import Jobs, message


@pytest.fixture(name="jobs")
def fixture_jobs(sandbox: Sandbox) -> t.Iterator[Jobs]:
    """Return each sandbox's jobs in turn."""
    yield from prepared(sandbox)


@pytest.fixture(name="newest")
def fixture_newest() -> t.Iterator[Jobs]:
    """Return the jobs of the sandbox with upstream's schema and the newest Celery."""
    yield from prepared(Sandbox("main"))


@pytest.fixture(name="oldest")
def fixture_oldest() -> t.Iterator[Jobs]:
    """Return the jobs of the sandbox with the runbook's schema and the oldest Celery."""
    yield from prepared(Sandbox("rb"))


def prepared(sandbox: Sandbox) -> t.Iterator[Jobs]:
    """Give the jobs of a sandbox, and leave none behind that is not at its end."""
    jobs = Jobs(sandbox)
    jobs.idle()
    yield jobs
    sandbox.query("DELETE FROM jobs WHERE status IN ('queued', 'processing', 'pending')")
    with sandbox.broker() as client:
        for queue in ("default", "high", "low"):
            client.delete(*[queue + step for step in STEPS])
        left = list(client.scan_iter("rdops:*"))
        if left:
            client.delete(*left)


def delete_messages(jobs: Jobs) -> None:
    """Take away what an eviction takes away."""
    with jobs.sandbox.broker() as client:
        client.delete(*["default" + step for step in STEPS])


def runs(jobs: Jobs, job: str) -> int:
    """Return how often a worker has begun a job, by its log."""
    logged = run(["docker", "logs", jobs.worker])
    return (logged.stdout + logged.stderr).count(f"Job completed: {job}")


def test_a_lost_job_runs_again_where_the_runbooks_snippet_leaves_it_for_ever(jobs: Jobs) -> None:
    with jobs.stopped():
        ids = jobs.sandbox.submit("--count", "3")
        assert jobs.verdict(ids[0])["verdict"] == "waiting"
        delete_messages(jobs)
    found = jobs.verdict(ids[0])
    assert (found["verdict"], found["would"]) == ("lost", "send")
    # The runbook's snippet, mended so that it runs: it sets the row, and sends nothing.
    for job in ids:
        jobs.set(job, "status = 'queued'")
    threading.Event().wait(3)
    assert {jobs.status(job) for job in ids} == {"queued"}
    answer = jobs.apply(state="queued", whole=True)
    assert answer.result["jobs"]["done"] == {"send": 3}
    jobs.wait(ids, "completed")
    assert [jobs.row(job)["retry_count"] for job in ids] == [1, 1, 1]
    assert [runs(jobs, job) for job in ids] == [1, 1, 1]
    again = jobs.change(state="queued")
    assert again.result["changed"] is False and again.result["msg"] == "Nothing is to be done."
    for secret in [*jobs.sandbox.secrets.values(), jobs.sandbox.api_key]:
        assert secret not in answer.output


def test_the_api_finds_the_task_of_a_job_that_was_sent_anew(newest: Jobs) -> None:
    with newest.stopped():
        job = newest.sandbox.submit("--count", "1", "--priority", "high")[0]
        with newest.sandbox.broker() as client:
            client.delete("high" + STEPS[3])
            answer = newest.change(state="queued", allow_unconsumed=True)
            assert answer.result["jobs"]["done"] == {"send": 1}
            raws = client.lrange("high" + STEPS[3], 0, -1)
            assert len(raws) == 1 and client.hget(f"job:{job}", "task_id") in raws[0]
    newest.wait([job], "completed")


def test_the_job_of_a_worker_that_was_killed_is_put_back_and_not_sent_twice(jobs: Jobs) -> None:
    job = jobs.start_long(5)
    docker("kill", "-s", "KILL", jobs.worker)
    try:
        with jobs.sandbox.broker() as client:
            assert client.hlen("unacked") == 1
            # With the runbook's snippet and a message sent by hand, two messages would run it.
            found = jobs.verdict(job)
            assert (found["verdict"], found["would"], found["evidence"]) == ("orphan", "restore", {"orphan": 1})
            assert "does not run" in found["why"]
            answer = jobs.apply(state="queued", allow_unconsumed=True)
            assert answer.result["jobs"]["done"] == {"restore": 1}
            assert client.hlen("unacked") == 0 and jobs.status(job) == "queued"
            assert jobs.verdict(job)["verdict"] == "waiting"
            assert jobs.change(state="queued").result["changed"] is False
    finally:
        docker("start", jobs.worker)
        jobs.well()
    jobs.wait([job], "completed")
    assert (jobs.row(job)["retry_count"], runs(jobs, job)) == (1, 1)


def test_a_job_whose_child_was_killed_is_lost_though_its_worker_lives(jobs: Jobs) -> None:
    job = jobs.start_long(30)
    assert jobs.verdict(job)["verdict"] == "running"
    refused = jobs.change(state="queued", job_ids=[job])
    assert refused.result["changed"] is False and "runs it" in refused.result["msg"]
    for child in jobs.children():
        os.kill(int(child), signal.SIGKILL)
    until(lambda: jobs.verdict(job)["verdict"] != "running", "the worker noticed")
    until(lambda: jobs.verdict(job)["verdict"] == "lost", "the job is lost")
    found = jobs.verdict(job)
    assert "answers and does not have it" in found["why"] and jobs.status(job) == "processing"
    # A row that moved a moment ago may be in the hands of somebody.
    assert jobs.verdict(job, min_age_s=3600)["verdict"] == "unknown"
    jobs.sandbox.query("UPDATE jobs SET options = '{}' WHERE id::text = %s", job)
    assert jobs.apply(state="queued").result["jobs"]["done"] == {"send": 1}
    jobs.wait([job], "completed")


def test_nothing_is_done_beside_a_worker_that_hangs(oldest: Jobs) -> None:
    job = oldest.start_long(4)
    docker("pause", oldest.worker)
    try:
        found = oldest.verdict(job, census_timeout_s=0.7)
        assert found["verdict"] == "unknown"
        answer = oldest.change(state="reconciled", stuck_after_s=0, census_timeout_s=0.7)
        assert answer.result["changed"] is False and answer.result["jobs"]["refused"] == 1
        assert "0 of 1 workers" in answer.result["jobs"]["unsure"] and "left alone" in answer.result["msg"]
        with oldest.sandbox.broker() as client:
            assert client.hlen("unacked") == 1
    finally:
        docker("unpause", oldest.worker)
    oldest.wait([job], "completed")
    assert runs(oldest, job) == 1


def test_a_job_whose_worker_only_lost_its_connection_is_never_sent_anew(jobs: Jobs) -> None:
    job = jobs.start_long(15)
    address = docker("exec", jobs.worker, "hostname", "-i").split()[0]
    with jobs.sandbox.broker() as client:
        for connection in client.client_list():
            if connection["addr"].split(":")[0] == address:
                with contextlib.suppress(redis.exceptions.ResponseError):
                    client.client_kill(connection["addr"])
    # The worker puts back by itself what it has not acknowledged, and goes on with it: it is never lost.
    seen = set()
    # Where both runs of it write at once, the one that ends last may fail, and the row says so.
    deadline = time.monotonic() + WITHIN_S
    while jobs.status(job) not in ("completed", "failed"):
        assert time.monotonic() < deadline, jobs.row(job)
        seen.add(jobs.verdict(job)["verdict"])
        # Its row moves all the while, and so it is left alone; what Celery 5.4 says that it runs is then not all.
        assert jobs.change(state="queued", min_age_s=30).result["jobs"]["planned"] == {}
    assert seen and not seen & {"lost", "orphan"}, seen
    assert jobs.row(job)["retry_count"] in (0, None)
    jobs.idle()
    assert runs(jobs, job) >= 1


def test_of_several_messages_one_is_left(newest: Jobs) -> None:
    with newest.stopped():
        job = newest.sandbox.submit("--count", "1")[0]
        with newest.sandbox.broker() as client:
            client.lpush("default" + STEPS[1], message(job))
            client.rpush("default", message(job))
            first = client.lrange("default", 0, -1)
            found = newest.verdict(job)
            assert (found["verdict"], found["would"], found["evidence"]) == ("duplicate", "thin", {"lists": 3})
            assert newest.change(state="queued").result["changed"] is False
            assert newest.apply(state="reconciled").result["jobs"]["done"] == {"thin": 1}
            assert client.lrange("default", 0, -1) == first and client.llen("default" + STEPS[1]) == 0
            assert newest.change(state="reconciled").result["changed"] is False
    newest.wait([job], "completed")
    assert runs(newest, job) == 1


def test_a_message_for_a_job_that_a_worker_runs_is_taken_out(oldest: Jobs) -> None:
    job = oldest.start_long(12)
    other = oldest.start_long(12)
    with oldest.sandbox.broker() as client:
        # Both processes of the worker are busy, so it stays.
        client.lpush("default" + STEPS[1], message(job))
        found = oldest.verdict(job)
        assert (found["verdict"], found["would"]) == ("duplicate", "thin")
        assert oldest.apply(state="reconciled").result["jobs"]["done"] == {"thin": 1}
        assert client.llen("default" + STEPS[1]) == 0
    oldest.wait([job, other], "completed")
    assert runs(oldest, job) == 1


def test_the_message_that_the_apis_cancel_leaves_does_not_run_the_job(newest: Jobs) -> None:
    with newest.stopped():
        job = newest.sandbox.submit("--count", "1")[0]
        request = urllib.request.Request(
            f"http://127.0.0.1:{newest.sandbox.facts['http_port']}/api/v1/jobs/{job}",
            method="DELETE",
            headers={"Host": newest.sandbox.facts["host"], "X-API-Key": newest.sandbox.api_key},
        )
        urllib.request.urlopen(request, timeout=10).close()
        found = newest.verdict(job)
        assert (found["verdict"], found["would"]) == ("ghost", "sweep")
        # Not before its age: somebody may be at work on it.
        assert newest.change(state="reconciled", min_age_s=3600).result["changed"] is False
        assert newest.apply(state="reconciled").result["jobs"]["done"] == {"sweep": 1}
    newest.idle()
    assert newest.status(job) == "cancelled" and runs(newest, job) == 0


def test_a_cancelled_job_leaves_no_message_and_a_running_one_is_stopped_only_on_request(oldest: Jobs) -> None:
    running = oldest.start_long(60)
    with oldest.sandbox.broker() as client:
        refused = oldest.change(state="cancelled", job_ids=[running])
        assert refused.result["changed"] is False and "pass terminate=true" in refused.result["msg"]
        second = oldest.start_long(60)
        waiting = oldest.sandbox.submit("--count", "1")[0]
        answer = oldest.apply(state="cancelled", job_ids=[waiting, "no-such-job"])
        assert answer.result["jobs"]["done"] == {"cancel": 1}
        assert answer.result["jobs"]["unknown_ids"] == ["no-such-job"]
        assert client.llen("default" + STEPS[1]) == 0 and client.hget(f"job:{waiting}", "status") == b"cancelled"
        answer = oldest.apply(state="cancelled", job_ids=[running, second], terminate=True)
        assert answer.result["jobs"]["done"] == {"stop": 2} and answer.result["jobs"]["still_running"] == []
        assert client.hlen("unacked") == 0
    assert {oldest.status(job) for job in (running, second, waiting)} == {"cancelled"}
    assert oldest.change(state="cancelled", job_ids=[running, second, waiting]).result["changed"] is False
    assert oldest.change(state="reconciled").result["changed"] is False


def test_a_job_is_said_to_be_stopped_when_its_encoder_is_gone_and_no_other_encoder_is_touched(jobs: Jobs) -> None:
    # Longer than all that follows takes, on any machine.
    stopped, other = jobs.start_long(600), jobs.start_long(600)
    until(lambda: len(jobs.encoders()) == 2, "both encode")
    answer = jobs.change(state="cancelled", job_ids=[stopped], terminate=True)
    assert [command for command in jobs.encoders() if other in command] == jobs.encoders() != []
    assert answer.result["jobs"]["done"] == {"stop": 1} and answer.result["jobs"]["still_running"] == []
    assert answer.result["jobs"]["encoders_ended"] == [stopped], answer.output
    assert "The encoders of 1 went on, and were ended." in answer.result["msg"]
    # Its place is free, and what it had is not taken for a result.
    jobs.wait(jobs.sandbox.submit("--count", "1"), "completed", 15)
    assert jobs.status(other) == "processing"
    answer = jobs.change(state="cancelled", job_ids=[other], terminate=True)
    assert answer.result["jobs"]["encoders_ended"] == [other] and jobs.encoders() == []
    assert {jobs.status(job) for job in (stopped, other)} == {"cancelled"}


def test_a_message_that_stops_every_worker_is_put_aside(newest: Jobs) -> None:
    with newest.stopped():
        job = newest.sandbox.submit("--count", "1")[0]
        with newest.sandbox.broker() as client:
            client.rpush("default", b"no json")
            answer = newest.apply(state="reconciled")
            assert answer.result["jobs"]["done"] == {"park_message": 1} and "no json" not in answer.output
            assert client.lrange("rdops:parked:default", 0, -1) == [b"no json"] and client.llen("default") == 0
            assert newest.change(state="reconciled").result["changed"] is False
    newest.wait([job], "completed")


def test_a_job_that_was_tried_too_often_is_given_up_and_kept(oldest: Jobs) -> None:
    job = oldest.start_long(20)
    docker("kill", "-s", "KILL", oldest.worker)
    try:
        oldest.set(job, "retry_count = 3")
        found = oldest.verdict(job)
        assert (found["verdict"], found["would"]) == ("poison", "park")
        assert oldest.apply(state="queued").result["jobs"]["done"] == {"park": 1}
        assert oldest.status(job) == "failed" and "as often as is allowed" in oldest.row(job)["error_message"]
        with oldest.sandbox.broker() as client:
            assert client.hlen("unacked") == 0 and client.llen("rdops:parked:default") == 1
        refused = oldest.change(state="queued", statuses=["failed"], job_ids=[job])
        assert refused.result["changed"] is False and "it was tried 3 times" in refused.result["msg"]
    finally:
        docker("start", oldest.worker)
        oldest.well()
    # One that was put in later is served, so nothing for it waits before that.
    oldest.wait(oldest.sandbox.submit("--count", "1"), "completed")
    assert oldest.status(job) == "failed" and runs(oldest, job) == 0


def test_a_failed_job_is_tried_again_only_when_asked(newest: Jobs) -> None:
    job = newest.sandbox.submit("--count", "1", "--fail")[0]
    newest.wait([job], "failed")
    newest.idle()
    assert newest.change(state="queued").result["changed"] is False
    newest.sandbox.query("UPDATE jobs SET options = '{}' WHERE id::text = %s", job)
    assert newest.apply(state="queued", statuses=["failed"], job_ids=[job]).result["jobs"]["done"] == {"send": 1}
    newest.wait([job], "completed")
    assert newest.row(job)["error_message"] is None


def test_a_job_that_does_not_move_is_told_and_left_alone(oldest: Jobs) -> None:
    job = oldest.start_long(10)
    old = "now() - interval '7 hours'"
    oldest.sandbox.query(
        f"UPDATE jobs SET updated_at = {old}, started_at = {old}, created_at = {old} WHERE id::text = %s", job
    )
    found = oldest.verdict(job, hung_after_s=0)
    assert found["verdict"] == "hung" and found["would"] is None
    oldest.wait([job], "completed")


def test_a_job_whose_messages_were_put_aside_is_not_sent(newest: Jobs) -> None:
    with newest.stopped():
        job = newest.sandbox.submit("--count", "1")[0]
        with newest.sandbox.broker() as client:
            client.rename("default" + STEPS[1], "rdops:trash:default:20261123T000000.000000Z:3")
            found = newest.verdict(job)
            assert found["verdict"] == "unknown" and "put aside" in found["why"]
            assert newest.change(state="reconciled").result["changed"] is False
            client.rename("rdops:trash:default:20261123T000000.000000Z:3", "default\x06\x165")
            assert "outside the configured priority steps" in newest.verdict(job)["why"]
            assert newest.change(state="reconciled").result["changed"] is False
            client.rename("default\x06\x165", "default" + STEPS[1])
    newest.wait([job], "completed")


def test_everything_works_while_the_api_is_down(oldest: Jobs) -> None:
    with oldest.stopped():
        job = oldest.sandbox.submit("--count", "1")[0]
        delete_messages(oldest)
    api = oldest.sandbox.container("api")
    with oldest.sandbox.broken(["stop", "-t", "3", api], ["start", api]):
        assert oldest.apply(state="queued").result["jobs"]["done"] == {"send": 1}
        oldest.wait([job], "completed")


def test_no_job_is_sent_where_nobody_listens(newest: Jobs) -> None:
    with newest.stopped():
        job = newest.sandbox.submit("--count", "1")[0]
        delete_messages(newest)
        refused = newest.change(state="queued")
        assert refused.failed and "no live worker consumes queue 'default'" in refused.result["msg"]
        assert newest.row(job)["retry_count"] in (0, None)
        with newest.sandbox.broker() as client:
            assert not client.exists("default" + STEPS[1]) and not client.exists("rdops:busy")
    assert (
        newest.change(state="queued", task="worker.nobody").result["msg"].startswith("Cannot requeue jobs: no worker")
    )
    assert newest.apply(state="queued").result["jobs"]["done"] == {"send": 1}
    newest.wait([job], "completed")
