# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._key_proof import BY_KEY, Answer, judge_answers


def test_it_is_proven_only_where_every_address_refuses():
    refused = judge_answers([Answer("api-1", 401), Answer("the proxy", 403)], BY_KEY)
    assert refused["proven"] and "all 2 addresses" in refused["said"]


def test_an_answer_that_is_no_refusal_is_named():
    told = judge_answers([Answer("api-1", 401), Answer("api-2", 200), Answer("api-3", 500)], BY_KEY)
    assert not told["proven"] and "api-2 accepts it" in told["said"]
    assert "api-3 answered 500, which is no refusal" in told["said"] and "api-1" not in told["said"]


def test_silence_proves_nothing():
    silent = judge_answers([Answer("api-1", 0, "timed out.")], BY_KEY)
    assert not silent["proven"] and "api-1 did not answer (timed out)" in silent["said"]
    assert not judge_answers([], BY_KEY)["proven"]
