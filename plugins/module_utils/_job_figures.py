# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: how the jobs of a time window went: how many, how long, and why some failed."""

from __future__ import annotations

import typing as t

from . import _postgres
from ._job_health import group_failures
from ._job_rows import COMPLETED, FAILED, WAITING, JobTable

_OPERATIONS_MAX = 50
_FAILURES_MAX = 500


def read_figures(database: _postgres.Database, table: JobTable, window_s: int) -> dict[str, t.Any]:
    """Return counts by status, the oldest waiting, and for jobs that ended within ``window_s`` seconds how they went.

    Times in seconds. A job of several operations counts once, under all of their names.
    """
    sql = _postgres.sql
    counts = database.query(
        sql.SQL("SELECT {}, count(*), max({}) FROM {} AS j GROUP BY 1 ORDER BY 1").format(
            table.status, table.age(["created_at"]), table.name
        )
    )
    oldest = [row[2] for row in counts if row[0] in WAITING and row[2] is not None]
    figures: dict[str, t.Any] = {
        "by_status": {str(row[0]): int(row[1]) for row in counts},
        "oldest_waiting_s": round(float(max(oldest)), 1) if oldest else None,
        "window_s": window_s,
    }
    if not table.has("completed_at"):
        return {**figures, "completed": None, "failed": None, "per_hour": None, "by_operation": [], "failures": {}}
    completed = _by_operation(database, table, window_s)
    ended = sum(each["jobs"] for each in completed)
    failures = _failures(database, table, window_s)
    return {
        **figures,
        "completed": ended,
        "failed": sum(count for _message, count in failures),
        "per_hour": round(ended * 3600 / window_s, 2),
        "by_operation": completed[:_OPERATIONS_MAX],
        "failures": group_failures(failures),
    }


def read_pulse(database: _postgres.Database, table: JobTable) -> tuple[tuple[str, int], ...]:
    """Return how many jobs have each status but waiting: it differs as soon as one begins or ends."""
    rows = database.query(
        _postgres.sql.SQL("SELECT {}, count(*) FROM {} AS j WHERE {} <> ALL (%s) GROUP BY 1 ORDER BY 1").format(
            table.status, table.name, table.status
        ),
        [list(WAITING)],
    )
    database.rollback()
    return tuple((str(status), int(count)) for status, count in rows)


def _by_operation(database: _postgres.Database, table: JobTable, window_s: int) -> list[dict[str, t.Any]]:
    sql = _postgres.sql
    took = sql.SQL("extract(epoch FROM {} - {})").format(table.newest(["completed_at"]), table.newest(["started_at"]))
    waited = sql.SQL("extract(epoch FROM {} - {})").format(table.newest(["started_at"]), table.newest(["created_at"]))
    names = sql.SQL("array_to_string({}, '+')").format(table.operations()) if table.has("operations") else sql.SQL("''")
    rows = database.query(
        sql.SQL(
            "SELECT operation, count(*), avg(took)::float, percentile_cont(0.5) WITHIN GROUP (ORDER BY took)::float,"
            " percentile_cont(0.95) WITHIN GROUP (ORDER BY took)::float, max(took)::float,"
            " percentile_cont(0.95) WITHIN GROUP (ORDER BY waited)::float"
            " FROM (SELECT {names} AS operation, {took} AS took, {waited} AS waited FROM {table} AS j"
            " WHERE {status} = ANY (%s) AND {ended} < %s) AS ended GROUP BY 1 ORDER BY 3 DESC NULLS LAST"
        ).format(
            names=names,
            took=took,
            waited=waited,
            table=table.name,
            status=table.status,
            ended=table.age(["completed_at"]),
        ),
        [list(COMPLETED), window_s],
    )
    fields = ("average_s", "median_s", "p95_s", "max_s", "waited_p95_s")
    return [
        {
            "operation": str(row[0] or "not told"),
            "jobs": int(row[1]),
            **{name: None if value is None else round(float(value), 3) for name, value in zip(fields, row[2:])},
        }
        for row in rows
    ]


def _failures(database: _postgres.Database, table: JobTable, window_s: int) -> list[tuple[str, int]]:
    rows = database.query(
        _postgres.sql.SQL(
            "SELECT left({message}, 300), count(*) FROM {table} AS j WHERE {status} = ANY (%s) AND {ended} < %s"
            " GROUP BY 1 ORDER BY 2 DESC LIMIT {limit}"
        ).format(
            message=table.text("error_message"),
            table=table.name,
            status=table.status,
            ended=table.age(["completed_at"]),
            limit=_postgres.sql.Literal(_FAILURES_MAX),
        ),
        [list(FAILED), window_s],
    )
    return [(str(row[0] or "no message"), int(row[1])) for row in rows]
