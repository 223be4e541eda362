# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the SQL by which keys are revoked and given successors. Commits nothing."""

from __future__ import annotations

import typing as t

from . import _postgres
from ._keys import Key, KeyTable
from ._schema import Table


class KeyWriter:
    """Changes rows of the table of keys."""

    def __init__(self, database: _postgres.Database, keys: KeyTable) -> None:
        self._database = database
        self._keys = keys

    def revoke(self, key_id: str) -> None:
        """Make the service refuse a key, by what it really looks at."""
        sql, table = _postgres.sql, self._keys.table
        # The time alone, with the key still active, makes the deployed service fail instead of refuse.
        assigned = [sql.SQL("{} = false").format(self._name("is_active"))]
        if table.has("revoked_at"):
            moment_now = "timezone('UTC', now())" if "without" in table.column("revoked_at").type else "now()"
            column = self._name("revoked_at")
            assigned.append(sql.SQL("{0} = coalesce({0}, {1})").format(column, sql.SQL(moment_now)))
        self._database.execute(
            sql.SQL("UPDATE {} AS k SET {} WHERE {}::text = %s").format(
                self._keys.name, sql.SQL(", ").join(assigned), self._keys.column("id")
            ),
            [key_id],
        )

    def follow(self, key: Key, successor: str, new: t.Mapping[str, t.Any]) -> None:
        """Insert the successor: every column as its predecessor has it, but for what makes it another key.

        ``new``: ``hash`` and ``prefix`` of the successor.
        """
        sql, table = _postgres.sql, self._keys.table
        moment_now = sql.SQL("now()")
        told = {
            "id": sql.SQL("{}::{}").format(sql.Literal(successor), sql.SQL(_cast(table, "id"))),
            "hash": sql.Literal(str(new["hash"])),
            "prefix": sql.Literal(str(new["prefix"])),
            "is_active": sql.SQL("true"),
            "requests": sql.SQL("0"),
            "last_used_at": sql.SQL("NULL"),
            "revoked_at": sql.SQL("NULL"),
            "created_at": moment_now,
            "created_by": sql.Literal("rendiff.ops"),
            "description": sql.Literal(f"Successor of {key.id}"),
        }
        changed = {table.column(name).name: value for name, value in told.items() if table.has(name)}
        names = list(table.columns)
        self._database.execute(
            sql.SQL("INSERT INTO {table} ({names}) SELECT {values} FROM {table} AS k WHERE {id}::text = %s").format(
                table=self._keys.name,
                names=sql.SQL(", ").join(sql.Identifier(name) for name in names),
                values=sql.SQL(", ").join(
                    changed.get(name, sql.SQL("k.{}").format(sql.Identifier(name))) for name in names
                ),
                id=self._keys.column("id"),
            ),
            [key.id],
        )

    def _name(self, ours: str) -> t.Any:
        return _postgres.sql.Identifier(self._keys.table.column(ours).name)


def _cast(table: Table, name: str) -> str:
    """Return the type to which an id is cast: one of those that sites have."""
    return "uuid" if table.column(name).type == "uuid" else "text"


def remove_leftovers(database: _postgres.Database, table: Table, name: str, before: float) -> None:
    """Remove the keys ``name-SECONDS`` that runs that were killed left; a live run's is younger than ``before``."""
    if not table.has("name"):
        return
    column = table.column("name").name
    for (found,) in database.select(table.name, [column], column, f"{name}-%", like=True):
        made = str(found).rsplit("-", 1)[-1]
        if made.isdigit() and int(made) < before:
            database.delete(table.name, column, found)
