# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import stat

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._timeline import (
    Timeline,
    describe_result,
    tidy,
    timeline_path,
)


@pytest.mark.parametrize("incident", ["", "..", "../x", "a/b", ".hidden", "a b", "x" * 65, "a..b"])
def test_an_id_that_is_no_plain_name_has_no_file(incident):
    assert timeline_path("/artifacts", incident) is None


def test_a_plain_one_stays_below_the_artifacts():
    assert timeline_path("/artifacts", "INC-42") == "/artifacts/incidents/INC-42/timeline.jsonl"


def test_secrets_are_masked_by_name_and_by_look_and_long_things_are_cut():
    value = {
        "login_password": "x",
        "url": "redis://:hunter2@r",
        "deep": {"a": {"b": {"c": {"d": 1}}}},
        "text": "a " * 400,
    }
    told = tidy(value)
    assert told["login_password"] == "********" and "hunter2" not in told["url"]
    assert told["deep"]["a"]["b"] == {"c": "1 fields"}
    assert told["text"].endswith("(800 characters)") and len(tidy(list(range(100)))) == 40


def test_an_outcome_has_before_and_after_and_why_it_failed():
    changed = {"changed": True, "diff": {"before": {"n": 1}, "after": {"n": 2}}}
    assert describe_result(changed, "changed") == {
        "status": "changed",
        "changed": True,
        "before": {"n": 1},
        "after": {"n": 2},
    }
    assert describe_result({"msg": "token=abc"}, "failed")["message"] == "token=********"
    assert "message" not in describe_result({"msg": "fine"}, "ok")
    assert describe_result({"diff": [{"prepared": "x"}]}, "ok") == {"status": "ok", "changed": False}


def test_events_are_whole_lines_in_a_private_file(tmp_path):
    path = str(tmp_path / "incidents" / "i" / "timeline.jsonl")
    timeline = Timeline(path)
    timeline.add({"event": "start"})
    timeline.add({"event": "end\n"})
    with open(path, encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream]
    assert [line["event"] for line in lines] == ["start", "end\n"]
    assert all(line["at"].endswith("Z") and len(line["at"]) == 24 for line in lines)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "incidents").st_mode) == 0o700
