# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._census import Census
from ansible_collections.rendiff.ops.plugins.module_utils._job_evidence import doubt_of
from ansible_collections.rendiff.ops.plugins.module_utils._job_rows import CANCELLED, WAITING, spelling


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
