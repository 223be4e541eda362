# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._postgres_health import (
    judge_postgres_deep,
    missing_extensions,
)
from ansible_collections.rendiff.ops.plugins.module_utils._thresholds import DEFAULTS


def session(pid, **changes):
    empty = {"user": "u", "application": "app", "client": None, "database": "d", "state": "active", "statement": ""}
    times = {"transaction_s": None, "state_s": 0.0, "waits_s": None, "blocked_by": []}
    return {"pid": pid, **empty, **times, **changes}


def facts(*sessions, **changes):
    server = {"version": "15", "database": "d", "in_recovery": False, "max_connections": 103, "reserved": 3}
    rest = {"sees_all": True, "slots": [], "tables": [], "extensions": ["plpgsql"]}
    return {**server, **rest, "sessions": list(sessions), **changes}


def judged(*sessions, required=(), **changes):
    found = judge_postgres_deep(facts(*sessions, **changes), DEFAULTS, "psql", required)
    return {one.id: one for one in found}


def test_a_quiet_database_is_ok_and_says_what_it_counts():
    found = judged(session(1))
    assert [(one.id, one.severity) for one in found.values()] == [("postgres", "ok")]
    assert "2 of 100 connections" in found["postgres"].summary


@pytest.mark.parametrize(("count", "severity"), [(78, None), (79, "warning"), (93, "warning"), (94, "critical")])
def test_connections_are_held_against_what_ordinary_roles_may_open(count, severity):
    found = judged(*(session(pid) for pid in range(1, count + 1)))
    assert ("postgres.connections" in found) == (severity is not None)
    assert severity is None or found["postgres.connections"].severity == severity


def test_the_head_of_the_queue_is_blamed_and_not_who_waits_in_between():
    found = judged(
        session(1, state="idle in transaction", state_s=5.0),
        session(2, waits_s=30.0, blocked_by=[1]),
        session(3, waits_s=20.0, blocked_by=[2]),
    )
    blocked = found["postgres.blocked.1"]
    assert blocked.severity == "critical" and "2 sessions wait up to 30 s" in blocked.summary
    assert "it is idle in transaction" in blocked.summary
    assert blocked.commands == ('psql -c "SELECT pg_terminate_backend(1)"',)
    assert not [name for name in found if name.startswith("postgres.blocked") and name != "postgres.blocked.1"]


def test_two_that_wait_for_each_other_end_the_search():
    assert judged(session(1, waits_s=30.0, blocked_by=[2]), session(2, waits_s=30.0, blocked_by=[1])) is not None


def test_a_short_wait_is_no_finding():
    assert list(judged(session(1), session(2, waits_s=2.0, blocked_by=[1]))) == ["postgres"]


def test_idle_and_long_transactions_are_told():
    found = judged(session(1, state="idle in transaction", state_s=100.0), session(2, transaction_s=9000.0))
    assert {"postgres.idle.1", "postgres.transaction"} <= set(found)


@pytest.mark.parametrize(
    ("slot", "severity"),
    [
        ({"active": True, "wal_status": "reserved", "retained_bytes": 1}, None),
        ({"active": False, "wal_status": "reserved", "retained_bytes": 1}, "warning"),
        ({"active": True, "wal_status": "extended", "retained_bytes": 5 * 2**30}, "critical"),
        ({"active": False, "wal_status": "lost", "retained_bytes": None}, "critical"),
    ],
)
def test_slots(slot, severity):
    found = judged(slots=[{"name": "barman", **slot}])
    assert found["postgres.slot.barman"].severity == severity if severity else "postgres.slot.barman" not in found


def test_upkeep_and_extensions():
    tables = [{"name": "jobs", "live": 10_000, "dead": 20_000, "vacuumed_at": None}]
    found = judged(tables=tables, required=["pg_trgm", "plpgsql"])
    assert found["postgres.dead.jobs"].severity == "warning"
    assert found["postgres.extension.pg_trgm"].commands == ("psql -c 'CREATE EXTENSION pg_trgm'",)
    assert "postgres.extension.plpgsql" not in found
    assert missing_extensions(facts()) == ["pg_stat_statements"]


def test_a_hostile_name_of_an_extension_is_no_command():
    assert judged(required=["x'; DROP"])["postgres.extension.x'; DROP"].commands == ()


def test_recovery_is_critical_and_hidden_sessions_are_said():
    assert judged(in_recovery=True)["postgres"].severity == "critical"
    assert "pg_monitor" in judged(sees_all=False)["postgres"].summary


@pytest.mark.parametrize(
    ("blocker", "words"),
    [
        (session(1, state="active"), "pg_cancel_backend(1)"),
        (session(1, state="idle in transaction"), "pg_terminate_backend(1)"),
    ],
)
def test_what_works_is_asked_to_stop_and_what_sits_there_is_ended(blocker, words):
    found = judged(blocker, session(2, waits_s=30.0, blocked_by=[1]))
    assert words in found["postgres.blocked.1"].commands[0]


def test_a_prepared_transaction_has_no_process_to_end():
    found = judged(session(2, waits_s=30.0, blocked_by=[0]))["postgres.blocked.0"]
    assert "a prepared transaction" in found.summary and "pg_prepared_xacts" in found.commands[0]
