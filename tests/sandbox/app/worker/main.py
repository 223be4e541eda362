# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker: takes jobs from the queues it is started with and converts them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from celery import bootsteps
from celery.utils.log import get_task_logger
from service import broker, database

from worker.convert import convert

ALIVE_FILE = Path("/tmp/worker-alive")
PROGRESS_EVERY_S = 1.0

log = get_task_logger(__name__)
app = broker.make_app(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    task_track_started=True,
    task_time_limit=21600,
    broker_connection_retry_on_startup=True,
)


class Alive(bootsteps.StartStopStep):
    """Touch a file for the health check, only while the consumer is connected to the broker."""

    requires = {"celery.worker.consumer.tasks:Tasks"}

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.timer: Any = None

    def start(self, parent: Any) -> None:
        ALIVE_FILE.touch()
        self.timer = parent.timer.call_repeatedly(3, ALIVE_FILE.touch)

    def stop(self, parent: Any) -> None:
        if self.timer is not None:
            self.timer.cancel()


app.steps["consumer"].add(Alive)


class Progress:
    """Write a job's percentage into its row, at most once a second."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.last = 0.0

    def __call__(self, percent: float) -> None:
        if time.monotonic() - self.last >= PROGRESS_EVERY_S:
            self.last = time.monotonic()
            database.set_job(self.job_id, "progress = %(percent)s, updated_at = {now}", percent=round(percent, 1))


@app.task(name=broker.TASK, bind=True)
def process_job(task: Any, job_id: str) -> dict[str, object]:
    """Run one job. As in the deployed service, any message for a job runs it, whatever its row says."""
    job = database.load_job(job_id)
    if job is None:
        raise LookupError(f"Job not found: {job_id}")
    database.set_job(
        job_id,
        "status = 'processing', progress = 0, error_message = NULL, completed_at = NULL, worker_id = %(worker)s,"
        " started_at = {now}" + database.SHAPE.on_start,
        worker=task.request.hostname,
    )
    try:
        size = convert(Path(job["input_path"]), Path(job["output_path"]), job["options"] or {}, Progress(job_id))
    except Exception as error:
        log.error("Job failed: %s", job_id)
        database.set_job(
            job_id,
            "status = 'failed', error_message = %(error)s, completed_at = {now}, updated_at = {now}"
            + database.SHAPE.on_failure,
            error=str(error),
        )
        raise
    database.set_job(
        job_id,
        "status = 'completed', progress = 100, completed_at = {now}, updated_at = {now}" + database.SHAPE.on_end,
        size=size,
    )
    log.info("Job completed: %s (%d bytes)", job_id, size)
    return {"job_id": job_id, "status": "completed"}
