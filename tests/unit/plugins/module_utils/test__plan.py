# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._plan import Action, Plan, PlanStream

ACTIONS = (Action("b", "queued"), Action("a", "queued"), Action("a", "cancelled"))


def test_a_plan_without_actions_changes_nothing():
    assert not Plan({}, {}).changed
    assert Plan({}, {}, ACTIONS).changed


def test_identity_depends_on_the_pairs_only():
    plan = Plan({"n": 1}, {"n": 2}, ACTIONS)
    assert plan.plan_id == Plan({}, {}, tuple(reversed(ACTIONS))).plan_id
    detailed = tuple(dataclasses.replace(action, detail={"secret": "s", "at": 5}) for action in ACTIONS)
    assert plan.plan_id == Plan({}, {}, detailed).plan_id
    assert plan.plan_id != Plan({}, {}, ACTIONS[:2]).plan_id


def test_identity_tells_targets_and_transitions_apart():
    assert Plan({}, {}, (Action("ab", "c"),)).plan_id != Plan({}, {}, (Action("a", "bc"),)).plan_id


def test_a_plan_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Plan({}, {}).before = {"x": 1}


def test_the_streamed_form_has_the_same_identity_exact_totals_and_a_capped_sample():
    stream = PlanStream(sample_size=2)
    assert not stream.changed
    for action in sorted(ACTIONS):
        stream.add(action)
    assert stream.changed
    assert stream.plan_id == Plan({}, {}, ACTIONS).plan_id
    assert stream.totals == {"cancelled": 1, "queued": 2}
    assert stream.sample == sorted(ACTIONS)[:2]


def test_the_streamed_form_refuses_disorder():
    stream = PlanStream()
    stream.add(Action("b", "queued"))
    with pytest.raises(ValueError, match="out of order"):
        stream.add(Action("a", "queued"))


def test_diff_is_before_and_after():
    assert Plan({"n": 1}, {"n": 2}).diff() == {"before": {"n": 1}, "after": {"n": 2}}
