# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils import _queue_moves as moves
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._message import TASK, make_message, parse_message
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys
from ansible_collections.rendiff.ops.plugins.module_utils._queue_plan import Names, Route, Trash

NAMES = Names(Keys(steps=(0,)), "from")
ROUTE = Route(Keys(steps=(0,)), "from", "to")


def message(job):
    return make_message(TASK, job, job, "from", 0, job)


class FakeBroker:
    """Lists, the end that is served next being the last item. Scripts are played as they are written.

    What the scripts do in Redis itself is shown by tests/integration/test_queue.py.
    """

    def __init__(self, **lists):
        self.lists = {name.replace("__", ":"): items for name, items in lists.items()}
        self.meanwhile = None
        self.scripts = []

    def of(self, key):
        return self.lists.setdefault(key, [])

    def command(self, name, *words):
        if name == "LLEN":
            return len(self.of(words[0]))
        if name == "LRANGE":
            items = self.of(words[0])
            begin, end = (len(items) + n if n < 0 else n for n in words[1:])
            return items[max(0, begin) : end + 1]
        self.scripts.append((name, words))
        return None

    def script(self, text, keys, arguments):
        if self.meanwhile:
            self.meanwhile, act = None, self.meanwhile
            act()
        self.scripts.append((text, arguments))
        if text is moves._MOVE:
            return self._move(keys, arguments)
        if text is moves._PUT_BACK:
            self.of(keys[1]).extend(self.lists.pop(keys[0], []))
            return 0
        if text is moves._MOVE_ONE:
            if arguments[0] not in self.of(keys[0]):
                return 0
            self.of(keys[0]).remove(arguments[0])
            self.of(keys[1]).insert(0, arguments[1])
            return 1
        return -1

    def _move(self, keys, arguments):
        counts = [0, 0]
        for raw, new in zip(arguments[::2], arguments[1::2]):
            if self.of(keys[0])[-1:] == [raw]:
                self.of(keys[0]).pop()
                self.of(keys[1 if new else 2]).insert(0, new or raw)
                counts[0 if new else 1] += 1
        return counts


def jobs_of(items):
    return [parse_message(raw).job_id for raw in items[::-1]]


def move(broker, route=ROUTE):
    return moves.move(broker, NAMES, route, {TASK}, lambda: None)


def test_all_are_moved_in_order_in_batches(monkeypatch):
    monkeypatch.setattr(moves, "BATCH", 2)
    broker = FakeBroker(**{"from": [message(job) for job in "edcba"]})
    done = move(broker)
    assert (done.moved, done.batches, done.left) == (5, 3, 0)
    assert jobs_of(broker.of("to")) == list("abcde") and not broker.of("from")


def test_what_a_consumer_took_meanwhile_is_not_moved_as_well():
    broker = FakeBroker(**{"from": [message(job) for job in "cba"]})
    broker.meanwhile = lambda: broker.of("from").pop()
    assert move(broker).moved == 2
    assert jobs_of(broker.of("to")) == ["b", "c"]


def test_what_was_put_in_front_meanwhile_is_looked_at_again():
    broker = FakeBroker(**{"from": [message(job) for job in "cb"]})
    broker.meanwhile = lambda: broker.of("from").append(message("a"))
    done = move(broker)
    # As many as waited when it began; what is served first goes first.
    assert jobs_of(broker.of("to"))[:2] == ["a", "b"]
    assert done.moved == len(broker.of("to"))


def test_a_queue_that_never_holds_still_ends_with_an_error(monkeypatch):
    monkeypatch.setattr(moves, "_TRIES", 3)
    broker = FakeBroker(**{"from": [message("a")]})
    monkeypatch.setattr(broker, "script", lambda *_given: [0, 0])
    with pytest.raises(OpsError, match="changes faster than it can be read. Pause it first"):
        move(broker)


def test_poison_stays_at_its_end_of_the_queue_and_is_reported():
    broker = FakeBroker(**{"from": [message("b"), b"x", message("a")]})
    done = move(broker)
    assert (done.moved, done.left, done.left_sample) == (2, 1, [{"priority_key": 0, "why": ["it is not JSON"]}])
    assert broker.of("from") == [b"x"] and jobs_of(broker.of("to")) == ["a", "b"]


@pytest.mark.parametrize("short", [0, 100])
def test_a_filter_moves_only_its_jobs_and_leaves_the_others_in_order(monkeypatch, short):
    monkeypatch.setattr(moves, "_SHORT", short)
    broker = FakeBroker(**{"from": [message(job) for job in "edcba"]})
    done = move(broker, Route(Keys(steps=(0,)), "from", "to", None, frozenset("bd")))
    assert (done.moved, done.found) == (2, {"b", "d"})
    assert jobs_of(broker.of("to")) == ["b", "d"] and jobs_of(broker.of("from")) == ["a", "c", "e"]


def test_a_trash_is_remembered_before_it_is_touched():
    broker = FakeBroker(rdops__trash__from__s__0=[b"1"])
    moves.put_trash_back(broker, NAMES, Trash("s", {0: 1}), lambda: None)
    assert broker.scripts[0] == ("SET", ("rdops:refilled:from", "s"))
    assert broker.of("from") == [b"1"]
    moves.drop_trash(broker, NAMES, Trash("s", {0: 1}))
    assert [name for name, _words in broker.scripts[-2:]] == ["SET", "UNLINK"]


def test_a_trash_of_the_same_name_is_never_overwritten():
    with pytest.raises(OpsError, match="there is a trash 's' already"):
        moves.put_aside(FakeBroker(), NAMES, "s", (0,))


PARKED = "rdops__parked__from"
PRIORITIES = Names(Keys(), "from")


def test_parked_messages_go_behind_what_waits_each_to_its_own_list_the_oldest_first(monkeypatch):
    monkeypatch.setattr(moves, "BATCH", 2)
    parked = [
        make_message(TASK, job, job, "from", priority, job) for job, priority in zip("fedcba", (5, 5, 0, 5, 0, 0))
    ]
    broker = FakeBroker(**{PARKED: [b"", *parked], "from": [message("waits")]})
    assert moves.put_parked_back(broker, PRIORITIES, lambda: None) == 7
    assert jobs_of(broker.of("from")) == ["waits", "a", "b", "d", ""] and broker.of("from")[0] == b""
    assert broker.of("from\x06\x163") == [parked[0], parked[1], parked[3]]
    assert broker.of("rdops:parked:from") == [] and "rdops:held:from:0" not in broker.lists
    assert moves.put_parked_back(broker, PRIORITIES, lambda: None) == 0


def test_a_parked_message_that_somebody_took_meanwhile_is_not_put_back_as_well():
    broker = FakeBroker(**{PARKED: [message(job) for job in "cba"]})
    broker.meanwhile = lambda: broker.of("rdops:parked:from").remove(message("a"))
    assert moves.put_parked_back(broker, PRIORITIES, lambda: None) == 2
    assert jobs_of(broker.of("from")) == ["b", "c"]
