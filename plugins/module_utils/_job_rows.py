# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the table of jobs as this site has it, put into SQL. Asks nothing itself."""

from __future__ import annotations

import dataclasses
import typing as t

from . import _postgres
from ._schema import Table

WAITING, RUNNING = ("queued", "pending"), ("processing", "running")
FAILED, COMPLETED = ("failed", "error"), ("completed", "succeeded", "done")
CANCELLED = ("cancelled", "canceled")
# What is written where no row tells how this site spells it.
_USUAL: t.Mapping[tuple[str, ...], str] = {WAITING: "queued", FAILED: "failed", CANCELLED: "cancelled"}
# A row that was touched says so in one of these.
_MOVED = ("updated_at", "started_at", "created_at")


@dataclasses.dataclass(frozen=True)
class JobFilter:
    """Which jobs are meant; what is empty does not restrict.

    ``statuses`` in lower case, ``priorities`` as rows have them, ``older_than_s`` since the row last moved.
    ``api_key``: a key or its hash; ``api_key_id`` besides, for sites that keep the id of a key in its jobs.
    """

    job_ids: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    older_than_s: int = 0
    api_key: str = ""
    api_key_id: str = ""
    operation: str = ""

    @property
    def narrow(self) -> bool:
        """Tell whether it leaves any job out, other than by its status."""
        return bool(self.job_ids or self.priorities or self.older_than_s or self.api_key or self.operation)


class JobTable:
    """SQL for one table of jobs, called ``j`` in every statement."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.name = _postgres.sql.Identifier(table.name)
        self.key = self._column("id")
        self.identity = _postgres.sql.SQL("{}::text").format(self.key)
        self.status_name = table.column("status").name
        self.raw_status = self._column("status")
        self.status = _postgres.sql.SQL("lower({}::text)").format(self.raw_status)

    def has(self, name: str) -> bool:
        """Tell whether the site has the column that we call ``name``."""
        return self._table.has(name)

    def _column(self, name: str) -> t.Any:
        return _postgres.sql.SQL("j.{}").format(_postgres.sql.Identifier(self._table.column(name).name))

    def bare(self, name: str) -> t.Any:
        """Return a column's name alone, as an assignment needs it."""
        return _postgres.sql.Identifier(self._table.column(name).name)

    def text(self, name: str) -> t.Any:
        """Return a column as text, NULL where the site does not have it."""
        sql = _postgres.sql
        return sql.SQL("{}::text").format(self._column(name)) if self.has(name) else sql.SQL("NULL::text")

    def attempts(self) -> t.Any:
        """Return how often a job was tried anew, 0 where the site does not count."""
        sql = _postgres.sql
        return sql.SQL("coalesce({}, 0)").format(self._column("attempts")) if self.has("attempts") else sql.SQL("0")

    def _naive(self, name: str) -> bool:
        return "without" in self._table.column(name).type

    def newest(self, names: t.Sequence[str]) -> t.Any:
        """Return the newest of some times, or NULL; naive times are UTC, as the service writes them."""
        sql = _postgres.sql
        parts = [
            sql.SQL("{} AT TIME ZONE 'UTC'").format(self._column(name)) if self._naive(name) else self._column(name)
            for name in names
            if self.has(name)
        ]
        return sql.SQL("greatest({})").format(sql.SQL(", ").join([*parts, sql.SQL("NULL::timestamptz")]))

    def age(self, names: t.Sequence[str] = _MOVED) -> t.Any:
        """Return the seconds since the newest of some times."""
        return _postgres.sql.SQL("extract(epoch FROM statement_timestamp() - {})::float").format(self.newest(names))

    def version(self) -> t.Any:
        """Return a text that differs as soon as anybody has touched a row since it was read."""
        return _postgres.sql.SQL(
            "concat_ws('/', {status}::text, {attempts}, extract(epoch FROM {moved})::text)"
        ).format(status=self.raw_status, attempts=self.attempts(), moved=self.newest(_MOVED))

    def now(self, name: str) -> t.Any:
        """Return the present time in the form of a column."""
        clock = "timezone('UTC', clock_timestamp())" if self._naive(name) else "clock_timestamp()"
        return _postgres.sql.SQL(clock)

    def where(self, wanted: JobFilter) -> tuple[t.Any, list[t.Any]]:
        """Return a filter as a condition and its parameters."""
        sql = _postgres.sql
        parts: list[t.Any] = [sql.SQL("true")]
        values: list[t.Any] = []
        if wanted.job_ids:
            parts.append(sql.SQL("lower({}) = ANY (%s)").format(self.identity))
            values.append([job.lower() for job in wanted.job_ids])
        if wanted.statuses:
            parts.append(sql.SQL("{} = ANY (%s)").format(self.status))
            values.append(list(wanted.statuses))
        if wanted.priorities:
            parts.append(sql.SQL("{}::text = ANY (%s)").format(self._column("priority")))
            values.append(list(wanted.priorities))
        if wanted.older_than_s:
            # A row without any time has not moved for longer than anybody knows.
            parts.append(sql.SQL("coalesce({} >= %s, true)").format(self.age()))
            values.append(wanted.older_than_s)
        if wanted.api_key:
            # Some sites keep the key itself in a job's row, some its hash; either may be given.
            key = self._column("api_key")
            parts.append(
                sql.SQL(
                    "({0}::text = %s OR encode(sha256(convert_to({0}::text, 'UTF8')), 'hex') = %s"
                    " OR {0}::text = encode(sha256(convert_to(%s, 'UTF8')), 'hex') OR lower({0}::text) = %s)"
                ).format(key)
            )
            values += [*([wanted.api_key] * 3), wanted.api_key_id.lower() or wanted.api_key]
        if wanted.operation:
            parts.append(sql.SQL("%s = ANY ({})").format(self.operations()))
            values.append(wanted.operation)
        return sql.SQL(" AND ").join(parts), values

    def operations(self) -> t.Any:
        """Return the kinds of a job's operations as an array of texts; empty where they are in no known form."""
        return _postgres.sql.SQL(
            "ARRAY(SELECT coalesce(o ->> 'type', o ->> 'operation', o ->> 'name') FROM jsonb_array_elements("
            "CASE jsonb_typeof({0}::jsonb) WHEN 'array' THEN {0}::jsonb ELSE '[]'::jsonb END) AS o"
            " WHERE jsonb_typeof(o) = 'object')"
        ).format(self._column("operations"))


def spelling(kind: tuple[str, ...], labels: t.Sequence[str], counts: t.Mapping[str, int]) -> str:
    """Return how this site writes a kind of status. Pure.

    ``labels``: what its enum allows, empty where it is a text. ``counts``: how often rows have which spelling.
    """
    if labels:
        return next((label for label in labels if label.lower() in kind), "")
    used = sorted((-count, status) for status, count in counts.items() if status.lower() in kind)
    if used:
        return used[0][1]
    usual = _USUAL[kind]
    known = [status for status, count in counts.items() if count]
    return usual.upper() if known and all(status.isupper() for status in known) else usual
