# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._cgroup import Usage
from ansible_collections.rendiff.ops.plugins.module_utils._container_load import (
    describe_load,
    judge_images,
    judge_load,
    usage_of_stats,
)
from ansible_collections.rendiff.ops.plugins.module_utils._thresholds import DEFAULTS

from .builders import replica, stack

HOST = {"Memory": 1000, "NanoCpus": 2_000_000_000}


def judged(usage, service="api"):
    limited = replica(service, host=HOST)
    row = describe_load(limited, Usage(0, None, 0, 0.0), usage, 1.0)
    return {found.id: found.severity for found in judge_load(stack(limited), [row], DEFAULTS)}


def test_within_its_limits_all_is_well():
    assert judged(Usage(800, 1000, 0, 1.0)) == {"load": "ok"}


def test_each_limit_has_its_finding():
    assert judged(Usage(950, 1000, 0, 1.0)) == {"rendiff-prod-api-1.memory": "warning"}
    assert judged(Usage(800, 1000, 0, 2.0)) == {"rendiff-prod-api-1.cpu": "warning"}
    assert judged(Usage(800, 1000, 1, 1.0)) == {"rendiff-prod-api-1.oom": "warning"}


def test_a_worker_that_uses_all_its_cpu_does_what_it_is_for():
    assert judged(Usage(800, 1000, 0, 2.0), "worker-cpu") == {"load": "ok"}


def test_kills_that_nobody_counts_are_not_invented():
    assert judged(Usage(800, 1000, None, 1.0)) == {"load": "ok"}


def test_the_engines_figures_serve_where_the_kernels_are_out_of_reach():
    stats = {
        "memory_stats": {"usage": 1000, "stats": {"inactive_file": 300}},
        "cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}},
    }
    assert usage_of_stats(stats) == Usage(700, None, None, 1.5)
    assert usage_of_stats({}) is None


def test_replicas_of_different_images_are_told_apart():
    same = stack(replica("api"), replica("api", number=2))
    differ = stack(replica("api"), replica("api", number=2, image_id="sha256:b"))
    assert judge_images(same) == []
    assert [(found.id, found.severity) for found in judge_images(differ)] == [("api.images", "warning")]


def test_no_command_is_shown_that_would_end_what_workers_do():
    differ = stack(replica("worker-cpu"), replica("worker-cpu", number=2, image_id="sha256:b"))
    (found,) = judge_images(differ)
    assert "drain them first" in found.summary
    assert all("--dry-run" in command for command in found.commands)
