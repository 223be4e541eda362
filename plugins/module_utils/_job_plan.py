# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what would be done to which jobs: judged, put in order, and held against an approval.

The jobs may be a million, so they stream: rows are judged as they come, and what is to be done is written into a table
of the session, from which the plan's identity and the batches are read.
"""

from __future__ import annotations

import dataclasses
import typing as t

from . import _postgres
from ._job_rows import JobFilter, JobTable
from ._job_verdict import Row, Scene, decide, judge
from ._plan import Action, PlanStream

# The one action whose target is a message and not a job: one at which every worker would stop.
PARK_MESSAGE = "park_message"
_SIZE = 2000
_SELECT = (
    "SELECT {identity}, {status}, {version}, {moved}, {created}, {attempts}, {priority}, {worker},"
    " coalesce(e.lists, 0), coalesce(e.aside, 0), coalesce(e.foreign_lists, 0), coalesce(e.orphan, 0),"
    " coalesce(e.unclear, 0), coalesce(e.active, 0), coalesce(e.reserved, 0), coalesce(e.place, '')"
    " FROM {table} AS j LEFT JOIN rdops_evidence AS e ON e.job = lower({identity}) WHERE {where}"
)
_COLUMNS = (
    "SELECT {key} AS id, ''::text AS job, ''::text AS action, ''::text AS version, ''::text AS status,"
    " 0::float8 AS age, ''::text AS priority, 0 AS copies"
)
# Which are done within the limit is the same on every run. Of equal age those come first that lie first in their table:
# in any other order each row would be on a page of its own.
_ORDER = (
    "INSERT INTO rdops_order SELECT (o.it).*, row_number() OVER (ORDER BY (o.it).age DESC NULLS FIRST, o.place) AS n"
    " FROM (SELECT it, it.ctid AS place FROM rdops_todo AS it ORDER BY it.age DESC NULLS FIRST, it.job LIMIT %s) AS o"
    " ORDER BY n"
)
_UNAPPROVED = "NOT EXISTS (SELECT FROM rdops_approved AS a WHERE a.job = o.job AND a.action = o.action)"

Owners = t.Callable[[t.Sequence[str]], t.Mapping[str, str]]


@dataclasses.dataclass
class Judged:
    """What was found, in numbers, and what is not done, with why for some. ``statuses``: of jobs that are changed."""

    verdicts: dict[str, int] = dataclasses.field(default_factory=dict)
    statuses: dict[str, int] = dataclasses.field(default_factory=dict)
    refused: int = 0
    refused_sample: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    planned: int = 0


@dataclasses.dataclass
class Order:
    """What is done. ``over``: left for a next run by the limit. The others: against the plan that was approved."""

    stream: PlanStream
    over: int = 0
    unapproved: int = 0
    unapproved_sample: list[str] = dataclasses.field(default_factory=list)
    invalid: int = 0


def make_tables(database: _postgres.Database, table: JobTable) -> None:
    """Make the tables of the session in which a plan is put together."""
    sql = _postgres.sql
    columns = sql.SQL(_COLUMNS).format(key=table.key)
    for name, more in (("rdops_todo", ""), ("rdops_order", ", 0::bigint AS n")):
        database.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} AS {}{} FROM {} AS j WITH NO DATA").format(
                sql.Identifier(name), columns, sql.SQL(more), table.name
            )
        )
    database.execute("CREATE UNIQUE INDEX ON rdops_order (action, n)")
    database.execute("CREATE TEMPORARY TABLE rdops_approved (job text, action text)")
    database.commit()


def read_rows(
    database: _postgres.Database, table: JobTable, wanted: JobFilter, *, seen_or: t.Sequence[str] = ()
) -> t.Iterator[list[Row]]:
    """Yield rows with their evidence, in no order.

    ``seen_or``: only rows of these statuses, and those of any other for which a message or a worker was seen.
    """
    sql = _postgres.sql
    where, values = table.where(wanted)
    if seen_or:
        where = sql.SQL("{} AND ({} = ANY (%s) OR e.job IS NOT NULL)").format(where, table.status)
        values = [*values, list(seen_or)]
    statement = sql.SQL(_SELECT).format(
        identity=table.identity,
        status=table.status,
        version=table.version(),
        moved=table.age(),
        created=table.age(["created_at"]),
        attempts=table.attempts(),
        priority=sql.SQL("coalesce({}, 'normal')").format(table.text("priority")),
        worker=sql.SQL("coalesce({}, '')").format(table.text("worker_id")),
        table=table.name,
        where=where,
    )
    for rows in database.stream(statement, values, size=_SIZE):
        yield [Row._make(row) for row in rows]


def with_owners(rows: list[Row], scene: Scene, running: t.Collection[str], owners: Owners) -> list[Row]:
    """Return the rows, each with the worker that the result backend names, where it matters whether that one lives."""
    asked = [
        row.job
        for row in rows
        if row.status in running
        and not row.copies
        and not row.active
        and not row.reserved
        and row.moved_s is not None
        and row.moved_s < scene.limits.stuck_after_s
    ]
    named = owners(asked) if asked else {}
    return [row._replace(worker=named[row.job]) if row.job in named else row for row in rows] if named else rows


class Planner:
    """Judges rows and writes down what is to be done. ``sample_size``: how many refusals are told of."""

    def __init__(
        self, database: _postgres.Database, scene: Scene, state: str, *, terminate: bool = False, sample_size: int = 20
    ) -> None:
        self._database = database
        self._scene = scene
        self._state = state
        self._terminate = terminate
        self._sample_size = sample_size
        self.judged = Judged()

    def add(self, rows: t.Iterable[Row]) -> None:
        """Judge some rows."""
        judged, scene, state = self.judged, self._scene, self._state
        todo: list[tuple[str | None, ...]] = []
        for row in rows:
            verdict = judge(row, scene)
            judged.verdicts[verdict.kind] = judged.verdicts.get(verdict.kind, 0) + 1
            action, refusal = decide(state, row, verdict, scene, terminate=self._terminate)
            if action:
                judged.statuses[row.status] = judged.statuses.get(row.status, 0) + 1
                age = row.created_s if row.created_s is not None else row.moved_s
                told = None if age is None else repr(age)
                copies = str(row.lists + row.orphan)
                todo.append((row.job, row.job, action, row.version, row.status, told, row.priority, copies))
            elif refusal:
                self.refuse(row.job, verdict.kind, refusal)
        judged.planned += len(todo)
        if todo:
            self._database.copy("rdops_todo", todo)

    def refuse(self, job: str, kind: str, why: str) -> None:
        """Count a job that is left alone."""
        self.judged.refused += 1
        if len(self.judged.refused_sample) < self._sample_size:
            self.judged.refused_sample.append({"job_id": job[:80], "verdict": kind, "why": why})

    def add_messages(self, names: t.Iterable[str]) -> None:
        """Write down messages that are to be parked; they come before all jobs."""
        rows = [(None, name, PARK_MESSAGE, "", "", None, "", "1") for name in names]
        self.judged.planned += len(rows)
        if rows:
            self._database.copy("rdops_todo", rows)

    def order(self, max_jobs: int, approved: t.Iterable[list[tuple[str, str]]] | None) -> Order:
        """Put what is to be done in order, the oldest first, at most ``max_jobs`` of it; 0 is no limit."""
        order = Order(PlanStream(self._sample_size))
        if approved is not None:
            self._hold_against(approved, order)
        self._database.execute(_ORDER, [max_jobs or None])
        self._database.execute("ANALYZE rdops_order")
        total = int(self._database.query("SELECT count(*) FROM rdops_todo")[0][0])
        for pairs in self.pairs():
            for job, action in pairs:
                order.stream.add(Action(job, action))
        order.over = total - sum(order.stream.totals.values())
        self._database.commit()
        return order

    def pairs(self) -> t.Iterator[list[tuple[str, str]]]:
        """Yield (job, action) of what is to be done, in the order of a plan's identity."""
        ordered = 'SELECT job, action FROM rdops_order ORDER BY job COLLATE "C", action COLLATE "C"'
        yield from self._database.stream(ordered, size=_SIZE)

    def _hold_against(self, approved: t.Iterable[list[tuple[str, str]]], order: Order) -> None:
        for pairs in approved:
            self._database.copy("rdops_approved", pairs)
        self._database.execute("ANALYZE rdops_approved")
        found = self._database.query(
            "SELECT o.job, count(*) OVER () FROM rdops_todo AS o WHERE " + _UNAPPROVED + " ORDER BY o.job LIMIT %s",
            [self._sample_size],
        )
        order.unapproved = int(found[0][1]) if found else 0
        order.unapproved_sample = [str(row[0]) for row in found]
        order.invalid = int(
            self._database.query(
                "SELECT count(*) FROM rdops_approved AS a WHERE NOT EXISTS"
                " (SELECT FROM rdops_todo AS o WHERE o.job = a.job AND o.action = a.action)"
            )[0][0]
        )
        self._database.execute("DELETE FROM rdops_todo AS o WHERE " + _UNAPPROVED)
