# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_jobs on databases of its own, in every shape, where no worker comes between: filters, plans, refusals."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
import typing as t
import uuid
from pathlib import Path

import psycopg2
import pytest
import redis
from conftest import COLLECTIONS, ROOT, STEPS, Answer, Module, Sandbox
from jobs_common import core_change, core_info, message

from ansible_collections.rendiff.ops.plugins.module_utils._message import parse_message

DATABASE, DB = "rdops_scratch", 9
THIRD = """
CREATE TYPE job_status AS ENUM ('PENDING', 'PROCESSING', 'FAILED', 'COMPLETED', 'CANCELLED');
CREATE TABLE jobs (
    id varchar(80) PRIMARY KEY, status job_status NOT NULL DEFAULT 'PENDING',
    priority varchar(20) NOT NULL DEFAULT 'normal', input_path varchar(1000) NOT NULL,
    output_path varchar(1000) NOT NULL, operations jsonb, progress float DEFAULT 0.0,
    created_at timestamptz, started_at timestamptz, completed_at timestamptz,
    error_message text, attempts integer, api_key varchar(255)
);
"""
SHAPES = ("upstream", "runbook", "third")


class Scratch:
    """A database of jobs and a broker, both empty, and the modules that work on them."""

    def __init__(self, sandbox: Sandbox, shape: str, state_dir: str) -> None:
        self.sandbox = sandbox
        self.shape = shape
        self.naive = shape == "upstream"
        self.attempts = "attempts" if shape == "third" else "retry_count"
        common = {
            "project": sandbox.project,
            "login_db": DATABASE,
            "redis_db": DB,
            "state_dir": state_dir,
            "census_interval_s": 0,
        }
        self.module = Module("rendiff_jobs", **common, allow_unconsumed=True)
        self.change = core_change(**common, allow_unconsumed=True)
        del common["state_dir"]
        self.info_module = Module("rendiff_jobs_info", **common)
        self.info = core_info(**common)

    def connect(self, database: str = DATABASE) -> t.Any:
        """Open a connection that keeps every statement by itself."""
        connection = psycopg2.connect(
            host=self.sandbox.address("postgres"),
            user="rendiff_user",
            dbname=database,
            password=self.sandbox.secrets["POSTGRES_PASSWORD"],
            connect_timeout=10,
        )
        connection.autocommit = True
        return connection

    def query(self, statement: str, *parameters: t.Any, database: str = DATABASE) -> list[tuple[t.Any, ...]]:
        """Run a statement and return its rows."""
        with contextlib.closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def make(self) -> None:
        """Make the database anew."""
        self.drop()
        self.query(f"CREATE DATABASE {DATABASE}", database="postgres")
        if self.shape == "third":
            self.query(THIRD)
        else:
            self.query((ROOT / "tests/sandbox/postgres" / f"{self.shape}.sql").read_text(encoding="utf-8"))

    def drop(self) -> None:
        """Drop it, whoever uses it."""
        self.query(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)", database="postgres")

    def add(self, status: str, age_s: int | None, count: int = 1, identity: str = "", **more: t.Any) -> list[str]:
        """Add rows, in this site's spelling, and return their ids."""
        ids = [identity or str(uuid.uuid4()) for _index in range(count)]
        spelled = status.replace("queued", "pending").upper() if self.shape == "third" else status
        moment = f"now() - interval '{age_s} s'" if age_s is not None else "NULL"
        if self.naive and age_s is not None:
            moment = f"({moment}) AT TIME ZONE 'utc'"
        times = ["created_at"] + (["started_at"] if status != "queued" else [])
        priority = more.pop("priority", "normal")
        columns = ["id", "status", "priority", "input_path", "output_path", *times, *more]
        values = "%s, %s, %s, 'a', 'b', " + ", ".join([moment] * len(times) + ["%s"] * len(more))
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            for job in ids:
                statement = f"INSERT INTO jobs ({', '.join(columns)}) VALUES ({values})"
                cursor.execute(statement, [job, spelled, priority, *more.values()])
        return ids

    def add_many(self, count: int) -> None:
        """Add rows that are stuck, of the shape 'upstream'."""
        self.query(
            "INSERT INTO jobs (id, status, priority, input_path, output_path, created_at) SELECT gen_random_uuid(),"
            " 'processing', 'normal', 'a', 'b', now() - interval '9 hours' FROM generate_series(1, %s)",
            count,
        )

    def statuses(self) -> dict[str, int]:
        """Return how many rows have which status."""
        return dict(self.query("SELECT status::text, count(*) FROM jobs GROUP BY 1"))

    @contextlib.contextmanager
    def broker(self) -> t.Iterator[redis.Redis]:
        """Open the broker."""
        secret = self.sandbox.secrets["REDIS_PASSWORD"]
        client = redis.Redis(host=self.sandbox.address("redis"), password=secret, db=DB, socket_timeout=10)
        with contextlib.closing(client):
            yield client

    def sent(self, queue: str = "default", step: int = 1) -> list[str]:
        """Return the jobs for which a message waits, those served first first."""
        with self.broker() as client:
            raws = client.lrange(queue + STEPS[step], 0, -1)[::-1]
        return [parse_message(raw).job_id for raw in raws]


@pytest.fixture(name="scratch", params=SHAPES)
def fixture_scratch(request: pytest.FixtureRequest, one: Sandbox, tmp_path: t.Any) -> t.Iterator[Scratch]:
    """Return each shape in turn."""
    yield from prepared(Scratch(one, request.param, str(tmp_path)))


@pytest.fixture(name="plain")
def fixture_plain(one: Sandbox, tmp_path: t.Any) -> t.Iterator[Scratch]:
    """Return one shape, for what does not depend on it."""
    yield from prepared(Scratch(one, "upstream", str(tmp_path)))


def prepared(scratch: Scratch) -> t.Iterator[Scratch]:
    scratch.make()
    with scratch.broker() as client:
        client.flushdb()
    yield scratch
    with scratch.broker() as client:
        client.flushdb()
    scratch.drop()


def well(answer: Answer) -> dict[str, t.Any]:
    """Return the result of a module that must not have failed."""
    assert not answer.failed, answer.output
    return answer.result


def test_rows_of_every_shape_are_judged_and_sent_in_their_own_words(scratch: Scratch) -> None:
    old = scratch.add("processing", 30_000, 2)
    timeless = [] if scratch.shape != "third" else scratch.add("queued", None, identity='odd "id" \\ of\nlines')
    lost = scratch.add("queued", 600)
    young = scratch.add("queued", 5)
    between = scratch.add("processing", 600)
    done = scratch.add("completed", 600)
    with scratch.broker() as client:
        client.lpush("default" + STEPS[1], message(done[0]))
        # Delivered to a worker of which nobody knows anything, and for a job that is old enough to be lost otherwise.
        held = message(old[1])
        client.hset("unacked", "tag", json.dumps([json.loads(held), "", "default"]))
        client.zadd("unacked_index", {"tag": float(client.time()[0])})
        seen = well(scratch.info_module())["jobs"]
        assert seen["verdicts"] == {"ghost": 1, "lost": 2 + len(timeless), "unknown": 3}
        by_id = {job["job_id"]: job for job in seen["list"]}
        assert "nothing tells which worker has it" in by_id[old[1]]["why"] or "delivered" in by_id[old[1]]["why"]
        assert "less than 60 s" in by_id[young[0]]["why"] and "nothing proves" in by_id[between[0]]["why"]
        planned = well(scratch.change(state="reconciled", check=True))
        assert planned["jobs"]["planned"] == {"send": 2 + len(timeless), "sweep": 1}
        result = well(scratch.module(state="reconciled", plan=planned["plan_id"]))
        assert result["jobs"]["done"] == planned["jobs"]["planned"] and result["plan_id"] == planned["plan_id"]
        assert result["jobs"]["refused"] == 3
        # A row without any time is the oldest.
        assert [job for job in scratch.sent() if len(job) == 36] == [old[0], lost[0]]
        assert client.llen("default" + STEPS[1]) == 2 + len(timeless)
        assert client.hget(f"job:{old[0]}", "task_id") is not None and not client.exists("rdops:sent")
    queued = "PENDING" if scratch.shape == "third" else "queued"
    rows = scratch.query(f"SELECT status::text, {scratch.attempts} FROM jobs WHERE id::text = ANY(%s)", [old[0], *lost])
    assert rows == [(queued, 1)] * 2
    assert well(scratch.change(state="reconciled"))["changed"] is False


def test_a_table_without_what_is_needed_is_named_and_nothing_is_touched(plain: Scratch) -> None:
    plain.add("processing", 30_000)
    plain.query("ALTER TABLE jobs RENAME COLUMN status TO condition")
    refused = plain.change(state="queued")
    assert refused.failed and refused.result["msg"] == (
        "Cannot find the status of jobs: the table has no column 'status'."
    )
    plain.query("ALTER TABLE jobs RENAME COLUMN condition TO status")
    plain.query("ALTER TABLE jobs RENAME TO tasks")
    missing = plain.change(state="queued")
    assert missing.failed and "Cannot find the table 'jobs'" in missing.result["msg"]
    with plain.broker() as client:
        assert client.keys("*") == []


def test_filters_mean_what_they_say(plain: Scratch) -> None:
    key = "raw-" + uuid.uuid4().hex
    hashed = hashlib.sha256(key.encode()).hexdigest()
    raw = plain.add("processing", 40_000, api_key=key)
    other = plain.add("processing", 40_000, api_key=hashlib.sha256(b"other").hexdigest())
    scale = plain.add("processing", 30_000, operations=json.dumps([{"type": "scale"}, {"type": "trim"}]))
    high = plain.add("processing", 25_000, priority="high")

    def planned(**options: t.Any) -> int:
        return sum(well(plain.change(check=True, state="queued", **options))["jobs"]["planned"].values())

    assert planned() == 4
    assert [planned(api_key=given) for given in (key, hashed, "other", "nobody")] == [1, 1, 1, 0]
    assert [planned(operation=given) for given in ("scale", "trim", "crop")] == [1, 1, 0]
    assert [planned(queue=given) for given in ("default", "high", "low")] == [3, 1, 0]
    assert [planned(older_than_s=given) for given in (26_000, 35_000)] == [3, 2]
    assert planned(job_ids=[raw[0].upper(), scale[0]]) == 2
    done = plain.add("completed", 600)
    named = well(plain.change(check=True, state="queued", job_ids=[done[0], "nobody"]))["jobs"]
    assert named["unknown_ids"] == ["nobody"] and named["refused_sample"][0]["why"].startswith("it is completed")
    assert planned(statuses=["PROCESSING"]) == 4 and planned(statuses=["queued"]) == 0
    sent = plain.module(state="queued", api_key=key)
    assert well(sent)["jobs"]["done"] == {"send": 1} and key not in sent.output
    assert plain.sent() == raw
    well(plain.change(state="queued", queue="high"))
    assert plain.sent("high", 3) == high
    assert well(plain.change(state="queued"))["jobs"]["done"] == {"send": 2} and set(plain.sent()) == {
        *raw,
        *other,
        *scale,
    }


def test_a_limit_takes_the_oldest_and_tells_of_the_rest(plain: Scratch) -> None:
    oldest_first = [plain.add("processing", age)[0] for age in (60_000, 50_000, 40_000, 30_000)]
    result = well(plain.change(state="queued", max_jobs=3))
    assert result["jobs"]["over_limit"] == 1 and "1 are left by max_jobs" in result["msg"]
    assert plain.sent() == oldest_first[:3]
    unlimited = plain.change(state="queued", max_jobs=0)
    assert unlimited.failed and unlimited.result["msg"] == (
        "Cannot requeue jobs: neither a filter nor a limit is given, and it is not confirmed."
        f" Pass confirm={plain.sandbox.project}."
    )
    wrong = plain.change(state="cancelled", confirm="other")
    assert wrong.failed and "confirm is 'other'" in wrong.result["msg"]
    assert plain.statuses() == {"queued": 3, "processing": 1}
    assert well(plain.change(state="queued", max_jobs=0, confirm=plain.sandbox.project))["jobs"]["done"] == {"send": 1}
    cancelled = well(plain.change(state="cancelled", confirm=plain.sandbox.project, min_age_s=0))
    assert cancelled["jobs"]["done"] == {"cancel": 4} and plain.statuses() == {"cancelled": 4}
    assert plain.sent() == []


def test_a_status_that_the_site_has_no_word_for_is_refused_before_any_message_is_taken_out(
    one: Sandbox, tmp_path: Path
) -> None:
    scratch = Scratch(one, "third", str(tmp_path))
    for _prepared in prepared(scratch):
        scratch.query(
            "ALTER TABLE jobs ALTER status DROP DEFAULT, ALTER status TYPE text; DROP TYPE job_status;"
            "CREATE TYPE job_status AS ENUM ('PENDING', 'DONE');"
            "ALTER TABLE jobs ALTER status TYPE job_status USING status::job_status"
        )
        job = scratch.add("queued", 600)[0]
        with scratch.broker() as client:
            client.lpush("default" + STEPS[1], message(job))
            refused = scratch.change(state="cancelled", job_ids=[job])
            assert refused.failed and "its status is one of PENDING, DONE" in refused.result["msg"]
            assert client.llen("default" + STEPS[1]) == 1


def test_only_what_was_approved_is_done(plain: Scratch) -> None:
    approved = plain.add("processing", 30_000, 3)
    planned = well(plain.change(check=True, state="queued"))
    assert plain.statuses() == {"processing": 3} and plain.sent() == []
    later = plain.add("processing", 30_000)
    plain.query("UPDATE jobs SET status = 'completed' WHERE id = %s", approved[0])
    result = well(plain.change(state="queued", plan=planned["plan_id"]))
    assert result["jobs"]["done"] == {"send": 2} and sorted(plain.sent()) == sorted(approved[1:])
    assert (result["jobs"]["unapproved"], result["jobs"]["unapproved_sample"]) == (1, later)
    assert result["jobs"]["no_longer_valid"] == 1
    for plan, words in (("0123456789abcdef", "has no such plan"), ("../../etc/passwd", "is no plan_id")):
        refused = plain.change(state="queued", plan=plan)
        assert refused.failed and words in refused.result["msg"]
    path = next(iter(Path(plain.change.common["state_dir"]).glob("plans/*.gz")))
    assert path.parent.stat().st_mode & 0o777 == 0o700 and path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(path.read_bytes()[:-6])
    damaged = plain.change(state="queued", plan=planned["plan_id"])
    assert damaged.failed and "is damaged" in damaged.result["msg"]
    assert plain.statuses() == {"completed": 1, "queued": 2, "processing": 1}


def test_what_makes_no_sense_is_refused_before_anything_is_touched(plain: Scratch) -> None:
    plain.add("processing", 30_000, priority="urgent")
    for options, words in (
        ({"max_jobs": -1}, "max_jobs is -1, below 0"),
        ({"queue": "nowhere"}, "leads no job to queue 'nowhere'"),
        ({"job_routes": {"normal": "default"}}, "no queue and priority for 'normal'"),
        ({}, "does not say where jobs of priority 'urgent' go"),
        ({"login_password": "wrong"}, "authentication failed"),
        ({"redis_password": "wrong"}, "Cannot query Redis"),
        ({"progress_path": "/proc/none/progress"}, "Cannot write"),
    ):
        refused = (plain.module if "login_password" in options else plain.change)(state="queued", **options)
        assert refused.failed and words in refused.result["msg"], refused.output
        for secret in plain.sandbox.secrets.values():
            assert secret not in refused.output
    assert plain.statuses() == {"processing": 1}
    with plain.broker() as client:
        assert client.keys("*") == []


def test_a_redis_without_room_is_refused_and_loses_nothing(plain: Scratch) -> None:
    plain.add_many(2000)
    with plain.broker() as client:
        before = client.config_get("maxmemory*")
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 1_000_000)
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            refused = plain.change(state="queued", max_jobs=2000)
            assert refused.failed and "2000 messages need about" in refused.result["msg"]
            assert client.keys("*") == [] and plain.statuses() == {"processing": 2000}
            assert well(plain.change(state="queued", max_jobs=100))["jobs"]["done"] == {"send": 100}
        finally:
            for name in ("maxmemory", "maxmemory-policy"):
                client.config_set(name, before[name])


def test_two_runs_exclude_each_other_and_one_that_was_killed_is_inherited_from(plain: Scratch) -> None:
    jobs = plain.add("processing", 30_000, 2)
    with contextlib.closing(plain.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, 1)", [0x72646F70])
        refused = plain.change(state="queued")
        assert refused.failed and "another run of this is at work on the same database" in refused.result["msg"]
    with plain.broker() as client:
        client.set("rdops:busy", json.dumps({"what": "move queue 'x'", "token": "a", "since": "now"}), px=60_000)
        refused = plain.change(state="queued")
        assert refused.failed and "'move queue 'x'' is at work since now" in refused.result["msg"]
        name = f"{plain.sandbox.address('postgres')}:5432/{DATABASE}"
        killed = {"what": "requeue jobs", "token": "b", "since": "now", "heir": f"jobs of {name}"}
        client.set("rdops:busy", json.dumps(killed), px=60_000)
        assert well(plain.change(state="queued"))["jobs"]["done"] == {"send": 2}
        assert not client.exists("rdops:busy")
    assert sorted(plain.sent()) == sorted(jobs)


@pytest.mark.parametrize("what", ["postgres", "redis"])
def test_a_connection_that_breaks_in_the_middle_leaves_nothing_half_done(plain: Scratch, what: str) -> None:
    plain.add_many(20_000)
    answers: list[Answer] = []
    worker = threading.Thread(target=lambda: answers.append(plain.change(state="queued", max_jobs=20_000)))
    worker.start()
    with plain.broker() as client:
        while worker.is_alive() and not client.llen("default" + STEPS[1]):
            threading.Event().wait(0.005)
        if what == "postgres":
            plain.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rendiff.ops'"
                " AND datname = %s",
                DATABASE,
            )
        while what == "redis" and worker.is_alive():
            # Only of the database that is ours: a worker that loses some of its connections is not what it was.
            for each in client.client_list():
                if each["db"] == str(DB) and int(each["id"]) != client.client_id():
                    client.client_kill_filter(_id=each["id"])
        worker.join(60)
    assert answers[0].failed and answers[0].result["msg"].startswith("Cannot query"), answers[0].output
    assert plain.statuses().get("queued", 0) < 20_000
    again = well(plain.change(state="queued", max_jobs=20_000))
    assert plain.statuses() == {"queued": 20_000}
    assert len(plain.sent()) == len(set(plain.sent())) == 20_000
    assert again["jobs"]["done"].get("send", 0) + again["jobs"]["done"].get("mark", 0) > 0


def test_how_far_it_is_can_be_read_while_it_runs(plain: Scratch, tmp_path: t.Any) -> None:
    plain.add_many(20_000)
    path = tmp_path / "progress" / "now.json"
    seen: list[dict[str, t.Any]] = []
    options = {"state": "queued", "max_jobs": 20_000, "progress_path": str(path)}
    worker = threading.Thread(target=lambda: well(plain.change(**options)))
    worker.start()
    while worker.is_alive():
        with contextlib.suppress(FileNotFoundError):
            seen.append(json.loads(path.read_text(encoding="utf-8")))
        threading.Event().wait(0.02)
    worker.join()
    steps = [(told["step"], told["total"]) for told in seen]
    assert ("look", 0) in steps and ("send", 20_000) in steps and not path.exists()


def test_a_job_that_ends_each_of_its_workers_is_given_up_where_the_runbooks_update_never_counts(plain: Scratch) -> None:
    job = plain.add("processing", 30_000)[0]
    for _time in range(5):
        # What the runbook does, and then what the job does to its worker.
        plain.query(
            "UPDATE jobs SET status = 'queued' WHERE status = 'processing' AND created_at < now() - interval '1 h'"
        )
        plain.query("UPDATE jobs SET status = 'processing'")
    assert plain.query("SELECT coalesce(retry_count, 0) FROM jobs") == [(0,)]
    for tries in range(1, 5):
        done = well(plain.change(state="queued", max_attempts=3))["jobs"]["done"]
        if tries <= 3:
            assert done == {"send": 1} and plain.sent() == [job]
            with plain.broker() as client:
                client.flushdb()
            old = "created_at = now() - interval '9 hours', started_at = NULL, updated_at = NULL"
            plain.query(f"UPDATE jobs SET status = 'processing', {old}")
    assert done == {"park": 1} and plain.statuses() == {"failed": 1}


def test_how_far_it_is_is_shown_while_a_playbook_waits(plain: Scratch, tmp_path: t.Any) -> None:
    plain.add_many(60_000)
    path = tmp_path / "now"
    answer = plain.module(state="queued", max_jobs=60_000, progress_interval_s=0.1, progress_path=str(path))
    assert well(answer)["jobs"]["done"] == {"send": 60_000} and "ansible_job_id" not in answer.result
    assert "target: send: " in answer.output and " of 60,000 (" in answer.output
    assert not path.exists() and not list(Path.home().glob(".ansible_async/j*"))
    # What is refused is told as ever, and what is no number at once.
    assert "below 0" in plain.module(state="queued", min_age_s=-1, progress_interval_s=0.1).result["msg"]
    refused = plain.module(state="queued", progress_interval_s="soon")
    assert refused.failed and "progress_interval_s is 'soon'" in refused.result["msg"]


def test_of_several_messages_of_the_same_bytes_one_stays(plain: Scratch) -> None:
    twice, gone = plain.add("queued", 3600)[0], plain.add("cancelled", 3600)[0]
    with plain.broker() as client:
        for job in (twice, gone):
            raw = message(job)
            client.lpush("default" + STEPS[1], raw, raw, raw)
        client.lpush("default" + STEPS[1], message(plain.add("queued", 3600)[0]))
    done = well(plain.change(state="reconciled"))["jobs"]["done"]
    assert done == {"thin": 1, "sweep": 1}
    assert plain.sent()[0] == twice and len(plain.sent()) == 2
    assert not well(plain.change(state="reconciled"))["changed"]


def test_a_host_without_the_driver_says_which(one: Sandbox, bare_python: str) -> None:
    refused = Module("rendiff_jobs", project=one.project)(state="queued", python=bare_python)
    assert refused.failed and "the Python module psycopg2 is missing" in refused.result["msg"]


def test_killed_anywhere_again_and_again_nothing_is_lost_or_sent_twice(one: Sandbox) -> None:
    argv = [sys.executable, str(ROOT / "tests/chaos/requeue.py"), "--sandbox", one.name, "--campaigns", "2"]
    argv += ["--jobs", "600", "--consumed-campaigns", "1", "--consumed-jobs", "150", "--killed-in", "40"]
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost=0 doubled=0 PASS" in done.stdout
