# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases of a test's own on the server of a sandbox, which are backed up, broken and restored."""

from __future__ import annotations

import contextlib
import hashlib
import json
import typing as t
import uuid
from pathlib import Path

import psycopg2
from conftest import ROOT, Answer, Module, Sandbox, docker
from core_common import Core, run_command

from ansible_collections.rendiff.ops.plugins.module_utils._backup_take import TAKE_ARGUMENTS, take_backup
from ansible_collections.rendiff.ops.plugins.module_utils._restore import RESTORE_ARGUMENTS, restore
from ansible_collections.rendiff.ops.plugins.module_utils._restore_marker import Marker, parse_marker

SCHEMA = ROOT / "tests" / "sandbox" / "postgres" / "runbook.sql"
JOBS, KEYS = 300, 3
JOB = "INSERT INTO jobs (id, status, input_path, output_path) SELECT gen_random_uuid(), 'completed', %s, 'b'"
KEY = "INSERT INTO api_keys (id, api_key_hash, name) VALUES (gen_random_uuid(), %s, %s)"


def hash_of(key: str) -> str:
    """Return what the service keeps of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


class Server:
    """The server of a sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.container = sandbox.container("postgres")
        self._address = sandbox.address("postgres")

    def connect(self, database: str) -> t.Any:
        """Open a connection in which each statement is kept at once."""
        connection = psycopg2.connect(
            host=self._address,
            user="rendiff_user",
            dbname=database,
            password=self.sandbox.secrets["POSTGRES_PASSWORD"],
            connect_timeout=10,
        )
        connection.autocommit = True
        return connection

    def query(self, database: str, statement: str, *parameters: t.Any) -> list[tuple[t.Any, ...]]:
        """Run a statement, keep what it did, and return its rows."""
        with contextlib.closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def client(self, *argv: str) -> str:
        """Run a client of PostgreSQL in the container of the server, where it needs no password."""
        return docker("exec", "-e", "PGUSER=rendiff_user", self.container, *argv)

    @contextlib.contextmanager
    def inside(self, dump: str) -> t.Iterator[str]:
        """Have a file of the host in the container for as long as the block runs; give its path there."""
        target = f"/tmp/rdops_{uuid.uuid4().hex[:8]}"
        docker("cp", dump, f"{self.container}:{target}")
        try:
            yield target
        finally:
            docker("exec", "-u", "0", self.container, "rm", target)

    def shell(self, script: str) -> tuple[int, str]:
        """Run what somebody would paste into a shell there; return its status and all that it printed."""
        status, output, complaints = run_command(
            ["docker", "exec", "-e", "PGUSER=rendiff_user", self.container, "bash", "-c", script]
        )
        return status, output + complaints


class Scratch:
    """One database of a test's own that stands for the live one, and the module on it."""

    def __init__(self, server: Server, folder: Path, backups: Path) -> None:
        self.server = server
        self.name = f"rdops_{uuid.uuid4().hex[:8]}"
        self.staging = f"{self.name}_restore"
        self.state_dir = folder / "state"
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.common = {
            "project": server.sandbox.project,
            "login_db": self.name,
            "state_dir": str(self.state_dir),
            "backup_dir": str(backups),
        }
        self.core = Core(restore, RESTORE_ARGUMENTS, changes=True, **self.common)
        self.module = Module("rendiff_restore", **self.common)

    def make(self, jobs: int = JOBS, form: str = "") -> None:
        """Make it, with jobs and keys; ``form`` is how, in the words of CREATE DATABASE."""
        self.server.query("postgres", f"CREATE DATABASE {self.name} {form}")
        self.query(SCHEMA.read_text(encoding="utf-8"))
        self.add_jobs(jobs, "old")
        for number in range(KEYS):
            self.query(KEY, hash_of(f"key-{number}"), f"key-{number}")

    def add_jobs(self, count: int, mark: str) -> None:
        """Add jobs of a mark."""
        self.query(f"{JOB} FROM generate_series(1, %s)", mark, count)

    def query(self, statement: str, *parameters: t.Any) -> list[tuple[t.Any, ...]]:
        """Run a statement in it."""
        return self.server.query(self.name, statement, *parameters)

    def rows(self, database: str | None = None) -> list[tuple[t.Any, ...]]:
        """Return every row that it has, as one value a table."""
        tables = ("jobs", "api_keys")
        parts = [
            f"SELECT '{each}', count(*), md5(string_agg(x::text, '|' ORDER BY x::text)) FROM {each} AS x"
            for each in tables
        ]
        return self.server.query(database or self.name, " UNION ALL ".join(parts) + " ORDER BY 1")

    def databases(self) -> dict[str, Marker | None]:
        """Return what there is of it on the server, by what comes after its name."""
        found = self.server.query(
            "postgres",
            "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database WHERE starts_with(datname, %s)",
            self.name,
        )
        return {name[len(self.name) :]: parse_marker(comment) for name, comment in found}

    def kept(self, state: str) -> str:
        """Return the name of the only database that is kept in this state."""
        (found,) = [suffix for suffix in self.databases() if suffix.startswith(f"_{state}_")]
        return self.name + found

    def usable(self) -> bool:
        """Tell whether the live database is there and lets everybody in."""
        found = self.server.query("postgres", "SELECT datallowconn FROM pg_database WHERE datname = %s", self.name)
        return found == [(True,)]

    def revoke(self, *keys: str) -> None:
        """Put keys into the ledger of revocations, and into nothing else."""
        with open(self.state_dir / "revocations.jsonl", "a", encoding="utf-8") as ledger:
            ledger.writelines(json.dumps({"key_hash": hash_of(key)}) + "\n" for key in keys)

    def active(self, database: str | None = None) -> list[str]:
        """Return the names of the keys that the service would accept."""
        rows = self.server.query(
            database or self.name, "SELECT name FROM api_keys WHERE is_active AND revoked_at IS NULL ORDER BY name"
        )
        return [name for (name,) in rows]

    def beside(self, **options: t.Any) -> Answer:
        """Have a backup beside it; that must go well."""
        answer = self.core(state="beside", **options)
        assert not answer.failed, answer.output
        return answer

    def swap(self, **options: t.Any) -> Answer:
        """Let what is beside take its place; that must go well."""
        answer = self.core(state="swapped", confirm=self.name, **options)
        assert not answer.failed, answer.output
        return answer

    def dump(self, target: Path) -> str:
        """Dump it into a file of the host as nobody's backup; return its path."""
        self.server.client("pg_dump", "--format=custom", f"--file=/tmp/{self.name}", self.name)
        docker("cp", f"{self.server.container}:/tmp/{self.name}", str(target))
        self.server.client("rm", f"/tmp/{self.name}")
        return str(target)

    def drop_all(self) -> None:
        """Remove whatever there is of it."""
        for suffix in self.databases():
            self.server.query("postgres", f'DROP DATABASE "{self.name}{suffix}" WITH (FORCE)')


def take(scratch: Scratch) -> str:
    """Take a backup of it; return its name."""
    answer = Core(take_backup, TAKE_ARGUMENTS, changes=True, **scratch.common)()
    assert not answer.failed, answer.output
    return str(answer.result["backup"]["name"])
