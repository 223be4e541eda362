# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_restore, on databases of its own on the server of a sandbox."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import psycopg2
import pytest
from conftest import COLLECTIONS, ROOT, Sandbox, docker, until
from restore_common import JOB, JOBS, KEY, KEYS, SCHEMA, Scratch, Server, hash_of, take

from ansible_collections.rendiff.ops.plugins.module_utils import _restore, _restore_compare
from ansible_collections.rendiff.ops.plugins.module_utils._backup_manifest import parse_manifest
from ansible_collections.rendiff.ops.plugins.module_utils._credentials import PostgresLogin
from ansible_collections.rendiff.ops.plugins.module_utils._databases import open_server
from ansible_collections.rendiff.ops.plugins.module_utils._docker import DockerClient
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._one_off import LABEL, OneOff
from ansible_collections.rendiff.ops.plugins.module_utils._restore_marker import Marker, of_people
from ansible_collections.rendiff.ops.plugins.module_utils._restore_verify import Prover

NEWER = 4


@pytest.fixture(scope="module", name="backup")
def fixture_backup(one: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[dict[str, t.Any]]:
    """Return one backup that most tests restore: its name, its rows and where it is."""
    folder = tmp_path_factory.mktemp("backups")
    source = Scratch(Server(one), folder, folder / "backups")
    try:
        source.make()
        name = take(source)
        yield {
            "name": name,
            "rows": source.rows(),
            "folder": folder / "backups",
            "dump": source.dump(folder / "whole.dump"),
        }
    finally:
        source.drop_all()


@pytest.fixture(name="scratch")
def fixture_scratch(one: Sandbox, backup: dict[str, t.Any], tmp_path: Path) -> t.Iterator[Scratch]:
    """Return a live database that is newer than the backup, and in which jobs and a key were made since."""
    scratch = Scratch(Server(one), tmp_path, backup["folder"])
    scratch.core.common["backup"] = scratch.module.common["backup"] = backup["name"]
    try:
        scratch.server.query("postgres", f"CREATE DATABASE {scratch.name}")
        scratch.query(SCHEMA.read_text(encoding="utf-8"))
        scratch.add_jobs(NEWER, "newer")
        scratch.query(KEY, hash_of("newer"), "newer")
        yield scratch
    finally:
        scratch.drop_all()


def test_beside_swapped_undone_dropped(scratch: Scratch, backup: dict[str, t.Any]) -> None:
    live, before = scratch.name, scratch.rows()
    scratch.server.query("postgres", f"COMMENT ON DATABASE {live} IS 'ask Ada, 50 %'")
    for statement in (
        f"ALTER DATABASE {live} SET work_mem = '8MB'",
        f'ALTER DATABASE {live} SET search_path = "$user", public',
        f"ALTER DATABASE {live} CONNECTION LIMIT 50",
        f"REVOKE CONNECT ON DATABASE {live} FROM PUBLIC",
    ):
        scratch.server.query("postgres", statement)
    comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    ((told,),) = scratch.server.query("postgres", comment, live)

    planned = scratch.core(state="beside", check=True)
    assert planned.result["changed"] and set(scratch.databases()) == {""}, planned.output
    done = scratch.module(state="beside")
    assert not done.failed and done.result["plan_id"] == planned.result["plan_id"], done.output
    assert scratch.server.sandbox.secrets["POSTGRES_PASSWORD"] not in done.output
    found = done.result["restore"]
    assert found["tables"] == {"public.jobs": JOBS, "public.api_keys": KEYS} and found["not_checked"] is None
    assert found["jobs"] == {"completed": JOBS} and found["keys_active"] == KEYS and found["checked_indexes"] > 5
    assert set(found["phases"]) == {"obtain", "load", "verify", "compare"}
    assert found["compared"]["jobs"]["only_live"] == NEWER and len(found["compared"]["keys"]["only_live"]) == 1
    assert f"{NEWER} jobs of after the backup" in done.result["msg"]
    assert scratch.rows() == before and scratch.rows(scratch.staging) == backup["rows"]
    assert not scratch.beside().result["changed"] and not scratch.core(state="beside", check=True).result["changed"]
    extensions = "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'"
    assert scratch.server.query(scratch.staging, extensions) == [(0,)]

    refused = scratch.core(state="swapped")
    assert refused.failed and f"Pass confirm={live}" in refused.output and scratch.rows() == before
    planned = scratch.core(state="swapped", check=True)
    assert planned.result["changed"] and scratch.rows() == before
    done = scratch.module(state="swapped", confirm=live)
    assert not done.failed and done.result["plan_id"] == planned.result["plan_id"], done.output
    assert scratch.rows() == backup["rows"]
    kept = scratch.kept("before")
    assert done.result["restore"]["previous"] == kept and done.result["restore"]["may_be_dropped"] == [kept]
    ((now,),) = scratch.server.query("postgres", comment, live)
    assert of_people(now) == told == "ask Ada, 50 %"
    with pytest.raises(psycopg2.OperationalError, match="not currently accepting connections"):
        scratch.server.connect(kept)
    assert scratch.query("SELECT current_setting('work_mem'), current_setting('search_path')") == [
        ("8MB", '"$user", public')
    ]
    acl = "SELECT datconnlimit, has_database_privilege('public', oid, 'CONNECT') FROM pg_database WHERE datname = %s"
    assert scratch.server.query("postgres", acl, live) == [(50, False)]
    again = scratch.swap()
    assert not again.result["changed"] and f"'{live}' is backup {backup['name']}" in again.result["msg"]
    assert not scratch.beside().result["changed"] and set(scratch.databases()) == {"", kept[len(live) :]}

    refused = scratch.core(state="undone")
    assert refused.failed and scratch.rows() == backup["rows"]
    done = scratch.core(state="undone", confirm=live)
    assert done.result["changed"] and scratch.rows() == before, done.output
    assert scratch.server.query("postgres", comment, live) == [(told,)]
    again = scratch.core(state="undone", confirm=live)
    assert not again.failed and not again.result["changed"] and scratch.rows() == before

    undone = scratch.kept("undone")
    for previous in (live, "rendiff", "postgres"):
        refused = scratch.core(state="dropped", previous=previous, confirm=previous)
        assert refused.failed and "it is none that a restore" in refused.output
    refused = scratch.core(state="dropped", previous=undone, confirm=live)
    assert refused.failed and f"Pass confirm={undone}" in refused.output
    assert scratch.core(state="dropped", previous=undone, check=True).result["changed"]
    assert undone[len(live) :] in scratch.databases()
    assert scratch.core(state="dropped", previous=undone, confirm=undone).result["changed"]
    again = scratch.core(state="dropped", previous=undone, confirm=undone)
    assert not again.failed and not again.result["changed"] and set(scratch.databases()) == {""}


class Writers:
    """Sessions that write jobs without a pause, and connect anew whenever they are ended."""

    def __init__(self, scratch: Scratch, count: int) -> None:
        self._scratch = scratch
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._write) for _number in range(count)]
        self.acknowledged: list[str] = []
        self.errors: list[str] = []
        self.seen: list[bool] = []

    def _write(self) -> None:
        connection = None
        while not self._over.is_set():
            try:
                connection = connection or self._scratch.server.connect(self._scratch.name)
                with connection.cursor() as cursor:
                    cursor.execute(f"{JOB} RETURNING id::text", ["writer"])
                    self.acknowledged.append(cursor.fetchone()[0])
            except psycopg2.Error as error:
                self.errors.append(str(error))
                connection = None
        if connection is not None:
            connection.close()

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        until(lambda: len(self.acknowledged) > 50, "all write")
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def ids(scratch: Scratch, database: str) -> set[str]:
    return {job for (job,) in scratch.server.query(database, "SELECT id::text FROM jobs WHERE input_path = 'writer'")}


def test_writers_go_on_in_the_restored_database_and_lose_nothing_that_was_kept(
    scratch: Scratch, backup: dict[str, t.Any]
) -> None:
    scratch.beside()
    seen: list[bool] = []
    over = threading.Event()

    def watch() -> None:
        with contextlib.closing(scratch.server.connect("postgres")) as connection, connection.cursor() as cursor:
            while not over.is_set():
                cursor.execute("SELECT datallowconn FROM pg_database WHERE datname = %s", [scratch.name])
                seen.append(cursor.fetchall() == [(True,)])

    watcher = threading.Thread(target=watch)
    watcher.start()
    with Writers(scratch, 4) as writers:
        answer = scratch.swap()
        swapped = len(writers.acknowledged)
        until(lambda: len(writers.acknowledged) > swapped + 50, "all write again")
    over.set()
    watcher.join()
    assert len(seen) > 100 and all(seen)
    assert answer.result["restore"]["sessions_ended"] >= 4
    # They met the end of their session, or waited and were told to connect anew; that is all.
    assert all("terminat" in error or "just been dropped or renamed" in error for error in writers.errors), (
        writers.errors
    )
    kept = scratch.kept("before")
    scratch.server.query("postgres", f'ALTER DATABASE "{kept}" ALLOW_CONNECTIONS true')
    old, new = ids(scratch, kept), ids(scratch, scratch.name)
    assert old and new and not old & new and set(writers.acknowledged) <= old | new
    assert scratch.query("SELECT count(*) FROM jobs WHERE input_path = 'old'") == [(JOBS,)]


def test_the_runbooks_restore_mixes_what_writers_write_into_the_backup(
    scratch: Scratch, backup: dict[str, t.Any]
) -> None:
    with scratch.server.inside(backup["dump"]) as dump, Writers(scratch, 2):
        scratch.server.shell(f"pg_restore --clean --if-exists -d {scratch.name} {dump}")
    # Nobody was stopped: what shall be the backup holds more than the backup.
    assert scratch.rows() != backup["rows"] and ids(scratch, scratch.name)


@pytest.fixture(scope="module", name="broken")
def fixture_broken(one: Sandbox, backup: dict[str, t.Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return dumps that cannot be restored: one is cut, and in one the rows of jobs are refused by a check."""
    folder = tmp_path_factory.mktemp("broken")
    cut = folder / "cut.dump"
    whole = Path(backup["dump"]).read_bytes()
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    source = Scratch(Server(one), folder, folder)
    try:
        source.make(jobs=20)
        source.query("CREATE FUNCTION fine(text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true'")
        source.query("ALTER TABLE jobs ADD CHECK (fine(status))")
        source.query("CREATE OR REPLACE FUNCTION fine(text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT false'")
        return {"cut": str(cut), "refused": source.dump(folder / "refused.dump")}
    finally:
        source.drop_all()


@pytest.mark.parametrize("kind", ["cut", "refused"])
def test_a_dump_that_fails_leaves_the_live_database_alone(scratch: Scratch, broken: dict[str, str], kind: str) -> None:
    before = scratch.rows()
    answer = scratch.core(state="beside", backup=broken[kind])
    assert answer.failed and "pg_restore" in answer.output and "The live database is as it was" in answer.output
    assert scratch.rows() == before and set(scratch.databases()) == {""}
    swapped = scratch.core(state="swapped", confirm=scratch.name)
    assert swapped.failed and "Run this with state=beside first" in swapped.output and scratch.rows() == before


def test_a_dump_is_meant_by_its_path_also_where_it_was_moved(
    scratch: Scratch, backup: dict[str, t.Any], tmp_path: Path
) -> None:
    first = scratch.beside(backup=backup["dump"])
    assert first.result["restore"]["source"] == backup["dump"] and first.result["restore"]["backup"] == "whole.dump"
    moved = tmp_path / "whole.dump"
    moved.write_bytes(Path(backup["dump"]).read_bytes())
    again = scratch.beside(backup=str(moved))
    assert not again.result["changed"] and again.result["restore"]["source"] == str(moved)
    planned = scratch.core(state="swapped", check=True, backup=str(moved))
    assert not planned.failed and planned.result["restore"]["source"] == str(moved), planned.output
    # By the name that it has beside, too; another file of that name is another one.
    assert not scratch.core(state="swapped", check=True, backup="whole.dump").failed
    assert scratch.core(state="swapped", check=True, backup="/elsewhere/whole.dump").failed
    scratch.swap(backup=again.result["restore"]["source"])
    assert scratch.rows() == backup["rows"]


def test_the_runbooks_way_says_that_it_went_well(scratch: Scratch, broken: dict[str, str]) -> None:
    server, live = scratch.server, scratch.name
    with server.inside(broken["refused"]) as dump:
        # Without pipefail the status is that of the last command.
        status, output = server.shell(f"pg_restore -d {live} --clean --if-exists {dump} 2>&1 | cat")
        assert status == 0 and "error: COPY failed" in output
        assert scratch.query("SELECT count(*) FROM jobs") == [(0,)]
        # And without --exit-on-error it goes on, and the rest looks restored.
        status, output = server.shell(f"pg_restore -j4 --clean --if-exists -d {live} {dump}")
        assert status == 1 and "errors ignored on restore" in output
        assert scratch.query("SELECT count(*) FROM api_keys") == [(KEYS,)]
        # Dropped before the dump is proven: there is nothing to go back to.
        status, _output = server.shell(f"dropdb {live} && createdb {live} && pg_restore -d {live} {dump}")
        assert status != 0 and scratch.query("SELECT count(*) FROM jobs") == [(0,)]


def manifest_of(backup: dict[str, t.Any]) -> t.Any:
    (path,) = Path(backup["folder"]).rglob(f"{backup['name']}/manifest.json")
    return parse_manifest(path.read_text(encoding="utf-8"), backup["name"])


def test_a_row_count_is_no_proof_and_an_index_that_lies_is_found(scratch: Scratch, backup: dict[str, t.Any]) -> None:
    scratch.beside()
    staging, count = scratch.staging, "SELECT count(*) FROM jobs"
    image = docker("inspect", "-f", "{{.Image}}", scratch.server.container)
    sandbox = scratch.server.sandbox
    login = PostgresLogin(
        sandbox.address("postgres"), 5432, "rendiff_user", scratch.name, sandbox.secrets["POSTGRES_PASSWORD"]
    )
    client = OneOff(DockerClient(), f"{sandbox.project}/test", image, login)

    def proof(**options: t.Any) -> str:
        with open_server(login, 30) as server:
            try:
                Prover(server, staging, "b", 60).prove(manifest_of(backup), lambda *_told: None, options.get("client"))
            except OpsError as error:
                return str(error)
        return ""

    assert proof(client=client) == ""
    # The index is of a function that is another one by now: every row is there, and the index finds none of them.
    scratch.server.query(staging, "CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1'")
    scratch.server.query(staging, "CREATE INDEX liar ON jobs (f(id::text))")
    scratch.server.query(
        staging, "CREATE OR REPLACE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT reverse($1)'"
    )
    assert scratch.server.query(staging, count) == [(JOBS,)]
    assert "it is corrupt" in proof(client=client) and "liar" in proof(client=client)
    scratch.server.query(staging, "DROP INDEX liar")
    scratch.server.query(staging, "DELETE FROM api_keys WHERE name = 'key-1'")
    assert "table 'public.api_keys' has 2 rows, and the backup has 3" in proof()
    scratch.server.query(staging, "DROP TABLE api_keys")
    assert scratch.server.query(staging, count) == [(JOBS,)]
    assert "table 'public.api_keys' is missing" in proof()


def test_what_was_revoked_stays_revoked(scratch: Scratch) -> None:
    scratch.revoke("key-0", "no such key")
    first = scratch.beside().result
    assert len(first["restore"]["revoked_again"]) == 1 and scratch.active(scratch.staging) == ["key-1", "key-2"]
    scratch.revoke("key-1")
    second = scratch.beside().result
    assert second["plan"] == [f"{scratch.staging}: revokes 1 key again"]
    assert scratch.active(scratch.staging) == ["key-2"] and not scratch.beside().result["changed"]
    # Days may go by before the swap, and before it is undone.
    scratch.revoke("key-2")
    assert scratch.swap().result["plan"][0] == f"{scratch.staging}: revokes 1 key again"
    assert scratch.active() == []
    scratch.revoke("newer")
    undone = scratch.core(state="undone", confirm=scratch.name)
    assert not undone.failed and len(undone.result["restore"]["revoked_again"]) == 1
    assert scratch.query("SELECT count(*) FROM jobs") == [(NEWER,)] and scratch.active() == []


def test_what_differs_is_told_and_however_many_jobs_are_recent_the_server_holds_few(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = _restore_compare.look

    def look(*arguments: t.Any) -> t.Any:
        side = real(*arguments)
        asked.extend([len(side.recent_jobs)] if side.recent_jobs is not None else [])
        return side

    monkeypatch.setattr(_restore, "look", look)
    answer = scratch.beside()
    assert answer.result["restore"]["compared"]["jobs"]["only_live"] == NEWER
    # Keys that the live database does not have, which no ledger knows to be revoked.
    assert f"{KEYS} API keys refused now will be accepted again" in answer.result["msg"]
    assert len(answer.result["restore"]["compared"]["keys"]["accepted_again"]) == KEYS
    monkeypatch.setattr(_restore_compare, "_KNOWN_AT_MOST", JOBS - 1)
    assert scratch.beside().result["restore"]["compared"]["jobs"]["only_live"] == NEWER
    assert asked == [JOBS, 0]


def test_roles_that_are_missing_are_made_or_named(one: Sandbox, tmp_path: Path) -> None:
    scratch = Scratch(Server(one), tmp_path, tmp_path / "backups")
    role, grantee = f"{scratch.name}_o", f"{scratch.name}_g"
    try:
        scratch.make(jobs=3)
        scratch.server.query("postgres", f"CREATE ROLE {role} LOGIN PASSWORD 'only-for-a-test'")
        scratch.server.query("postgres", f"CREATE ROLE {grantee}")
        scratch.query(f"ALTER TABLE jobs OWNER TO {role}")
        scratch.query(f"GRANT SELECT ON jobs TO {grantee}")
        # What inherits has its rows for itself.
        scratch.query("CREATE TABLE parent (a int); CREATE TABLE child () INHERITS (parent)")
        scratch.query("INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2), (3)")
        take(scratch)
        dump = scratch.dump(tmp_path / "no_roles.dump")
        before = scratch.rows()
        scratch.drop_all()
        for each in (role, grantee):
            scratch.server.query("postgres", f"DROP ROLE {each}")
        answer = scratch.core(state="beside", backup=dump)
        assert answer.failed and f"objects or rights of role '{grantee}'" in answer.output
        assert scratch.databases() == {}
        # There is no live database, and the backup of ours knows its roles.
        answer = scratch.beside()
        assert answer.result["plan"][:2] == [f"role {each}: is made as in the backup" for each in (grantee, role)]
        tables = answer.result["restore"]["tables"]
        assert (tables["public.parent"], tables["public.child"]) == (1, 2)
        assert f"'{scratch.name}' is absent: nothing of it was compared." in answer.result["msg"]
        scratch.swap()
        assert scratch.rows() == before and set(scratch.databases()) == {""}
        undone = scratch.core(state="undone", confirm=scratch.name)
        assert not undone.result["changed"] and "nothing to go back to" in undone.result["msg"]
        owner = "SELECT tableowner, has_table_privilege(%s, 'jobs', 'SELECT') FROM pg_tables WHERE tablename = 'jobs'"
        assert scratch.query(owner, grantee) == [(role, True)]
    finally:
        scratch.drop_all()
        for each in (role, grantee):
            scratch.server.query("postgres", f"DROP ROLE IF EXISTS {each}")


def test_a_setting_that_cannot_be_set_is_told_and_fails_no_restore(one: Sandbox, tmp_path: Path) -> None:
    scratch = Scratch(Server(one), tmp_path, tmp_path / "backups")
    server, role = scratch.server, f"{scratch.name}_o"
    server.query("postgres", f"CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'only-for-a-test'")
    try:
        scratch.make(jobs=3)
        for setting in ("log_min_messages = 'error'", "work_mem = '8MB'"):
            server.query("postgres", f"ALTER DATABASE {scratch.name} SET {setting}")
        for statement in (f"ALTER TABLE jobs OWNER TO {role}", f"ALTER TABLE api_keys OWNER TO {role}"):
            scratch.query(statement)
        server.query("postgres", f"ALTER DATABASE {scratch.name} OWNER TO {role}")
        name, before = take(scratch), scratch.rows()
        # Only a superuser may set both of these, one of the backup and one of the live database.
        server.query("postgres", f"ALTER DATABASE {scratch.name} SET log_min_error_statement = 'log'")
        weak = {"login_user": role, "login_password": "only-for-a-test", "amcheck": False, "backup": name}
        answer = scratch.beside(**weak)
        (told,) = [note for note in answer.result["restore"]["notes"] if "could not be set" in note]
        assert told.startswith("The setting log_min_messages could not be set: ") and told in answer.result["msg"]
        answer = scratch.swap(**weak)
        notes = answer.result["restore"]["notes"]
        assert [note.split(":")[0] for note in notes] == [
            "The setting log_min_error_statement could not be set",
            "The setting log_min_messages could not be set",
        ]
        assert scratch.rows() == before and scratch.query("SELECT current_setting('work_mem')") == [("8MB",)]
    finally:
        scratch.drop_all()
        server.query("postgres", f"DROP ROLE {role}")


def test_what_is_sorted_by_icu_is_sorted_so_again_also_with_no_live_database(one: Sandbox, tmp_path: Path) -> None:
    scratch = Scratch(Server(one), tmp_path, tmp_path / "backups")
    sorting = (
        "SELECT to_jsonb(d) ->> 'datlocprovider', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')"
        " FROM pg_database AS d WHERE datname = current_database()"
    )
    ordered = "SELECT string_agg(w, ' ' ORDER BY w) FROM unnest('{a,ä,z}'::text[]) AS w"
    try:
        scratch.make(jobs=3, form="TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'sv'")
        before = scratch.rows()
        assert scratch.query(ordered) == [("a z ä",)]
        take(scratch)
        scratch.drop_all()
        scratch.beside()
        scratch.swap()
        assert scratch.query(sorting) == [("i", "sv")] and scratch.query(ordered) == [("a z ä",)]
        assert scratch.rows() == before
    finally:
        scratch.drop_all()


def test_a_damaged_live_database_is_restored_all_the_same(scratch: Scratch, backup: dict[str, t.Any]) -> None:
    ((path,),) = scratch.query("SELECT pg_relation_filepath('jobs')")
    scratch.query("CHECKPOINT")
    scratch.server.client("rm", f"/var/lib/postgresql/data/{path}")
    answer = scratch.beside()
    told = " ".join(answer.result["restore"]["not_compared"])
    assert "the table 'public.jobs'" in told and "could not open file" in told
    assert "Nothing is in the live database" not in answer.result["msg"]
    scratch.swap()
    assert scratch.rows() == backup["rows"]


def test_what_is_not_from_here_and_who_may_not_are_refused(scratch: Scratch) -> None:
    server = scratch.server
    server.query("postgres", f"CREATE DATABASE {scratch.staging}")
    server.query(scratch.staging, "CREATE TABLE precious ()")
    answer = scratch.core(state="beside")
    assert answer.failed and f"there is a database '{scratch.staging}' that is not from here" in answer.output
    assert server.query(scratch.staging, "SELECT count(*) FROM precious") == [(0,)]
    role = f"{scratch.name}_weak"
    server.query("postgres", f"DROP DATABASE {scratch.staging}")
    server.query("postgres", f"CREATE ROLE {role} LOGIN PASSWORD 'only-for-a-test'")
    try:
        weak = {"login_user": role, "login_password": "only-for-a-test"}
        answer = scratch.core(state="beside", **weak)
        assert answer.failed and f"role '{role}' may not make databases" in answer.output
        server.query("postgres", f"ALTER ROLE {role} CREATEDB")
        scratch.beside()
        answer = scratch.core(state="swapped", confirm=scratch.name, **weak)
        assert answer.failed and "Pass login_user=rendiff_user" in answer.output
        assert set(scratch.databases()) == {"", "_restore"}
    finally:
        server.query("postgres", f"DROP ROLE {role}")


def killed(scratch: Scratch, nth: int, **options: t.Any) -> int:
    """Run it, and kill it before its nth call; return how many calls it made, 0 when it was killed."""
    argv = [sys.executable, str(ROOT / "tests/integration/killed_restore.py"), str(nth)]
    given = {**scratch.common, "backup": scratch.core.common["backup"], "confirm": scratch.name, **options}
    environment = {"PYTHONPATH": f"{COLLECTIONS}:{ROOT / 'tests/integration'}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [*argv, json.dumps(given)], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    if done.returncode == -signal.SIGKILL:
        return 0
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def spread(calls: int, count: int) -> list[int]:
    """Return some of so many calls, from the first to the last, evenly."""
    return sorted({1 + (calls - 1) * number // (count - 1) for number in range(count)})


def test_a_run_that_is_killed_anywhere_leaves_the_live_database_and_the_next_one_ends_well(
    scratch: Scratch, backup: dict[str, t.Any]
) -> None:
    before, prefix = scratch.rows(), scratch.server.sandbox.project
    calls = killed(scratch, 0, state="beside")
    scratch.core(state="dropped", previous=scratch.staging, confirm=scratch.staging)
    points = spread(calls, 7)
    for nth in points:
        if (scratch.databases().get("_restore") or Marker("", "")).state == "beside":
            scratch.core(state="dropped", previous=scratch.staging, confirm=scratch.staging)
        assert killed(scratch, nth, state="beside") == 0
        assert scratch.usable() and scratch.rows() == before
        marker = scratch.databases().get("_restore")
        # What is told to be whole is whole.
        assert marker is None or marker.state == "loading" or scratch.rows(scratch.staging) == backup["rows"], nth
    scratch.beside()
    assert scratch.rows() == before and scratch.rows(scratch.staging) == backup["rows"]
    assert docker("ps", "-aq", "--filter", f"label={LABEL}={prefix}/restore") == ""

    # As many calls as a swap makes are not known before there was one, so that each is killed until one comes through.
    nth, came_through = 1, 0
    while not came_through:
        came_through = killed(scratch, nth, state="swapped")
        assert scratch.usable()
        found = scratch.rows()
        assert found == (backup["rows"] if "_restore" not in scratch.databases() else before)
        nth += 5
    assert scratch.rows() == backup["rows"] and len(points) + nth // 5 >= 12
    assert not scratch.swap().result["changed"]
    assert killed(scratch, 12, state="undone") == 0 and scratch.usable()
    assert not scratch.core(state="undone", confirm=scratch.name).failed
    assert scratch.rows() == before
