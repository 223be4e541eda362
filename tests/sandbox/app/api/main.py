# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The api: takes jobs with an API key, writes the row, sends the message, tells how it goes."""

from __future__ import annotations

import json
import logging
import os
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Literal

import redis
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from kombu.exceptions import OperationalError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from service import broker, database

from api import checks, metrics

app = FastAPI(title="Rendiff sandbox")
app.middleware("http")(metrics.measure)
celery = broker.make_app(
    task_publish_retry=False,
    broker_transport_options={"socket_connect_timeout": 3, "socket_timeout": 5},
    redis_socket_connect_timeout=3,
    redis_socket_timeout=5,
)
store = redis.Redis.from_url(broker.REDIS_URL, socket_timeout=5, socket_connect_timeout=3, decode_responses=True)
log = logging.getLogger("api")
log.setLevel(logging.INFO)
log.addHandler(logging.StreamHandler())


def log_event(level: str, event: str, **fields: object) -> None:
    """Log one JSON object a line, as the deployed api does."""
    stamp = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
    log.info(json.dumps({**fields, "event": event, "logger": "api", "level": level, "timestamp": stamp}))


class ConvertRequest(BaseModel):
    input: str
    output: str | None = None
    operations: list[dict[str, Any]] = Field(default_factory=list)
    priority: Literal["low", "normal", "high"] = "normal"
    options: dict[str, Any] = Field(default_factory=dict)


def caller(request: Request, x_api_key: Annotated[str | None, Header()] = None) -> str:
    """Return the raw key of the request when it is good; it is never logged, only its first characters are."""
    key = database.use_key(x_api_key) if x_api_key else None
    client_ip = request.client.host if request.client else None
    if x_api_key is None or key is None:
        log_event("warning", "authentication failed", client_ip=client_ip, key_prefix=(x_api_key or "")[:8])
        raise HTTPException(401, "Invalid API key")
    log_event("info", "authenticated", client_ip=client_ip, key_id=str(key["id"]), user_id=key["user_id"])
    return x_api_key


Caller = Annotated[str, Depends(caller)]


@app.exception_handler(database.Error)
@app.exception_handler(redis.RedisError)
def unavailable(request: Request, error: Exception) -> JSONResponse:
    log_event("error", "a service behind the api failed", path=request.url.path, kind=type(error).__name__)
    return JSONResponse({"detail": "Service temporarily unavailable"}, status_code=503)


def under_storage(path: str) -> Path:
    """Resolve a path of a request; it must not lead out of the storage."""
    resolved = Path(os.path.realpath(path))
    if checks.STORAGE not in resolved.parents:
        raise HTTPException(400, "Paths must be under /storage")
    return resolved


def present(row: dict[str, Any]) -> dict[str, Any]:
    """Shape a row for an answer."""
    shown = {**row, "id": str(row["id"])}
    shown["error"] = shown.pop("error_message")
    return shown


@app.get("/api/v1/health")
def health() -> dict[str, str]:
    # Constant, like the deployed one: it proves that the process answers and nothing else.
    return {"status": "healthy", "version": "sandbox"}


@app.get("/api/v1/health/detailed")
def health_detailed() -> dict[str, object]:
    return checks.detailed()


@app.post("/api/v1/convert", status_code=201)
def convert(body: ConvertRequest, key: Caller) -> dict[str, Any]:
    source = under_storage(body.input)
    if not source.is_file():
        raise HTTPException(400, "The input does not exist")
    job_id = str(uuid.uuid4())
    target = under_storage(body.output or f"/storage/output/{job_id}.mp4")
    job = {"id": job_id, "priority": body.priority, "input": str(source), "output": str(target)}
    database.add_job({**job, "operations": body.operations, "options": body.options}, key)
    queue, number = broker.ROUTES[body.priority]
    try:
        sent = celery.send_task(broker.TASK, args=[job_id], queue=queue, priority=number)
        store.hset(f"job:{job_id}", mapping={"task_id": sent.id, "queue": queue, "status": "queued"})
    except (OperationalError, redis.RedisError) as error:
        database.set_job(job_id, "status = 'failed', error_message = 'Cannot reach the queue', completed_at = {now}")
        raise HTTPException(503, "Cannot reach the queue") from error
    return {"job": {**job, "status": "queued"}}


@app.get("/api/v1/jobs")
def list_jobs(key: Caller, limit: int = 100) -> dict[str, Any]:
    return {"jobs": [present(row) for row in database.list_jobs(key, min(limit, 1000))]}


def own_job(job_id: uuid.UUID, key: Caller) -> dict[str, Any]:
    row = database.get_job(str(job_id), key)
    if row is None:
        raise HTTPException(404, "No such job")
    return row


OwnJob = Annotated[dict[str, Any], Depends(own_job)]


@app.get("/api/v1/jobs/{job_id}")
def get_job(row: OwnJob) -> dict[str, Any]:
    return present(row)


@app.delete("/api/v1/jobs/{job_id}")
def cancel_job(row: OwnJob) -> dict[str, Any]:
    # Like the deployed api: the row changes, the message stays in its queue, a running conversion goes on.
    if row["status"] not in ("queued", "processing"):
        raise HTTPException(409, f"The job is {row['status']} already")
    job_id = str(row["id"])
    database.set_job(job_id, "status = 'cancelled', completed_at = {now}, updated_at = {now}")
    store.hset(f"job:{job_id}", "status", "cancelled")
    return {"id": job_id, "status": "cancelled"}


@app.get("/metrics")
def show_metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
