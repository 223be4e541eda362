# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: prove that a database is what its backup says, before it may take a place."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from . import _postgres
from ._backup_dump import conninfo
from ._backup_manifest import Manifest
from ._databases import Server
from ._errors import OpsError
from ._job_rows import JobTable
from ._key_write import KeyWriter
from ._keys import ACTIVE, REVOKED, Key, KeyTable
from ._one_off import OneOff
from ._schema import introspect, require

Note = t.Callable[[str, int, int], None]

_TABLES = """
SELECT n.nspname::text, c.relname::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(temp|toast)'
"""
_INDEXES = """
SELECT count(*) FROM pg_class AS c JOIN pg_am AS a ON a.oid = c.relam WHERE c.relkind = 'i' AND a.amname = 'btree'
"""
_HAS_AMCHECK = "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'"
# What pg_amcheck ends with when it found something.
_CORRUPT = 2
# It is not there, or may not be used; anything else that keeps it from running is an error.
_NO_PROGRAM = ("executable file not found", "no such file or directory")
_NOT_ALLOWED = (
    "permission denied to create extension",
    "must be superuser to create",
    "is not available",
    "could not open extension control file",
    "permission denied for function",
)
_LISTED = 5


@dataclasses.dataclass(frozen=True)
class Proof:
    """What was found in a database. ``unchecked`` is why no index was checked, empty where all were."""

    tables: t.Mapping[str, int]
    jobs: t.Mapping[str, int]
    keys_active: int | None
    indexes: int
    unchecked: str


def table_names(database: _postgres.Database) -> dict[str, tuple[str, str]]:
    """Return schema and name of each table, by ``schema.table``."""
    return {f"{schema}.{name}": (schema, name) for schema, name in database.query(_TABLES)}


def count_rows(database: _postgres.Database, table: tuple[str, str]) -> int:
    """Return how many rows a table has, as a backup counts them: those of a table that inherits are its own."""
    statement = _postgres.sql.SQL("SELECT count(*) FROM ONLY {}").format(_postgres.sql.Identifier(*table))
    return int(database.query(statement)[0][0])


def differences(manifest: Manifest, tables: t.Mapping[str, int], head: t.Sequence[str]) -> list[str]:
    """Return what is not as the backup says, in words. Pure."""
    found = [f"table '{name}' is missing" for name in sorted(manifest.tables) if name not in tables]
    found += [
        f"table '{name}' has {tables[name]} rows, and the backup has {rows}"
        for name, rows in sorted(manifest.tables.items())
        if name in tables and tables[name] != rows
    ]
    if tuple(sorted(manifest.schema_head)) != tuple(sorted(head)):
        told = ", ".join(sorted(manifest.schema_head)) or "none"
        found.append(f"the schema's revision is {', '.join(sorted(head)) or 'none'}, and the backup has {told}")
    return found


class Prover:
    """Looks into a database that was loaded from a backup, and into nothing else."""

    def __init__(self, server: Server, name: str, backup: str, timeout_s: float) -> None:
        self._server = server
        self._name = name
        self._act = f"prove backup '{backup}' in database '{name}'"
        self._deadline = time.monotonic() + timeout_s

    def prove(self, manifest: Manifest | None, note: Note, amcheck: OneOff | None) -> Proof:
        """Return what is there; anything that is not as it should be is an error."""
        with self._server.open(self._name, read_only=False) as database:
            self._bound(database)
            tables = self._tables(database, note)
            if manifest is not None:
                wrong = differences(manifest, tables, self._head(database, tables))
                if wrong:
                    more = f", and {len(wrong) - _LISTED} more" if len(wrong) > _LISTED else ""
                    raise self._error("; ".join(wrong[:_LISTED]) + more)
            indexes, unchecked = 0, "amcheck is false"
            if amcheck is not None:
                note("check indexes", 0, 0)
                indexes, unchecked = self._check_indexes(database, amcheck)
            note("analyze", 0, 0)
            database.execute("ANALYZE")
            database.commit()
            known = introspect(database.query)
            jobs = JobTable(require(known, "jobs"))
            statement = _postgres.sql.SQL("SELECT {}, count(*) FROM {} AS j GROUP BY 1").format(jobs.status, jobs.name)
            counts = {str(status): int(count) for status, count in database.query(statement)}
            now = time.time()
            keys = KeyTable(known["api_keys"]).every(database) if "api_keys" in known else None
            active = None if keys is None else sum(key.state(now) == ACTIVE for key in keys)
            return Proof(tables, counts, active, indexes, unchecked)

    def _bound(self, database: _postgres.Database) -> None:
        """Let a statement take as long as the whole may; a table may be large."""
        left = max(1, int(1000 * (self._deadline - time.monotonic())))
        database.query("SELECT set_config('statement_timeout', %s, false)", [str(left)])
        database.commit()

    def _tables(self, database: _postgres.Database, note: Note) -> dict[str, int]:
        names = sorted(table_names(database).items())
        found = {}
        for done, (name, table) in enumerate(names):
            note("count rows, tables", done, len(names))
            found[name] = count_rows(database, table)
        return found

    def _head(self, database: _postgres.Database, tables: t.Container[str]) -> list[str]:
        if "public.alembic_version" not in tables:
            return []
        return [str(row[0]) for row in database.query("SELECT version_num FROM public.alembic_version")]

    def _check_indexes(self, database: _postgres.Database, client: OneOff) -> tuple[int, str]:
        """Check every index against its table; return how many, or why that cannot be."""
        had = bool(database.query(_HAS_AMCHECK)[0][0])
        database.commit()
        name = f"{conninfo(self._name)} options='-c statement_timeout=0'"
        argv = ["pg_amcheck", "--no-password", "--heapallindexed", "--install-missing", "--jobs=2", name]
        try:
            ended = client.run(argv, max(1.0, self._deadline - time.monotonic()))
        except OpsError as error:
            if not any(words in error.cause.lower() for words in _NO_PROGRAM):
                raise
            return 0, "the image has no pg_amcheck"
        finally:
            if not had:
                database.execute("DROP EXTENSION IF EXISTS amcheck")
                database.commit()
        if ended.status == 0:
            return int(database.query(_INDEXES)[0][0]), ""
        if any(words in line.lower() for line in ended.lines for words in _NOT_ALLOWED):
            return 0, ended.cause()
        if ended.status == _CORRUPT:
            raise self._error(f"it is corrupt: {ended.cause()}")
        raise self._error(f"pg_amcheck failed: {ended.cause()}", "Look why, or pass amcheck=false")

    def _error(self, cause: str, remedy: str = "Use another backup") -> OpsError:
        return OpsError(self._act, cause, f"{remedy}. The live database is as it was")


def revoked_keys(database: _postgres.Database, hashes: t.Container[str]) -> tuple[KeyTable | None, list[Key]]:
    """Return the keys that the service would accept although they were revoked, and the table that they are in."""
    known = introspect(database.query)
    if "api_keys" not in known:
        return None, []
    table, now = KeyTable(known["api_keys"]), time.time()
    return table, [key for key in table.every(database) if key.state(now) != REVOKED and key.hash.lower() in hashes]


def revoke_again(server: Server, name: str, hashes: t.Container[str]) -> list[str]:
    """Revoke in a database what was revoked since its backup; return the ids of the keys."""
    with server.open(name, read_only=False) as database:
        table, keys = revoked_keys(database, hashes)
        if table is not None:
            writer = KeyWriter(database, table)
            for key in keys:
                writer.revoke(key.id)
            database.commit()
        return [key.id for key in keys]
