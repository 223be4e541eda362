# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._thresholds import (
    DEFAULTS,
    THRESHOLD_ARGUMENTS,
    read_thresholds,
)


def test_what_is_not_given_has_its_default():
    assert read_thresholds({"job_wait_s": 5, "api_p95_s": None}) == {**DEFAULTS, "job_wait_s": 5}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"log_errors": -1}, "-1 is below zero"),
        ({"storage_critical": 95.0}, "Give a share between 0 and 1"),
        ({"storage_warning": 0.99}, "lies above storage_critical"),
        ({"connections_critical": 0.5}, "lies above connections_critical"),
        ({"certificate_critical_d": 60}, "lies above certificate_warning_d"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, words):
    with pytest.raises(OpsError, match="Cannot use the threshold") as caught:
        read_thresholds(given)
    assert words in str(caught.value)


def test_options_and_defaults_are_one_table():
    options = THRESHOLD_ARGUMENTS.options["thresholds"]["options"]
    assert {name: option["default"] for name, option in options.items()} == dict(DEFAULTS)
