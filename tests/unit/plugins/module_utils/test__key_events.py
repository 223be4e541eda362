# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._key_events import KeyEvent, KeyLog, parse_event

STAMP = b"2026-11-23T03:12:45.123456789Z "
AT = 1795403565.0


def line(**fields):
    return STAMP + json.dumps(fields).encode()


def test_a_use_and_an_attempt_are_told_from_what_the_api_logs():
    used = parse_event(line(client_ip="203.0.113.7", key_id="A-1", user_id="u"), ())
    assert used == KeyEvent(AT, "203.0.113.7", "a-1", "") and used.accepted
    tried = parse_event(line(client_ip="::ffff:203.0.113.7", api_key_prefix="Zk3vTq1b"), ())
    assert tried == KeyEvent(AT, "203.0.113.7", "", "Zk3vTq1b") and not tried.accepted


def test_the_address_of_the_proxy_is_none_of_a_client():
    event = parse_event(line(client_ip="172.18.0.2", key_id="a"), {"172.18.0.2"})
    assert event.address == "" and not KeyLog((event,), 0.0, {}).addresses_known
    assert KeyLog((), 0.0, {}).addresses_known


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x00\xff key_id",
        STAMP + b"{" * 5000 + b'"key_id": 1',
        STAMP + b'{"key_id": 7}',
        STAMP + b'["key_id"]',
        STAMP + rb'{"key_id": "\u001b[31m"}',
        STAMP + b'{"key_id": "a"' + b" " * 10_000 + b"}",
        b'{"key_id": "without a time"}',
        STAMP + b"Traceback (most recent call last): key_id",
    ],
    ids=range(9),
)
def test_what_is_no_such_line_is_passed_over(text):
    assert parse_event(text, ()) is None


def test_an_address_that_is_none_is_left_out():
    assert parse_event(line(client_ip="evil; rm -rf /", key_id="a"), ()).address == ""
    assert parse_event(line(client_ip=7, key_id="a"), ()).address == ""
