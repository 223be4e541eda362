# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._census import Census
from ansible_collections.rendiff.ops.plugins.module_utils._job_evidence import (
    ASIDE,
    FOREIGN,
    IN_LIST,
    classify,
    doubt_of,
)
from ansible_collections.rendiff.ops.plugins.module_utils._job_rows import CANCELLED, WAITING, spelling
from ansible_collections.rendiff.ops.plugins.module_utils._message import make_message
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys

HEAD = make_message("worker.process_job", "t", "j", "default", 5, "t")


@pytest.mark.parametrize(
    "key, head, expected",
    [
        (b"default\x06\x163", HEAD, (IN_LIST, "default", 3)),
        (b"default", b"no json", (IN_LIST, "default", 0)),
        (b"default\x06\x165", HEAD, (FOREIGN, "", 0)),
        (b"unbound", HEAD, (IN_LIST, "unbound", 0)),
        (b"cache", b"no json", None),
        (b"a.reply.celery.pidbox", HEAD, None),
        (b"rdops:trash:default:1:3", HEAD, (ASIDE, "", 0)),
    ],
)
def test_lists_are_told_apart(key, head, expected):
    place = classify(key, Keys(), {"default"}, head)
    assert (None if place is None else (place.kind, place.queue, place.step)) == expected


def test_a_list_without_the_prefix_is_not_ours():
    assert classify(b"default", Keys(prefix="rd:"), {"default"}, HEAD) is None
    assert classify(b"rd:default", Keys(prefix="rd:"), {"default"}, HEAD).queue == "default"


@pytest.mark.parametrize(
    "second, words",
    [
        (Census(1, {"a": ()}, (), 1), ""),
        (Census(2, {"a": ()}, (), 1), "only 1 of 2"),
        (Census(2, {"a": ()}, ("a",), 2), "several workers have the name a"),
        (Census(1, {"b": ()}, (), 1), "came or went"),
    ],
)
def test_two_looks_at_the_workers_must_agree(second, words):
    doubt = doubt_of(Census(1, {"a": ()}, (), 1), second)
    assert words in doubt and bool(words) == bool(doubt)


@pytest.mark.parametrize(
    "kind, labels, counts, expected",
    [
        (WAITING, [], {}, "queued"),
        (WAITING, [], {"pending": 3, "queued": 1}, "pending"),
        (WAITING, ["PENDING", "DONE"], {}, "PENDING"),
        (CANCELLED, [], {"QUEUED": 3}, "CANCELLED"),
        (CANCELLED, [], {"canceled": 1, "queued": 3}, "canceled"),
    ],
)
def test_a_status_is_written_as_the_site_writes_it(kind, labels, counts, expected):
    assert spelling(kind, labels, counts) == expected
