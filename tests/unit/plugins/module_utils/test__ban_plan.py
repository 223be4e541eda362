# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import random

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._ban_address import Span, parse_span
from ansible_collections.rendiff.ops.plugins.module_utils._ban_guard import ALWAYS, Protected
from ansible_collections.rendiff.ops.plugins.module_utils._ban_plan import Kept, Wanted, cut, lay, plan_bans
from ansible_collections.rendiff.ops.plugins.module_utils._ban_table import Element, Table
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError

NOW = 1_795_770_000
A, B = "203.0.113.7", "203.0.113.8"


def span(text):
    return parse_span(text)


def element(text, left, trial=False):
    return Element(span(text), left, trial)


def table(*elements, why=""):
    return Table(True, why, True, tuple(elements))


def keep(text, left, ttl=3600):
    return Kept(span(text), NOW + left - ttl, NOW + left)


def wanted(state, *texts, ttl_s=3600, probation_s=0, targets=(), skip=False):
    return Wanted(state, tuple(map(span, texts)), ttl_s, probation_s, tuple(map(span, targets)), skip)


def plan(before, what, kept=(), protected=ALWAYS, prepared=lambda kept: True):
    return plan_bans(before, what, protected, kept, NOW, prepared)


def said(planned):
    return [f"{action.target}: {action.transition}" for action in planned.plan.actions]


def test_a_first_ban_makes_the_table_and_is_kept():
    planned = plan(Table(), wanted("present", A, "2001:db8::/64"))
    assert said(planned) == [f"{A}: banned", "2001:db8::/64: banned"]
    assert planned.rebuild and planned.add == (element(A, 3600), element("2001:db8::/64", 3600))
    assert planned.kept == (keep(A, 3600), keep("2001:db8::/64", 3600))
    assert planned.plan.diff()["after"]["first_of_them"][A] == "banned, 3600 s"


@pytest.mark.parametrize(("left", "changed"), [(3600, False), (1800, False), (1799, True), (0, True)])
def test_a_ban_with_half_of_its_time_stays_as_it_is(left, changed):
    kept = [keep(A, left)] if left else []
    planned = plan(table(element(A, left)), wanted("present", A), kept)
    assert planned.plan.changed is changed
    assert planned.changes_table is changed
    if changed:
        assert planned.delete == (element(A, left),) and planned.add == (element(A, 3600),)
        assert said(planned) == [f"{A}: banned for longer"]


def test_no_ban_is_shortened():
    planned = plan(table(element(A, 9000)), wanted("present", A, ttl_s=60), [keep(A, 9000, 9000)])
    assert not planned.plan.changed


def test_a_trial_is_not_kept_and_is_not_begun_where_a_ban_holds():
    planned = plan(table(element(A, 3000)), wanted("present", A, B, probation_s=60), [keep(A, 3000)])
    assert said(planned) == [f"{B}: banned on trial"]
    assert planned.add == (element(B, 60, True),) and planned.kept == (keep(A, 3000),)
    again = plan(table(element(A, 3000), element(B, 40, True)), wanted("present", A, B, probation_s=60), planned.kept)
    assert not again.plan.changed


def test_a_confirmation_takes_what_is_on_trial_and_names_what_is_not():
    before = table(element(A, 40, True))
    planned = plan(before, wanted("confirmed", A, B))
    assert said(planned) == [f"{A}: confirmed"] and planned.lapsed == (span(B),)
    assert planned.delete == (element(A, 40, True),) and planned.add == (element(A, 3600),)
    assert planned.kept == (keep(A, 3600),)
    assert said(plan(before, wanted("confirmed"))) == said(planned)
    again = plan(table(element(A, 3600)), wanted("confirmed", A), planned.kept)
    assert not again.plan.changed and again.lapsed == ()


def test_a_ban_for_good_ends_the_trial():
    planned = plan(table(element(A, 40, True)), wanted("present", A))
    assert planned.delete == (element(A, 40, True),) and planned.add == (element(A, 3600),)


def test_a_network_over_a_longer_ban_leaves_it_out():
    planned = plan(table(element(A, 9000)), wanted("present", "203.0.113.0/24"), [keep(A, 9000, 9000)])
    assert planned.add == (element("203.0.113.0-203.0.113.6", 3600), element("203.0.113.8-203.0.113.255", 3600))
    assert planned.delete == ()
    again = plan(table(element(A, 8999), *planned.add), wanted("present", "203.0.113.0/24"), planned.kept)
    assert not again.plan.changed


def test_what_is_lifted_within_a_network_leaves_the_rest():
    planned = plan(table(element("203.0.113.0/24", 100)), wanted("absent", A), [keep("203.0.113.0/24", 100)])
    assert planned.delete == (element("203.0.113.0/24", 100),)
    assert planned.add == (element("203.0.113.0-203.0.113.6", 100), element("203.0.113.8-203.0.113.255", 100))
    assert [str(each.span) for each in planned.kept] == ["203.0.113.0-203.0.113.6", "203.0.113.8-203.0.113.255"]
    assert {each.until for each in planned.kept} == {NOW + 100}


def test_part_of_one_that_ends_at_once_gets_no_element_without_an_end():
    planned = plan(table(element("203.0.113.0/24", 0), element("192.0.2.1", 9)), wanted("absent", A))
    assert planned.add == () and planned.delete == (element("203.0.113.0/24", 0),)


@pytest.mark.parametrize("state", ["absent", "cleared"])
def test_the_last_ban_takes_the_table_along(state):
    texts = (A, B) if state == "absent" else ()
    planned = plan(table(element(A, 9), element(B, 9, True)), wanted(state, *texts), [keep(A, 9)])
    assert planned.drop and planned.kept == () and planned.total == 0
    assert said(planned) == [f"{A}: lifted", f"{B}: lifted", "the table: removed"]
    again = plan(Table(), wanted(state, *texts))
    assert not again.plan.changed and not again.drop


def test_files_without_bans_are_removed_when_bans_are_lifted_only():
    old = [keep(A, -5)]
    assert said(plan(Table(), wanted("cleared"), old, prepared=bool)) == ["the files: written"]
    assert not plan(Table(), wanted("present"), old, prepared=bool).plan.changed


def test_what_was_lifted_does_not_come_back_from_the_file():
    planned = plan(Table(), wanted("absent", A), [keep("203.0.113.0/24", 100), keep(B, 9, 9)])
    assert said(planned) == [f"{A}: lifted"] and not planned.changes_table
    assert span(A) not in [each.span for each in planned.kept] and len(planned.kept) == 3


def test_what_only_the_file_has_is_put_back_with_the_time_that_is_left():
    kept = [keep(A, 1000), keep(B, 2), keep("203.0.113.9", -50)]
    planned = plan(Table(), wanted("present"), kept)
    assert said(planned) == [f"{A}: restored"] and planned.rebuild
    assert planned.add == (element(A, 1000),) and planned.kept == (keep(A, 1000),)


def test_what_would_hit_a_protected_one_is_not_put_back():
    here = Protected(span(A), "an address of this host")
    planned = plan(Table(), wanted("present"), [keep("203.0.113.0/24", 1000), keep("10.0.0.1", 1000)], (here, *ALWAYS))
    assert planned.not_restored == (f"203.0.113.0/24 contains {A}, which is an address of this host",)
    # A private one was named when it was banned.
    assert planned.add == (element("10.0.0.1", 1000),)


def test_what_the_kernel_has_and_the_file_has_not_is_written():
    planned = plan(table(element(A, 3000)), wanted("present", A))
    assert said(planned) == ["the files: written"] and planned.kept == (keep(A, 3000, 3000),)
    assert not planned.changes_table


def test_a_clock_that_ticks_changes_no_file():
    for drift in (-20, 0, 20):
        kept = [keep(A, 3000 + drift)]
        planned = plan(table(element(A, 3000)), wanted("present", A), kept)
        assert not planned.plan.changed and list(planned.kept) == kept
    assert plan(table(element(A, 3000)), wanted("present", A), [keep(A, 2000)]).plan.changed


def test_a_bent_table_is_made_anew_with_all_that_is_in_it():
    planned = plan(table(element(A, 3000), element(B, 30, True), why="bent"), wanted("present", A), [keep(A, 3000)])
    assert planned.rebuild and said(planned) == ["the table: mended: bent"]
    assert planned.add == (element(A, 3000), element(B, 30, True)) and planned.delete == ()


def test_a_ban_that_would_hit_a_protected_one_is_refused_for_all():
    for state in ("present", "confirmed"):
        with pytest.raises(OpsError, match="127.0.0.1 lies in"):
            plan(table(element(A, 10, True)), wanted(state, A, "127.0.0.1"))
    # It may always be lifted.
    assert plan(table(element("127.0.0.1", 9)), wanted("absent", "127.0.0.1")).drop


def test_one_that_hides_in_a_network_of_the_same_run_is_named_too():
    with pytest.raises(OpsError) as caught:
        plan(Table(), wanted("present", "10.0.0.5", "10.0.0.0/24"))
    assert "10.0.0.5 lies in" in str(caught.value) and "10.0.0.0/24 lies in" in str(caught.value)


def test_the_identity_of_a_plan_has_no_times_in_it():
    one, other = (plan(Table(), wanted("present", B, A, ttl_s=ttl_s)).plan.plan_id for ttl_s in (60, 600))
    assert one == other != plan(Table(), wanted("present", A)).plan.plan_id


def seconds_by_address(timed):
    found = {}
    for each, left in timed.items():
        for number in range(each.first, each.last + 1):
            assert number not in found, "two elements overlap"
            found[number] = left
    return found


@pytest.mark.parametrize("seed", range(40))
def test_bans_that_are_laid_and_cut_are_those_of_a_count_by_address(seed):
    source = random.Random(seed)

    def some():
        points = sorted(source.sample(range(64), 2 * source.randint(1, 5)))
        return [Span(4, low, high - 1) for low, high in zip(points[::2], points[1::2])]

    timed = {each: source.randint(1, 9) for each in some()}
    for _step in range(6):
        chosen, seconds = some(), source.randint(1, 9)
        expected = seconds_by_address(timed)
        numbers = [number for each in chosen for number in range(each.first, each.last + 1)]
        if source.random() < 0.6:
            timed = lay(timed, chosen, seconds)
            expected.update({number: max(seconds, expected.get(number, 0)) for number in numbers})
        else:
            timed = cut(timed, chosen)
            expected = {number: left for number, left in expected.items() if number not in set(numbers)}
        assert seconds_by_address(timed) == expected


ADMIN = Protected(span("203.0.113.9"), "from where somebody is logged in by SSH")


def test_the_others_are_banned_where_that_is_wished():
    what = wanted("present", A, "203.0.113.9", "203.0.113.8/31", skip=True)
    planned = plan(Table(), what, protected=(ADMIN, *ALWAYS))
    assert said(planned) == [f"{A}: banned", f"{B}: banned"]
    assert planned.add == (element(A, 3600), element(B, 3600))
    assert [str(each.span) for each in planned.refused] == ["203.0.113.9", "203.0.113.9"]
    assert planned.refused[1].why.startswith("203.0.113.8/31 contains 203.0.113.9, which is from where")
    again = plan(table(*planned.add), what, planned.kept, (ADMIN, *ALWAYS))
    assert not again.plan.changed and again.refused == planned.refused
    with pytest.raises(OpsError, match="nothing was changed"):
        plan(Table(), wanted("present", A, "203.0.113.9"), protected=(ADMIN, *ALWAYS))


@pytest.mark.parametrize("named", [(), ("203.0.113.8/31",)], ids=["all", "named"])
def test_of_what_is_on_trial_the_rest_is_confirmed(named):
    before = table(element("203.0.113.8/31", 40, True), element(A, 40, True))
    planned = plan(before, wanted("confirmed", *named, skip=True), protected=(ADMIN, *ALWAYS))
    confirmed = {str(each.span) for each in planned.add if not each.trial}
    assert confirmed == ({B} if named else {A, B})
    # What is left out ends by itself, as it would have.
    assert element("203.0.113.9", 40, True) in planned.add


def test_where_all_that_is_named_is_left_out_nothing_else_is_confirmed():
    planned = plan(
        table(element(A, 40, True)), wanted("confirmed", "203.0.113.9", skip=True), protected=(ADMIN, *ALWAYS)
    )
    assert not planned.plan.changed and len(planned.refused) == 1
