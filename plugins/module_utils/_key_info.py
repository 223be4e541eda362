# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the API keys, whether the service accepts them, and what was done with them."""

from __future__ import annotations

import time
import typing as t

from . import _postgres
from ._api_key import hash_key
from ._argspec import ArgumentSpec
from ._credentials import POSTGRES_ARGUMENTS, resolve_postgres
from ._docker import DockerClient, RunCommand
from ._errors import OpsError
from ._job_rows import COMPLETED, FAILED, RUNNING, WAITING, JobTable
from ._keys import ACTIVE, EXPIRED, REVOKED, SELECT_ARGUMENTS, Key, KeyTable, find_keys, moment
from ._schema import introspect, require
from ._stack import STACK_ARGUMENTS, discover

KEY_INFO_ARGUMENTS = ArgumentSpec(
    {
        "states": {"type": "list", "elements": "str", "choices": [ACTIVE, REVOKED, EXPIRED], "default": []},
        "window_s": {"type": "int", "default": 86_400},
        "expires_within_s": {"type": "int", "default": 604_800},
        "list_max": {"type": "int", "default": 100},
        "postgres_timeout_s": {"type": "int", "default": 30},
    }
).merge(SELECT_ARGUMENTS, STACK_ARGUMENTS, POSTGRES_ARGUMENTS)

_ACT = "look at the API keys"
_NO_JOBS = {"jobs": 0, "completed": 0, "failed": 0, "open": 0, "minutes": 0.0}


def look_at_keys(database: _postgres.Database, options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the keys with what was done with them, the most active first."""
    for name in ("window_s", "expires_within_s", "list_max"):
        if options[name] < 0:
            raise OpsError(_ACT, f"{name} is {options[name]}, below 0")
    tables = introspect(database.query)
    keys = KeyTable(require(tables, "api_keys"))
    now = time.time()
    named = any(options[name] for name in SELECT_ARGUMENTS.options)
    every = (_postgres.sql.SQL("true"), ())
    found = find_keys(database, keys, options, _ACT, lock=False) if named else keys.read(database, *every, lock=False)
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


def look(options: t.Mapping[str, t.Any], run_command: RunCommand) -> dict[str, t.Any]:
    """Find the database and look at its keys."""
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    stack = discover(client, run_command, options["project"], options["service_roles"])
    login = resolve_postgres(stack, options, lambda replica, path: client.read_file(replica.id, path))
    with _postgres.connect(login, float(options["postgres_timeout_s"])) as database:
        return {"api_keys": look_at_keys(database, options), "project": stack.project}
