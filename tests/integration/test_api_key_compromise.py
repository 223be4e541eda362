# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key in the wrong hands: what is found out about it, the proof that it is refused, the watch."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import typing as t
import uuid
from pathlib import Path

import psycopg2
import pytest
from conftest import ROOT, Module, Sandbox, docker, until
from keys_common import CORPUS, Keys, keys_on, user

from ansible_collections.rendiff.ops.plugins.module_utils._api_key import hash_key

HOUR, DAY = 3600, 86_400
PLAYBOOK_S = 180
# What the entrypoint SQL of the deployed service makes of both tables.
THIRD = """
CREATE TABLE api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), key_hash varchar(255) NOT NULL UNIQUE, name varchar(100),
    description text, is_active boolean DEFAULT true, rate_limit integer DEFAULT 1000,
    permissions jsonb DEFAULT '[]'::jsonb, created_at timestamptz DEFAULT now(), expires_at timestamptz,
    last_used_at timestamptz, usage_count integer DEFAULT 0
);
CREATE TABLE jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), status varchar(50) NOT NULL DEFAULT 'pending',
    priority varchar(20) NOT NULL DEFAULT 'normal', input_path varchar(1000) NOT NULL,
    output_path varchar(1000) NOT NULL, operations jsonb, progress float DEFAULT 0.0,
    created_at timestamptz NOT NULL DEFAULT now(), started_at timestamptz, completed_at timestamptz,
    retry_count integer DEFAULT 0, worker_id varchar(100), error_message text, api_key varchar(255),
    webhook_url varchar(1000)
);
"""


@pytest.fixture(name="keys", params=["main", "rb"])
def fixture_keys(request: pytest.FixtureRequest, tmp_path: Path) -> t.Iterator[Keys]:
    """Return the modules on both schemas in turn."""
    yield from keys_on(request.param, tmp_path)


@contextlib.contextmanager
def rows(keys: Keys, raw: str, wanted: t.Sequence[t.Mapping[str, t.Any]]) -> t.Iterator[None]:
    """Let a key have jobs of some ages, with other columns as they are given, while the block runs."""
    ids = []
    for each in wanted:
        columns = {"status": "completed", "priority": "normal", "input_path": "/storage/input/own.mp4", **each}
        age = columns.pop("age_s")
        columns = {name: value for name, value in columns.items() if keys.raw_in_jobs or name != "webhook_url"}
        ids.append(str(uuid.uuid4()))
        naive = " AT TIME ZONE 'UTC'" if keys.raw_in_jobs else ""
        keys.sandbox.query(
            f"INSERT INTO jobs (id, api_key, created_at, {', '.join(columns)})"
            f" VALUES (%s, %s, (now() - %s * interval '1 s'){naive}, {', '.join(['%s'] * len(columns))})",
            *(ids[-1], raw if keys.raw_in_jobs else hash_key(raw), age, *columns.values()),
        )
    try:
        yield
    finally:
        keys.sandbox.query("DELETE FROM jobs WHERE id::text = ANY (%s)", ids)


def answer(investigation: t.Mapping[str, t.Any], question: str) -> dict[str, t.Any]:
    """Return the answer to a question, by its first words."""
    (found,) = [each for each in investigation["answers"] if each["question"].startswith(question)]
    return found


def test_an_investigation_tells_what_is_unlike_before_and_only_that(keys: Keys) -> None:
    owner, other = user(), user()
    identity, raw = keys.make(owner)
    _other_id, other_raw = keys.make(other)
    second, _raw = keys.make(owner)
    usual = [{"age_s": 2 * DAY + HOUR, "output_path": "s3://ours/a.mp4"} for _each in range(3)]
    with rows(keys, raw, [*usual, {"age_s": 60, "output_path": "s3://ours/b.mp4"}]):
        calm = keys.info(key_id=identity, investigate=True, window_s=HOUR).result["investigation"]
        assert not answer(calm, "Where did results")["suspicious"] and not answer(calm, "Whose files")["suspicious"]
        assert calm["jobs"]["jobs"] == 1 and calm["jobs_before"]["jobs"] == 3
    strange = [
        {"age_s": 50, "output_path": "s3://thief/x.mp4", "webhook_url": "https://u:sesame@thief.example/hook?t=1"},
        {"age_s": 40, "output_path": "/storage/output/c.mp4", "input_path": "/storage/output/private.mp4"},
        {"age_s": 30, "output_path": "/storage/output/d.mp4", "status": "queued"},
    ]
    private = [{"age_s": DAY, "output_path": "/storage/output/private.mp4"}]
    with rows(keys, raw, [*usual, *strange]), rows(keys, other_raw, private):
        assert keys.answers(raw) == 200 and keys.answers(other_raw) == 200
        looked = keys.info(key_id=identity, investigate=True, window_s=HOUR)
        found = looked.result["investigation"]
    places = {place["place"] for place in found["destinations"] if place["is_foreign"]}
    assert places == {"s3://thief", *(["https://thief.example"] if keys.raw_in_jobs else [])}
    assert found["foreign_inputs"] == {_other_id: 1} and found["open_jobs_total"] == 1
    assert [key["id"] for key in found["other_keys_of_user"]] == [second]
    (address,) = found["addresses"]["list"]
    assert address["requests"] >= 1 and _other_id in address["other_keys"]
    assert found["events"][-1]["key_id"] == identity and len(found["answers"]) == 10
    assert answer(found, "Where did results")["suspicious"] and answer(found, "Whose files")["suspicious"]
    for secret in (raw, other_raw, hash_key(raw), "sesame"):
        assert secret not in looked.output


def test_the_runbooks_queries_find_nothing_where_there_is_something(keys: Keys) -> None:
    identity, raw = keys.make(user())
    digest = hash_key(raw)
    with keys.jobs_of(raw, 2):
        assert keys.answers(raw) == 200
        found = keys.info(key_id=identity, investigate=True).result["investigation"]
        assert found["jobs"]["jobs"] == 2 and len(found["events"]) >= 1
        # The api logs no hash, so that a search for it comes back empty.
        logs = [docker("logs", "--since", "5m", keys.sandbox.container("api", number)) for number in (1, 2)]
        assert not any(digest in log for log in logs)
        counted = keys.sandbox.query("SELECT count(*) FROM jobs WHERE api_key = %s", digest)[0][0]
        assert counted == (0 if keys.raw_in_jobs else 2)


@pytest.mark.parametrize("keys", ["main"], indirect=True)
def test_hostile_texts_of_an_attacker_are_data(keys: Keys) -> None:
    identity, raw = keys.make(user())
    hostile = [{"age_s": 10, "output_path": f"s3://{word}/x", "input_path": word} for word in (*CORPUS, "\x1b[31m")]
    with rows(keys, raw, hostile):
        looked = keys.info(key_id=identity, investigate=True)
        found = looked.result["investigation"]
        assert found["jobs"]["jobs"] == len(hostile) and keys.sandbox.query("SELECT count(*) FROM api_keys")
        assert all(place["place"].isprintable() for place in found["destinations"])
        assert "s3://49" not in looked.output and not Path("/tmp/rdops-owned").exists()


@pytest.mark.parametrize("keys", ["main"], indirect=True)
def test_every_replica_must_refuse_a_revoked_key(keys: Keys) -> None:
    identity, raw = keys.make(user())
    leaked = keys.folder / "leaked"
    leaked.write_text(raw, encoding="utf-8")
    project = keys.sandbox.project
    docker("pause", keys.sandbox.container("api", 2))
    try:
        silent = keys.change(state="revoked", key_path=str(leaked), prove_s=1)
    finally:
        docker("unpause", keys.sandbox.container("api", 2))
    (refusal,) = silent.result["refusals"]
    assert silent.result["changed"] and not refusal["proven"] and f"{project}-api-2 did not answer" in refusal["said"]
    proved = keys.change(state="revoked", key_path=str(leaked), prove_s=60)
    (refusal,) = proved.result["refusals"]
    assert not proved.result["changed"] and refusal["proven"] and refusal["by"] == "the key itself"
    by_target = {target["target"]: target["status"] for target in refusal["targets"]}
    assert by_target == {f"{project}-api-1": 401, f"{project}-api-2": 401, "the proxy": 401}
    assert raw not in silent.output + proved.output
    # Known by its hash alone, it is proven with another key, of which nothing stays.
    (other,) = keys.change(state="revoked", key_id=identity, prove_s=60).result["refusals"]
    assert other["proven"] and other["by"] != refusal["by"]
    assert keys.sandbox.query("SELECT count(*) FROM api_keys WHERE name LIKE %s", "rendiff-ops-proof%")[0][0] == 0


def test_a_watched_key_tells_who_still_tries_it_and_when_it_comes_back(keys: Keys) -> None:
    identity, raw = keys.make(user())
    leaked = keys.folder / "leaked"
    leaked.write_text(raw, encoding="utf-8")
    keys.change(state="revoked", key_path=str(leaked))
    assert keys.change(check=True, state="watched", key_path=str(leaked)).result["changed"]
    assert keys.info(key_id=identity).result["api_keys"]["watched"] == []
    watched = keys.change(state="watched", key_path=str(leaked), incident="INC-1")
    assert watched.result["changed"] and raw not in watched.output
    assert not keys.change(state="watched", key_path=str(leaked)).result["changed"]
    assert keys.change(state="watched", key_path=str(leaked), watch_s=DAY * 30).result["changed"]
    (quiet,) = keys.info(key_id=identity).result["api_keys"]["watched"]
    assert (quiet["attempts"], quiet["came_back"], quiet["incident"]) == (0, False, "INC-1")
    assert keys.answers(raw) == 401

    def tried() -> t.Any:
        (each,) = keys.info(key_id=identity).result["api_keys"]["watched"]
        return each if each["attempts"] else None

    seen = until(tried, "the attempt is told of", 20)
    assert seen["attempts"] == 1 and not seen["came_back"] and len(seen["addresses"]) == 1
    # A proof is no attempt of a thief.
    keys.change(state="revoked", key_path=str(leaked), prove_s=30)
    assert tried()["attempts"] == 1
    # As a restore of the database does it.
    revoked_at = ", revoked_at = NULL"
    keys.sandbox.query(f"UPDATE api_keys SET is_active = true{revoked_at} WHERE id::text = %s", identity)
    (back,) = keys.info(key_id=identity).result["api_keys"]["watched"]
    assert back["came_back"] and "revoke it again" in back["summary"]
    assert keys.change(state="watched", key_id=identity, watch_s=0).result["changed"]
    assert keys.info(key_id=identity).result["api_keys"]["watched"] == []


@pytest.mark.parametrize("keys", ["main"], indirect=True)
def test_the_runbooks_monitoring_key_is_read_by_nobody(keys: Keys) -> None:
    identity, raw = keys.make(user())
    name = f"monitor:api_key:{hash_key(raw)}"
    with keys.sandbox.broker() as broker:
        broker.set(name, "true")
        try:
            before = time.monotonic()
            assert keys.answers(raw) == 200
            time.sleep(2)
            # What the service had read would have been touched since.
            assert broker.object("idletime", name) >= int(time.monotonic() - before) - 1
            assert keys.info(key_id=identity).result["api_keys"]["watched"] == []
        finally:
            broker.delete(name)


def test_jobs_are_found_by_the_id_of_their_key_in_whatever_form_they_hold_it(keys: Keys) -> None:
    identity, raw = keys.make(user())
    jobs = Module("rendiff_jobs", project=keys.sandbox.project, census_interval_s=0.2, min_age_s=0)
    with keys.jobs_of(raw, 2) as ids:
        keys.sandbox.query("UPDATE jobs SET status = 'queued' WHERE id::text = ANY (%s)", ids)
        cancelled = jobs(state="cancelled", api_key_id=identity)
        assert cancelled.result["changed"]
        found = keys.sandbox.query("SELECT DISTINCT status FROM jobs WHERE id::text = ANY (%s)", ids)
        assert [row[0] for row in found] == ["cancelled"]
        refused = jobs(state="cancelled", api_key_id=str(uuid.uuid4()))
        assert refused.failed and "there is no key with key_id" in refused.result["msg"]


class Third:
    """The third shape of both tables, in a database of its own; no api reads it."""

    NAME = "rdops_keys"

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def query(self, statement: str, *values: t.Any, database: str = NAME) -> list[tuple[t.Any, ...]]:
        """Run a statement and return what it brings."""
        connection = psycopg2.connect(
            host=self.sandbox.address("postgres"),
            user="rendiff_user",
            password=self.sandbox.secrets["POSTGRES_PASSWORD"],
            dbname=database,
        )
        connection.autocommit = True
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(name="third")
def fixture_third() -> t.Iterator[Third]:
    """Return it, empty."""
    third = Third(Sandbox("rb"))
    third.query(f"DROP DATABASE IF EXISTS {Third.NAME} WITH (FORCE)", database="postgres")
    third.query(f"CREATE DATABASE {Third.NAME}", database="postgres")
    third.query(THIRD)
    yield third
    third.query(f"DROP DATABASE {Third.NAME} WITH (FORCE)", database="postgres")


def test_keys_of_the_third_shape_are_made_investigated_rotated_and_revoked(third: Third, tmp_path: Path) -> None:
    common = {"project": third.sandbox.project, "login_db": Third.NAME, "state_dir": str(tmp_path / "state")}
    change = Module("rendiff_api_key", **common, dest=str(tmp_path / "keys"))
    made = change(state="present", name="nightly")
    ((identity, path),) = made.result["files"].items()
    raw = Path(path).read_text(encoding="utf-8").strip()
    third.query("UPDATE api_keys SET rate_limit = 77, permissions = '[\"convert\"]'")
    for owner, place in ((raw, "s3://a/x"), (hash_key(raw), "s3://b/x"), (identity, "s3://c/x")):
        third.query("INSERT INTO jobs (input_path, output_path, api_key) VALUES ('i', %s, %s)", place, owner)
    info = Module("rendiff_api_key_info", **common)(key_id=identity, investigate=True)
    found = info.result["investigation"]
    assert found["jobs"]["jobs"] == 3 and {place["place"] for place in found["destinations"]} == {
        *("s3://a", "s3://b", "s3://c")
    }
    rotated = change(state="rotated", key_id=identity, grace_s=0, own_raw_jobs=True)
    ((new_id, new_path),) = rotated.result["files"].items()
    new = Path(new_path).read_text(encoding="utf-8").strip()
    assert third.query("SELECT is_active FROM api_keys WHERE id::text = %s", identity) == [(False,)]
    assert third.query("SELECT is_active, rate_limit FROM api_keys WHERE id::text = %s", new_id) == [(True, 77)]
    owners = {row[0] for row in third.query("SELECT api_key FROM jobs")}
    assert owners == {new, hash_key(new)} or owners == {new, hash_key(new), new_id}
    assert not change(state="rotated", key_id=identity, grace_s=0, own_raw_jobs=True).result["changed"]
    assert raw not in info.output + rotated.output and new not in rotated.output


def test_where_jobs_tell_no_owner_that_is_said_and_the_rest_is_answered(third: Third, tmp_path: Path) -> None:
    common = {"project": third.sandbox.project, "login_db": Third.NAME, "state_dir": str(tmp_path / "state")}
    made = Module("rendiff_api_key", **common, dest=str(tmp_path / "keys"))(state="present", name="nightly")
    ((identity, _path),) = made.result["files"].items()
    third.query("ALTER TABLE jobs DROP COLUMN api_key")
    found = Module("rendiff_api_key_info", **common)(key_id=identity, investigate=True).result["investigation"]
    assert not answer(found, "What did its jobs do")["known"] and found["jobs"] == {}
    assert answer(found, "Which other keys")["known"] and len(found["answers"]) == 10


def test_what_keeps_a_proof_from_being_tried_keeps_no_key_from_being_revoked(third: Third, tmp_path: Path) -> None:
    common = {"project": third.sandbox.project, "login_db": Third.NAME, "state_dir": str(tmp_path / "state")}
    change = Module("rendiff_api_key", **common, dest=str(tmp_path / "keys"))
    ((identity, _path),) = change(state="present", name="nightly").result["files"].items()
    third.query("ALTER TABLE api_keys ADD COLUMN tenant text NOT NULL DEFAULT 'x'")
    third.query("ALTER TABLE api_keys ALTER COLUMN tenant DROP DEFAULT")
    revoked = change(state="revoked", key_id=identity, prove_s=1)
    (refusal,) = revoked.result["refusals"]
    assert not revoked.failed and revoked.result["changed"] and refusal["key_id"] == identity
    assert not refusal["proven"] and refusal["targets"] == [] and "tenant" in refusal["said"]
    assert third.query("SELECT is_active FROM api_keys") == [(False,)]


def test_jobs_that_wait_stay_with_their_key_where_they_may_be_a_thiefs(third: Third, tmp_path: Path) -> None:
    common = {"project": third.sandbox.project, "login_db": Third.NAME, "state_dir": str(tmp_path / "state")}
    change = Module("rendiff_api_key", **common, dest=str(tmp_path / "keys"))
    info = Module("rendiff_api_key_info", **common)
    ((identity, path),) = change(state="present", name="nightly").result["files"].items()
    digest = hash_key(Path(path).read_text(encoding="utf-8").strip())
    for status in ("queued", "completed"):
        third.query(
            "INSERT INTO jobs (status, input_path, output_path, api_key) VALUES (%s, 'i', 'o', %s)", status, digest
        )
    rotation = {"state": "rotated", "key_id": identity, "grace_s": 0, "own_open_jobs": False}
    for owned in (1, 0):
        (rotated,) = change(**rotation).result["api_keys"]
        assert rotated["jobs_owned"] == owned
        assert info(key_id=identity).result["api_keys"]["list"][0]["open"] == 1
    third.query("UPDATE jobs SET status = 'cancelled' WHERE status = 'queued'")
    assert change(**rotation).result["api_keys"][0]["jobs_owned"] == 1
    assert third.query("SELECT count(*) FROM jobs WHERE api_key = %s", digest) == [(0,)]


@pytest.mark.parametrize("keys", ["main"], indirect=True)
def test_keys_that_were_made_with_a_key_are_told(keys: Keys) -> None:
    identity, _raw = keys.make(user())
    backdoor = str(uuid.uuid4())
    listing = "SELECT column_name FROM information_schema.columns WHERE table_name = 'api_keys'"
    columns = [row[0] for row in keys.sandbox.query(listing)]
    values = {"id": f"'{backdoor}'::uuid", "key_hash": f"'{hash_key(backdoor)}'", "created_by": "k.id::text"}
    values |= {"name": "'backdoor'", "user_id": f"'{user()}'", "created_at": "now()"}
    shown = ", ".join(values.get(name, f"k.{name}") for name in columns)
    keys.sandbox.query(
        f"INSERT INTO api_keys ({', '.join(columns)}) SELECT {shown} FROM api_keys AS k WHERE k.id::text = %s", identity
    )
    found = keys.info(key_id=identity, investigate=True).result["investigation"]
    assert [key["id"] for key in found["keys_made"]] == [backdoor]
    other = answer(found, "Which other keys")
    assert other["suspicious"] and other["api_keys"] == [backdoor]
    keys.sandbox.query("UPDATE api_keys SET created_by = 'admin' WHERE id::text = %s", backdoor)
    calm = keys.info(key_id=identity, investigate=True).result["investigation"]
    assert calm["keys_made"] == []
    keys.sandbox.query("UPDATE api_keys SET is_admin = true WHERE id::text = %s", identity)
    admin = keys.info(key_id=identity, investigate=True).result["investigation"]
    assert backdoor in [key["id"] for key in admin["keys_made"]]


# Each begins after one step that changes something, and before another.
STEPS = ("Cancel its jobs", "Give it a successor", "Watch who")


def run_until(argv: t.Sequence[str], step: str, environment: t.Mapping[str, str]) -> None:
    """Run a playbook, and kill it and its children as it begins a step."""
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
    ) as process:
        assert process.stdout is not None
        deadline = time.monotonic() + PLAYBOOK_S
        for line in process.stdout:
            if re.search(rf"^TASK \[.*Contain key \| {step}", line):
                time.sleep(0.4)
                os.killpg(process.pid, signal.SIGKILL)
                return
            assert time.monotonic() < deadline
    raise AssertionError(f"there is no step '{step}'")


def playbook(keys: Keys, leaked: Path, **more: t.Any) -> tuple[list[str], dict[str, str]]:
    """Return the command that contains a key, and its environment."""
    extra = {
        "rendiff_hosts": "all",
        "rendiff_project": keys.sandbox.project,
        "ansible_python_interpreter": sys.executable,
        "rendiff_artifacts_dir": str(keys.folder / "artifacts"),
        "security_response_key_path": str(leaked),
        "security_response_own_raw_jobs": True,
        "security_response_prove_s": 5,
        **more,
    }
    argv = ["ansible-playbook", "-i", "target,", "-c", "local", "rendiff.ops.api_key_compromise"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    return [*argv, "-e", json.dumps(extra)], {**environment, "PYTHONUNBUFFERED": "1"}


@pytest.mark.parametrize("keys", ["main"], indirect=True)
def test_a_key_is_revoked_although_nothing_can_be_found_out_about_it(keys: Keys) -> None:
    identity, raw = keys.make(user())
    leaked = keys.folder / "leaked"
    leaked.write_text(raw, encoding="utf-8")
    # What only the investigation looks at, and cannot work with.
    argv, environment = playbook(
        keys, leaked, security_response_baseline_s=-1, security_response_successor=False, security_response_watch_s=0
    )
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=PLAYBOOK_S, check=False)
    assert done.returncode == 2, done.stdout
    told = re.search(r"Cannot contain the key as a whole: (.*)", done.stdout)
    assert told and "The key is refused everywhere." in told[1] and "baseline_s is -1" in told[1]
    assert "could not be found out and kept as evidence" in told[1] and raw not in done.stdout
    assert keys.answers(raw) == 401 and keys.info(key_id=identity).result["api_keys"]["list"][0]["state"] == "revoked"


@pytest.mark.parametrize("keys", ["main"], indirect=True)
def test_a_playbook_that_is_killed_at_any_step_is_ended_by_a_second_run(keys: Keys) -> None:
    identity, raw = keys.make(user())
    leaked = keys.folder / "leaked"
    leaked.write_text(raw, encoding="utf-8")
    argv, environment = playbook(keys, leaked)
    with keys.jobs_of(raw, 1) as jobs:
        keys.sandbox.query("UPDATE jobs SET status = 'queued' WHERE id::text = ANY (%s)", jobs)
        for step in STEPS:
            run_until(argv, step, environment)
        last = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=PLAYBOOK_S, check=False)
        assert last.returncode == 0, last.stdout
        (status,) = keys.sandbox.query("SELECT status FROM jobs WHERE id::text = ANY (%s)", jobs)
        assert status[0] == "cancelled" and keys.answers(raw) == 401
        owner = keys.sandbox.query("SELECT api_key FROM jobs WHERE id::text = ANY (%s)", jobs)[0][0]
        assert keys.answers(owner) == 200
        successors = keys.sandbox.query(
            "SELECT count(*) FROM api_keys WHERE name = (SELECT name FROM api_keys WHERE id::text = %s)", identity
        )
        assert successors[0][0] == 2
        assert raw not in last.stdout and owner not in last.stdout
    keys.change(state="watched", key_id=identity, watch_s=0, state_dir=None)
