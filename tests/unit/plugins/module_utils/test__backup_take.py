# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._backup_choice import (
    LOCAL,
    OURS,
    S3,
    SERVICE,
    Entry,
    entry_of,
)
from ansible_collections.rendiff.ops.plugins.module_utils._backup_dump import conninfo, missing_tables
from ansible_collections.rendiff.ops.plugins.module_utils._backup_info import age_of, say, size_of, table_of
from ansible_collections.rendiff.ops.plugins.module_utils._backup_ledger import drilled_of, merge_lines
from ansible_collections.rendiff.ops.plugins.module_utils._backup_report import warnings_of
from ansible_collections.rendiff.ops.plugins.module_utils._backup_take import plan_backup, recent_of, space_needed
from ansible_collections.rendiff.ops.plugins.module_utils._mitigation import format_time

from .backup_builders import MANIFEST

NOW = 1_800_000_000.0
RETENTION = {"keep": 1, "keep_days": 0, "drilled": frozenset()}


class Place:
    def __init__(self, place):
        self.place = place
        self.where = f"at {place}"


HERE, THERE = Place(LOCAL), Place(S3)


def entry(age_s, place=LOCAL, kind=OURS):
    manifest = MANIFEST if kind == OURS else None
    return Entry(f"n{age_s}", format_time(NOW - age_s), place, kind, 1, "none", "", "rendiff", manifest)


def test_each_place_gets_one_and_loses_what_may_go():
    plan = plan_backup(
        "rendiff", NOW, [HERE, THERE], [entry(10), entry(20), entry(10, S3), entry(5, kind=SERVICE)], RETENTION
    )
    pairs = {(action.target, action.transition) for action in plan.actions}
    assert pairs == {
        ("local", "gets a backup"),
        ("s3", "gets a backup"),
        ("local/n10", "is removed"),
        ("local/n20", "is removed"),
        ("s3/n10", "is removed"),
    }
    assert plan.after["at local"] == ["a new one"]


def test_a_backup_is_new_enough_only_where_every_place_has_it():
    entries = [entry(10), entry(20), entry(20, S3)]

    def recent(targets, age_s, database="rendiff", host=""):
        return recent_of(entries, targets, database, host, (NOW - age_s, NOW))

    assert recent([HERE], 15) is MANIFEST
    assert recent([HERE, THERE], 15) is None
    assert recent([HERE, THERE], 25) is MANIFEST
    assert recent([HERE], 25, database="other") is None
    assert recent([HERE], 25, host="another") is None


def test_a_backup_of_the_future_keeps_nobody_from_taking_one():
    assert recent_of([entry(-86_400)], [HERE], "rendiff", "", (NOW - 60, NOW)) is None


def test_the_room_is_guessed_by_the_last_one_and_never_above_the_database():
    assert space_needed(1000, [], encrypted=False) == 1000
    assert space_needed(1000, [], encrypted=True) == 2000
    known = Entry("n", format_time(NOW), LOCAL, OURS, 1, "age", "", "rendiff", MANIFEST)
    assert MANIFEST.database_bytes == 0
    assert space_needed(1000, [known], encrypted=False) == 1000

    told = dataclasses.replace(known, manifest=dataclasses.replace(MANIFEST, database_bytes=120))
    assert space_needed(1000, [told], encrypted=False) == 120
    assert space_needed(1000, [told], encrypted=True) == 240


def test_the_name_of_a_database_is_no_option_of_libpq():
    assert conninfo("rendiff") == "dbname='rendiff'"
    assert conninfo("a' host='evil") == r"dbname='a\' host=\'evil'"
    assert conninfo("a\\") == "dbname='a\\\\'"


def test_a_table_that_the_dump_lacks_is_named():
    listed = (
        "215; 1259 16390 TABLE public jobs u\n3351; 0 16390 TABLE DATA public jobs u\n1; 0 1 TABLE DATA my odd name u\n"
    )
    assert missing_tables(listed, [("public", "jobs"), ("my", "odd name")]) == []
    assert missing_tables(listed, [("public", "job"), ("public", "jobs")]) == ["public.job"]


def test_ledgers_are_merged_without_loss_and_without_twice():
    first, second = '{"a": 1}\n{"b": 2}\n', '{"b": 2}\nnot json\n[1]\n{"c"'
    assert merge_lines(first, second, '{"c": 3}') == '{"a": 1}\n{"b": 2}\n{"c": 3}\n'
    assert merge_lines(first, second) == first
    assert merge_lines() == ""


def test_only_a_drill_that_passed_counts():
    text = '{"backup": "a", "passed": true}\n{"backup": "b", "passed": false}\n{"backup": "c", "passed": "yes"}\n'
    assert drilled_of(text) == {"a"}


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (59, "59 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_an_age_is_told_in_its_largest_unit(seconds, text):
    assert age_of(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(5, "5 B"), (2048, "2.0 KiB"), (2**30, "1.0 GiB"), (2**41, "2.0 TiB")])
def test_a_size_is_told_for_people(size, text):
    assert size_of(size) == text


def row(**parts):
    common = {"name": "n", "taken_at": format_time(NOW), "age_s": 60, "bytes": 5, "kind": OURS, "encryption": "none"}
    return {**common, "verified": True, "drill_passed": False, "places": ["s3"], **parts}


def test_what_matters_of_the_backups_is_said():
    assert "Take one" in say([], [], on_host_only=False)
    assert "Besides: x" in say([], ["x"], on_host_only=False)
    assert "would be lost with it" in say([row(places=["local"])], [], on_host_only=True)
    assert "It is on this host only" in say([row(places=["local"])], [], on_host_only=False)
    assert "not known before it is restored" in say([row(kind=SERVICE)], [], on_host_only=False)
    assert say([row()], [], on_host_only=False) == "The newest of 1 backups is n, 1 min old."


def test_the_table_has_a_line_each_and_bears_hostile_names():
    lines = table_of([row(name="a\x1b[31m\nb"), row(verified=False, encryption="gpg")])
    assert len(lines) == 3
    assert "\x1b" not in lines[1]
    assert "\n" not in lines[1]
    assert "unknown" in lines[2]
    assert "gpg" in lines[2]


def test_raw_keys_in_the_clear_are_warned_about():

    raw = dataclasses.replace(MANIFEST, raw_keys=True)
    assert warnings_of(raw) == []
    assert "whoever reads it can use them" in warnings_of(dataclasses.replace(raw, encryption="none"))[0]
    assert warnings_of(dataclasses.replace(MANIFEST, encryption="none")) == []


def test_an_entry_knows_where_its_dump_is():
    found = entry_of(MANIFEST, S3)
    assert found.path == "rendiff-20260120T031500Z/database.dump.age"
    assert found.bytes == 15
