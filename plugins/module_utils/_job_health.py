# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the jobs as their rows tell, held against the queues and the workers."""

from __future__ import annotations

import dataclasses
import typing as t

from . import _postgres
from ._census import Census
from ._queue_health import QueueFacts
from ._redact import generalize
from ._schema import Table, introspect, require
from ._verdict import CRITICAL, OK, UNKNOWN, WARNING, Finding

WAITING, RUNNING = ("queued", "pending"), ("processing", "running")
FAILED, COMPLETED = ("failed", "error"), ("completed", "succeeded", "done")
_SAMPLE = 500
# A row is written a moment before or after its message, and a worker takes a moment between the two.
SETTLED_S = 60


def _age(table: Table, names: t.Sequence[str]) -> t.Any:
    """Return SQL for the seconds since the newest of some times; naive times are UTC, as the service writes them."""
    sql = _postgres.sql
    parts = []
    for name in names:
        if table.has(name):
            column = sql.SQL("j.{}").format(sql.Identifier(table.column(name).name))
            naive = "without" in table.column(name).type
            parts.append(sql.SQL("{} AT TIME ZONE 'UTC'").format(column) if naive else column)
    newest = sql.SQL("greatest({})").format(sql.SQL(", ").join(parts))
    return sql.SQL("extract(epoch FROM clock_timestamp() - {})::float").format(newest)


def read_jobs(database: _postgres.Database) -> dict[str, t.Any]:
    """Return counts by status, the oldest waiting, the running rows and recent failures; ages in seconds."""
    sql = _postgres.sql
    table = require(introspect(database.query), "jobs")
    name = sql.Identifier(table.name)
    status = sql.SQL("lower(j.{}::text)").format(sql.Identifier(table.column("status").name))
    identity = sql.SQL("j.{}::text").format(sql.Identifier(table.column("id").name))
    waited, moved = _age(table, ["created_at"]), _age(table, ["updated_at", "started_at", "created_at"])
    worker = (
        sql.SQL("j.{}").format(sql.Identifier(table.column("worker_id").name))
        if table.has("worker_id")
        else sql.SQL("NULL")
    )
    counts = database.query(sql.SQL("SELECT {}, count(*) FROM {} AS j GROUP BY 1").format(status, name))
    listing = sql.SQL("SELECT {}, {}, {} FROM {} AS j WHERE {} = ANY (%s) ORDER BY 2 DESC NULLS FIRST LIMIT {}")
    waiting = database.query(
        listing.format(identity, waited, worker, name, status, sql.Literal(_SAMPLE)), [list(WAITING)]
    )
    running = database.query(
        listing.format(identity, moved, worker, name, status, sql.Literal(_SAMPLE)), [list(RUNNING)]
    )
    ended = _age(table, ["completed_at"]) if table.has("completed_at") else moved
    message = (
        sql.SQL("left(j.{}, 300)").format(sql.Identifier(table.column("error_message").name))
        if table.has("error_message")
        else sql.SQL("NULL")
    )
    failures = database.query(
        sql.SQL(
            "SELECT {}, count(*) FROM {} AS j WHERE {} = ANY (%s) AND {} < 3600 GROUP BY 1 ORDER BY 2 DESC LIMIT 200"
        ).format(message, name, status, ended),
        [list(FAILED)],
    )
    # Apart from the kinds, of which only the most frequent are read, so that the share is that of all.
    hour = database.query(
        sql.SQL(
            "SELECT count(*) FILTER (WHERE {0} = ANY (%s) AND {1} < 3600),"
            " count(*) FILTER (WHERE {0} = ANY (%s) AND {1} < 3600),"
            " count(*) FILTER (WHERE {0} = ANY (%s) AND {2} > %s) FROM {3} AS j"
        ).format(status, ended, waited, name),
        [list(COMPLETED), list(FAILED), list(WAITING), SETTLED_S],
    )[0]
    fields = ("id", "age_s", "worker")
    return {
        "counts": {str(row[0]): int(row[1]) for row in counts},
        "waiting": [dict(zip(fields, row)) for row in waiting],
        "running": [dict(zip(fields, row)) for row in running],
        "failures": group_failures((str(row[0] or "no message"), int(row[1])) for row in failures),
        "completed_last_hour": int(hour[0]),
        "failed_last_hour": int(hour[1]),
        "waiting_settled": int(hour[2]),
    }


def group_failures(rows: t.Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return how often each kind of message came, most first; what differs by id, number or path is one kind. Pure."""
    kinds: dict[str, int] = {}
    for message, count in rows:
        kind = generalize(message)[:160]
        kinds[kind] = kinds.get(kind, 0) + count
    return dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0]))[:10])


def judge_jobs(
    jobs: t.Mapping[str, t.Any],
    queues: QueueFacts | None,
    census: Census | None,
    evicted: bool,
    limits: t.Mapping[str, t.Any],
) -> list[Finding]:
    """Judge the jobs by rows, messages and workers together; where a source is missing, say what is not known. Pure."""
    found = [
        *_judge_lost(jobs, queues, census, evicted),
        *_judge_stuck(jobs, queues, census, limits),
        *_judge_waiting(jobs, limits),
        *_judge_failures(jobs, limits),
    ]
    if not found:
        counted = ", ".join(f"{count} {status}" for status, count in sorted(jobs["counts"].items())) or "none yet"
        summary = f"Jobs: {counted}; {jobs['completed_last_hour']} completed within the last hour."
        found.append(Finding("jobs", "jobs", OK, "jobs", summary, dict(jobs["counts"])))
    return found


def _sure(census: Census | None) -> bool:
    """Tell whether all workers answered, and said of everything they hold which job it is."""
    return census is not None and census.complete and all(task.job_id for task in census.tasks)


def _held(queues: QueueFacts, census: Census) -> set[str]:
    return set(queues.job_ids) | {task.job_id for task in census.tasks}


def _judge_lost(
    jobs: t.Mapping[str, t.Any], queues: QueueFacts | None, census: Census | None, evicted: bool
) -> list[Finding]:
    cause = "redis.policy" if evicted else ""
    if queues is None or census is None or not queues.whole or not _sure(census):
        return _count_lost(jobs, queues, census, cause)
    known = _held(queues, census)
    lost = [row["id"] for row in jobs["waiting"] if (row["age_s"] or 0) > SETTLED_S and row["id"] not in known]
    if not lost:
        return []
    noun = "job waits and has" if len(lost) == 1 else "jobs wait and have"
    summary = f"{len(lost)} {noun} no message in any queue: nobody will ever run them."
    evidence = {"jobs": lost[:20], "count": len(lost)}
    return [Finding("jobs.lost", "jobs", CRITICAL, "jobs", summary, evidence, caused_by=cause)]


def _count_lost(
    jobs: t.Mapping[str, t.Any], queues: QueueFacts | None, census: Census | None, cause: str
) -> list[Finding]:
    """Judge by numbers where not every message could be read: what waits must be somewhere."""
    waiting = int(jobs.get("waiting_settled", 0))
    if queues is None or census is None or not waiting:
        return []
    messages = sum(sum(steps.values()) for steps in queues.lengths.values()) + sum(queues.foreign.values())
    missing = waiting - messages - queues.unacked
    if missing > 0 and census.complete:
        summary = (
            f"At least {missing} of {waiting} waiting jobs have no message in any queue: nobody will ever run them."
        )
        evidence = {"count": missing, "waiting": waiting, "messages": messages, "unacked": queues.unacked}
        return [Finding("jobs.lost", "jobs", CRITICAL, "jobs", summary, evidence, caused_by=cause)]
    if cause:
        summary = f"Whether all of {waiting} waiting jobs still have a message is not known, and Redis threw keys away."
        return [Finding("jobs.lost", "jobs", UNKNOWN, "jobs", summary, {"waiting": waiting}, caused_by=cause)]
    return []


def suspects(findings: t.Iterable[Finding]) -> bool:
    """Tell whether jobs are said to be lost or stuck that may only have moved on between two looks. Pure."""
    return any(finding.id in ("jobs.lost", "jobs.stuck") for finding in findings)


def put_aside(findings: t.Iterable[Finding], lists: int) -> list[Finding]:
    """Return the findings, none claiming a loss while lists of messages lie aside that a job may be in. Pure."""
    if not lists:
        return list(findings)
    noun = "list of messages is" if lists == 1 else "lists of messages are"
    told = []
    for finding in findings:
        if finding.id == "jobs.lost":
            summary = f"{finding.summary.split(':')[0]}, but {lists} {noun} put aside: see rendiff.ops.queue_status."
            finding = dataclasses.replace(finding, severity=UNKNOWN, summary=summary)
        told.append(finding)
    return told


def _judge_stuck(
    jobs: t.Mapping[str, t.Any], queues: QueueFacts | None, census: Census | None, limits: t.Mapping[str, t.Any]
) -> list[Finding]:
    running = jobs["running"]
    if queues is None or census is None or not _sure(census):
        old = [row["id"] for row in running if (row["age_s"] or 0) > limits["job_stuck_s"]]
        if not old:
            return []
        summary = (
            f"{len(old)} jobs have not moved for {limits['job_stuck_s']} s; whether a worker has them is not known."
        )
        return [Finding("jobs.stuck", "jobs", UNKNOWN, "jobs", summary, {"jobs": old[:20], "count": len(old)})]
    working = {task.job_id for task in census.tasks}
    left = [row for row in running if (row["age_s"] or 0) > SETTLED_S and row["id"] not in working]
    if not left:
        return []
    coming = [row["id"] for row in left if row["id"] in queues.job_ids]
    noun = "job is" if len(left) == 1 else "jobs are"
    summary = f"{len(left)} {noun} marked as processing and no worker that answers has them."
    if coming:
        summary += f" The broker still holds a message for {len(coming)}; it delivers that anew after its time limit."
    evidence = {"jobs": [row["id"] for row in left[:20]], "count": len(left), "with_message": len(coming)}
    return [Finding("jobs.stuck", "jobs", CRITICAL, "jobs", summary, evidence)]


def _judge_waiting(jobs: t.Mapping[str, t.Any], limits: t.Mapping[str, t.Any]) -> list[Finding]:
    oldest = max((row["age_s"] or 0 for row in jobs["waiting"]), default=0)
    if oldest <= limits["job_wait_s"]:
        return []
    summary = f"The oldest waiting job has waited for {oldest / 60:.0f} minutes."
    evidence = {"oldest_s": round(oldest), "waiting": sum(jobs["counts"].get(status, 0) for status in WAITING)}
    return [Finding("jobs.waiting", "jobs", WARNING, "jobs", summary, evidence)]


def _judge_failures(jobs: t.Mapping[str, t.Any], limits: t.Mapping[str, t.Any]) -> list[Finding]:
    failed, completed = jobs["failed_last_hour"], jobs["completed_last_hour"]
    if failed < 3 or failed / (failed + completed) <= limits["job_failures"]:
        return []
    worst = next(iter(jobs["failures"]), "no message")
    summary = f"{failed} of {failed + completed} jobs failed within the last hour, most of them with: {worst[:120]}"
    evidence = {"failures": jobs["failures"], "completed": completed}
    return [Finding("jobs.failures", "jobs", WARNING, "jobs", summary.rstrip(".") + ".", evidence)]
