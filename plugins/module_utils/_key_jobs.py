# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: which jobs belong to which API key, by the key itself, by its hash, or by its id."""

from __future__ import annotations

import typing as t

from . import _postgres
from ._api_key import hash_key
from ._job_rows import RUNNING, WAITING
from ._keys import Key
from ._schema import Table


class KeyJobs:
    """The jobs of keys. ``table``: None where the site has none."""

    def __init__(self, database: _postgres.Database, table: Table | None) -> None:
        self._database = database
        self._table = table if table is not None and table.has("api_key") else None

    def owners(self) -> dict[str, str]:
        """Return by the hash of a key what stands in the rows of its jobs where that is the key itself. Secret."""
        if self._table is None:
            return {}
        sql = _postgres.sql
        rows = self._database.query(
            sql.SQL("SELECT DISTINCT {0}::text FROM {1} AS j WHERE {0} IS NOT NULL").format(
                self._column(), sql.Identifier(self._table.name)
            )
        )
        return {hash_key(str(row[0])): str(row[0]) for row in rows}

    def owners_of(self, jobs: t.Sequence[str]) -> dict[str, str]:
        """Return what stands in the rows of some jobs as their key, by the job's id in lower case. May be secret."""
        if self._table is None or not jobs:
            return {}
        sql = _postgres.sql
        identity = sql.SQL("j.{}").format(sql.Identifier(self._table.column("id").name))
        rows = self._database.query(
            sql.SQL("SELECT lower({0}::text), {1}::text FROM {2} AS j WHERE lower({0}::text) = ANY (%s)").format(
                identity, self._column(), sql.Identifier(self._table.name)
            ),
            [[job.lower() for job in jobs]],
        )
        return {str(job).strip(): str(owner) for job, owner in rows if owner is not None}

    def hand_over(self, old: Key, new_id: str, new_hash: str, new_raw: str, *, open_too: bool) -> dict[str, int]:
        """Make the jobs of a key those of another; return how many, and how many stay as they hold the key itself.

        ``open_too``: also those that wait or run.
        """
        if self._table is None:
            return {"jobs_owned": 0, "jobs_left": 0}
        owned = self._set(old.hash, new_hash, open_too) + self._set(old.id, new_id, open_too)
        raw = self.owners().get(old.hash)
        if raw is None:
            return {"jobs_owned": owned, "jobs_left": 0}
        if new_raw:
            return {"jobs_owned": owned + self._set(raw, new_raw, open_too), "jobs_left": 0}
        return {"jobs_owned": owned, "jobs_left": self._count(raw)}

    def _column(self) -> t.Any:
        sql = _postgres.sql
        return sql.SQL("j.{}").format(sql.Identifier(self._known().column("api_key").name))

    def _known(self) -> Table:
        if self._table is None:
            raise ValueError("there is no table of jobs")
        return self._table

    def _set(self, old: str, new: str, open_too: bool) -> int:
        sql, table = _postgres.sql, self._known()
        kept = [] if open_too else [*WAITING, *RUNNING]
        status = sql.SQL("lower(j.{}::text)").format(sql.Identifier(table.column("status").name))
        return self._database.execute(
            sql.SQL("UPDATE {} AS j SET {} = %s WHERE {}::text = %s AND NOT coalesce({} = ANY (%s), false)").format(
                sql.Identifier(table.name), sql.Identifier(table.column("api_key").name), self._column(), status
            ),
            [new, old, kept],
        )

    def _count(self, value: str) -> int:
        sql = _postgres.sql
        statement = sql.SQL("SELECT count(*) FROM {} AS j WHERE {}::text = %s")
        rows = self._database.query(statement.format(sql.Identifier(self._known().name), self._column()), [value])
        return int(rows[0][0])
