# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._postgres import _copy_text


@pytest.mark.parametrize(
    "rows, text",
    [
        ([], ""),
        ([("a", "b"), ("c", "")], "a\tb\nc\t\n"),
        ([("a", None)], "a\t\\N\n"),
        ([("a\tb", "c\nd"), ("\\N", "e\rf")], "a\\tb\tc\\nd\n\\\\N\te\\rf\n"),
        # As many tabs and lines as there should be, but not where they should be.
        ([("a\tb",), ("c",)], "a\\tb\nc\n"),
        ([("a\nb",)], "a\\nb\n"),
    ],
)
def test_rows_are_written_as_copy_reads_them(rows, text):
    assert _copy_text(rows) == text
