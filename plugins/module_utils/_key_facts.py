# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what the database tells of one API key, for an investigation. It reads only."""

from __future__ import annotations

import dataclasses
import typing as t
from urllib.parse import urlsplit

from . import _postgres
from ._api_key import hash_key
from ._job_rows import CANCELLED, COMPLETED, FAILED, RUNNING, WAITING, JobTable
from ._key_plan import is_made_here
from ._keys import Key, KeyTable

_LISTED = 50
_PATHS_MAX = 10_000
_HOURS = 24
# What stands before the path of a URL. A path of the storage has none.
_AUTHORITY = "substring({} from '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*')"


@dataclasses.dataclass(frozen=True)
class Destination:
    """Where results or notices of a key's jobs go. ``jobs`` in the window, ``before`` in the time compared with.

    ``others``: how many other keys have sent there, in all time.
    """

    kind: str
    place: str
    jobs: int
    before: int
    others: int

    @property
    def is_foreign(self) -> bool:
        """Tell whether neither this key did so before nor any other ever."""
        return not self.before and not self.others


@dataclasses.dataclass(frozen=True)
class KeyFacts:
    """What the database tells. Times in seconds since the epoch; ``hours``: jobs by hour of the day in UTC, 24 numbers.

    ``now`` and ``before`` count jobs of the window and of the time compared with, by what became of them.
    ``foreign_inputs``: jobs that read what a job of another key made or read, by the id of that key.
    ``output_bytes``: None where the site does not keep sizes.
    ``keys_made``: other keys that may have been made with this one in the window, None where that cannot be told.
    ``jobs_known``: whether the site tells whose a job is.
    """

    now: t.Mapping[str, float]
    before: t.Mapping[str, float]
    first_at: float | None
    last_at: float | None
    hours: tuple[int, ...]
    hours_before: tuple[int, ...]
    output_bytes: int | None
    destinations: tuple[Destination, ...]
    foreign_inputs: t.Mapping[str, int]
    open_jobs: tuple[str, ...]
    keys_of_user: tuple[Key, ...]
    keys_made: tuple[Key, ...] | None = ()
    jobs_known: bool = True


class KeyFactsReader:
    """Reads the facts of one key. ``raw``: the key itself where rows of its jobs hold it, else empty."""

    def __init__(self, database: _postgres.Database, keys: KeyTable, jobs: JobTable, key: Key, raw: str) -> None:
        self._database = database
        self._keys = keys
        self._jobs = jobs
        self._key = key
        self._names = [name for name in (raw, key.hash, key.id) if name]

    def read(self, window_s: int, baseline_s: int, of_user: tuple[Key, ...], made: tuple[Key, ...] | None) -> KeyFacts:
        """Return what its jobs of the last ``window_s`` seconds did, and those of the ``baseline_s`` seconds before.

        ``of_user``, ``made``: from ``keys_of_user`` and ``keys_made``.
        """
        counts = self._counts(window_s, baseline_s)
        hours = self._hours(window_s, baseline_s)
        empty: dict[str, float] = {}
        sizes = counts.get(True, {}).get("bytes") if self._jobs.has("output_size") else None
        times = [row[name] for row in counts.values() for name in ("first", "last") if row[name] is not None]
        return KeyFacts(
            counts.get(True, empty),
            counts.get(False, empty),
            min(times) if times else None,
            max(times) if times else None,
            hours[True],
            hours[False],
            None if not self._jobs.has("output_size") else int(sizes or 0),
            tuple(self._destinations(window_s, baseline_s)),
            self._foreign_inputs(window_s),
            self._open_jobs(),
            of_user,
            made,
        )

    def _query(self, statement: str, *values: t.Any, **parts: t.Any) -> list[tuple[t.Any, ...]]:
        sql = _postgres.sql
        jobs = self._jobs
        owned = sql.SQL("{} = ANY (%s)").format(jobs.text("api_key"))
        age = jobs.age(["created_at"])
        named = {"table": jobs.name, "owned": owned, "age": age, "owner": jobs.text("api_key"), "status": jobs.status}
        return self._database.query(sql.SQL(statement).format(**{**named, **parts}), values)

    def _minutes(self) -> t.Any:
        sql, jobs = _postgres.sql, self._jobs
        if not (jobs.has("completed_at") and jobs.has("started_at")):
            return sql.SQL("0")
        return sql.SQL("extract(epoch FROM {} - {}) / 60").format(
            jobs.newest(["completed_at"]), jobs.newest(["started_at"])
        )

    def _counts(self, window_s: int, baseline_s: int) -> dict[bool, dict[str, float]]:
        sql = _postgres.sql
        size = self._jobs.text("output_size")
        rows = self._query(
            "SELECT {age} < %s, count(*), count(*) FILTER (WHERE {status} = ANY (%s)),"
            " count(*) FILTER (WHERE {status} = ANY (%s)), count(*) FILTER (WHERE {status} = ANY (%s)),"
            " coalesce(sum({minutes}), 0)::float8, coalesce(sum({size}::bigint), 0)::float8,"
            " extract(epoch FROM min({created}))::float8, extract(epoch FROM max({created}))::float8"
            " FROM {table} AS j WHERE {owned} AND {age} < %s GROUP BY 1",
            *(window_s, list(COMPLETED), list(FAILED), list(CANCELLED), self._names, window_s + baseline_s),
            minutes=self._minutes(),
            size=size,
            created=self._jobs.newest(["created_at"]) if self._jobs.has("created_at") else sql.SQL("now()"),
        )
        names = ("jobs", "completed", "failed", "cancelled", "minutes", "bytes", "first", "last")
        return {bool(row[0]): dict(zip(names, row[1:])) for row in rows}

    def _hours(self, window_s: int, baseline_s: int) -> dict[bool, tuple[int, ...]]:
        rows = self._query(
            "SELECT {age} < %s, extract(hour FROM {created} AT TIME ZONE 'UTC')::int, count(*)"
            " FROM {table} AS j WHERE {owned} AND {age} < %s GROUP BY 1, 2",
            *(window_s, self._names, window_s + baseline_s),
            created=self._jobs.newest(["created_at"]),
        )
        found = {(bool(recent), int(hour)): int(count) for recent, hour, count in rows}
        return {recent: tuple(found.get((recent, hour), 0) for hour in range(_HOURS)) for recent in (True, False)}

    def _destinations(self, window_s: int, baseline_s: int) -> t.Iterator[Destination]:
        sql = _postgres.sql
        for column, kind in (("output_path", "output"), ("webhook_url", "webhook")):
            if not self._jobs.has(column):
                continue
            authority = sql.SQL(_AUTHORITY).format(self._jobs.text(column))
            rows = self._query(
                "SELECT {authority}, count(*) FILTER (WHERE {age} < %s), count(*) FILTER (WHERE {age} >= %s)"
                " FROM {table} AS j WHERE {owned} AND {age} < %s AND {authority} IS NOT NULL"
                " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s",
                *(window_s, window_s, self._names, window_s + baseline_s, _LISTED),
                authority=authority,
            )
            recent = [row for row in rows if row[1]]
            others = dict(
                self._query(
                    "SELECT {authority}, count(DISTINCT {owner}) FROM {table} AS j"
                    " WHERE NOT {owned} AND {authority} = ANY (%s) GROUP BY 1",
                    *(self._names, [row[0] for row in recent]),
                    authority=authority,
                )
                if recent
                else []
            )
            for place, count, before in recent:
                yield Destination(kind, place_of(str(place)), int(count), int(before), int(others.get(place, 0)))

    def _foreign_inputs(self, window_s: int) -> dict[str, int]:
        """Return how many inputs belong to another key, by its id; also a file that both keys read."""
        paths = self._query(
            "SELECT DISTINCT {path} FROM {table} AS j WHERE {owned} AND {age} < %s AND {path} IS NOT NULL LIMIT %s",
            *(self._names, window_s, _PATHS_MAX),
            path=self._jobs.text("input_path"),
        )
        if not paths:
            return {}
        rows = self._query(
            "SELECT {owner}, count(DISTINCT CASE WHEN {output} = ANY (%s) THEN {output} ELSE {path} END)"
            " FROM {table} AS j WHERE NOT {owned} AND ({output} = ANY (%s) OR {path} = ANY (%s)) GROUP BY 1",
            *([row[0] for row in paths], self._names, [row[0] for row in paths], [row[0] for row in paths]),
            path=self._jobs.text("input_path"),
            output=self._jobs.text("output_path"),
        )
        known = key_ids(self._keys.every(self._database))
        found: dict[str, int] = {}
        for owner, count in rows:
            identity = owner_id(known, str(owner)) or "unknown"
            found[identity] = found.get(identity, 0) + int(count)
        return found

    def _open_jobs(self) -> tuple[str, ...]:
        rows = self._query(
            "SELECT {identity} FROM {table} AS j WHERE {owned} AND {status} = ANY (%s) ORDER BY 1",
            *(self._names, [*WAITING, *RUNNING]),
            identity=self._jobs.identity,
        )
        return tuple(str(row[0]) for row in rows)


def unknown_facts(of_user: tuple[Key, ...], made: tuple[Key, ...] | None) -> KeyFacts:
    """Return the facts of a site that does not tell whose a job is. Pure."""
    never = (0,) * _HOURS
    return KeyFacts({}, {}, None, None, never, never, None, (), {}, (), of_user, made, jobs_known=False)


def keys_of_user(database: _postgres.Database, keys: KeyTable, key: Key) -> tuple[Key, ...]:
    """Return the other keys of a key's user."""
    if not key.user_id:
        return ()
    condition = _postgres.sql.SQL("{}::text = %s").format(keys.column("user_id"))
    found = keys.read(database, condition, [key.user_id], lock=False)
    return tuple(other for other in found if other.id != key.id)


def keys_made(database: _postgres.Database, keys: KeyTable, key: Key, begins: float) -> tuple[Key, ...] | None:
    """Return the keys made since a time that name this one, or its user, as their maker; all of them for an admin's.

    None where the site does not keep when keys are made. Keys made by this collection are none.
    """
    sql = _postgres.sql
    if not keys.table.has("created_at"):
        return None
    condition = sql.SQL("{} >= %s AND (%s OR lower({}::text) = ANY (%s))").format(
        keys.time("created_at"), keys.column("created_by")
    )
    makers = [name.lower() for name in (key.id, key.name, key.user_id, key.prefix) if name]
    found = keys.read(database, condition, [begins, key.is_admin, makers], lock=False)
    return tuple(other for other in found if other.id != key.id and not is_made_here(other.id))


def key_ids(keys: t.Iterable[Key]) -> dict[str, str]:
    """Return the ids of keys by each name under which a job's row may hold them, but the key itself. Pure."""
    return {name.lower(): key.id for key in keys for name in (key.hash, key.id)}


def owner_id(known: t.Mapping[str, str], owner: str) -> str:
    """Return the id of the key that owns a job, from what stands in its row; empty where none is known. Pure."""
    return known.get(owner.lower()) or known.get(hash_key(owner), "")


def place_of(authority: str) -> str:
    """Return scheme and host of a URL, without a user or a password in it. Pure."""
    try:
        parts = urlsplit(authority)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address in no known form"
    shown = f"{parts.scheme}://{host}{port}"
    return shown[:200] if shown.isprintable() else "an address in no known form"
