# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what the database really looks like, through the one table of known aliases."""

from __future__ import annotations

import dataclasses
import typing as t

from ._errors import OpsError

# What we call a column, and the names under which sites have it. The first that exists is used.
ALIASES: t.Mapping[str, t.Mapping[str, tuple[str, ...]]] = {
    "jobs": {
        "id": ("id", "job_id"),
        "status": ("status",),
        "priority": ("priority",),
        "input_path": ("input_path",),
        "output_path": ("output_path",),
        "operations": ("operations",),
        "options": ("options",),
        "progress": ("progress",),
        "output_size": ("output_size", "output_size_bytes"),
        "api_key": ("api_key", "api_key_hash", "api_key_id"),
        "stage": ("current_stage",),
        "worker_id": ("worker_id",),
        "attempts": ("retry_count", "attempts"),
        "error_message": ("error_message",),
        "webhook_url": ("webhook_url",),
        "created_at": ("created_at",),
        "started_at": ("started_at",),
        "completed_at": ("completed_at",),
        "updated_at": ("updated_at",),
    },
    "api_keys": {
        "id": ("id",),
        "hash": ("key_hash", "api_key_hash"),
        "prefix": ("key_prefix",),
        "name": ("name",),
        "user_id": ("user_id", "owner"),
        "is_active": ("is_active", "active"),
        "is_admin": ("is_admin",),
        "requests": ("total_requests", "request_count", "usage_count"),
        "concurrent_jobs": ("max_concurrent_jobs",),
        "monthly_minutes": ("monthly_limit_minutes",),
        "description": ("description",),
        "created_by": ("created_by",),
        "created_at": ("created_at",),
        "last_used_at": ("last_used_at",),
        "expires_at": ("expires_at",),
        "revoked_at": ("revoked_at",),
    },
}

COLUMNS_QUERY = """
SELECT c.table_name, c.column_name, c.data_type, c.is_nullable = 'YES', c.column_default IS NOT NULL
FROM information_schema.columns AS c
WHERE c.table_schema = ANY (current_schemas(false)) AND c.table_name = ANY (%s)
ORDER BY c.table_name, c.ordinal_position
"""


@dataclasses.dataclass(frozen=True)
class Column:
    """One column as the database describes it."""

    name: str
    type: str
    nullable: bool
    has_default: bool


@dataclasses.dataclass(frozen=True)
class Table:
    """One table: every column by its own name, and the known ones by ours."""

    name: str
    columns: t.Mapping[str, Column]
    known: t.Mapping[str, Column]

    def column(self, name: str) -> Column:
        """Return the column that we call ``name``; where it is missing, say under which names it was looked for."""
        if name not in self.known:
            tried = ", ".join(f"'{alias}'" for alias in ALIASES[self.name][name])
            raise OpsError(f"find the {name} of {self.name}", f"the table has no column {tried}")
        return self.known[name]

    def has(self, name: str) -> bool:
        """Tell whether there is a column that we call ``name``."""
        return name in self.known


def build_tables(rows: t.Iterable[tuple[t.Any, ...]]) -> dict[str, Table]:
    """Turn the rows of ``COLUMNS_QUERY`` into tables. Pure."""
    columns: dict[str, dict[str, Column]] = {}
    for table, name, kind, nullable, has_default in rows:
        columns.setdefault(table, {})[name] = Column(name, kind, bool(nullable), bool(has_default))
    tables = {}
    for table, found in columns.items():
        known = {}
        for ours, names in ALIASES.get(table, {}).items():
            for name in names:
                if name in found:
                    known[ours] = found[name]
                    break
        tables[table] = Table(table, found, known)
    return tables


def introspect(query: t.Callable[[t.Any, t.Sequence[t.Any]], list[tuple[t.Any, ...]]]) -> dict[str, Table]:
    """Return the tables of the application that exist, read through ``query(statement, parameters)``."""
    return build_tables(query(COLUMNS_QUERY, [sorted(ALIASES)]))


def require(tables: t.Mapping[str, Table], name: str) -> Table:
    """Return a table, or say plainly that the database has none of that name."""
    if name not in tables:
        found = ", ".join(sorted(tables)) or "none of the application's"
        raise OpsError(f"find the table '{name}'", f"the database has {found}", "Check login_db")
    return tables[name]
