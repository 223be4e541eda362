# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._prometheus import (
    JOBS,
    REQUESTS,
    judge_prometheus,
    locate,
    number_of,
)

from .builders import replica, stack


@pytest.mark.parametrize(
    ("series", "value"),
    [
        ([], None),
        ([{"value": [1, "NaN"]}], None),
        ([{"value": [1, "+Inf"]}], None),
        ([{"value": [1, "0.25"]}], 0.25),
        ([{}], None),
    ],
)
def test_only_a_number_is_a_number(series, value):
    assert number_of(series) == value


def test_it_is_where_the_option_says_or_the_projects_own():
    own = stack(replica("prometheus", address="10.0.0.9"))
    assert locate(own, None) == "http://10.0.0.9:9090"
    assert locate(own, "http://monitoring:3000/") == "http://monitoring:3000"
    assert locate(stack(replica("api")), None) == ""


def facts(burn=(0.0, 0.0), up=True, series=0.1, targets=1):
    target = {"job": "api", "instance": "i:1", "up": up, "error": "refused"}
    return {
        "targets": [target] * targets,
        "up": 1,
        "percentiles": {REQUESTS: {"p50": series}, JOBS: {"p50": None}},
        "burn": [{"factor": 14.4, "windows": ["1h", "5m"], "rates": list(burn), "severity": "critical"}],
    }


def judged(**changes):
    return {found.id: found for found in judge_prometheus(facts(**changes), "http://p", 0.999)}


def test_well_says_plainly_which_series_are_missing():
    (found,) = judged().values()
    assert found.severity == "ok" and f"No recent series of {JOBS}" in found.summary and REQUESTS not in found.summary


def test_a_target_that_is_down_is_named():
    assert judged(up=False)["metrics.target.i:1"].severity == "warning"
    assert judged(targets=0)["metrics.targets"].severity == "warning"


@pytest.mark.parametrize(
    ("burn", "alarm"), [((20.0, 20.0), True), ((20.0, 1.0), False), ((1.0, 20.0), False), ((None, 20.0), False)]
)
def test_both_windows_must_burn(burn, alarm):
    assert ("slo.burn.1h" in judged(burn=burn)) == alarm
