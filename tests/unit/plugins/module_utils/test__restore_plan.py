# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._database_sorting import Sorting
from ansible_collections.rendiff.ops.plugins.module_utils._databases import Held
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._restore_marker import (
    BEFORE,
    BESIDE,
    LIVE,
    LOADING,
    UNDONE,
    Marker,
    parse_marker,
)
from ansible_collections.rendiff.ops.plugins.module_utils._restore_plan import (
    Wanted,
    check_confirm,
    kept_of,
    plan_beside,
    plan_drop,
    plan_swap,
    plan_undo,
)

NOW = 1_795_784_400.0
WANTED = Wanted("b-1", "s-1")
KEPT = "rendiff_before_20261127T130000Z"


def held(name, comment=None, **values):
    text = comment.text() if isinstance(comment, Marker) else comment
    fields = {
        "oid": 1,
        "owner": "app",
        "connectable": True,
        "limit": -1,
        "sorting": Sorting("UTF8", "C", "C"),
    }
    return Held(name=name, comment=text, **{**fields, **values})


def by_name(*databases):
    return {each.name: each for each in databases}


def marker(state, backup="b-1", sha256="s-1", of="rendiff", **values):
    return Marker(state, of, backup=backup, sha256=sha256, taken_at="2026-11-27T12:00:00Z", **values)


def beside(databases, *, again=False, pending=0, empty=False):
    return plan_beside("rendiff", WANTED, databases, again=again, pending=pending, staging_empty=empty)


def steps(plan):
    return [f"{action.target}: {action.transition}" for action in plan.actions]


LOADS = "rendiff_restore: backup b-1 is loaded and proven"


@pytest.mark.parametrize(
    ("staging", "expected"),
    [
        (None, [LOADS]),
        (held("rendiff_restore", marker(BESIDE)), []),
        (held("rendiff_restore", marker(LOADING)), ["rendiff_restore: backup b-1, loading, is dropped", LOADS]),
        (
            held("rendiff_restore", marker(BESIDE, sha256="x")),
            ["rendiff_restore: backup b-1, beside, is dropped", LOADS],
        ),
        (held("rendiff_restore", marker(BESIDE, "b-0")), ["rendiff_restore: backup b-0, beside, is dropped", LOADS]),
        (
            held("rendiff_restore", marker(BESIDE), connectable=False),
            ["rendiff_restore: backup b-1, beside, is dropped", LOADS],
        ),
    ],
)
def test_only_what_was_proven_of_this_very_backup_is_used_as_it_is(staging, expected):
    assert steps(beside(by_name(held("rendiff"), *([staging] if staging else [])))) == expected


def test_what_was_revoked_since_is_revoked_in_what_is_beside():
    databases = by_name(held("rendiff"), held("rendiff_restore", marker(BESIDE)))
    assert steps(beside(databases, pending=2)) == ["rendiff_restore: revokes 2 keys again"]


def test_a_database_of_somebody_else_is_not_dropped_and_an_empty_one_of_a_killed_run_is():
    databases = by_name(held("rendiff"), held("rendiff_restore", "of Ada"))
    with pytest.raises(OpsError, match="there is a database 'rendiff_restore' that is not from here"):
        beside(databases)
    assert steps(beside(databases, empty=True)) == ["rendiff_restore: no backup, is dropped", LOADS]


def test_a_backup_that_is_live_is_restored_once_more_only_when_asked():
    databases = by_name(held("rendiff", marker(LIVE)))
    assert not beside(databases).changed
    assert steps(beside(databases, again=True)) == [LOADS]
    assert steps(beside(by_name(held("rendiff", marker(LIVE, sha256="x"))))) == [LOADS]


def test_a_swap_keeps_the_old_one_and_what_people_wrote():
    databases = by_name(held("rendiff", "ask Ada"), held("rendiff_restore", marker(BESIDE, verified_at="v")))
    plan, exchange = plan_swap("rendiff", "latest", databases, again=False, now=NOW)
    assert steps(plan) == ["rendiff: is kept as rendiff_before_TIME", "rendiff_restore: becomes rendiff"]
    assert exchange.kept == KEPT and exchange.old.name == "rendiff" and exchange.new.name == "rendiff_restore"
    new, old = parse_marker(exchange.new_comment), parse_marker(exchange.old_comment)
    assert (new.state, new.previous, new.comment, new.verified_at) == (LIVE, KEPT, "ask Ada", "v")
    assert (old.state, old.comment) == (BEFORE, "ask Ada")
    later, _exchange = plan_swap("rendiff", "latest", databases, again=False, now=NOW + 5)
    assert later.plan_id == plan.plan_id


def test_where_there_is_no_live_database_one_is_renamed():
    plan, exchange = plan_swap("rendiff", "b-1", by_name(held("rendiff_restore", marker(BESIDE))), again=False, now=NOW)
    assert steps(plan) == ["rendiff_restore: becomes rendiff"]
    assert exchange.old is None and parse_marker(exchange.new_comment).previous == ""


@pytest.mark.parametrize(
    ("staging", "backup"),
    [
        (None, "latest"),
        (held("rendiff_restore", marker(LOADING)), "latest"),
        (held("rendiff_restore", marker(BESIDE)), "b-2"),
        (held("rendiff_restore", marker(BESIDE), connectable=False), "latest"),
        (held("rendiff_restore", marker(BESIDE, of="other")), "latest"),
        (held("rendiff_restore"), "latest"),
    ],
)
def test_nothing_is_swapped_in_that_was_not_proven(staging, backup):
    databases = by_name(held("rendiff"), *([staging] if staging else []))
    with pytest.raises(OpsError, match="is not beside it, whole and proven.*Run this with state=beside first"):
        plan_swap("rendiff", backup, databases, again=False, now=NOW)


def test_a_swap_is_done_once_but_when_it_is_asked_for_again():
    live, staging = held("rendiff", marker(LIVE)), held("rendiff_restore", marker(BESIDE))
    assert plan_swap("rendiff", "latest", by_name(live), again=True, now=NOW)[1] is None
    assert plan_swap("rendiff", "b-1", by_name(live, staging), again=False, now=NOW)[1] is None
    assert plan_swap("rendiff", "b-1", by_name(live, staging), again=True, now=NOW)[1] is not None
    newer = held("rendiff_restore", marker(BESIDE, "b-2"))
    assert plan_swap("rendiff", "latest", by_name(live, newer), again=False, now=NOW)[1] is not None
    with pytest.raises(OpsError, match="backup 'b-2' is not beside it"):
        plan_swap("rendiff", "b-2", by_name(live), again=False, now=NOW)


def restored(comment="ask Ada"):
    databases = by_name(held("rendiff", comment), held("rendiff_restore", marker(BESIDE)))
    exchange = plan_swap("rendiff", "latest", databases, again=False, now=NOW)[1]
    return by_name(
        dataclasses.replace(exchange.new, name="rendiff", comment=exchange.new_comment),
        dataclasses.replace(exchange.old, name=KEPT, comment=exchange.old_comment, connectable=False),
    )


def test_an_undo_gives_the_place_and_the_comment_back():
    plan, exchange, why_not = plan_undo("rendiff", None, restored(), now=NOW + 60)
    assert steps(plan) == ["rendiff: is kept as rendiff_undone_TIME", f"{KEPT}: becomes rendiff"] and not why_not
    assert exchange.kept == "rendiff_undone_20261127T130100Z"
    assert exchange.new.name == KEPT and exchange.new_comment == "ask Ada"
    kept = parse_marker(exchange.old_comment)
    assert kept.state == UNDONE and parse_marker(kept.comment).state == LIVE


def test_an_undo_can_be_undone():
    first = plan_undo("rendiff", None, restored(), now=NOW)[1]
    databases = by_name(
        dataclasses.replace(first.new, name="rendiff", comment=first.new_comment),
        dataclasses.replace(first.old, name=first.kept, comment=first.old_comment),
    )
    assert plan_undo("rendiff", None, databases, now=NOW)[1] is None
    second = plan_undo("rendiff", first.kept, databases, now=NOW)[1]
    assert parse_marker(second.new_comment).state == LIVE


def test_where_there_is_nothing_to_undo_it_says_why():
    assert "did not come from a backup" in plan_undo("rendiff", None, by_name(held("rendiff")), now=NOW)[2]
    alone = by_name(held("rendiff", marker(LIVE)))
    assert "no database 'rendiff' before the restore" in plan_undo("rendiff", None, alone, now=NOW)[2]


def test_an_undo_without_what_was_there_before_is_an_error():
    databases = restored()
    del databases[KEPT]
    with pytest.raises(OpsError, match=f"'{KEPT}', which it took the place of, is absent"):
        plan_undo("rendiff", None, databases, now=NOW)
    with pytest.raises(OpsError, match="'other' is no database that a restore of 'rendiff' kept"):
        plan_undo("rendiff", "other", restored(), now=NOW)
    databases[KEPT] = held(KEPT)
    with pytest.raises(OpsError, match="is no backup"):
        plan_undo("rendiff", None, databases, now=NOW)


def test_only_what_a_restore_of_it_kept_is_dropped():
    databases = {**restored(), **by_name(held("rendiff_restore", marker(LOADING)), held("other"))}
    assert steps(plan_drop("rendiff", KEPT, databases)) == [f"{KEPT}: is dropped for good"]
    assert plan_drop("rendiff", "rendiff_restore", databases).changed
    assert not plan_drop("rendiff", "rendiff_before_20200101T000000Z", databases).changed
    for name in ("rendiff", "other", "postgres"):
        with pytest.raises(OpsError, match="it is none that a restore of 'rendiff' keeps"):
            plan_drop("rendiff", name, databases)
    for comment in (None, marker(BEFORE, of="other"), marker(LIVE)):
        with pytest.raises(OpsError, match="its comment does not say that a restore made it"):
            plan_drop("rendiff", KEPT, by_name(held("rendiff"), held(KEPT, comment)))


def test_what_is_kept_is_listed():
    foreign = held("rendiff_before_20200101T000000Z")
    assert kept_of("rendiff", {**restored(), foreign.name: foreign}) == [KEPT]


def test_the_name_is_confirmed():
    check_confirm("swap it", "rendiff", "rendiff")
    for given in (None, "", "rendiff_restore"):
        with pytest.raises(OpsError, match="Pass confirm=rendiff"):
            check_confirm("swap it", given, "rendiff")
