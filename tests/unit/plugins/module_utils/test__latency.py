# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._http import Response
from ansible_collections.rendiff.ops.plugins.module_utils._latency import judge_latency, percentile, summarize_samples


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.95, 0.0), ([3.0], 0.5, 3.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0), (list(range(1, 101)), 0.95, 95)],
)
def test_a_percentile_is_a_value_that_was_measured(values, share, expected):
    assert percentile(values, share) == expected


def sample(total, **phases):
    return Response(200, b"{}", {**phases, "total": total})


def test_failed_requests_are_counted_and_do_not_make_it_look_fast():
    figures = summarize_samples([sample(0.2, connect=0.05, first_byte=0.1), Response(500, b"", {"total": 0.001})])
    assert (figures["samples"], figures["failed"], figures["p50_s"], figures["max_s"]) == (2, 1, 0.2, 0.2)
    assert figures["phases_s"] == {"connect": 0.05, "first_byte": 0.1, "read": 0.05}


def test_the_tail_is_judged_where_a_mean_would_hide_it():
    figures = summarize_samples([sample(0.01)] * 18 + [sample(9.0)] * 2)
    assert judge_latency("x", "api", "api", figures, 5.0).severity == "warning"
    assert judge_latency("x", "api", "api", summarize_samples([sample(0.01)] * 20), 5.0).severity == "ok"


def test_an_api_that_answers_no_more_is_told_and_never_fast():
    figures = summarize_samples([Response(error="nothing came within 5 s")])
    assert figures["p95_s"] is None
    assert judge_latency("x", "api", "api", figures, 5.0).severity == "warning"
