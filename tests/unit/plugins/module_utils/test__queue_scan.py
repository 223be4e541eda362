# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import uuid

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._message import TASK, make_message, parse_message, redirect
from ansible_collections.rendiff.ops.plugins.module_utils._queue_scan import CHUNK, QueueScanner, judge_message


def message(queue="default", priority=5, task=TASK, job=None):
    identity = str(uuid.uuid4())
    return make_message(task, identity, job or str(uuid.uuid4()), queue, priority, identity)


class FakeBroker:
    """Lists as Redis keeps them."""

    def __init__(self, lists):
        self.lists = lists
        self.longest = 0

    def command(self, name, key, begin, end):
        assert name == "LRANGE"
        items = self.lists.get(key, [])
        begin, end = (len(items) + n if n < 0 else n for n in (begin, end))
        found = items[max(0, begin) : end + 1]
        self.longest = max(self.longest, len(found))
        return found


def scan(items, known=(), **options):
    scanner = QueueScanner("default", known, **options)
    scanner.read(FakeBroker({"k": items}), 3, "k")
    return scanner.scan


def test_what_the_api_sends_is_read_the_fast_way_and_is_well():
    jobs = [str(uuid.uuid4()) for _index in range(3)]
    found = scan([message(job=job) for job in jobs], {TASK}, ids_max=10)
    assert (found.read, found.usual, found.poison, found.strangers) == (3, 2, 0, 0)
    assert found.job_ids == jobs
    assert found.oldest == [{"priority_key": 3, "job_id": jobs[-1], "task_id": found.oldest[0]["task_id"]}]


def test_a_long_list_is_read_in_chunks_to_its_end():
    items = [message() for _index in range(2 * CHUNK + 7)]
    broker = FakeBroker({"k": items})
    scanner = QueueScanner("default", {TASK})
    scanner.read(broker, 0, "k")
    assert (scanner.scan.read, scanner.scan.usual) == (2 * CHUNK + 7, 2 * CHUNK + 6)
    assert broker.longest == CHUNK


def changed(**changes):
    document = json.loads(message())
    for path, value in changes.items():
        place = document
        *parents, last = path.split("__")
        for name in parents:
            place = place[name]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"x", "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (message()[:-1], "it is not JSON"),
        (message() + b"}", "it is not JSON"),
        (message().replace(b'"retries": 0', b'"retries": '), "it is not JSON"),
        (changed(headers__id=None), "the header 'id' is missing"),
        (changed(headers__task=None), "the header 'task' is missing"),
        (changed(body=None), "the body is missing"),
        (changed(body="W1s="), "the body cannot be decoded"),
        (changed(properties__delivery_tag=None), "the delivery_tag is missing"),
        (changed(properties__delivery_info={"routing_key": "default"}), "the exchange is missing"),
        (message(task="worker.other"), "no worker knows the task 'worker.other'"),
    ],
    # The messages hold random ids, which must not be part of the tests' names: several processes collect them.
    ids=lambda value: value if isinstance(value, str) else "raw",
)
def test_a_message_that_would_stop_a_worker_is_told_with_its_place(raw, why):
    found = scan([message(), raw, message()], {TASK})
    assert (found.read, found.poison) == (3, 1)
    assert (found.poison_sample[0]["index"], found.poison_sample[0]["why"]) == (1, [why])


def test_an_id_that_breaks_the_body_is_not_taken_for_a_usual_message():
    inner = base64.b64encode(b'"' * 36)
    raw = message(job="a" * 36).replace(base64.b64encode(b"a" * 36), inner)
    assert scan([message(), raw]).poison == 1


def test_the_fast_way_is_never_more_lenient_than_the_full_one():
    raw = message()
    for place in range(len(raw)):
        for broken in (raw[:place] + other + raw[place + 1 :] for other in (b"", b'"', b"=", b"-", b"A", b"\x80")):
            found = scan([raw, broken], {TASK})
            assert bool(judge_message(broken, {TASK}).problems) == (found.poison == 1), broken


def test_celerys_own_tasks_are_known_to_every_worker():
    assert scan([message(task="celery.backend_cleanup")], {TASK}).poison == 0


def test_without_an_answer_of_the_workers_no_task_is_judged():
    assert scan([message(task="worker.other")]).poison == 0


def test_a_message_that_names_another_queue_is_a_stranger_here():
    raw = redirect(parse_message(message()), "low", 1)
    found = scan([raw, message()], {TASK})
    assert (found.strangers, found.poison, found.usual) == (1, 0, 0)


def test_samples_and_ids_are_capped_and_the_counts_are_not():
    found = scan([b"x"] * 5 + [message() for _index in range(5)], sample_size=2, ids_max=3)
    assert (found.poison, len(found.poison_sample), len(found.job_ids), found.ids_cut) == (5, 2, 3, True)


def test_the_raw_message_is_in_no_sample():
    raw = changed(headers__id=None)
    assert json.loads(raw)["body"] not in json.dumps(scan([raw]).poison_sample)


def test_nothing_is_made_of_an_empty_list():
    found = scan([])
    assert (found.read, found.oldest) == (0, [])
