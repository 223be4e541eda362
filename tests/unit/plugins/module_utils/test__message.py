# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._message import TASK, make_message, parse_message, redirect

JOB = "6ee7ad1e-0b3e-4f6e-a6a8-3a5f5b2d3c11"


def good(**changes):
    document = json.loads(make_message(TASK, "task-1", JOB, "high", 9, "tag-1"))
    for path, value in changes.items():
        parent, names = document, path.split("__")
        for name in names[:-1]:
            parent = parent[name]
        if value is None:
            del parent[names[-1]]
        else:
            parent[names[-1]] = value
    return json.dumps(document).encode()


def test_what_we_make_we_read_back():
    message = parse_message(make_message(TASK, "task-1", JOB, "high", 9, "tag-1"), {TASK})
    assert not message.poison
    assert (message.task, message.task_id, message.job_id) == (TASK, "task-1", JOB)
    assert (message.exchange, message.queue, message.priority, message.delivery_tag) == ("", "high", 9, "tag-1")


def test_the_same_arguments_give_the_same_bytes():
    assert make_message(TASK, "t", JOB, "low", 1, "d") == make_message(TASK, "t", JOB, "low", 1, "d")


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "it is not JSON"),
        (b"\xff\x00", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (good(headers__task=None), "the header 'task' is missing"),
        (good(headers__id=None), "the header 'id' is missing"),
        (good(**{"content-type": None}), "the content-type is missing"),
        (good(properties__delivery_info__exchange=None), "the exchange is missing"),
        (good(properties__delivery_info__routing_key=None), "the routing_key is missing"),
        (good(properties__delivery_tag=None), "the delivery_tag is missing"),
        (good(body="%%%"), "the body cannot be decoded"),
    ],
)
def test_what_a_worker_would_choke_on_is_named(raw, problem):
    assert problem in parse_message(raw).problems


def test_a_task_that_no_worker_knows_is_poison_only_when_the_tasks_are_known():
    assert parse_message(good(headers__task="other"), {TASK}).problems == ("no worker knows the task 'other'",)
    assert not parse_message(good(headers__task="other")).poison
    assert not parse_message(good(headers__task="celery.chord_unlock"), {TASK}).poison


@pytest.mark.parametrize("odd", [{"headers": 5}, {"properties": []}, {"headers": {"id": {}, "task": ["x"]}}])
def test_nothing_in_a_message_is_trusted_to_be_of_its_kind(odd):
    assert parse_message(json.dumps({**json.loads(good()), **odd}).encode()) is not None


def test_a_body_in_a_foreign_form_hides_its_job_and_is_no_problem():
    message = parse_message(good(**{"content-type": "application/x-python-serialize"}, body="gASV"))
    assert not message.poison and message.job_id == ""


def test_the_job_is_found_among_named_arguments_too():
    body = base64.b64encode(json.dumps([[], {"job_id": JOB}, {}]).encode()).decode()
    assert parse_message(good(body=body)).job_id == JOB


def test_a_redirected_message_says_where_it_goes_and_keeps_the_rest():
    before = parse_message(good())
    after = parse_message(redirect(before, "low", 1))
    assert (after.queue, after.priority) == ("low", 1)
    assert (after.task_id, after.job_id, after.delivery_tag) == (before.task_id, before.job_id, before.delivery_tag)
