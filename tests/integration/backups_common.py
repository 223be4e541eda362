# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of backups and restores share: databases of their own on the server of a sandbox, and its S3 store."""

from __future__ import annotations

import contextlib
import os
import typing as t
import uuid
from pathlib import Path

import psycopg2
from conftest import ROOT, Sandbox, docker, run

PASSPHRASE = "battery staple, only for a test"


class Scratch:
    """A database of its own on the server of a sandbox, of the runbook's shape."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.sandbox = sandbox
        self.name = name

    def connect(self, database: str = "") -> t.Any:
        """Open a connection that keeps every statement by itself."""
        connection = psycopg2.connect(
            host=self.sandbox.address("postgres"),
            user="rendiff_user",
            dbname=database or self.name,
            password=self.sandbox.secrets["POSTGRES_PASSWORD"],
            connect_timeout=10,
        )
        connection.autocommit = True
        return connection

    def query(self, statement: str, *parameters: t.Any, database: str = "") -> list[tuple[t.Any, ...]]:
        """Run a statement and return its rows."""
        with contextlib.closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def make(self, jobs: int = 500) -> None:
        """Make it anew, with jobs in it and two keys."""
        self.drop()
        self.query(f'CREATE DATABASE "{self.name}"', database="postgres")
        self.query((ROOT / "tests/sandbox/postgres/runbook.sql").read_text(encoding="utf-8"))
        self.query("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        self.query("INSERT INTO alembic_version VALUES ('0042')")
        self.add(jobs)
        for name in ("first", "second"):
            self.query(
                "INSERT INTO api_keys (id, api_key_hash, name) VALUES (%s, md5(%s) || md5(%s), %s)",
                *(str(uuid.uuid4()), f"a{name}", f"b{name}", name),
            )

    def add(self, jobs: int) -> None:
        """Add jobs that are done."""
        self.query(
            "INSERT INTO jobs (id, status, input_path, output_path, api_key, created_at, error_message) SELECT"
            " gen_random_uuid(), 'completed', 'a', 'b', md5(n::text) || md5(n::text), now() - n * interval '1 minute',"
            " repeat(md5(n::text), 8) FROM generate_series(1, %s) AS n",
            jobs,
        )

    def drop(self) -> None:
        """Drop it and every other that came of it, whoever uses them."""
        found = self.query(
            "SELECT datname FROM pg_database WHERE datname = %s OR datname LIKE %s",
            *(self.name, self.name.replace("_", r"\_") + r"\_%"),
            database="postgres",
        )
        for (name,) in found:
            self.query(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', database="postgres")


def dump_by_hand(scratch: Scratch, path: Path) -> None:
    """Dump the database as the service's own script means to: in the custom format, into a file."""
    container = scratch.sandbox.container("postgres")
    inside = f"/tmp/{uuid.uuid4().hex}"
    docker("exec", container, "pg_dump", "-U", "rendiff_user", "-Fc", "-d", scratch.name, "-f", inside)
    docker("cp", f"{container}:{inside}", str(path))
    docker("exec", container, "rm", inside)


def rclone(sandbox: Sandbox, *words: str) -> str:
    """Run rclone by hand on the S3 store of a sandbox, as ``s3:``; it must succeed."""
    prefix = "RCLONE_CONFIG_S3_"
    told = {
        f"{prefix}TYPE": "s3",
        f"{prefix}PROVIDER": "Other",
        f"{prefix}ENDPOINT": endpoint(sandbox),
        f"{prefix}ACCESS_KEY_ID": sandbox.secrets["S3_ACCESS_KEY"],
        f"{prefix}SECRET_ACCESS_KEY": sandbox.secrets["S3_SECRET_KEY"],
        "RCLONE_CONFIG": "/dev/null",
        "AWS_CA_BUNDLE": "",
    }
    done = run(["rclone", *words], env={**os.environ, **told})
    assert done.returncode == 0, done.stderr
    return done.stdout


def endpoint(sandbox: Sandbox) -> str:
    """Return the URL of the S3 store of a sandbox."""
    return f"http://127.0.0.1:{sandbox.facts['s3_port']}"


def s3_options(sandbox: Sandbox, bucket: str) -> dict[str, str]:
    """Return the options that name a bucket in the S3 store of a sandbox."""
    return {
        "s3_bucket": bucket,
        "s3_endpoint": endpoint(sandbox),
        "s3_access_key": sandbox.secrets["S3_ACCESS_KEY"],
        "s3_secret_key": sandbox.secrets["S3_SECRET_KEY"],
    }


def passphrase_file(folder: Path, text: str = PASSPHRASE) -> str:
    """Write a passphrase for gpg into a file that only its owner reads, and return its path."""
    path = folder / f"passphrase-{uuid.uuid4().hex[:8]}"
    path.touch(mode=0o600)
    path.write_text(f"{text}\n", encoding="utf-8")
    return str(path)


def age_identity(folder: Path) -> tuple[str, str]:
    """Make an identity of age; return its file, and the recipient that belongs to it."""
    path = folder / f"identity-{uuid.uuid4().hex[:8]}"
    done = run(["age-keygen", "--output", str(path)])
    assert done.returncode == 0, done.stderr
    public = path.read_text(encoding="utf-8").split("# public key: ", 1)[1].splitlines()[0]
    return str(path), public
