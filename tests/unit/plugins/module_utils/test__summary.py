# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._summary import (
    combine,
    count_by_severity,
    printable,
    render_text,
    unreachable,
)

HEALTH = {
    "project": "rendiff-prod",
    "verdict": "critical",
    "summary": "Redis is down. It explains 1 other finding.",
    "root_causes": ["redis"],
    "findings": [
        {
            "id": "redis",
            "severity": "critical",
            "summary": "Redis is down.",
            "commands": ["docker start r"],
            "caused_by": None,
        },
        {"id": "queues", "severity": "unknown", "summary": "Nothing is known.", "commands": [], "caused_by": "redis"},
        {"id": "postgres", "severity": "ok", "summary": "Well.", "commands": [], "caused_by": None},
    ],
    "hazards": [{"id": "override_merged", "subject": "x", "summary": "An override is merged."}],
    "checked_at": "2026-11-23T03:00:00Z",
    "seconds": 1.0,
}
WELL = {**HEALTH, "verdict": "ok", "summary": "All is well.", "root_causes": [], "findings": [], "hazards": []}
NOW = "2026-11-23T03:00:01Z"


def test_the_cause_comes_first_then_what_it_explains_then_what_to_type():
    lines = render_text(combine("Rendiff health", {"a": HEALTH}, NOW)).splitlines()
    assert lines[0] == "Rendiff health: CRITICAL"
    assert [line.strip() for line in lines[3:6]] == [
        "CRITICAL  Redis is down.",
        "-> Nothing is known.",
        "next: docker start r",
    ]
    assert lines[6].split() == ["OK", "1", "other", "checks", "are", "well."]
    assert "An override is merged." in lines[7]


def test_one_report_over_several_hosts_has_the_worst_verdict_and_names_the_host():
    report = combine("t", {"a": WELL, "b": HEALTH, "c": unreachable("c", "no route.", NOW)}, NOW)
    assert report["verdict"] == "critical"
    assert report["summary"].startswith("2 of 3 hosts are not well. b: Redis is down.")


def test_a_host_that_gave_no_answer_is_unknown():
    report = combine("t", {"a": WELL, "c": unreachable("c", "no route.", NOW)}, NOW)
    assert report["verdict"] == "unknown"
    assert "Nothing is known of host 'c': no route." in render_text(report)


def test_no_host_at_all_is_unknown():
    assert combine("t", {}, NOW)["verdict"] == "unknown"
    assert combine("t", {"a": WELL, "b": WELL}, NOW)["summary"] == "All 2 hosts are well."


def test_text_from_outside_cannot_steer_a_terminal():
    assert printable("a\x1b[31mb\x07\r\nc\u202e") == "a [31mb   c "


def test_counts_come_worst_first():
    assert list(count_by_severity(HEALTH["findings"]).items()) == [
        ("critical", 1),
        ("unknown", 1),
        ("warning", 0),
        ("ok", 1),
    ]
