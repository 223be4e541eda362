# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import json
import struct

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils import _key_events
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._key_events import (
    KeyEvent,
    KeyLog,
    parse_event,
    read_key_log,
    read_lines,
)

from .builders import replica, stack

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


def stamped(at, text):
    moment = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000000001Z {text}\n".encode()


def used(at, key="k-1"):
    return stamped(at, json.dumps({"client_ip": "203.0.113.7", "key_id": key}))


def tried(at):
    return stamped(at, json.dumps({"client_ip": "203.0.113.7", "key_prefix": "Zk3vTq1b"}))


class Engine:
    """Answers with what the containers of an api logged, by their ids; None for one whose log cannot be read."""

    def __init__(self, logs):
        self.logs = logs

    def inspect(self, _container):
        return {"Config": {"Tty": False}}

    def stream(self, path, query=None):
        assert query["timestamps"] == "1"
        lines = self.logs[path.split("/")[2]]
        if lines is None:
            raise OpsError("read it", "configured logging driver does not support reading")
        since = float(query.get("since", 0))
        for line in lines:
            if datetime.datetime.fromisoformat(line[:19].decode() + "+00:00").timestamp() >= since:
                yield struct.pack(">BxxxL", 1, len(line)) + line


def read(*logs, since=AT):
    replicas = [replica("api", number=number) for number in range(1, len(logs) + 1)]
    engine = Engine({each.id: log for each, log in zip(replicas, logs)})
    return read_key_log(engine, stack(*replicas), since, 30)


def test_no_number_of_other_lines_pushes_a_use_out():
    noise = [stamped(AT + 20, "INFO: GET /api/v1/health 200 OK")] * 120_000
    log = read([used(AT - 9), used(AT + 10), *noise])
    assert [event.at for event in log.events] == [AT + 10] and log.since == AT and log.missing(AT) == ""


def test_no_number_of_attempts_pushes_a_use_out_and_what_was_dropped_is_not_claimed(monkeypatch):
    monkeypatch.setattr(_key_events, "EVENTS_MAX", 10)
    log = read([used(AT + 1), *[tried(AT + 10 + number) for number in range(15)], used(AT + 60)])
    assert [event.at for event in log.events if event.accepted] == [AT + 1, AT + 60]
    assert len(log.events) == 12 and log.since == AT + 15
    assert log.missing(AT) == "The logs reach back only to 2026-11-23T03:13:00Z."


def test_the_logs_reach_back_as_far_as_the_shortest_of_them():
    log = read([stamped(AT - 100, "x"), used(AT + 10)], [used(AT + 50)])
    assert log.since == AT + 50 and len(log.events) == 2 and log.missing(AT) and not log.missing(AT + 50)


def test_a_log_that_is_merely_quiet_reaches_back_to_its_first_line():
    assert read([stamped(AT - 100, "x"), used(AT + 500)]).since == AT


def test_a_log_that_cannot_be_read_is_told_and_the_others_are_read():
    one = read([used(AT + 1)], None)
    assert one.read and list(one.unread) == ["rendiff-prod-api-2"] and len(one.events) == 1
    assert "does not support reading" in one.missing(AT)
    none = read(None, None)
    assert not none.read and len(none.unread) == 2 and none.events == ()


def test_a_log_that_cannot_be_read_to_its_end_in_time_is_told(monkeypatch):
    monkeypatch.setattr(_key_events.time, "monotonic", iter(range(0, 10_000_000, 100)).__next__)
    engine = Engine({"0" * 64: [used(AT + 1)] * 5})
    log = _key_events._read_container(engine, "0" * 64, AT, 30, ())
    assert log.missing == "it could be read only up to 2026-11-23T03:12:46Z within 30 s" and len(log.events) == 1


def test_lines_are_whole_whatever_the_pieces_and_one_without_an_end_takes_no_memory():
    assert list(read_lines([b"a", b"b\nc", b"\n", b"\nd"])) == [b"ab", b"c", b"", b"d"]
    assert list(read_lines([b"x" * 9000, b"y" * 9000, b"z\nafter\n"])) == [b"after"]
