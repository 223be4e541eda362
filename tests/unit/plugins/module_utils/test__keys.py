# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._keys import moment


@pytest.mark.parametrize(
    "seconds, text",
    [(None, None), (0.0, "1970-01-01T00:00:00Z"), (1.9, "1970-01-01T00:00:01Z"), (float("inf"), None)],
)
def test_a_time_is_told_in_utc_and_one_that_never_comes_is_none(seconds, text):
    assert moment(seconds) == text
