# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils import _queue_refill as refill
from ansible_collections.rendiff.ops.plugins.module_utils._message import TASK, make_message
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys
from ansible_collections.rendiff.ops.plugins.module_utils._queue_plan import Names, Trash

NAMES = Names(Keys(), "q")
KEY = "rdops:parked:q"
PARKED = (make_message(TASK, "i", "j", "q", 5, "t"), b"no json", make_message("worker.new", "i", "k", "q", 9, "t"))


class FakeBroker:
    """A parked list, and what was done to it."""

    def __init__(self, *parked):
        self.parked = list(parked)
        self.done = []

    def lengths(self, queues):
        return {queue: {"0": 1, "3": 0, "6": 0, "9": 0} for queue in queues}

    def command(self, name, key, *words):
        if name == "LRANGE" and key == KEY:
            return self.parked[words[0] : words[1] + 1]
        self.done.append((name, key))
        return None


class FakeLook:
    """Workers that know one task, and a queue with one trash."""

    def __init__(self, broker):
        self._broker = broker

    def known_tasks(self):
        return frozenset({TASK})

    def length(self, key):
        return len(self._broker.parked)

    def trash(self):
        return {"q": [Trash("20261123T000000.000000Z", {0: 2})]}


def run(broker, check_mode, drop=False, trash=refill.PARKED):
    options = {"trash": trash, "drop": drop}
    return refill.Refill(broker, NAMES, FakeLook(broker), options, lambda: None).run(check_mode)


@pytest.fixture(autouse=True)
def fixture_small_chunks(monkeypatch):
    monkeypatch.setattr(refill, "CHUNK", 2)


@pytest.mark.parametrize(
    ("drop", "waiting", "said"),
    [
        (False, {"0": 2, "3": 1, "6": 0, "9": 1}, "3 parked messages put back. A worker would stop at 2 of them."),
        (True, {"0": 1, "3": 0, "6": 0, "9": 0}, "3 parked messages dropped for good."),
    ],
)
def test_what_is_parked_is_planned_and_not_touched_in_check_mode(drop, waiting, said):
    broker = FakeBroker(*PARKED)
    result = run(broker, True, drop)
    assert result["plan"].after == {"waiting": waiting, "parked": 0} and result["plan"].changed
    assert result["msg"] == said and broker.done == []
    assert (result["queue"]["moved"], result["queue"]["trash"], result["queue"]["parked_poison"]) == (3, "parked", 2)
    assert len(result["queue"]["other_trash"]) == 1


def test_what_is_parked_is_dropped_in_one_step():
    broker = FakeBroker(*PARKED)
    run(broker, False, True)
    assert broker.done == [("UNLINK", KEY)]


def test_nothing_parked_is_no_change():
    result = run(FakeBroker(), False)
    assert not result["plan"].changed and result["msg"] == "No message is parked." and result["queue"]["trash"] is None


@pytest.mark.parametrize("drop", [True, False])
def test_without_that_word_parked_messages_are_not_meant(drop):
    result = run(FakeBroker(*PARKED), True, drop, None)
    assert result["queue"]["trash"] == "20261123T000000.000000Z" and "parked" not in result["plan"].before
