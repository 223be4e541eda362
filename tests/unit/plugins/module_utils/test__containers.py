# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._containers import judge_containers

from .builders import replica, stack

DOWN = {"Status": "exited", "ExitCode": 137}


def judged(*replicas, **parts):
    return {found.id: found for found in judge_containers(stack(*replicas, **parts))}


def test_a_service_that_runs_is_ok_once():
    found = judged(replica("api"), replica("api", number=2))
    assert [(f.id, f.severity) for f in found.values()] == [("api.containers", "ok")]


def test_the_only_container_of_a_core_service_down_is_critical_and_one_of_two_a_warning():
    alone = judged(replica("redis", state=DOWN))["rendiff-prod-redis-1.down"]
    assert (alone.severity, alone.component) == ("critical", "redis.container")
    assert alone.commands == ("docker logs --tail 100 rendiff-prod-redis-1", "docker start rendiff-prod-redis-1")
    assert "it was killed (exit code 137)" in alone.summary
    assert judged(replica("api"), replica("api", number=2, state=DOWN))["rendiff-prod-api-2.down"].severity == "warning"


def test_out_of_memory_is_said():
    assert "it ran out of memory" in judged(replica("api", state={**DOWN, "OOMKilled": True})).popitem()[1].summary


@pytest.mark.parametrize(
    ("state", "words", "command"),
    [
        ({"Paused": True}, "somebody paused it", "docker unpause"),
        ({"Status": "created"}, "never started", "docker start"),
        ({"Status": "exited", "ExitCode": 1}, "it failed (exit code 1)", "docker start"),
    ],
)
def test_each_way_of_not_running_has_its_words(state, words, command):
    (found,) = judged(replica("api", state=state)).values()
    assert words in found.summary and found.commands[-1].startswith(command)


def test_a_health_check_that_fails_points_at_the_service_not_at_its_container():
    found = judged(replica("worker-cpu", state={"Health": {"Status": "unhealthy"}}))
    assert found["rendiff-prod-worker-cpu-1.unhealthy"].component == "workers"


def test_restarts_and_killed_children_are_warnings():
    assert judged(replica("api", restarts=3)).popitem()[1].severity == "warning"
    assert judged(replica("api", restarts=2)).popitem()[1].severity == "ok"
    killed = judged(replica("api", restarts=1, state={"OOMKilled": True}))
    assert killed["rendiff-prod-api-1.out_of_memory"].severity == "warning"


def test_the_engines_flag_of_the_run_before_is_no_news_of_a_container_that_a_person_started():
    assert judged(replica("api", state={"OOMKilled": True})).popitem()[1].severity == "ok"


def test_a_one_shot_service_that_ended_well_is_ok_and_one_that_failed_is_not():
    done = judged(replica("migrate", state={"Status": "exited", "ExitCode": 0}))
    assert done["migrate.containers"].severity == "ok"
    assert judged(replica("migrate", state={"Status": "exited", "ExitCode": 1})).popitem()[1].severity == "warning"


def test_what_is_defined_and_missing_is_told_unless_a_profile_holds_it_back():
    found = judged(defined={"redis": {}, "worker-gpu": {"profiles": ["gpu"]}, "grafana": {}})
    assert {f.id: f.severity for f in found.values()} == {"redis.missing": "critical", "grafana.missing": "warning"}
    assert "-p rendiff-prod" in found["redis.missing"].commands[0]
    assert "--no-deps --no-recreate --no-build redis" in found["redis.missing"].commands[0]
