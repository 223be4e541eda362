# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._census import Census
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._message import TASK, make_message, parse_message
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys
from ansible_collections.rendiff.ops.plugins.module_utils._queue_plan import (
    Names,
    Route,
    Trash,
    check_route,
    choose_trash,
    collect_trash,
    glob_escape,
    parse_trash_key,
    plan_empty,
    plan_move,
    plan_parked,
    plan_refill,
    require_census,
    require_confirm,
    require_consumer,
    require_memory,
    require_queue,
)

NAMES = Names(Keys(), "q")
KEY_3 = "q\x06\x163"


def test_a_trash_key_is_read_back_also_of_a_queue_with_colons():
    names = Names(Keys(prefix="p:"), "a:b")
    assert parse_trash_key(names.trash("stamp", 3).encode(), names.base) == ("a:b", "stamp", 3)
    for key in (b"p:rdops:trash:x", b"p:rdops:trash::s:1", b"p:rdops:trash:q:s:x", b"rdops:trash:q:s:1", b"\xff"):
        assert parse_trash_key(key, names.base) is None


def test_trash_is_listed_by_queue_with_the_newest_first():
    lengths = {NAMES.trash("1", 0).encode(): 2, NAMES.trash("2", 3).encode(): 1, NAMES.trash("1", 3).encode(): 4}
    assert collect_trash(lengths, NAMES.base) == {"q": [Trash("2", {3: 1}), Trash("1", {0: 2, 3: 4})]}
    assert collect_trash(lengths, NAMES.base, "other") == {}


def test_a_second_run_digs_out_no_older_trash():
    found = [Trash("2", {0: 1}), Trash("1", {0: 1})]
    assert choose_trash("q", found, None, "").stamp == "2"
    # Killed in the middle: the same again.
    assert choose_trash("q", found, None, "2").stamp == "2"
    assert choose_trash("q", found[1:], None, "2") is None
    assert choose_trash("q", found[1:], "1", "2").stamp == "1"
    assert choose_trash("q", found[1:], "2", "2") is None
    assert choose_trash("q", [], "any", "") is None
    with pytest.raises(OpsError, match="it has no trash '0'. Pass one of these as trash: 2, 1"):
        choose_trash("q", found, "0", "")


def test_a_plan_says_what_it_does_to_which_list():
    plan = plan_empty(NAMES, {"0": 0, "3": 2})
    assert [(action.target, action.transition) for action in plan.actions] == [(KEY_3, "put aside")]
    assert plan.diff() == {"before": {"waiting": {"0": 0, "3": 2}}, "after": {"waiting": {"0": 0, "3": 0}}}
    assert not plan_empty(NAMES, {"0": 0}).changed


def test_a_refill_adds_and_a_drop_does_not():
    trash = Trash("s", {3: 2})
    assert plan_refill(NAMES, {"0": 0, "3": 1}, trash, False).after["waiting"] == {"0": 0, "3": 3}
    assert plan_refill(NAMES, {"0": 0, "3": 1}, trash, True).after["waiting"] == {"0": 0, "3": 1}
    assert not plan_refill(NAMES, {"0": 0}, None, False).changed


def test_what_is_parked_goes_to_its_lists_or_nowhere():
    plan = plan_parked(NAMES, {"0": 1, "3": 0}, {3: 2, 0: 1}, False)
    assert plan.before == {"waiting": {"0": 1, "3": 0}, "parked": 3}
    assert plan.after == {"waiting": {"0": 2, "3": 2}, "parked": 0}
    key = "rdops:parked:q"
    assert [(action.target, action.transition) for action in plan.actions] == [
        (key, "put back in q"),
        (key, f"put back in {KEY_3}"),
    ]
    dropped = plan_parked(NAMES, {"0": 1, "3": 0}, {3: 2, 0: 1}, True)
    assert dropped.after == {"waiting": {"0": 1, "3": 0}, "parked": 0} and dropped.plan_id != plan.plan_id
    assert [(action.target, action.transition) for action in dropped.actions] == [(key, "dropped")]
    assert not plan_parked(NAMES, {"0": 1}, {}, False).changed and not plan_parked(NAMES, {"0": 1}, {}, True).changed


def test_a_move_to_a_priority_leads_every_list_to_one_and_leaves_that_one_alone():
    route = Route(Keys(), "q", "q", 4)
    assert [(step, target) for step, _source, target in route.sources()] == [(0, KEY_3), (6, KEY_3), (9, KEY_3)]
    plan = plan_move(route, {"0": 2, "3": 1, "6": 0, "9": 0}, {"0": 2, "3": 1, "6": 0, "9": 0}, {"0": 1})
    assert plan.after["q"] == {"0": 0, "3": 4, "6": 0, "9": 0}
    assert [(action.target, action.transition) for action in plan.actions] == [("q", f"moved to {KEY_3}")]


@pytest.mark.parametrize(
    ("lies_in", "priority", "to_priority", "expected"), [(3, 5, None, 5), (0, 5, None, 0), (3, 5, 9, 9)]
)
def test_routing_key_and_priority_follow_the_list(lies_in, priority, to_priority, expected):
    raw = make_message(TASK, "i", "j", "q", priority, "t")
    new, _message = Route(Keys(), "q", "other", to_priority).rewrite(raw, lies_in, {TASK})
    message = parse_message(new)
    assert (message.queue, message.exchange, message.priority) == ("other", "", expected)


def test_what_would_stop_a_worker_and_what_is_not_meant_stays():
    raw = make_message(TASK, "i", "j", "q", 5, "t")
    assert Route(Keys(), "q", "o").rewrite(b"x", 3, ())[0] is None
    assert Route(Keys(), "q", "o").rewrite(raw, 3, {"worker.else"})[0] is None
    assert Route(Keys(), "q", "o", None, frozenset({"k"})).rewrite(raw, 3, ())[0] is None
    assert Route(Keys(), "q", "o", None, frozenset({"j"})).rewrite(raw, 3, ())[0] is not None


def test_refusals_say_what_to_do():
    silent = Census(2, {"w": ("high",)}, (), 1)
    for words, refuse in [
        ("no queue 'q'. Pass one of these as queue: high", lambda: require_queue("x", "q", {"0": 0}, {"high"})),
        ("1 of 2 workers", lambda: require_census("x", silent, False)),
        ("several workers have the name w", lambda: require_census("x", Census(2, {"w": ()}, ("w",), 2), False)),
        ("no live worker consumes queue 'q'; consumed are: high", lambda: require_consumer("x", "q", silent, False)),
        ("Redis uses 5 of 5 bytes", lambda: require_memory("x", {"used_memory": 5, "maxmemory": 5})),
        ("3 messages .* not confirmed. Pass confirm=q", lambda: require_confirm("x", "q", 3, None)),
        ("confirm is 'p'", lambda: require_confirm("x", "q", 3, "p")),
        ("neither another queue nor a priority", lambda: check_route(Route(Keys(), "q", "q"), None)),
        ("priority -1 is not from 0 to 255", lambda: check_route(Route(Keys(), "q", "p", -1), -1)),
    ]:
        with pytest.raises(OpsError, match=words):
            refuse()


def test_what_is_allowed_passes():
    silent = Census(2, {"w": ("high",)}, (), 1)
    require_queue("x", "q", {"0": 1}, ())
    require_census("x", silent, True)
    require_consumer("x", "high", silent, False)
    require_consumer("x", "q", silent, True)
    require_memory("x", {"used_memory": 5, "maxmemory": 0})
    require_confirm("x", "q", 3, "q")


def test_a_pattern_matches_its_text_literally():
    assert glob_escape("a*[b]?\\") == "a\\*\\[b\\]\\?\\\\"
