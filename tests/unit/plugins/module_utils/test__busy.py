# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._busy import Busy, describe_holder
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys


class FakeBroker:
    """One key with a time to live; the scripts do here what they do in Redis, told apart by their arguments."""

    def __init__(self):
        self.value = None
        self.left_ms = -2
        self.fails = False

    def command(self, *words):
        if words[0] == "SET":
            if self.value is not None:
                return None
            self.value, self.left_ms = words[2].encode(), words[-1]
            return True
        return self.value if words[0] == "GET" else self.left_ms

    def script(self, _text, _keys, arguments):
        if self.fails:
            raise OpsError("query Redis", "gone")
        mine = self.value == arguments[0].encode()
        if len(arguments) == 1:
            self.value = None if mine else self.value
            return int(mine)
        if self.value is not None and not mine:
            return -1
        self.value, self.left_ms = arguments[0].encode(), arguments[1]
        return 1


def test_it_is_held_within_the_block_only():
    broker = FakeBroker()
    with Busy(broker, Keys(), "move queue 'a'"):
        assert json.loads(broker.value)["what"] == "move queue 'a'"
        assert broker.left_ms == 60_000
    assert broker.value is None


def test_a_second_one_is_told_who_is_at_work_and_how_long_to_wait():
    broker = FakeBroker()
    with Busy(broker, Keys(), "move queue 'a'"):
        broker.left_ms = 41_200
        with pytest.raises(OpsError) as caught, Busy(broker, Keys(), "empty queue 'a'"):
            raise AssertionError("two at once")
    assert str(caught.value).startswith("Cannot empty queue 'a': 'move queue 'a'' is at work since 2")
    assert str(caught.value).endswith("Wait for it, or after it was killed wait 42 s.")


def test_a_key_that_never_expires_is_named():
    broker = FakeBroker()
    broker.value, broker.left_ms = b"by hand", -1
    with pytest.raises(OpsError, match="remove the key 'p:rdops:busy'"), Busy(broker, Keys(prefix="p:"), "x"):
        pass


def test_what_another_took_meanwhile_is_neither_refreshed_nor_removed():
    broker = FakeBroker()
    with Busy(broker, Keys(), "x") as busy:
        busy.refresh()
        broker.value = b'{"what": "y", "since": "then"}'
        with pytest.raises(OpsError, match="'y' is at work since then"):
            busy.refresh()
    assert broker.value is not None


def test_an_expired_one_is_taken_again():
    broker = FakeBroker()
    with Busy(broker, Keys(), "x") as busy:
        broker.value = None
        busy.refresh()
        assert broker.value is not None


def test_the_end_never_hides_the_error_that_led_to_it():
    broker = FakeBroker()
    with pytest.raises(ZeroDivisionError), Busy(broker, Keys(), "x"):
        broker.fails = True
        raise ZeroDivisionError


@pytest.mark.parametrize("raw", [None, b"", b"[]", b"\xff", b"text"])
def test_a_value_of_another_kind_is_described_all_the_same(raw):
    assert all(describe_holder(raw))
