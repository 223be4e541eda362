# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._job_findings import findings_of, for_report


def jobs(**changes):
    usual = {
        "verdicts": {"waiting": 2, "running": 1},
        "would": {},
        "list": [],
        "poison_messages": 0,
        "unsure": "",
        "blind": "",
    }
    return {**usual, **changes}


def test_where_all_is_well_one_sentence_says_so():
    report = for_report(jobs(), "rendiff")
    assert report["verdict"] == "ok" and report["root_causes"] == []
    said = [finding["summary"] for finding in report["findings"]]
    assert said == ["2 jobs wait, each with its message, and 1 is run."]


@pytest.mark.parametrize(
    "verdict, severity",
    [
        ("lost", "critical"),
        ("orphan", "critical"),
        ("hung", "critical"),
        ("unknown", "unknown"),
        ("poison", "warning"),
        ("duplicate", "warning"),
        ("ghost", "warning"),
    ],
)
def test_each_verdict_has_its_weight_and_both_numbers(verdict, severity):
    one, several = (for_report(jobs(verdicts={verdict: count}), "rendiff") for count in (1, 3))
    assert one["verdict"] == severity and one["root_causes"] == [f"jobs.{verdict}"]
    assert one["findings"][0]["summary"].startswith("1 job ")
    assert several["findings"][0]["summary"].startswith("3 jobs ")


def test_the_next_command_is_named_where_it_would_do_something():
    listed = [{"job_id": "j", "verdict": "lost", "why": "no queue and no worker has it", "would": "send"}]
    found = findings_of(jobs(verdicts={"lost": 1}, list=listed), "rendiff")[0]
    assert found.commands == ("ansible-playbook rendiff.ops.reconcile",)
    assert found.evidence["jobs"] == ["j: no queue and no worker has it"]
    hung = [{"job_id": "j", "verdict": "hung", "why": "w runs it", "would": None}]
    command = findings_of(jobs(verdicts={"hung": 1}, list=hung), "rendiff")[0].commands[0]
    assert '"state": "cancelled", "terminate": true, "job_ids": ["j"]' in command


def test_what_is_missing_to_judge_is_unknown_and_poison_is_critical():
    found = {finding.id: finding.severity for finding in findings_of(jobs(unsure="a", blind="b"), "rendiff")}
    assert (found["jobs.unsure"], found["jobs.blind"]) == ("unknown", "unknown")
    found = {finding.id: finding for finding in findings_of(jobs(poison_messages=1, would={"mark": 1}), "rendiff")}
    assert found["jobs.poison_messages"].summary.startswith("1 message in") and "jobs.marked" in found
