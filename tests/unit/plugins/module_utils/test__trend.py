# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._trend import add_trend, hours_to_full


def health(hour, used, **changes):
    return {
        "checked_at": f"2026-11-23T{hour:02d}:00:00Z",
        "verdict": "ok",
        "summary": "All well.",
        "root_causes": [],
        "findings": [{"id": "api", "severity": "ok", "caused_by": None}],
        "measurements": {
            "storage": {"used_bytes": used, "free_bytes": 100, "path": "/s", "seen_from": "host", "full_within_h": 24}
        },
        **changes,
    }


def test_the_rate_since_earlier_reports_tells_when_it_is_full():
    told = add_trend(health(10, 100), [health(0, 0)])
    assert told["measurements"]["storage"]["full_in_h"] == 10.0
    assert (told["verdict"], told["root_causes"]) == ("warning", ["storage.trend"])
    assert told["findings"][0]["id"] == "storage.trend" and "10 hours" in told["summary"]


def test_a_slow_filling_is_measured_and_no_finding():
    told = add_trend(health(10, 10), [health(0, 0)])
    assert told["measurements"]["storage"]["full_in_h"] == 100.0 and told["verdict"] == "ok"


def test_nothing_is_claimed_without_a_past_or_without_growth():
    assert add_trend(health(10, 10), []) == health(10, 10)
    assert add_trend(health(10, 10), [health(0, 50)]) == health(10, 10)
    assert add_trend({"odd": 1}, [{}]) == {"odd": 1}


def test_reports_too_near_or_too_old_tell_nothing():
    assert hours_to_full([(900.0, 0.0)], (1000.0, 10.0), 100.0) is None
    assert hours_to_full([(0.0, 0.0)], (9e9, 10.0), 100.0) is None


def test_a_storage_that_is_full_already_is_not_told_twice():
    full = [{"id": "storage.full", "severity": "critical", "caused_by": None}]
    told = add_trend(health(10, 100, findings=full, verdict="critical"), [health(0, 0)])
    assert [finding["id"] for finding in told["findings"]] == ["storage.full"]
