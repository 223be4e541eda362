# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._mitigation import (
    Mitigation,
    check_entry,
    plan_entry,
    plan_removal,
    plan_status,
    read_entry,
    select,
    summarize_stand_down,
)

UNDO = {"role": "scaling", "action": "set_replicas", "variables": {"scaling_service": "api", "scaling_replicas": 2}}
ENTRY = Mitigation("scaling.set_replicas.api", "Four api", {"replicas": 2}, {"replicas": 4}, UNDO, sequence=1)
ALL = {"include_undone": False, "expired_only": False, "incident": None, "project": None}


def test_what_is_written_is_read_back():
    assert read_entry(ENTRY.describe()) == ENTRY


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "../../etc/passwd"}, "a name is small letters"),
        ({"name": ""}, "a name is small letters"),
        ({"status": "odd"}, "is no status"),
        ({"project": "../x"}, "no name of a Compose project"),
        ({"project": ["x"]}, "no name of a Compose project"),
        ({"until": "tomorrow"}, "is no time"),
        ({"undo": {"role": "ansible.builtin", "action": "shell"}}, "is no action of a role"),
        ({"undo": {"role": "scaling", "action": "../tasks/x"}}, "is no action of a role"),
        ({"undo": {"role": "scaling", "action": "x", "variables": {"ansible_become": True}}}, "not a variable of role"),
        ({"undo": {"role": "scaling", "action": "x", "variables": {"scaling_x": {"a": 1}}}}, "neither text, number"),
        ({"undo": {"role": "scaling", "action": "x", "variables": []}}, "are not a mapping"),
        ({"before": {"login_password": "x"}}, "looks like a secret"),
        ({"after": {"a": [{"api_key": "x"}]}}, "looks like a secret"),
    ],
)
def test_an_entry_that_could_do_something_else_is_refused(changes, words):
    with pytest.raises(OpsError) as caught:
        check_entry(dataclasses.replace(ENTRY, **changes))
    assert words in str(caught.value) and str(caught.value).startswith("Cannot use the mitigation")


@pytest.mark.parametrize("document", [None, [], {}, {"name": "x"}])
def test_what_is_no_entry_is_refused(document):
    with pytest.raises(OpsError, match="Cannot "):
        read_entry(document)


def test_the_first_before_stays_what_an_undo_returns_to():
    later = dataclasses.replace(
        ENTRY, before={"replicas": 4}, after={"replicas": 6}, sequence=7, undo={**UNDO, "variables": {}}
    )
    plan, entry = plan_entry(dataclasses.replace(ENTRY, status="applied"), later)
    assert plan.changed
    assert (entry.before, entry.after, entry.undo, entry.sequence) == ({"replicas": 2}, {"replicas": 6}, UNDO, 1)
    assert entry.status == "planned"


def test_the_undo_of_a_first_change_takes_back_whom_a_second_one_adds():
    def undo(nodes):
        return {"role": "maintenance", "action": "set_consumers", "variables": {"maintenance_nodes": nodes}}

    def nodes(first, second):
        open_one = dataclasses.replace(ENTRY, status="applied", undo=undo(first))
        entry = plan_entry(open_one, dataclasses.replace(ENTRY, undo=undo(second)))[1]
        return entry.undo["variables"]["maintenance_nodes"]

    assert nodes(["a"], ["b", "a"]) == ["a", "b"]
    assert nodes([], ["b"]) == [] and nodes(["a"], []) == ["a"]


def test_writing_the_same_again_changes_nothing_but_a_new_limit_does():
    applied = dataclasses.replace(ENTRY, status="applied", changed_at="x")
    assert not plan_entry(applied, dataclasses.replace(ENTRY, sequence=5))[0].changed
    assert plan_entry(applied, dataclasses.replace(ENTRY, until="2026-11-23T03:12:45Z"))[0].changed


def test_a_limit_is_renewed_only_late_where_that_is_wished():
    applied = dataclasses.replace(ENTRY, status="applied", until="2026-11-23T04:00:00Z")
    again = dataclasses.replace(ENTRY, until="2026-11-23T04:20:00Z")
    # It ends an hour after the present, and was to end 40 or 20 minutes after it.
    early, late = 1795404000.0, 1795405200.0
    assert not plan_entry(applied, again, early)[0].changed
    plan, entry = plan_entry(applied, dataclasses.replace(ENTRY, until="2026-11-23T04:40:00Z"), late)
    assert plan.changed and (entry.until, entry.status) == ("2026-11-23T04:40:00Z", "applied")
    assert plan_entry(applied, dataclasses.replace(ENTRY, until=""), early)[0].changed


def test_after_an_undo_the_same_name_begins_anew():
    _plan, entry = plan_entry(
        dataclasses.replace(ENTRY, status="undone"), dataclasses.replace(ENTRY, before={"replicas": 3})
    )
    assert entry.before == {"replicas": 3}


def test_a_status_is_noted_once_and_an_undone_entry_is_not_applied():
    plan, entry = plan_status(ENTRY, ENTRY.name, "applied")
    assert plan.changed and not plan_status(entry, ENTRY.name, "applied")[0].changed
    undone = plan_status(entry, ENTRY.name, "undone")[1]
    with pytest.raises(OpsError, match="it is undone already"):
        plan_status(undone, ENTRY.name, "applied")
    with pytest.raises(OpsError, match="there is no such entry"):
        plan_status(None, "x", "applied")


def test_only_what_is_undone_may_be_dropped():
    assert not plan_removal(None, "x").changed
    assert plan_removal(dataclasses.replace(ENTRY, status="undone"), ENTRY.name).changed
    with pytest.raises(OpsError, match="Run rendiff.ops.stand_down first"):
        plan_removal(ENTRY, ENTRY.name)


def test_newest_first_and_only_what_is_asked_for():
    old = dataclasses.replace(ENTRY, name="a", sequence=1, until="1970-01-01T00:00:10Z", incident="i")
    new = dataclasses.replace(ENTRY, name="b", sequence=2, status="failed")
    gone = dataclasses.replace(ENTRY, name="c", sequence=3, status="undone")

    def names(now=0, **options):
        return [entry.name for entry in select([old, new, gone], {**ALL, **options}, now)]

    assert names() == ["b", "a"]
    assert names(include_undone=True) == ["c", "b", "a"]
    assert names(now=10, expired_only=True) == ["a"] and names(now=9, expired_only=True) == []
    assert names(incident="i") == ["a"]


def test_an_undo_is_of_its_own_project_and_two_projects_do_not_share_an_entry():
    mine, other = (dataclasses.replace(ENTRY, name=name, project=name) for name in ("mine", "other"))
    found = select([mine, other, ENTRY], {**ALL, "project": "mine"}, 0)
    assert {entry.name for entry in found} == {"mine", ENTRY.name}
    with pytest.raises(OpsError, match="open for project 'one', and not for 'two'"):
        plan_entry(dataclasses.replace(ENTRY, project="one"), dataclasses.replace(ENTRY, project="two"))


def test_what_came_of_it_is_said_with_the_next_thing_to_do():
    entry = {**ENTRY.describe(), "what": "Four api."}
    assert summarize_stand_down([entry], None) == ["Would be undone: Four api."]
    assert summarize_stand_down([entry], []) == ["Undone: Four api."]
    (said,) = summarize_stand_down([entry], [{**entry, "error": "no such service."}])
    assert said == "Not undone: Four api: no such service. Mend that, then run rendiff.ops.stand_down again."
    assert summarize_stand_down([], [], ["a.json: broken"]) == ["Not read: a.json: broken"]
    assert "nothing to undo" in summarize_stand_down([], [])[0]
