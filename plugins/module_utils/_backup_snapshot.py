# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what a database holds, counted in the very snapshot that is dumped."""

from __future__ import annotations

import dataclasses
import typing as t

from . import _postgres
from ._backup_manifest import Manifest
from ._database_sorting import sorting_of
from ._redact import looks_secret
from ._schema import introspect

_TIMES = ("created_at", "started_at", "completed_at", "updated_at")

# Tables whose rows a dump holds: those of no extension. Bytes are for the progress only.
_TABLES = """
SELECT n.nspname, c.relname, pg_table_size(c.oid)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence IN ('p', 'u') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND NOT EXISTS (SELECT 1 FROM pg_depend AS d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname
"""
_DATABASE = """
SELECT pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), pg_database_size(d.oid),
       to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), current_setting('server_version'),
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), to_jsonb(d)
FROM pg_database AS d WHERE d.datname = current_database()
"""
_SETTINGS = """
SELECT coalesce(r.rolname, ''), s.setting FROM (
  SELECT setrole, unnest(setconfig) AS setting FROM pg_db_role_setting
  WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())) AS s
LEFT JOIN pg_roles AS r ON r.oid = s.setrole ORDER BY 1, 2
"""
_ROLES = "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1"
_HEX = "^[0-9a-f]{64}$"


@dataclasses.dataclass(frozen=True)
class Contents:
    """What there is to dump, before it is counted.

    ``snapshot`` is what pg_dump is told. ``tables``: bytes of each, by schema and name.
    """

    snapshot: str
    superuser: bool
    database_bytes: int
    taken_at: str
    tables: t.Mapping[tuple[str, str], int]
    manifest: Manifest


class Snapshot:
    """One snapshot of one database, for as long as its connection is open."""

    def __init__(self, database: _postgres.Database, name: str, timeout_s: float) -> None:
        self._database = database
        self._name = name
        database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for setting, value in (("idle_in_transaction_session_timeout", "0"), ("statement_timeout", f"{timeout_s:g}s")):
            database.query("SELECT set_config(%s, %s, true)", [setting, value])

    def look(self) -> Contents:
        """Return what there is to dump."""
        query = self._database.query
        owner, encoding, size, taken_at, version, superuser, row = query(_DATABASE)[0]
        sorting = sorting_of(str(encoding), row)
        settings = [{"role": role, "setting": setting} for role, setting in query(_SETTINGS)]
        tables = {(str(schema), str(table)): int(size_of) for schema, table, size_of in query(_TABLES)}
        return Contents(
            snapshot=str(query("SELECT pg_export_snapshot()")[0][0]),
            superuser=bool(superuser),
            database_bytes=int(size),
            taken_at=str(taken_at),
            tables=tables,
            manifest=Manifest(
                name="",
                database=self._name,
                taken_at=str(taken_at),
                project="",
                server_version=str(version),
                image="",
                encryption="none",
                files=(),
                tables={},
                schema_head=self._heads(tables),
                extensions=dict(query("SELECT extname, extversion FROM pg_extension ORDER BY 1")),
                owner=str(owner),
                encoding=sorting.encoding,
                collate=sorting.collate,
                ctype=sorting.ctype,
                locale_provider=sorting.provider,
                locale=sorting.locale,
                icu_rules=sorting.rules,
                # The manifest is plain text, also beside a dump that is encrypted.
                settings=tuple(each for each in settings if not looks_secret(each["setting"].split("=", 1)[0])),
                roles=tuple(str(name) for (name,) in query(_ROLES)),
                database_bytes=int(size),
                raw_keys=self._raw_keys(),
            ),
        )

    def count(self, contents: Contents) -> tuple[dict[str, int], dict[str, str]]:
        """Return the rows of each table, and the newest times of the table of jobs."""
        sql = _postgres.sql
        rows = {}
        for schema, table in contents.tables:
            statement = sql.SQL("SELECT count(*) FROM ONLY {}").format(sql.Identifier(schema, table))
            rows[f"{schema}.{table}"] = int(self._database.query(statement)[0][0])
        return rows, newest_times(self._database)

    def _heads(self, tables: t.Collection[tuple[str, str]]) -> tuple[str, ...]:
        if ("public", "alembic_version") not in tables:
            return ()
        rows = self._database.query("SELECT version_num FROM public.alembic_version ORDER BY 1")
        return tuple(str(head) for (head,) in rows)

    def _raw_keys(self) -> bool:
        table = introspect(self._database.query).get("jobs")
        if table is None or not table.has("api_key"):
            return False
        sql, column = _postgres.sql, table.column("api_key").name
        statement = sql.SQL("SELECT EXISTS (SELECT 1 FROM {} WHERE {}::text !~ %s)")
        return bool(
            self._database.query(statement.format(sql.Identifier("jobs"), sql.Identifier(column)), [_HEX])[0][0]
        )


def newest_times(database: _postgres.Database) -> dict[str, str]:
    """Return the newest time in each column of times of the table of jobs, as PostgreSQL writes it."""
    table = introspect(database.query).get("jobs")
    names = [name for name in _TIMES if table is not None and table.has(name)]
    if table is None or not names:
        return {}
    sql = _postgres.sql
    columns = [sql.SQL("max({})::text").format(sql.Identifier(table.column(name).name)) for name in names]
    row = database.query(sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(columns), sql.Identifier("jobs")))[0]
    return {name: str(value) for name, value in zip(names, row) if value is not None}
