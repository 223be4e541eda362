# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._backup_manifest import Manifest
from ansible_collections.rendiff.ops.plugins.module_utils._plan import Action, Plan
from ansible_collections.rendiff.ops.plugins.module_utils._restore_compare import Comparison
from ansible_collections.rendiff.ops.plugins.module_utils._restore_marker import BESIDE, LIVE, Marker
from ansible_collections.rendiff.ops.plugins.module_utils._restore_plan import Wanted
from ansible_collections.rendiff.ops.plugins.module_utils._restore_result import Done, result_of
from ansible_collections.rendiff.ops.plugins.module_utils._restore_verify import Proof

MANIFEST = Manifest(
    name="rendiff-20261127T130000Z",
    database="rendiff",
    taken_at="2026-11-27T13:00:00Z",
    project="rendiff",
    server_version="15.1",
    image="i",
    encryption="none",
    files=(),
    tables={"public.jobs": 5, "public.api_keys": 2},
    schema_head=("r1", "r2"),
    database_bytes=1000,
)
CHANGED, UNCHANGED = Plan({}, {}, (Action("a", "b"),)), Plan({}, {})
MARKER = Marker(BESIDE, "rendiff", backup="b-1", taken_at="2026-11-27T13:00:00Z", verified_at="v")


def said(state, done, *, check_mode=False):
    return result_of({"state": state}, "rendiff", done, {}, [], check_mode=check_mode)


def test_what_was_not_checked_is_never_told_to_be_checked():
    proof = Proof({"public.jobs": 5}, {"queued": 5}, 1, 0, "the image has no pg_amcheck")
    found = said("beside", Done(CHANGED, MARKER, proof=proof))
    assert found["restore"]["not_checked"] == "the image has no pg_amcheck"
    assert "Its indexes were not checked: the image has no pg_amcheck." in found["msg"]
    whole = said("beside", Done(CHANGED, MARKER, proof=Proof({}, {}, 1, 170, "")))
    assert whole["restore"]["not_checked"] is None and "not checked" not in whole["msg"]


def test_nothing_is_lost_is_said_only_when_all_was_compared():
    nothing = "Nothing is in the live database that is not in it."
    assert nothing in said("beside", Done(CHANGED, MARKER, comparison=Comparison({}, [], [])))["msg"]
    blind = said("beside", Done(CHANGED, MARKER, comparison=Comparison({}, [], ["'rendiff' is absent."])))
    assert nothing not in blind["msg"] and "'rendiff' is absent." in blind["msg"]
    many = said("beside", Done(CHANGED, MARKER, comparison=Comparison({}, ["a.", "b.", "c.", "d.", "e."], [])))
    assert "a. b. c. And 2 more, see restore.lost." in many["msg"]


@pytest.mark.parametrize(
    ("state", "done", "check_mode", "words"),
    [
        ("beside", Done(CHANGED, MARKER), False, "is whole in 'rendiff_restore', proven, beside 'rendiff'"),
        ("beside", Done(CHANGED, wanted=Wanted("b-1", "s")), True, "Backup b-1 would be made ready"),
        ("beside", Done(UNCHANGED, wanted=Wanted("b-1", "s")), False, "pass again=true"),
        ("beside", Done(UNCHANGED, MARKER), False, "Next: state=swapped confirm=rendiff."),
        ("swapped", Done(CHANGED, MARKER, kept="old", sessions=1), False, "is kept as 'old'. Ended: 1 session."),
        ("swapped", Done(CHANGED, MARKER, kept="old"), False, "state=dropped previous=old confirm=old"),
        ("swapped", Done(CHANGED, MARKER), True, "would become 'rendiff'."),
        (
            "swapped",
            Done(UNCHANGED, Marker(LIVE, "rendiff", backup="b-1", since="2026-11-27T14:00:00Z")),
            False,
            "since 2026-11-27 14:00:00 UTC",
        ),
        ("undone", Done(CHANGED, MARKER, kept="new", sessions=2), False, "is kept as 'new'. Ended: 2 sessions."),
        ("undone", Done(UNCHANGED, why_not="There is nothing."), False, "There is nothing."),
        ("dropped", Done(CHANGED, kept="old"), True, "'old' would be dropped for good."),
        ("dropped", Done(CHANGED, kept="old"), False, "'old' is dropped for good."),
        ("dropped", Done(UNCHANGED, kept="old"), False, "There is no database 'old'."),
    ],
)
def test_it_ends_with_a_sentence(state, done, check_mode, words):
    found = said(state, done, check_mode=check_mode)
    assert words in found["msg"] and found["changed"] == done.plan.changed
    assert not check_mode or "Next:" not in found["msg"]


def test_a_dump_is_meant_again_by_its_path_and_any_other_backup_by_its_name():
    def sources(marker, wanted=None):
        return said("beside", Done(UNCHANGED, marker, wanted=wanted))["restore"]["source"]

    assert sources(None, Wanted("a.dump", "s", "/tmp/a.dump")) == "/tmp/a.dump"
    assert sources(Marker(LIVE, "rendiff", backup="a.dump", asked="/tmp/a.dump")) == "/tmp/a.dump"
    assert sources(Marker(LIVE, "rendiff", backup="b-1", asked="latest")) == "b-1"
    # It was loaded by another path; that of this run is there now.
    moved = Marker(BESIDE, "rendiff", backup="a.dump", asked="/tmp/a.dump")
    assert sources(moved, Wanted("a.dump", "s", "/srv/a.dump")) == "/srv/a.dump"
    assert sources(None) is None


@pytest.mark.parametrize("state", ["beside", "swapped", "undone", "dropped"])
def test_what_else_is_worth_knowing_is_said_whatever_was_done(state):
    found = said(state, Done(CHANGED, MARKER, notes=["One.", "Two.", "Three.", "Four.", "Five."]))
    assert "One. Two. Three. And 2 more, see restore.notes." in found["msg"] and "Four." not in found["msg"]
    assert found["restore"]["notes"][3:] == ["Four.", "Five."]
    assert "more, see" not in said(state, Done(CHANGED, MARKER, notes=["One.", "Two.", "Three."]))["msg"]
