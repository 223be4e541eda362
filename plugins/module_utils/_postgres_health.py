# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: PostgreSQL beyond "it accepts": connections, sessions, locks, slots, tables."""

from __future__ import annotations

import typing as t

from ._postgres import Database
from ._redact import redact_statement
from ._verdict import CRITICAL, OK, WARNING, Finding

_SERVER = """
SELECT current_setting('server_version'), current_database(), pg_is_in_recovery(),
       current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
"""
# To a role that may not see them, the sessions of others have no type, but a user and a database.
# What waits is told by pg_locks, and since when from release 14 on, where the column exists.
_SESSIONS = """
SELECT a.pid, a.usename, a.application_name, host(a.client_addr), a.datname, a.state,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float,
       extract(epoch FROM clock_timestamp() - a.state_change)::float,
       CASE WHEN a.wait_event_type = 'Lock' THEN
         extract(epoch FROM clock_timestamp() - coalesce(
           (SELECT min((to_jsonb(l)->>'waitstart')::timestamptz) FROM pg_locks l WHERE l.pid = a.pid AND NOT l.granted),
           a.query_start))::float END,
       CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) ELSE '{}'::int[] END,
       left(a.query, 300)
FROM pg_stat_activity AS a
WHERE (a.backend_type = 'client backend'
       OR (a.backend_type IS NULL AND a.usename IS NOT NULL AND a.datname IS NOT NULL))
  AND a.pid <> pg_backend_pid()
"""
_SLOTS = """
SELECT slot_name, active, to_jsonb(s)->>'wal_status',
       CASE WHEN pg_is_in_recovery() THEN NULL
            ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint END
FROM pg_replication_slots AS s
"""
_TABLES = """
SELECT relname, n_live_tup, n_dead_tup, last_autovacuum::text
FROM pg_stat_user_tables WHERE n_dead_tup > 1000 ORDER BY n_dead_tup DESC LIMIT 10
"""
_EXTENSIONS = "SELECT extname FROM pg_extension"
_KNOWN_EXTENSIONS = ("pg_stat_statements",)


def read_postgres(database: Database) -> dict[str, t.Any]:
    """Return everything that the judgement needs; times are seconds, sizes bytes. Touches no table of the service."""
    version, name, recovering, allowed, reserved, sees_all = database.query(_SERVER)[0]
    fields = ("pid", "user", "application", "client", "database", "state", "transaction_s", "state_s", "waits_s")
    sessions = []
    for row in database.query(_SESSIONS):
        session = dict(zip(fields, row))
        session["blocked_by"] = list(row[9] or [])
        session["statement"] = redact_statement(str(row[10] or ""))[:160]
        sessions.append(session)
    return {
        "version": version,
        "database": name,
        "in_recovery": bool(recovering),
        "max_connections": int(allowed),
        "reserved": int(reserved),
        "sees_all": bool(sees_all),
        "sessions": sessions,
        "slots": [dict(zip(("name", "active", "wal_status", "retained_bytes"), row)) for row in database.query(_SLOTS)],
        "tables": [dict(zip(("name", "live", "dead", "vacuumed_at"), row)) for row in database.query(_TABLES)],
        "extensions": sorted(row[0] for row in database.query(_EXTENSIONS)),
    }


def count_by(sessions: t.Iterable[t.Mapping[str, t.Any]], field: str) -> dict[str, int]:
    """Return how many sessions have each value of a field, most first. Pure."""
    counts: dict[str, int] = {}
    for session in sessions:
        value = str(session[field] or "not told")
        counts[value] = counts.get(value, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def judge_postgres_deep(
    facts: t.Mapping[str, t.Any], limits: t.Mapping[str, t.Any], psql: str, required: t.Sequence[str] = ()
) -> list[Finding]:
    """Judge a database that answered; ``psql`` is the command that reaches it. Pure."""
    return [
        *_judge_connections(facts, limits),
        *_judge_sessions(facts, limits, psql),
        *_judge_slots(facts, limits, psql),
        *_judge_upkeep(facts, limits, psql, required),
    ]


def _judge_connections(facts: t.Mapping[str, t.Any], limits: t.Mapping[str, t.Any]) -> list[Finding]:
    sessions = facts["sessions"]
    # Our own connection counts too, as it does for everyone else who needs one.
    used, allowed = len(sessions) + 1, facts["max_connections"] - facts["reserved"]
    evidence = {
        "connections": used,
        "max_connections": facts["max_connections"],
        "reserved_for_superusers": facts["reserved"],
        "by_state": count_by(sessions, "state"),
        "by_application": dict(list(count_by(sessions, "application").items())[:10]),
        "by_database": count_by(sessions, "database"),
    }
    if facts["in_recovery"]:
        summary = "PostgreSQL is in recovery: it answers, and refuses to write."
        return [Finding("postgres", "postgres", CRITICAL, str(facts["database"]), summary, evidence)]
    share = used / max(1, allowed)
    if share >= limits["connections_warning"]:
        worst = share >= limits["connections_critical"]
        most = next(iter(evidence["by_application"]), "")
        summary = (
            f"PostgreSQL has {used} of {allowed} connections in use ({share * 100:.0f} %); "
            f"most are of '{most}' ({evidence['by_application'].get(most, 0)})."
        )
        severity = CRITICAL if worst else WARNING
        return [Finding("postgres.connections", "postgres", severity, str(facts["database"]), summary, evidence)]
    summary = f"PostgreSQL {facts['version']} has {used} of {allowed} connections in use."
    if not facts["sees_all"]:
        summary += " What other users' sessions do is hidden: the role lacks pg_monitor."
    return [Finding("postgres", "postgres", OK, str(facts["database"]), summary, evidence)]


def _who(session: t.Mapping[str, t.Any]) -> str:
    named = session["application"] or session["user"] or "a session"
    return f"'{named}' (process {session['pid']})"


def _judge_sessions(facts: t.Mapping[str, t.Any], limits: t.Mapping[str, t.Any], psql: str) -> list[Finding]:
    found: list[Finding] = []
    sessions = {session["pid"]: session for session in facts["sessions"]}
    waiting = [session for session in sessions.values() if (session["waits_s"] or 0) >= limits["lock_wait_s"]]
    blockers: dict[int, list[t.Mapping[str, t.Any]]] = {}
    for session in waiting:
        for pid in _roots(session["pid"], sessions):
            blockers.setdefault(pid, []).append(session)
    for pid, held_up in sorted(blockers.items(), key=lambda item: -len(item[1])):
        blocker = sessions.get(pid)
        longest = max(session["waits_s"] for session in held_up)
        noun = "session waits" if len(held_up) == 1 else "sessions wait"
        who = _who(blocker) if blocker else f"process {pid}" if pid else "a prepared transaction"
        state = (blocker or {}).get("state") or "not told"
        summary = f"{len(held_up)} {noun} up to {longest:.0f} s for a lock that {who} holds; it is {state}."
        evidence = {"blocker": blocker, "waiting": [dict(session) for session in held_up[:5]]}
        # What only sits there is ended; what works is asked to stop first; a prepared transaction has no process.
        act = "pg_terminate_backend" if str(state).startswith("idle") else "pg_cancel_backend"
        commands = (f'{psql} -c "SELECT {act}({pid})"' if pid else f"{psql} -c 'SELECT * FROM pg_prepared_xacts'",)
        found.append(
            Finding(f"postgres.blocked.{pid}", "postgres", CRITICAL, who, summary, evidence, commands, stops=False)
        )
    for session in sessions.values():
        idle = str(session["state"] or "").startswith("idle in transaction")
        if idle and session["pid"] not in blockers and (session["state_s"] or 0) >= limits["idle_in_transaction_s"]:
            summary = (
                f"{_who(session)} has been idle inside a transaction for {session['state_s']:.0f} s: "
                "it holds its locks and keeps dead rows."
            )
            commands = (f'{psql} -c "SELECT pg_terminate_backend({session["pid"]})"',)
            found.append(
                Finding(
                    f"postgres.idle.{session['pid']}",
                    "postgres",
                    WARNING,
                    _who(session),
                    summary,
                    dict(session),
                    commands,
                )
            )
    running = [session for session in sessions.values() if session["transaction_s"] is not None]
    longest_one = max(running, key=lambda session: session["transaction_s"], default=None)
    if longest_one and longest_one["transaction_s"] >= limits["transaction_s"]:
        summary = f"The transaction of {_who(longest_one)} has been open for {longest_one['transaction_s']:.0f} s."
        found.append(
            Finding("postgres.transaction", "postgres", WARNING, _who(longest_one), summary, dict(longest_one))
        )
    return found


def _roots(pid: int, sessions: t.Mapping[int, t.Mapping[str, t.Any]]) -> set[int]:
    """Return the sessions at the head of the queue in which one waits: those that wait for nobody themselves."""
    roots: set[int] = set()
    seen: set[int] = set()
    pending = [pid]
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        above = sessions[current]["blocked_by"] if current in sessions else []
        if above:
            pending.extend(above)
        elif current != pid:
            roots.add(current)
    return roots


def _judge_slots(facts: t.Mapping[str, t.Any], limits: t.Mapping[str, t.Any], psql: str) -> list[Finding]:
    found = []
    for slot in facts["slots"]:
        retained = slot["retained_bytes"] or 0
        name = f"postgres.slot.{slot['name']}"
        if slot["wal_status"] == "lost":
            summary = f"Replication slot '{slot['name']}' has lost WAL: what follows it must begin anew."
            found.append(Finding(name, "postgres", CRITICAL, slot["name"], summary, dict(slot), stops=False))
        elif not slot["active"] or retained > limits["slot_retained_bytes"]:
            state = "has a reader" if slot["active"] else "has no reader"
            summary = f"Replication slot '{slot['name']}' {state} and keeps {retained // 2**20} MiB of WAL on the disk."
            severity = CRITICAL if retained > limits["slot_retained_bytes"] else WARNING
            command = f"{psql} -c 'SELECT * FROM pg_replication_slots'"
            found.append(
                Finding(name, "postgres", severity, slot["name"], summary, dict(slot), (command,), stops=False)
            )
    return found


def _judge_upkeep(
    facts: t.Mapping[str, t.Any], limits: t.Mapping[str, t.Any], psql: str, required: t.Sequence[str]
) -> list[Finding]:
    found = []
    for table in facts["tables"]:
        share = table["dead"] / max(1, table["dead"] + table["live"])
        if share > limits["dead_tuples"] and table["dead"] > 10_000:
            summary = f"{share * 100:.0f} % of the rows of table '{table['name']}' are dead ({table['dead']})."
            found.append(
                Finding(f"postgres.dead.{table['name']}", "postgres", WARNING, table["name"], summary, dict(table))
            )
    missing = sorted(set(required) - set(facts["extensions"]))
    for name in missing:
        summary = f"The extension '{name}' is missing from database '{facts['database']}'."
        command = f"{psql} -c 'CREATE EXTENSION {name}'" if name.replace("_", "").isalnum() else ""
        found.append(
            Finding(
                f"postgres.extension.{name}", "postgres", WARNING, name, summary, {}, tuple(filter(None, (command,)))
            )
        )
    return found


def missing_extensions(facts: t.Mapping[str, t.Any]) -> list[str]:
    """Return the extensions that the procedures of this collection can use and the database lacks. Pure."""
    return sorted(set(_KNOWN_EXTENSIONS) - set(facts["extensions"]))
