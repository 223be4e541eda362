# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the API keys, whether the service accepts them, and what was done with them."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from . import _postgres
from ._api_key import PREFIX_LENGTH, hash_key
from ._argspec import ArgumentSpec
from ._credentials import POSTGRES_ARGUMENTS, resolve_postgres
from ._docker import DockerClient, RunCommand
from ._errors import OpsError
from ._job_rows import COMPLETED, FAILED, RUNNING, WAITING, JobTable
from ._key_answers import answer_all, summarize
from ._key_events import KeyLog, read_key_log
from ._key_facts import KeyFactsReader, key_ids, keys_made, keys_of_user, unknown_facts
from ._key_jobs import KeyJobs
from ._key_traffic import keys_behind, keys_tied, own_events, traffic_of, unite
from ._key_watch import judge_watch, read_watches
from ._keys import ACTIVE, EXPIRED, REVOKED, SELECT_ARGUMENTS, Key, KeyTable, find_keys, moment
from ._schema import introspect, require
from ._stack import STACK_ARGUMENTS, discover
from ._state import STATE_ARGUMENTS

KEY_INFO_ARGUMENTS = ArgumentSpec(
    {
        "states": {"type": "list", "elements": "str", "choices": [ACTIVE, REVOKED, EXPIRED], "default": []},
        "window_s": {"type": "int", "default": 86_400},
        "expires_within_s": {"type": "int", "default": 604_800},
        "list_max": {"type": "int", "default": 100},
        "investigate": {"type": "bool", "default": False},
        "baseline_s": {"type": "int", "default": 2_592_000},
        "behind_s": {"type": "int", "default": 0},
        "ties": {"type": "dict", "default": {}},
        "postgres_timeout_s": {"type": "int", "default": 30},
    }
).merge(SELECT_ARGUMENTS, STACK_ARGUMENTS, POSTGRES_ARGUMENTS, STATE_ARGUMENTS)

ReadLog = t.Callable[[float], KeyLog]

_ACT = "look at the API keys"
_INVESTIGATE = "investigate an API key"
_LOG_S = 60.0
_OPEN_LISTED = 1000
_EVENTS_LISTED = 10_000
_NO_JOBS = {"jobs": 0, "completed": 0, "failed": 0, "open": 0, "minutes": 0.0}


def look_at_keys(database: _postgres.Database, options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the keys with what was done with them, the most active first."""
    for name in ("window_s", "expires_within_s", "list_max", "baseline_s", "behind_s"):
        if options[name] < 0:
            raise OpsError(_ACT, f"{name} is {options[name]}, below 0")
    tables = introspect(database.query)
    keys = KeyTable(require(tables, "api_keys"))
    now = time.time()
    named = any(options[name] for name in SELECT_ARGUMENTS.options)
    found = find_keys(database, keys, options, _ACT, lock=False) if named else keys.every(database)
    jobs = tables.get("jobs")
    used = _use(database, JobTable(jobs), options["window_s"]) if jobs is not None and jobs.has("api_key") else None
    described = [{**key.describe(now), **_of(key, used)} for key in found]
    wanted = [key for key in described if not options["states"] or key["state"] in options["states"]]
    wanted.sort(key=lambda key: (-(key["jobs"] or 0), -(key["requests"] or 0), key["id"]))
    soon = now + options["expires_within_s"]
    return {
        "list": wanted[: options["list_max"]],
        "list_cut": max(0, len(wanted) - options["list_max"]),
        "counts": {state: sum(key.state(now) == state for key in found) for state in (ACTIVE, REVOKED, EXPIRED)},
        "never_used": [key.id for key in found if key.state(now) == ACTIVE and _never_used(key)],
        "expiring": [key.id for key in found if key.state(now) == ACTIVE and (key.expires_at or soon + 1) <= soon],
        "window_s": options["window_s"],
        "checked_at": moment(now),
    }


def _never_used(key: Key) -> bool:
    return key.last_used_at is None and not key.requests


def _names(key: Key) -> tuple[str, str]:
    return key.hash.lower(), key.id.lower()


def _of(key: Key, used: t.Mapping[str, t.Mapping[str, t.Any]] | None) -> dict[str, t.Any]:
    """Return what was done with a key; None where the site does not tell whose a job is."""
    if used is None:
        return dict.fromkeys(_NO_JOBS)
    rows = [used[name] for name in _names(key) if name in used]
    return {name: round(sum(row[name] for row in rows), 1) if rows else nothing for name, nothing in _NO_JOBS.items()}


def _use(database: _postgres.Database, jobs: JobTable, window_s: int) -> dict[str, dict[str, t.Any]]:
    """Return by hash or id of a key what its jobs of a time window did, and how many are open, whenever they came."""
    sql = _postgres.sql
    recent = sql.SQL("coalesce({} < {}, true)").format(jobs.age(["created_at"]), sql.Literal(window_s))
    is_open = sql.SQL("{} = ANY ({})").format(jobs.status, sql.Literal([*WAITING, *RUNNING]))
    took: t.Any = sql.SQL("0")
    if jobs.has("completed_at") and jobs.has("started_at"):
        ended, started = jobs.newest(["completed_at"]), jobs.newest(["started_at"])
        took = sql.SQL("extract(epoch FROM {} - {}) / 60").format(ended, started)
    rows = database.query(
        sql.SQL(
            "SELECT {owner}, count(*) FILTER (WHERE {recent}),"
            " count(*) FILTER (WHERE {recent} AND {status} = ANY ({completed})),"
            " count(*) FILTER (WHERE {recent} AND {status} = ANY ({failed})),"
            " count(*) FILTER (WHERE {is_open}), coalesce(sum({took}) FILTER (WHERE {recent}), 0)::float8"
            " FROM {table} AS j WHERE {owner} IS NOT NULL AND ({recent} OR {is_open}) GROUP BY 1"
        ).format(
            owner=jobs.text("api_key"),
            recent=recent,
            is_open=is_open,
            status=jobs.status,
            completed=sql.Literal(list(COMPLETED)),
            failed=sql.Literal(list(FAILED)),
            took=took,
            table=jobs.name,
        )
    )
    found: dict[str, dict[str, t.Any]] = {}
    for owner, *figures in rows:
        used = dict(zip(_NO_JOBS, figures))
        # Some sites keep the key itself in a job's row; nothing but its hash goes on from here.
        for name in (str(owner).lower(), hash_key(str(owner))):
            found[name] = used
    return found


class KeyLook:
    """One look at the keys. ``options`` are those of ``KEY_INFO_ARGUMENTS``."""

    def __init__(self, database: _postgres.Database, options: t.Mapping[str, t.Any], project: str) -> None:
        self._database = database
        self._project = project
        self._options = options
        self._now = time.time()

    def watched(self, read_log: ReadLog) -> list[dict[str, t.Any]]:
        """Return what has become of the keys that are watched; the api's log is read only where there are any."""
        stored = read_watches(self._options["state_dir"])
        watches = [watch for watch in stored if watch.until > self._now and watch.project == self._project]
        if not watches:
            return []
        keys = KeyTable(require(introspect(self._database.query), "api_keys"))
        every = keys.every(self._database)
        rows = {key.id: key for key in every}
        log = read_log(min(watch.since for watch in watches))
        known = log if log.read else None
        return [judge_watch(watch, rows.get(watch.key_id), known, self._now) for watch in watches]

    def behind(self, read_log: ReadLog) -> dict[str, t.Any]:
        """Return which keys were used from which addresses, from the api's log and from the ties of an access log."""
        tables = introspect(self._database.query)
        keys = KeyTable(require(tables, "api_keys"))
        every = keys.every(self._database)
        since = self._now - self._options["behind_s"]
        log = read_log(since)
        if log.unread and not log.read:
            # Without it nobody would be spared.
            raise OpsError("tell which keys are behind addresses", log.unread_told(), "Look at docker logs")
        ties = self._options["ties"]
        jobs = [str(tie.get("job_id", "")) for tie in ties.get("jobs", [])]
        table = tables.get("jobs")
        owners = KeyJobs(self._database, table).owners_of(jobs)
        tied = keys_tied(ties, owners, key_ids(every))
        active = {key.id.lower(): key for key in every if key.state(self._now) == ACTIVE}
        found = unite(keys_behind(log, since), tied)
        return {
            "addresses": {
                address: {identity: count for identity, count in counts.items() if identity in active}
                for address, counts in found.items()
            },
            "api_keys": {identity: key.named() for identity, key in active.items()},
            "addresses_known": log.addresses_known,
            "reach_s": int(self._now - log.since),
            "unread_logs": dict(log.unread),
        }

    def investigate(self, read_log: ReadLog) -> dict[str, t.Any]:
        """Return the ten answers on one key, with the facts that they rest on."""
        options = self._options
        tables = introspect(self._database.query)
        keys = KeyTable(require(tables, "api_keys"))
        found = find_keys(self._database, keys, options, _INVESTIGATE, lock=False)
        if len(found) != 1:
            listed = ", ".join(key.named() for key in found[:10])
            raise OpsError(_INVESTIGATE, f"these are {len(found)} keys: {listed}", "Pass key_id")
        table, (key,) = tables.get("jobs"), found
        raw = KeyJobs(self._database, table).owners().get(key.hash.lower(), "")
        begins = self._now - options["window_s"]
        others = keys_of_user(self._database, keys, key), keys_made(self._database, keys, key, begins)
        if table is None or not table.has("api_key"):
            facts = unknown_facts(*others)
        else:
            reader = KeyFactsReader(self._database, keys, JobTable(table), key, raw)
            facts = reader.read(options["window_s"], options["baseline_s"], *others)
        log = read_log(begins - options["baseline_s"])
        # A key whose site keeps no prefixes is told by the key itself, where that is known.
        prefix = key.prefix or raw[:PREFIX_LENGTH]
        traffic = traffic_of(key._replace(prefix=prefix), log, begins)
        answers = answer_all(key, facts, traffic, options["window_s"])
        return {
            "project": self._project,
            "checked_at": moment(self._now),
            "seconds": round(time.time() - self._now, 3),
            "key": key.describe(self._now),
            "summary": summarize(key, answers),
            "answers": answers,
            "addresses": traffic.describe(),
            "destinations": [
                {**dataclasses.asdict(place), "is_foreign": place.is_foreign} for place in facts.destinations
            ],
            "foreign_inputs": dict(facts.foreign_inputs),
            "jobs": dict(facts.now),
            "jobs_before": dict(facts.before),
            "open_jobs": list(facts.open_jobs[:_OPEN_LISTED]),
            "open_jobs_total": len(facts.open_jobs),
            "output_bytes": facts.output_bytes,
            "other_keys_of_user": [other.describe(self._now) for other in facts.keys_of_user],
            "keys_made": [other.describe(self._now) for other in facts.keys_made or ()],
            "events": own_events(log, key.id, prefix)[-_EVENTS_LISTED:],
            "unread_logs": dict(log.unread),
            "logs_since": moment(log.since),
        }


def look(options: t.Mapping[str, t.Any], run_command: RunCommand) -> dict[str, t.Any]:
    """Find the database and look at its keys."""
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    stack = discover(client, run_command, options["project"], options["service_roles"])
    login = resolve_postgres(stack, options, lambda replica, path: client.read_file(replica.id, path))

    def read_log(since: float) -> KeyLog:
        return read_key_log(client, stack, since, _LOG_S)

    with _postgres.connect(login, float(options["postgres_timeout_s"])) as database:
        looked = KeyLook(database, options, stack.project)
        found = {**look_at_keys(database, options), "watched": looked.watched(read_log)}
        result = {"api_keys": found, "project": stack.project}
        if options["behind_s"]:
            result["behind"] = looked.behind(read_log)
        if options["investigate"]:
            result["investigation"] = looked.investigate(read_log)
    return result
