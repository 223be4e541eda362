# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
import time

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._artifacts import write_artifacts
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError

WHEN = time.gmtime(0)


def test_artifacts_are_private_and_the_newest_is_linked(tmp_path):
    first = write_artifacts(str(tmp_path), "health_quick", {"report.json": "{}"}, WHEN)
    second = write_artifacts(str(tmp_path), "health_quick", {"report.json": "[]"}, WHEN)
    assert first.endswith("health_quick/19700101T000000Z") and second.endswith("19700101T000000Z-1")
    assert stat.S_IMODE(os.stat(second).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(f"{second}/report.json").st_mode) == 0o600
    assert (tmp_path / "health_quick" / "latest").resolve() == (tmp_path / "health_quick" / os.path.basename(second))
    assert (tmp_path / "health_quick" / "latest" / "report.json").read_text() == "[]"
    assert sorted(os.listdir(second)) == ["report.json"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OpsError, match="Cannot write the report below '.*file/x'.*Set rendiff_artifacts_dir"):
        write_artifacts(str(tmp_path / "file"), "x", {}, WHEN)
