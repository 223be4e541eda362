# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Celery worker that takes jobs as the service's does, and only counts how often each was run."""

from __future__ import annotations

import os

import psycopg2
import redis
from celery import Celery

app = Celery("worker", broker=os.environ["REDIS_URL"])
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1)
counts = redis.Redis.from_url(os.environ["REDIS_URL"])
_rows: list[object] = []


def rows() -> object:
    """Return the connection of this process."""
    if not _rows:
        connection = psycopg2.connect(os.environ["DATABASE_URL"])
        connection.autocommit = True
        _rows.append(connection)
    return _rows[0]


@app.task(name="worker.process_job")
def process_job(job_id: str) -> None:
    """Count a run, and set the row as the service does."""
    counts.hincrby("chaos:runs", job_id, 1)
    with rows().cursor() as cursor:
        cursor.execute("UPDATE jobs SET status = 'processing', started_at = now() WHERE id = %s", [job_id])
        cursor.execute("UPDATE jobs SET status = 'completed', completed_at = now() WHERE id = %s", [job_id])
