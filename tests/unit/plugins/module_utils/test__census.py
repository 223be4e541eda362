# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._census import read_task, take_census
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Broadcast


def test_a_census_is_complete_only_when_all_answered_under_names_of_their_own():
    queues = [{"name": "low"}, {"name": "high"}]
    assert take_census(Broadcast(1, (("w1", queues),))).complete
    assert not take_census(Broadcast(2, (("w1", queues),))).complete
    twice = take_census(Broadcast(2, (("w1", queues), ("w1", queues))))
    assert not twice.complete
    assert twice.duplicates == ("w1",)


def test_consumers_come_from_the_answers():
    census = take_census(Broadcast(2, (("w2", [{"name": "high"}]), ("w1", [{"name": "high"}, "odd", {}]))))
    assert census.consumers("high") == ["w1", "w2"]
    assert census.consumers("low") == []


def test_an_answer_of_another_kind_counts_as_an_answer_without_queues():
    census = take_census(Broadcast(1, (("w1", {"error": "unknown"}),)))
    assert census.complete and census.consumers("high") == []


def test_a_census_with_tasks_is_complete_only_when_every_question_was_answered():
    answers = Broadcast(1, (("w1", []),))
    active = Broadcast(1, (("w1", [{"id": "t", "name": "n", "args": ["j"], "time_start": 5.0}]),))
    census = take_census(answers, {"active": active, "reserved": Broadcast(1, (("w1", []),))})
    assert census.complete
    assert [(task.id, task.job_id, task.state, task.started_at, task.node) for task in census.tasks] == [
        ("t", "j", "active", 5.0, "w1")
    ]
    assert not take_census(answers, {"active": active, "reserved": Broadcast(1, ())}).complete
    assert not take_census(answers, {"active": Broadcast(2, active.replies)}).complete


@pytest.mark.parametrize(
    ("entry", "job"),
    [
        ({"args": ["j"]}, "j"),
        ({"args": "('j',)"}, "j"),
        ({"args": "not python("}, ""),
        ({"args": [], "kwargs": {"job_id": "j"}}, "j"),
        ({"args": [["nested"]]}, ""),
        ({"request": {"args": ["j"]}, "eta": "later"}, "j"),
    ],
)
def test_the_job_of_a_held_task_is_its_first_argument(entry, job):
    assert read_task(entry, "active", "w1").job_id == job
