# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._census import Census
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._queue_pause import held_for, plan_consume, plan_pause

CENSUS = Census(3, {"cpu1": ("default",), "cpu2": (), "gpu": ("gpu",)}, (), 3)


def steps(plan):
    return sorted((action.target, action.transition) for action in plan.actions)


def test_a_pause_means_those_that_consume():
    assert steps(plan_pause("default", CENSUS, [])) == [("cpu1", "stops consuming default")]
    assert not plan_pause("default", CENSUS, ["cpu2"]).changed
    assert plan_pause("default", CENSUS, []).after == {"consumers": []}


def test_a_pause_is_undone_on_those_that_were_paused_and_no_others():
    assert steps(plan_consume("default", CENSUS, [], {"cpu2"})) == [
        ("cpu2", "consumes default"),
        ("cpu2", "pause forgotten"),
    ]


def test_of_remembered_workers_the_dead_are_forgotten_once_a_live_one_is_found():
    found = steps(plan_consume("default", CENSUS, [], {"cpu2", "gone"}))
    assert ("gone", "pause forgotten") in found and ("gone", "consumes default") not in found


def test_named_workers_are_the_only_ones_that_are_forgotten():
    plan = plan_consume("default", CENSUS, ["cpu2"], {"cpu2", "gone"})
    assert plan.after["paused"] == ["gone"]


def test_recreated_workers_are_not_made_to_consume():
    with pytest.raises(OpsError, match="none of the 1 workers that were paused lives any more .gone."):
        plan_consume("default", CENSUS, [], {"gone"})
    with pytest.raises(OpsError, match="it was not paused here"):
        plan_consume("low", CENSUS, [], set())


def test_a_queue_that_is_consumed_and_was_not_paused_needs_nothing():
    assert not plan_consume("default", CENSUS, [], set()).changed


@pytest.mark.parametrize("plan", [plan_pause, lambda *given: plan_consume(*given, set())])
def test_a_worker_that_does_not_live_is_refused(plan):
    with pytest.raises(OpsError, match="no live worker is called 'cpu9'. Live workers are: cpu1, cpu2, gpu"):
        plan("default", CENSUS, ["cpu9"])


def test_a_task_that_does_not_tell_its_queue_counts_as_held():
    entries = [
        {"delivery_info": {"routing_key": "default"}},
        {"delivery_info": {"routing_key": "high"}},
        {"request": {"delivery_info": {"routing_key": "default"}}, "eta": "later"},
        {},
        "odd",
    ]
    assert held_for("default", entries) == 4
    assert held_for("default", None) == 0
