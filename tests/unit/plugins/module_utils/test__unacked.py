# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._census import Census, HeldTask
from ansible_collections.rendiff.ops.plugins.module_utils._message import TASK, make_message
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys
from ansible_collections.rendiff.ops.plugins.module_utils._unacked import (
    Holder,
    Rules,
    count_index_only,
    judge,
    owner_of,
    parse_entry,
    parse_moment,
    read_unacked,
    restore_call,
    restored_bytes,
)

NOW = 100_000.0
RULES = Rules(min_age_s=60, visibility_timeout_s=3600)
NODE = "celery@here"
ALIVE = Census(1, {NODE: ("default",)}, (), 1)
NOBODY = Census(0, {}, (), 0)


def entry(age=120.0, owner="", task=TASK, task_id="t1", exchange="", queue="default"):
    raw = make_message(task, task_id, "job", queue, 5, "tag")
    wrapped = json.dumps([json.loads(raw), exchange, queue]).encode()
    found = parse_entry(b"tag", wrapped, None if age is None else NOW - age)
    return type(found)(**{**found.__dict__, "owner": owner})


def kind(found, census=ALIVE, holders=(), rules=RULES, known=()):
    verdict = judge(found, census, holders, rules, NOW, known)
    return verdict.restore, verdict.kind


def test_what_a_live_worker_holds_is_left_however_old_and_forced():
    census = Census(1, {NODE: ()}, (), 1, (HeldTask("t1", TASK, "job", "active", 1.0, NODE),))
    rules = Rules(0, 10, frozenset({"foreign_owner"}))
    assert kind(entry(age=99_999, owner=NODE), census, [Holder("here", False, 0)], rules) == (False, "held")


@pytest.mark.parametrize(
    ("census", "holder", "expected"),
    [
        (NOBODY, Holder("here", False, 1.0), (True, "orphan")),
        (ALIVE, Holder("here", True, 1.0), (True, "orphan")),
        # It runs and does not answer: it may have lost only its connection, and still be at work.
        (NOBODY, Holder("here", True, 1.0), (False, "foreign_owner")),
        # It was started after the delivery, so what it was then has ended.
        (NOBODY, Holder("here", True, NOW - 10), (True, "orphan")),
        (NOBODY, Holder("elsewhere", False, 1.0), (False, "foreign_owner")),
    ],
)
def test_a_worker_is_dead_only_where_it_is_proven(census, holder, expected):
    assert kind(entry(owner=NODE), census, [holder]) == expected


def test_of_two_containers_of_one_name_the_running_one_counts():
    holders = [Holder("here", False, 1.0), Holder("here", True, 1.0)]
    assert kind(entry(owner=NODE), NOBODY, holders) == (False, "foreign_owner")


@pytest.mark.parametrize("owner", ["", "celery@elsewhere"])
def test_an_unknown_owner_has_the_brokers_own_time(owner):
    assert kind(entry(age=3599, owner=owner)) == (False, "foreign_owner")
    assert kind(entry(age=3600, owner=owner)) == (True, "orphan")
    assert kind(entry(owner=owner), rules=Rules(60, 3600, frozenset({"foreign_owner"}))) == (True, "forced")


def test_without_a_time_of_delivery_nothing_is_old_enough():
    assert kind(entry(age=None)) == (False, "foreign_owner")
    assert kind(entry(age=None, owner=NODE), NOBODY, [Holder("here", False, 0)]) == (True, "orphan")


def test_what_was_just_delivered_is_left():
    assert kind(entry(age=59), holders=[Holder("here", False, 0)]) == (False, "young")


def test_what_would_stop_a_worker_is_not_given_to_the_next():
    assert kind(entry(age=9999, task="worker.other"), known={TASK}) == (False, "poison")
    assert kind(parse_entry(b"t", b"no json", 1.0)) == (False, "poison")
    assert kind(parse_entry(b"t", b'[1, "", "q"]', 1.0)) == (False, "poison")


def test_an_exchange_that_is_not_the_queue_does_not_tell_where_to():
    assert kind(entry(age=9999, exchange="topic")) == (False, "unknown_queue")
    assert kind(entry(age=9999, exchange="default")) == (True, "orphan")


@pytest.mark.parametrize(
    ("raw", "node"),
    [
        (b'{"status": "STARTED", "result": {"hostname": "celery@h"}}', "celery@h"),
        (b'{"status": "SUCCESS", "result": {"hostname": "celery@h"}}', ""),
        (b'{"status": "STARTED", "result": null}', ""),
        (b"[]", ""),
        (b"\xff", ""),
        (None, ""),
    ],
)
def test_the_owner_is_whom_the_result_backend_names_as_having_started_it(raw, node):
    assert owner_of(raw) == node


def test_a_message_goes_back_as_celery_itself_puts_it_back():
    found = entry()
    document = json.loads(restored_bytes(found))
    assert document["headers"]["redelivered"] is True
    assert document["properties"]["delivery_info"] == {"exchange": "", "routing_key": "default", "redelivered": True}
    assert document["body"] == found.message.document["body"]
    keys, arguments = restore_call(found, Keys(prefix="p:"))
    assert keys == ["p:unacked", "p:unacked_index", "p:default\x06\x163"]
    assert arguments[:3] == ["tag", found.raw, repr(NOW - 120)]
    assert restore_call(entry(age=None), Keys())[1][2] == ""


class FakeBroker:
    """A hash and a sorted set; the driver's answers in the form that its older and its newer releases give."""

    def __init__(self, entries, index, *, as_pairs):
        self.entries, self.index, self.as_pairs = entries, index, as_pairs

    def command(self, name, _key, cursor, *_rest):
        if name == "HSCAN":
            if cursor == 0:
                return 7, dict(self.entries) if self.as_pairs else [x for pair in self.entries.items() for x in pair]
            # A scan may return the same element again.
            return 0, dict(self.entries) if self.as_pairs else []
        return 0, list(self.index.items()) if self.as_pairs else [x for pair in self.index.items() for x in pair]

    def pipeline(self, commands, *, atomic=False):
        answers = {"ZSCORE": self.index.get, "HEXISTS": lambda tag: tag in self.entries}
        return [answers[words[0]](words[2]) if words[0] in answers else None for words in commands]


@pytest.mark.parametrize("as_pairs", [True, False])
def test_every_delivered_message_is_read_once_and_lost_ones_are_counted(as_pairs):
    broker = FakeBroker({b"a": b"x", b"b": b"y"}, {b"a": 5.0, b"c": 1.0, b"d": 2.0}, as_pairs=as_pairs)
    found = list(read_unacked(broker, Keys()))
    assert [(item.tag, item.delivered_at) for item in found] == [("a", 5.0), ("b", None)]
    assert count_index_only(broker, Keys()) == 2


def test_dockers_times_are_read():
    assert parse_moment("1970-01-01T00:01:40.123456789Z") == 100.0
    assert parse_moment("0001-01-01T00:00:00Z") == parse_moment("") == 0.0
