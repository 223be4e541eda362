# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._plan import Action, Plan
from ansible_collections.rendiff.ops.plugins.module_utils._plan_file import load_plan, save_plan

PAIRS = [("a", "send"), ('b "odd"\\n one\nover lines', "mark"), ("c", "send")]
PLAN = Plan({}, {}, tuple(Action(*pair) for pair in PAIRS)).plan_id


def test_a_plan_comes_back_as_it_was_kept_also_with_odd_names(tmp_path):
    path = save_plan(str(tmp_path), PLAN, [PAIRS[:1], PAIRS[1:]])
    assert [pair for some in load_plan(str(tmp_path), PLAN) for pair in some] == PAIRS
    assert save_plan(str(tmp_path), PLAN, [PAIRS]) == path


def test_a_plan_under_another_identity_is_refused(tmp_path):
    save_plan(str(tmp_path), "0" * 16, [PAIRS])
    with pytest.raises(OpsError, match="holds another plan"):
        list(load_plan(str(tmp_path), "0" * 16))


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 15, "G" * 16])
def test_what_is_no_identity_never_becomes_a_path(tmp_path, name):
    with pytest.raises(OpsError, match="is no plan_id"):
        list(load_plan(str(tmp_path), name))
