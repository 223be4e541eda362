# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._progress import Progress, progress_line


def test_how_far_it_is_is_read_back_as_a_line(tmp_path):
    path = tmp_path / "folder" / "now"
    with Progress(str(path)) as progress:
        assert progress_line(path.read_text(encoding="utf-8")) == "look, 0 s"
        progress.note("send", 20_000, 20_000)
        assert progress_line(path.read_text(encoding="utf-8")) == "send: 20,000 of 20,000 (100 %), 0 s"
    assert not path.exists()


@pytest.mark.parametrize("raw", ["", "no json", "[]", "{}", json.dumps({"step": "x", "done": None})])
def test_what_is_no_progress_is_no_line(raw):
    assert progress_line(raw) == ""
