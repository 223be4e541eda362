# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._message import make_message
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys
from ansible_collections.rendiff.ops.plugins.module_utils._queue_places import ASIDE, FOREIGN, IN_LIST, classify

HEAD = make_message("worker.process_job", "t", "j", "default", 5, "t")


@pytest.mark.parametrize(
    "key, head, expected",
    [
        (b"default\x06\x163", HEAD, (IN_LIST, "default", 3)),
        (b"default", b"no json", (IN_LIST, "default", 0)),
        (b"default\x06\x165", HEAD, (FOREIGN, "", 0)),
        (b"unbound", HEAD, (IN_LIST, "unbound", 0)),
        (b"cache", b"no json", None),
        (b"unbound\x06\x169", HEAD, (IN_LIST, "unbound", 9)),
        (b"a.reply.celery.pidbox", HEAD, None),
        (b"rdops:trash:default:1:3", HEAD, (ASIDE, "", 0)),
    ],
)
def test_lists_are_told_apart(key, head, expected):
    place = classify(key, Keys(), {"default"}, [head])
    assert (None if place is None else (place.kind, place.queue, place.step)) == expected


def test_a_list_without_the_prefix_is_not_ours():
    assert classify(b"default", Keys(prefix="rd:"), {"default"}, [HEAD]) is None
    assert classify(b"rd:default", Keys(prefix="rd:"), {"default"}, [HEAD]).queue == "default"


def test_a_list_is_told_by_any_of_its_messages_also_where_one_is_poison():
    assert classify(b"unbound", Keys(), set(), [b"{}", HEAD]).kind == IN_LIST
    assert classify(b"cache", Keys(), set(), []) is None
