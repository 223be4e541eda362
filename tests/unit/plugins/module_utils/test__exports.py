# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._exports import metrics_text, status_line

HEALTH = {
    "project": 'a"b\\c',
    "verdict": "critical",
    "summary": "Redis\nis down.",
    "checked_at": "2001-09-09T01:46:40Z",
    "seconds": 1.5,
    "findings": [
        {"id": "redis", "component": "redis", "severity": "critical"},
        {"id": "api", "component": "api", "severity": "ok"},
    ],
    "measurements": {"queues": {"high": {"total": 3, "consumers": ["w"]}}, "drill": None},
}


def test_a_family_stands_together_and_labels_are_escaped():
    lines = metrics_text(HEALTH).splitlines()
    project = r'project="a\"b\\c"'
    assert f"rendiff_health_verdict{{{project}}} 3" in lines
    assert f'rendiff_queue_messages{{{project},queue="high"}} 3' in lines
    assert f"rendiff_health_checked_timestamp_seconds{{{project}}} 1000000000" in lines
    assert f'rendiff_health_finding{{{project},id="redis",component="redis",severity="critical"}} 1' in lines
    assert len([line for line in lines if line.startswith("# TYPE rendiff_health_finding ")]) == 1
    assert not [line for line in lines if 'id="api"' in line]


def test_a_series_stands_once_though_a_finding_came_twice():
    twice = {**HEALTH, "findings": [HEALTH["findings"][0], HEALTH["findings"][0]]}
    assert metrics_text(twice).count('id="redis"') == 1


def test_what_was_not_measured_has_no_line():
    assert "rendiff_jobs" not in metrics_text(HEALTH)


def test_the_status_is_one_line():
    line = status_line({"summary": HEALTH["summary"], "hosts": {"h": HEALTH}})
    assert line == "CRITICAL - Redis is down. | findings=1 checks=2"
