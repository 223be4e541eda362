# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._queue import Broadcast, Keys
from ansible_collections.rendiff.ops.plugins.module_utils._queue_look import Look
from ansible_collections.rendiff.ops.plugins.module_utils._queue_plan import Trash


class FakeBroker:
    """Answers of workers, and a keyspace of lists and others that is scanned in two steps."""

    def __init__(self, broadcast=None, keys=None):
        self.answer, self.keys = broadcast, keys or {}

    def ask(self, methods, _timeout_s):
        return dict.fromkeys(methods, self.answer)

    def broadcast(self, _method, _timeout_s):
        return self.answer

    def command(self, name, *words):
        if name == "TIME":
            return [b"5", b"250000"]
        only_lists = words[-2:] == ("TYPE", "list")
        keys = [key for key, length in self.keys.items() if length is not None or not only_lists]
        return (3, keys) if words[0] == 0 else (0, keys[:1])

    def pipeline(self, commands):
        return [{"LLEN": self.keys[key]}[name] for name, key in commands]


def look(broker):
    return Look(broker, Keys(), {"census_timeout_s": 1})


def test_tasks_are_known_only_when_every_worker_told_them():
    both = Broadcast(2, (("a", ["x", "y [rate_limit=1]"]), ("b", ["x"])))
    assert look(FakeBroker(both)).known_tasks() == {"x", "y"}
    assert look(FakeBroker(Broadcast(3, both.replies))).known_tasks() == frozenset()
    assert look(FakeBroker(Broadcast(0, ()))).known_tasks() == frozenset()


def test_a_census_asks_for_queues_and_tasks_at_once():
    assert look(FakeBroker(Broadcast(1, (("a", []),)))).census().complete
    assert not look(FakeBroker(Broadcast(2, (("a", []),)))).census().complete


def test_lists_are_counted_once_and_other_keys_left_out():
    broker = FakeBroker(keys={b"rdops:trash:q:s:0": 4, b"rdops:trash:q:s:x": 1, b"other": None})
    assert look(broker).list_lengths("*") == {b"rdops:trash:q:s:0": 4, b"rdops:trash:q:s:x": 1}
    assert look(broker).trash() == {"q": [Trash("s", {0: 4})]}


def test_the_time_is_that_of_redis():
    assert look(FakeBroker()).now() == 5.25
