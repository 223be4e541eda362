# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_api_key on the databases that the sandboxes' api reads, proved by what that api then answers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import typing as t
import uuid
from pathlib import Path

import pytest
from conftest import COLLECTIONS
from core_common import Core
from keys_common import CORPUS, Keys, keys_on, user

from ansible_collections.rendiff.ops.plugins.module_utils._api_key import hash_key
from ansible_collections.rendiff.ops.plugins.module_utils._key_change import KEY_ARGUMENTS, change

# Runs the core by itself, and dies at one of its calls.
KILLED = """
import json, os, signal, sys
from ansible_collections.rendiff.ops.plugins.module_utils import _key_change, _postgres
usual = {name: spec.get("default") for name, spec in _key_change.KEY_ARGUMENTS.options.items()}
options, at = {**usual, **json.loads(sys.argv[1])}, int(sys.argv[2])
calls = 0
def mortal(real):
    def call(*arguments, **named):
        global calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    return call
for name in ("query", "execute", "commit"):
    setattr(_postgres.Database, name, mortal(getattr(_postgres.Database, name)))
_key_change.add_revocations = mortal(_key_change.add_revocations)
login = _postgres.PostgresLogin(options.pop("host"), 5432, "rendiff_user", "rendiff", os.environ["PASSWORD"])
with _postgres.connect(login, 30, read_only=False) as database:
    _key_change.KeyChange(database, options).run(False)
"""


@pytest.fixture(name="keys", params=["main", "rb"])
def fixture_keys(request: pytest.FixtureRequest, tmp_path: Path) -> t.Iterator[Keys]:
    """Return the modules on both schemas in turn."""
    yield from keys_on(request.param, tmp_path)


def test_a_key_is_made_once_and_accepted_and_only_its_file_holds_it(keys: Keys) -> None:
    owner = user()
    checked = keys.change(check=True, state="present", name="nightly", owner=owner)
    assert checked.result["changed"] and checked.result["files"] == {} and not (keys.folder / "keys").exists()
    made = keys.change(state="present", name="nightly", owner=owner)
    ((identity, path),) = made.result["files"].items()
    raw = Path(path).read_text(encoding="utf-8").strip()
    assert made.result["plan_id"] == checked.result["plan_id"] and keys.answers(raw) == 200
    assert Path(path).stat().st_mode & 0o777 == 0o600 and Path(path).parent.stat().st_mode & 0o777 == 0o700
    again = keys.change(state="present", name="nightly", owner=owner)
    assert not again.result["changed"] and again.result["files"] == {}
    for output in (checked.output, made.output, again.output):
        assert raw not in output and hash_key(raw) not in output
    listed = keys.info(user_id=owner)
    assert [key["id"] for key in listed.result["api_keys"]["list"]] == [identity]
    assert raw not in listed.output and hash_key(raw) not in listed.output


def test_a_revoked_key_is_refused_and_noted_and_a_second_run_changes_nothing(keys: Keys) -> None:
    identity, raw = keys.make(user())
    leaked = keys.folder / "leaked"
    leaked.write_text(raw + "\n", encoding="utf-8")
    checked = keys.change(check=True, state="revoked", key_path=str(leaked))
    assert checked.result["changed"] and keys.answers(raw) == 200
    done = keys.change(state="revoked", key_path=str(leaked), why="Found in a repository", incident="INC-1")
    assert done.result["changed"] and done.result["plan_id"] == checked.result["plan_id"]
    assert keys.answers(raw) == 401 and raw not in done.output
    (entry,) = keys.revocations()
    assert (entry["key_id"], entry["key_hash"], entry["incident"]) == (identity, hash_key(raw), "INC-1")
    assert not keys.change(state="revoked", key_hash=hash_key(raw)).result["changed"]
    assert len(keys.revocations()) == 1
    # A restore brings the key back; whoever lost the ledger alone has it noted again.
    (keys.folder / "state" / "revocations.jsonl").unlink()
    assert keys.change(state="revoked", key_id=identity).result["changed"] and len(keys.revocations()) == 1


def test_the_runbooks_time_of_revocation_alone_is_told_apart(keys: Keys) -> None:
    identity, _raw = keys.make(user())
    keys.sandbox.query("UPDATE api_keys SET revoked_at = now() WHERE id::text = %s", identity)
    (key,) = keys.info(key_id=identity).result["api_keys"]["list"]
    assert key["state"] == "revoked" and "answers 500" in key["hazards"][0]
    assert keys.change(state="revoked", key_id=identity).result["changed"]
    (key,) = keys.info(key_id=identity).result["api_keys"]["list"]
    assert key["hazards"] == []


def test_a_rotated_key_hands_over_its_settings_and_jobs_and_is_refused_at_once(keys: Keys) -> None:
    identity, raw = keys.make(user(), name="nightly")
    with keys.jobs_of(raw, 3):
        assert keys.info(key_id=identity).result["api_keys"]["list"][0]["jobs"] == 3
        rotated = keys.change(state="rotated", key_id=identity, grace_s=0)
        (key,) = rotated.result["api_keys"]
        new = Path(rotated.result["files"][key["successor_id"]]).read_text(encoding="utf-8").strip()
        assert keys.answers(raw) == 401 and keys.answers(new) == 200
        assert keys.submits(raw) == 401 and keys.submits(new) == 201
        assert new not in rotated.output and hash_key(new) not in rotated.output
        (successor,) = keys.info(key_id=key["successor_id"]).result["api_keys"]["list"]
        assert (successor["name"], successor["state"], successor["requests"]) == ("nightly", "active", 2)
        # Where jobs hold the key itself, they stay until the new key may travel.
        own = {"jobs_owned": 0, "jobs_left": 3} if keys.raw_in_jobs else {"jobs_owned": 3, "jobs_left": 0}
        assert {name: key[name] for name in own} == own
        again = keys.change(state="rotated", key_id=identity, grace_s=0)
        assert not again.result["changed"] and again.result["files"] == {}


def test_jobs_that_hold_the_key_itself_get_the_new_one_where_that_is_wished(keys: Keys) -> None:
    identity, raw = keys.make(user())
    with keys.jobs_of(raw, 1) as jobs:
        rotated = keys.change(state="rotated", key_id=identity, grace_s=0, own_raw_jobs=True)
        (key,) = rotated.result["api_keys"]
        new = Path(rotated.result["files"][key["successor_id"]]).read_text(encoding="utf-8").strip()
        owner = keys.sandbox.query("SELECT api_key FROM jobs WHERE id::text = %s", jobs[0])[0][0]
        assert owner == (new if keys.raw_in_jobs else hash_key(new))
        assert (key["jobs_owned"], key["jobs_left"]) == (1, 0) and new not in rotated.output


def test_all_keys_of_a_user_are_rotated_once_under_one_name(keys: Keys) -> None:
    owner = user()
    made = [keys.make(owner) for _index in range(3)]
    keys.change(state="revoked", key_id=made[0][0])
    refused = keys.change(state="rotated", user_id=owner, grace_s=0)
    assert refused.failed and "Pass rotation" in refused.result["msg"]
    rotated = keys.change(state="rotated", user_id=owner, rotation="INC-1", grace_s=0)
    assert {key["id"] for key in rotated.result["api_keys"]} == {identity for identity, _raw in made[1:]}
    news = [Path(path).read_text(encoding="utf-8").strip() for path in rotated.result["files"].values()]
    assert [keys.answers(raw) for raw in news] == [200, 200]
    assert {keys.answers(raw) for _identity, raw in made} == {401}
    assert not keys.change(state="rotated", user_id=owner, rotation="INC-1", grace_s=0).result["changed"]
    assert keys.change(check=True, state="rotated", user_id=owner, rotation="INC-2", grace_s=0).result["changed"]


def test_with_a_grace_both_keys_live_until_the_old_one_is_revoked(keys: Keys) -> None:
    identity, raw = keys.make(user())
    rotated = keys.change(state="rotated", key_id=identity, grace_s=3600)
    (path,) = rotated.result["files"].values()
    new = Path(path).read_text(encoding="utf-8").strip()
    assert (keys.answers(raw), keys.answers(new)) == (200, 200)
    assert not keys.change(state="rotated", key_id=identity, grace_s=3600).result["changed"]
    # What a rotation leaves that was killed before it made the successor ends nobody's only key.
    early = keys.change(state="revoked", key_id=identity, only_after=str(uuid.uuid4()))
    assert not early.result["changed"] and keys.answers(raw) == 200
    ended = keys.change(state="revoked", key_id=identity, only_after=rotated.result["needed"][0])
    assert ended.result["changed"] and keys.answers(raw) == 401


def test_what_cannot_be_meant_is_refused_before_anything_is_touched(keys: Keys) -> None:
    owner = user()
    first, second = (keys.make(owner, name=f"name-{number}")[0] for number in range(2))
    keys.sandbox.query("UPDATE api_keys SET is_active = true WHERE user_id = %s", owner)
    if keys.raw_in_jobs:
        keys.sandbox.query("UPDATE api_keys SET key_prefix = 'same-one' WHERE user_id = %s", owner)
        refused = keys.change(state="revoked", prefix="same-one")
        assert refused.failed and first in refused.result["msg"] and second in refused.result["msg"]
    else:
        refused = keys.change(state="revoked", prefix="same-one")
        assert refused.failed and "the table has no column 'key_prefix'" in refused.result["msg"]
    wishes = (
        ({"state": "revoked"}, "none is named"),
        ({"state": "revoked", "key_id": str(uuid.uuid4())}, "there is no key with key_id"),
        ({"state": "revoked", "key_hash": "short"}, "no SHA-256"),
        ({"state": "revoked", "key_path": "/nowhere"}, "No such file"),
        ({"state": "rotated", "key_id": first}, "grace_s"),
        ({"state": "rotated", "key_id": first, "grace_s": -1}, "below 0"),
        ({"state": "present", "name": "\x1b[31m"}, "printable"),
        ({"state": "revoked", "key_id": first, "new_keys": {"a": 1}}, "Leave it out"),
    )
    # All but the first two have nothing to do with the schema.
    for wish, words in wishes if keys.raw_in_jobs else wishes[:2]:
        answer = keys.change(**wish)
        assert answer.failed and words in answer.result["msg"], (wish, answer.result["msg"])
    assert keys.info(user_id=owner).result["api_keys"]["counts"]["active"] == 2


def test_what_stands_in_a_row_is_data(keys: Keys) -> None:
    identity, _raw = keys.make(user())
    for word in CORPUS:
        keys.sandbox.query("UPDATE api_keys SET name = %s WHERE id::text = %s", word, identity)
        (key,) = keys.info(key_id=identity).result["api_keys"]["list"]
        assert (key["id"], key["name"]) == (identity, word)
    refused = keys.info(user_id="'; DROP TABLE api_keys; --")
    assert refused.failed and "there is no key with user_id" in refused.result["msg"]
    assert keys.change(state="revoked", key_id=identity).result["changed"]
    assert not Path("/tmp/rdops-owned").exists()


@pytest.mark.parametrize("keys", ["main"], indirect=True)
def test_killed_between_any_two_steps_a_second_run_ends_in_the_same_place(keys: Keys) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(COLLECTIONS),
        "PASSWORD": keys.sandbox.secrets["POSTGRES_PASSWORD"],
    }
    core = Core(change, KEY_ARGUMENTS, changes=True, project=keys.sandbox.project, state_dir=str(keys.folder / "state"))
    killed = 0
    for at in range(1, 40):
        wish = {"state": "present", "name": f"test-{uuid.uuid4()}", "owner": user()}
        (identity,) = core(check=True, **wish).result["needed"]
        raw = f"old-{uuid.uuid4()}"
        assert core(new_keys={identity: {"hash": hash_key(raw), "prefix": raw[:8]}}, **wish).result["changed"]
        (new_id,) = core(check=True, state="rotated", key_id=identity, grace_s=0).result["needed"]
        new = f"new-{uuid.uuid4()}"
        options = {
            "host": keys.sandbox.address("postgres"),
            "state": "rotated",
            "key_id": identity,
            "grace_s": 0,
            "new_keys": {new_id: {"hash": hash_key(new), "prefix": new[:8]}},
            "state_dir": str(keys.folder / "state"),
        }
        argv = [sys.executable, "-c", KILLED, json.dumps(options), str(at)]
        ended = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
        # As the action plugin does: what the killed run was given is in its file.
        with contextlib.suppress(FileExistsError):
            path = keys.folder / "keys" / f"{new_id}.key"
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.write_text(new, encoding="utf-8")
        keys.change(state="rotated", key_id=identity, grace_s=0)
        assert (keys.answers(raw), keys.answers(new)) == (401, 200)
        assert [entry["key_id"] for entry in keys.revocations()].count(identity) == 1
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        killed += 1
    assert killed >= 5 and ended.returncode == 0
