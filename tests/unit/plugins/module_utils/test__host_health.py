# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._host_health import (
    count_established,
    judge_connections,
    judge_drill,
    judge_storage,
    read_drills,
    space,
)
from ansible_collections.rendiff.ops.plugins.module_utils._thresholds import DEFAULTS

TABLE = """  sl  local_address rem_address   st tx_queue
   0: 0100007F:1F90 00000000:0000 0A 00000000
   1: 0100007F:1F90 0100007F:C000 01 00000000
   2: short
"""


def facts(used=10, entries=10, inodes=100):
    size = {"size_bytes": 100, "used_bytes": used, "free_bytes": 100 - used}
    return {**size, "inodes": inodes, "inodes_used": entries, "path": "/s", "seen_from": "host"}


@pytest.mark.parametrize(
    ("given", "severity", "words"),
    [
        (facts(84), "ok", "84 % full"),
        (facts(85), "warning", "85 % full (space)"),
        (facts(96), "critical", "96 % full (space)"),
        (facts(10, 99), "critical", "99 % full (inodes)"),
        (facts(10, 0, 0), "ok", "10 % full"),
    ],
)
def test_storage_is_full_by_bytes_or_by_inodes(given, severity, words):
    (found,) = judge_storage(given, DEFAULTS)
    assert found.severity == severity and words in found.summary


def test_the_command_runs_where_its_path_means_something():
    assert judge_storage(facts(96), DEFAULTS)[0].commands == ("du -xh --max-depth=2 /s | sort -h | tail -20",)
    (inside,) = judge_storage({**facts(96), "seen_from": "api-1"}, DEFAULTS)[0].commands
    assert inside.startswith("docker exec api-1 du ")


def test_what_only_root_may_use_counts_as_used():
    figures = os.statvfs_result((4096, 1024, 100, 50, 20, 1000, 900, 900, 0, 255))
    assert space(figures)["used_bytes"] == 1024 * (100 - 20)


def test_only_established_connections_count():
    assert count_established(TABLE) == 1
    assert judge_connections({}) == []
    assert judge_connections({"a": 1, "b": 2})[0].summary.startswith("3 TCP connections")


def test_the_newest_drill_is_read_and_a_broken_ledger_is_none(tmp_path):
    assert read_drills(str(tmp_path)) is None
    (tmp_path / "drills.jsonl").write_text('{"at": "old"}\n{"at": "new"}\n\n', encoding="utf-8")
    assert read_drills(str(tmp_path)) == {"at": "new"}
    (tmp_path / "drills.jsonl").write_text("half a li", encoding="utf-8")
    assert read_drills(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("passed", "days", "severity"), [(True, 1, "ok"), (True, 9, "warning"), (False, 1, "critical")]
)
def test_a_drill_is_judged_by_result_and_age(passed, days, severity):
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_000_000_000 - days * 86400))
    (found,) = judge_drill({"at": at, "passed": passed}, 1_000_000_000, DEFAULTS)
    assert found.severity == severity
    assert f"{days}.0 days" in found.summary


def test_without_a_ledger_nothing_is_claimed():
    assert judge_drill(None, 0, DEFAULTS) == [] and judge_drill({"at": "odd"}, 0, DEFAULTS) == []
