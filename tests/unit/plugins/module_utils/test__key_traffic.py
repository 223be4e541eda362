# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._key_events import KeyEvent, KeyLog
from ansible_collections.rendiff.ops.plugins.module_utils._key_traffic import keys_behind, own_events, traffic_of
from ansible_collections.rendiff.ops.plugins.module_utils._keys import Key

KEY = Key("Key-1", "00" * 32, "Zk3vTq1b", "nightly", "studio", True, False, 5, 0.0, 50.0, None, None)
LOG = KeyLog(
    (
        KeyEvent(10.0, "198.51.100.1", "key-1", ""),
        KeyEvent(110.0, "198.51.100.1", "key-1", ""),
        KeyEvent(120.0, "203.0.113.7", "key-1", ""),
        KeyEvent(130.0, "203.0.113.7", "", "Zk3vTq1b"),
        KeyEvent(140.0, "203.0.113.7", "key-2", ""),
        KeyEvent(150.0, "192.0.2.9", "key-3", ""),
        KeyEvent(160.0, "", "key-1", ""),
    ),
    0.0,
    {},
)


def test_new_addresses_attempts_and_other_keys_are_told():
    traffic = traffic_of(KEY, LOG, 100.0)
    assert traffic.new == ["203.0.113.7"] and traffic.compared_s == 100
    listed = {each["address"]: each for each in traffic.describe()["list"]}
    assert set(listed) == {"198.51.100.1", "203.0.113.7"}
    assert listed["203.0.113.7"]["other_keys"] == ["key-2"] and listed["203.0.113.7"]["refused"] == 1
    assert not listed["198.51.100.1"]["is_new"] and listed["198.51.100.1"]["requests"] == 1


def test_without_logs_of_before_none_is_called_new():
    traffic = traffic_of(KEY, LOG._replace(since=100.0), 100.0)
    assert traffic.new == [] and traffic.compared_s == 0


def test_who_is_behind_an_address_is_counted_by_key():
    assert keys_behind(LOG, 100.0) == {
        "198.51.100.1": {"key-1": 1},
        "203.0.113.7": {"key-1": 1, "key-2": 1},
        "192.0.2.9": {"key-3": 1},
    }


def test_the_events_of_a_key_are_its_uses_and_its_attempts():
    assert [event["address"] for event in own_events(LOG, KEY.id, KEY.prefix)] == [
        "198.51.100.1",
        "198.51.100.1",
        "203.0.113.7",
        "203.0.113.7",
        "",
    ]


def test_answers_rest_only_on_logs_that_are_whole():
    assert traffic_of(KEY, LOG, 100.0).known
    short = traffic_of(KEY, LOG._replace(since=120.0), 100.0)
    assert not short.known and short.missing == "The logs reach back only to 1970-01-01T00:02:00Z."
    silent = traffic_of(KEY, KeyLog((), 200.0, {"api-1": "it has none"}, read=False), 100.0)
    assert not silent.known and silent.missing == "The log of 'api-1' could not be read: it has none."
    hidden = traffic_of(KEY, LOG._replace(events=(KeyEvent(110.0, "", "key-1", ""),)), 100.0)
    assert not hidden.known and "sees only the proxy" in hidden.missing
