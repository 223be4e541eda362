# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: API keys as this site keeps them, and which of them are meant."""

from __future__ import annotations

import math
import re
import typing as t

from . import _postgres
from ._argspec import ArgumentSpec
from ._errors import OpsError
from ._mitigation import format_time
from ._schema import Table

SELECT_ARGUMENTS = ArgumentSpec(
    {
        "key_id": {"type": "str"},
        "key_hash": {"type": "str", "no_log": False},
        "prefix": {"type": "str"},
        "user_id": {"type": "str"},
    },
    mutually_exclusive=[("key_id", "key_hash", "prefix", "user_id")],
)
ACTIVE, REVOKED, EXPIRED = "active", "revoked", "expired"
_LISTED = 10
_TIMES = ("created_at", "last_used_at", "expires_at", "revoked_at")
_TEXTS = ("id", "hash", "prefix", "name", "user_id", "is_active", "is_admin", "requests")


class Key(t.NamedTuple):
    """One API key. Times in seconds since the epoch, None where there is none or the site has no such column."""

    id: str
    hash: str
    prefix: str
    name: str
    user_id: str
    is_active: bool
    is_admin: bool
    requests: int | None
    created_at: float | None
    last_used_at: float | None
    expires_at: float | None
    revoked_at: float | None

    def state(self, now: float) -> str:
        """Return whether the service accepts it, from its row."""
        if not self.is_active or self.revoked_at is not None:
            return REVOKED
        return EXPIRED if self.expires_at is not None and self.expires_at <= now else ACTIVE

    def hazards(self) -> list[str]:
        """Return what is dangerous about its row."""
        found = []
        if self.is_active and self.revoked_at is not None:
            found.append("it has a time of revocation and is active: the deployed service answers 500 to it")
        elif self.is_active and self.expires_at is not None:
            found.append("it has an expiry: the deployed service cannot compare it, and answers 500 to it")
        return found

    def named(self) -> str:
        """Return it for a sentence, without a secret."""
        owner = f" of '{self.user_id}'" if self.user_id else ""
        return f"{self.id} ('{self.name}'{owner})"

    def describe(self, now: float) -> dict[str, t.Any]:
        """Return it as plain data, without its hash."""
        times = {name: moment(getattr(self, name)) for name in _TIMES}
        return {
            "id": self.id,
            "prefix": self.prefix,
            "name": self.name,
            "user_id": self.user_id,
            "is_admin": self.is_admin,
            "requests": self.requests,
            "state": self.state(now),
            "hazards": self.hazards(),
            **times,
        }


def moment(seconds: float | None) -> str | None:
    """Return a time in UTC as text; None for none, and for one that is never reached. Pure."""
    return None if seconds is None or not math.isfinite(seconds) else format_time(seconds)


class KeyTable:
    """SQL for the table of keys, called ``k`` in every statement."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.name = _postgres.sql.Identifier(table.name)
        for needed in ("id", "hash", "is_active"):
            table.column(needed)

    def column(self, name: str) -> t.Any:
        """Return a column, NULL where the site does not have it."""
        sql = _postgres.sql
        if not self.table.has(name):
            return sql.SQL("NULL")
        return sql.SQL("k.{}").format(sql.Identifier(self.table.column(name).name))

    def time(self, name: str) -> t.Any:
        """Return a time in seconds since the epoch; naive ones are UTC."""
        sql = _postgres.sql
        if not self.table.has(name):
            return sql.SQL("NULL::float8")
        naive = "without" in self.table.column(name).type
        zoned = sql.SQL("{} AT TIME ZONE 'UTC'" if naive else "{}").format(self.column(name))
        return sql.SQL("extract(epoch FROM {})::float8").format(zoned)

    def read(self, database: _postgres.Database, where: t.Any, values: t.Sequence[t.Any], *, lock: bool) -> list[Key]:
        """Return the keys for which a condition holds, the oldest first."""
        sql = _postgres.sql
        columns = [sql.SQL("{}::text").format(self.column(name)) for name in _TEXTS]
        columns += [self.time(name) for name in _TIMES]
        rows = database.query(
            sql.SQL("SELECT {} FROM {} AS k WHERE {} ORDER BY {} NULLS FIRST, 1{}").format(
                sql.SQL(", ").join(columns),
                self.name,
                where,
                self.time("created_at"),
                sql.SQL(" FOR UPDATE" if lock else ""),
            ),
            values,
        )
        return [_key(row) for row in rows]

    def every(self, database: _postgres.Database) -> list[Key]:
        """Return all keys, the oldest first."""
        return self.read(database, _postgres.sql.SQL("true"), (), lock=False)


def _key(row: t.Sequence[t.Any]) -> Key:
    identity, digest, prefix, name, user, active, admin, requests, *times = row
    return Key(
        str(identity),
        str(digest),
        str(prefix or ""),
        str(name or ""),
        str(user or ""),
        active == "true",
        admin == "true",
        None if requests is None else int(requests),
        *times,
    )


def find_keys(
    database: _postgres.Database, keys: KeyTable, options: t.Mapping[str, t.Any], act: str, *, lock: bool
) -> list[Key]:
    """Return the keys that are meant: exactly one by id, hash or prefix, or all of a user."""
    sql = _postgres.sql
    where: dict[str, tuple[str, str]] = {
        "key_id": ("id", "lower({}::text) = lower(%s)"),
        "key_hash": ("hash", "lower({}::text) = lower(%s)"),
        "prefix": ("prefix", "{}::text = %s"),
        "user_id": ("user_id", "{}::text = %s"),
    }
    for option, (column, condition) in where.items():
        value = options.get(option)
        if not value:
            continue
        keys.table.column(column)
        if option == "key_hash" and not re.fullmatch(r"[0-9a-fA-F]{64}", value):
            raise OpsError(act, "key_hash is no SHA-256 in hexadecimal", "Pass key_file for the key itself")
        found = keys.read(database, sql.SQL(condition).format(keys.column(column)), [value], lock=lock)
        _require_one(act, option, value, found)
        return found
    raise OpsError(act, "none is named", "Pass key_id, key_hash, key_file, prefix or user_id")


def _require_one(act: str, option: str, value: str, found: t.Sequence[Key]) -> None:
    shown = "with that hash" if option == "key_hash" else f"with {option} '{value[:80]}'"
    if not found:
        raise OpsError(act, f"there is no key {shown}", "List them with rendiff_api_key_info")
    if len(found) > 1 and option != "user_id":
        listed = ", ".join(key.named() for key in found[:_LISTED])
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        raise OpsError(act, f"there are {len(found)} keys {shown}: {listed}{more}", "Pass key_id")
