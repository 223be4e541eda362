# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what the live database has and a backup has not, so that nobody is surprised by it."""

from __future__ import annotations

import calendar
import contextlib
import dataclasses
import time
import typing as t

from . import _postgres
from ._databases import Held, Server
from ._errors import OpsError
from ._job_rows import JobTable
from ._keys import ACTIVE, Key, KeyTable
from ._mitigation import format_time
from ._restore_marker import say_time
from ._restore_verify import count_rows, table_names
from ._schema import Table, introspect

# The time of a backup is told to the second, and a row may carry the time at which its transaction began.
_MARGIN_S = 300
_KNOWN_AT_MOST = 10_000
_LISTED = 5
# Of these more is told than how many there are.
_TOLD_APART = ("jobs", "api_keys")


@dataclasses.dataclass
class Side:
    """What one database holds. What is None could not be looked at, or is not there.

    ``recent_jobs``: ids of those from shortly before the backup on; ``newer_jobs``: how many others there are from then
    on, and the time of the newest of them.
    """

    tables: dict[str, int] | None = None
    newest_job: float | None = None
    recent_jobs: list[str] | None = None
    newer_jobs: tuple[int, float | None] | None = None
    keys: list[Key] | None = None
    told: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What would be lost: ``figures`` for programs, ``lost`` and ``not_compared`` for people."""

    figures: dict[str, t.Any]
    lost: list[str]
    not_compared: list[str]


def look(
    server: Server, held: Held | None, name: str, taken_at: float, known_jobs: t.Sequence[str] | None = None
) -> Side:
    """Look at one database; what fails is told, and the rest is looked at nonetheless.

    ``known_jobs``: the recent ones of the backup, for the live database.
    """
    side = Side()
    if held is None or not held.connectable:
        side.told.append(f"'{name}' {'is absent' if held is None else 'lets nobody in'}: nothing of it was compared.")
        return side
    try:
        with server.open(name) as database:
            _look_at_tables(database, side, name)
            known: t.Mapping[str, Table] = {}
            with _told(database, side, f"the columns of '{name}'"):
                known = introspect(database.query)
            with _told(database, side, f"the jobs of '{name}'"):
                if "jobs" in known:
                    _look_at_jobs(database, side, JobTable(known["jobs"]), taken_at, known_jobs)
            with _told(database, side, f"the API keys of '{name}'"):
                if "api_keys" in known:
                    side.keys = KeyTable(known["api_keys"]).every(database)
    except OpsError as error:
        side.told.append(f"'{name}' was not compared: {error.cause}.")
    return side


@contextlib.contextmanager
def _told(database: _postgres.Database, side: Side, what: str) -> t.Iterator[None]:
    """Go on after a query that failed, and tell that it did; the connection is usable again, or the next one tells."""
    try:
        yield
    except OpsError as error:
        side.told.append(f"Not compared: {what}: {error.cause}.")
        database.rollback()


def _look_at_tables(database: _postgres.Database, side: Side, name: str) -> None:
    with _told(database, side, f"the tables of '{name}'"):
        side.tables = {}
        for label, table in sorted(table_names(database).items()):
            with _told(database, side, f"the table '{label}' of '{name}'"):
                side.tables[label] = count_rows(database, table)


def _look_at_jobs(
    database: _postgres.Database, side: Side, jobs: JobTable, taken_at: float, known: t.Sequence[str] | None
) -> None:
    sql = _postgres.sql
    moment = jobs.newest(["created_at"])
    made = sql.SQL("extract(epoch FROM {})::float8").format(moment)
    (side.newest_job,) = database.query(sql.SQL("SELECT max({}) FROM {} AS j").format(made, jobs.name))[0]
    since = sql.SQL("FROM {} AS j WHERE {} >= to_timestamp(%s)").format(jobs.name, moment)
    if known is None:
        recent = sql.SQL("SELECT {} {} LIMIT %s").format(jobs.identity, since)
        rows = database.query(recent, [taken_at - _MARGIN_S, _KNOWN_AT_MOST + 1])
        # With more of them the server would have to hold too much at once; then the time alone must do.
        side.recent_jobs = [str(row[0]) for row in rows] if len(rows) <= _KNOWN_AT_MOST else []
        return
    newer = sql.SQL(
        "SELECT count(*), max({}) {} AND NOT EXISTS (SELECT FROM unnest(%s::text[]) AS k (id) WHERE k.id = {})"
    ).format(made, since, jobs.identity)
    count, newest = database.query(newer, [taken_at - _MARGIN_S if known else taken_at + 1, list(known)])[0]
    side.newer_jobs = int(count), newest


def compare(live: Side, backup: Side, taken_at: str) -> Comparison:
    """Return what is in the live database and not in the backup. Pure but for the clock."""
    figures: dict[str, t.Any] = {"tables": {}, "jobs": {}, "keys": {}}
    lost: list[str] = []
    live_tables, backup_tables = live.tables or {}, backup.tables or {}
    for name in sorted({*live_tables, *backup_tables}):
        here, there = live_tables.get(name), backup_tables.get(name)
        figures["tables"][name] = {"live": here, "backup": there}
        if here is not None and backup.tables is not None and there is None:
            lost.append(f"Table '{name}' with {plural(here, 'row')} is not in the backup.")
        elif here is not None and there is not None and here > there and name.rpartition(".")[2] not in _TOLD_APART:
            lost.append(f"Table '{name}' has {plural(here - there, 'row')} more than the backup.")
    _compare_jobs(live, backup, taken_at, figures, lost)
    _compare_keys(live, backup, figures, lost)
    return Comparison(figures, lost, [*live.told, *backup.told])


def _compare_jobs(live: Side, backup: Side, taken_at: str, figures: dict[str, t.Any], lost: list[str]) -> None:
    figures["jobs"] = {"newest_live": _time(live.newest_job), "newest_backup": _time(backup.newest_job)}
    if live.newer_jobs is None:
        return
    count, newest = live.newer_jobs
    figures["jobs"]["only_live"] = count
    if count:
        told = f"{plural(count, 'job')} of after the backup of {say_time(taken_at)} will be gone"
        lost.append(f"{told}, the newest of {say_time(_time(newest) or '')}.")


def _compare_keys(live: Side, backup: Side, figures: dict[str, t.Any], lost: list[str]) -> None:
    if live.keys is None or backup.keys is None:
        return
    now = time.time()
    there = {key.id: key for key in backup.keys}
    here = {key.id: key for key in live.keys}
    gone = [key for key in live.keys if key.id not in there]
    refused = [
        key for key in live.keys if key.state(now) == ACTIVE and key.id in there and there[key.id].state(now) != ACTIVE
    ]
    accepted = [
        key
        for key in backup.keys
        if key.state(now) == ACTIVE and (key.id not in here or here[key.id].state(now) != ACTIVE)
    ]
    active = [key for key in gone if key.state(now) == ACTIVE]
    figures["keys"] = {
        "only_live": [key.id for key in gone],
        "active_lost": [key.id for key in [*active, *refused]],
        "accepted_again": [key.id for key in accepted],
    }
    if gone:
        lost.append(
            f"{plural(len(gone), 'API key')} of after the backup will be gone ({len(active)} active): {_named(gone)}."
        )
    if refused:
        lost.append(f"{plural(len(refused), 'API key')} accepted now will be refused: {_named(refused)}.")
    if accepted:
        lost.append(
            f"{plural(len(accepted), 'API key')} refused now will be accepted again: {_named(accepted)}."
            " Revoke first what must not be."
        )


def _named(keys: t.Sequence[Key]) -> str:
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return ", ".join(key.named() for key in keys[:_LISTED]) + more


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else format_time(seconds)


def plural(count: int, noun: str) -> str:
    """Return a number of things."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def seconds_of(text: str) -> float:
    """Return the time of a backup in seconds of the epoch."""
    return float(calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")))
