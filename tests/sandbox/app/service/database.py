# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of jobs and api_keys in either of the two database shapes; the only file that knows their columns."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2
import psycopg2.extras

Error = psycopg2.Error
DATABASE_URL = os.environ["DATABASE_URL"]


@dataclass(frozen=True)
class Shape:
    """What differs between the two database shapes."""

    key_hash: str
    key_uses: str
    now: str
    raw_key_in_jobs: bool
    # More columns to set when a job starts, ends well, ends badly.
    on_start: str
    on_end: str
    on_failure: str


SHAPES = {
    "upstream": Shape(
        key_hash="key_hash",
        key_uses="total_requests",
        # This shape keeps naive UTC in jobs.
        now="(now() AT TIME ZONE 'utc')",
        raw_key_in_jobs=True,
        on_start=", current_stage = 'processing'",
        on_end=", current_stage = 'complete', processing_time = extract(epoch FROM {now} - started_at)",
        on_failure=", current_stage = 'failed'",
    ),
    "runbook": Shape(
        key_hash="api_key_hash",
        key_uses="request_count",
        now="now()",
        raw_key_in_jobs=False,
        on_start="",
        on_end=", output_size = %(size)s",
        on_failure="",
    ),
}
SHAPE = SHAPES[os.environ["RENDIFF_SCHEMA"]]
VISIBLE = "id, status, priority, progress, input_path, output_path, error_message, created_at, started_at, completed_at"


@contextlib.contextmanager
def cursor(timeout_s: int = 5) -> Iterator[Any]:
    """Give a cursor in its own transaction: committed at the end, rolled back on any error."""
    connection = psycopg2.connect(
        DATABASE_URL, connect_timeout=timeout_s, options=f"-c statement_timeout={timeout_s * 1000}"
    )
    try:
        with connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cur:
            yield cur
    finally:
        connection.close()


def hash_key(raw: str) -> str:
    """Return the form in which api_keys holds a key."""
    return hashlib.sha256(raw.encode()).hexdigest()


def stored_key(raw: str) -> str:
    """Return the form in which jobs holds the key that submitted it."""
    return raw if SHAPE.raw_key_in_jobs else hash_key(raw)


def use_key(raw: str) -> dict[str, Any] | None:
    """Count one use of a valid key and return its id and name; None when it is unknown, revoked or expired."""
    with cursor() as cur:
        cur.execute(
            f"UPDATE api_keys SET {SHAPE.key_uses} = {SHAPE.key_uses} + 1, last_used_at = now()"
            f" WHERE {SHAPE.key_hash} = %s AND is_active AND revoked_at IS NULL"
            " AND (expires_at IS NULL OR expires_at > now()) RETURNING id, name, user_id",
            (hash_key(raw),),
        )
        return cur.fetchone()


def add_key(raw: str, name: str, user: str) -> None:
    """Add a key unless it is there already."""
    row = {"id": str(uuid.uuid4()), SHAPE.key_hash: hash_key(raw), "name": name, "user_id": user, "is_active": True}
    if SHAPE.raw_key_in_jobs:
        row |= {"key_prefix": raw[:8], "is_admin": False, "max_concurrent_jobs": 100, "monthly_limit_minutes": 10000}
        row |= {"total_requests": 0}
    with cursor() as cur:
        cur.execute(
            f"INSERT INTO api_keys ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})"
            f" ON CONFLICT ({SHAPE.key_hash}) DO NOTHING",
            list(row.values()),
        )


def add_job(job: dict[str, Any], raw_key: str) -> None:
    """Write a job's row as queued."""
    with cursor() as cur:
        cur.execute(
            "INSERT INTO jobs (id, status, priority, input_path, output_path, operations, options, progress,"
            " retry_count, api_key, created_at)"
            " VALUES (%(id)s, 'queued', %(priority)s, %(input)s, %(output)s, %(operations)s, %(options)s, 0, 0,"
            f" %(key)s, {SHAPE.now})",
            {
                **job,
                "operations": json.dumps(job["operations"]),
                "options": json.dumps(job["options"]),
                "key": stored_key(raw_key),
            },
        )


def get_job(job_id: str, raw_key: str) -> dict[str, Any] | None:
    """Return a job that this key submitted."""
    with cursor() as cur:
        cur.execute(f"SELECT {VISIBLE} FROM jobs WHERE id = %s AND api_key = %s", (job_id, stored_key(raw_key)))
        return cur.fetchone()


def list_jobs(raw_key: str, limit: int) -> list[dict[str, Any]]:
    """Return the newest jobs that this key submitted."""
    with cursor() as cur:
        cur.execute(
            f"SELECT {VISIBLE} FROM jobs WHERE api_key = %s ORDER BY created_at DESC LIMIT %s",
            (stored_key(raw_key), limit),
        )
        return cur.fetchall()


def load_job(job_id: str) -> dict[str, Any] | None:
    """Return what the worker needs to run a job."""
    with cursor() as cur:
        cur.execute("SELECT input_path, output_path, options FROM jobs WHERE id = %s", (job_id,))
        return cur.fetchone()


def set_job(job_id: str, assignments: str, **values: object) -> bool:
    """Change a job's row; `{now}` in the assignments stands for the shape's present time."""
    with cursor() as cur:
        cur.execute(f"UPDATE jobs SET {assignments.format(now=SHAPE.now)} WHERE id = %(id)s", {**values, "id": job_id})
        return bool(cur.rowcount)


def duration_counts(bounds: list[float]) -> tuple[list[int], float]:
    """Count the completed jobs whose conversion took at most each bound, then all of them; and sum their seconds."""
    counts = ", ".join(f"count(*) FILTER (WHERE s <= {bound}) AS c{at}" for at, bound in enumerate(bounds))
    with cursor(timeout_s=2) as cur:
        cur.execute(
            f"SELECT {counts}, count(*) AS total, coalesce(sum(s), 0) AS seconds FROM"
            " (SELECT extract(epoch FROM completed_at - started_at) AS s FROM jobs WHERE status = 'completed') AS done"
        )
        row = cur.fetchone()
    return [row[f"c{at}"] for at in range(len(bounds))] + [row["total"]], float(row["seconds"])
