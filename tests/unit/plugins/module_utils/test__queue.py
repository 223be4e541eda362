# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys, parse_reply

TICKET = "t-1"


def reply(body, ticket=TICKET, encoded=True):
    text = json.dumps(body)
    return json.dumps(
        {
            "body": base64.b64encode(text.encode()).decode() if encoded else text,
            "headers": {"ticket": ticket},
            "properties": {"body_encoding": "base64"} if encoded else {},
        }
    ).encode()


def test_a_queue_is_four_lists_and_the_runbooks_one_key_is_only_the_first():
    assert Keys().of("high") == [(0, "high"), (3, "high\x06\x163"), (6, "high\x06\x166"), (9, "high\x06\x169")]


def test_prefix_separator_and_steps_are_the_sites():
    keys = Keys(prefix="rd:", separator=":", steps=(0, 5))
    assert keys.of("low") == [(0, "rd:low"), (5, "rd:low:5")]
    assert keys.unacked == "rd:unacked"
    assert keys.binding_pattern == "rd:_kombu.binding.*"


@pytest.mark.parametrize(
    ("key", "exchange"),
    [
        (b"_kombu.binding.default", "default"),
        (b"_kombu.binding.celery.pidbox", None),
        (b"_kombu.binding.reply.celery.pidbox", None),
        (b"_kombu.binding.celeryev", None),
        (b"_kombu.binding.\xff", "\ufffd"),
    ],
)
def test_only_task_exchanges_lead_to_queues(key, exchange):
    assert Keys().exchange_of(key) == exchange


def test_queue_names_of_a_binding():
    assert Keys().queues_in([b"default\x06\x16\x06\x16default", b"x\x06\x16\x06\x16high"]) == {"default", "high"}


def test_a_question_names_its_channel_database_and_reply_list():
    request = Keys(prefix="rd:").broadcast("active_queues", db=4, timeout_s=2)
    message = json.loads(request.message)
    body = json.loads(base64.b64decode(message["body"]))
    assert request.channel == "rd:/4.celery.pidbox"
    assert body["method"] == "active_queues"
    assert body["ticket"] == request.ticket
    assert request.reply_key == f"rd:{body['reply_to']['routing_key']}.reply.celery.pidbox"
    assert request.member.split("\x06\x16") == [body["reply_to"]["routing_key"], "", request.reply_key[3:]]


@pytest.mark.parametrize("encoded", [True, False])
def test_a_reply_is_read_in_both_encodings(encoded):
    assert parse_reply(reply({"celery@w1": [{"name": "high"}]}, encoded=encoded), TICKET) == (
        "celery@w1",
        [{"name": "high"}],
    )


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\x00", b"[]", b"{}", b'{"body": 5}', reply({}), reply({"w": 1}, ticket="other")]
)
def test_what_is_no_reply_to_us_is_none(raw):
    assert parse_reply(raw, TICKET) is None


@pytest.mark.parametrize(
    ("priority", "key"),
    [(0, "q"), (1, "q"), (3, "q\x06\x163"), (5, "q\x06\x163"), (9, "q\x06\x169"), (255, "q\x06\x169")],
)
def test_a_priority_is_kept_at_the_highest_step_not_above_it(priority, key):
    assert Keys().key_for("q", priority) == key


def test_a_command_names_its_arguments_and_whom_it_is_for():
    request = Keys().broadcast("cancel_consumer", 0, 2, arguments={"queue": "high"}, destination=["w1"])
    body = json.loads(base64.b64decode(json.loads(request.message)["body"]))
    assert (body["arguments"], body["destination"]) == ({"queue": "high"}, ["w1"])
