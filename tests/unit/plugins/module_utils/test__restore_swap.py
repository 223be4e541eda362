# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._restore_swap import carry

from .test__restore_plan import held

SETTINGS = {("", "work_mem"): "8MB", ("app", "search_path"): '"$user", public'}


def test_what_the_new_one_lacks_goes_on_and_what_differs_is_told():
    old = held("rendiff", settings=SETTINGS, owner="app", limit=50, grants=frozenset([("reader", "CONNECT", False)]))
    new = held(
        "rendiff_restore",
        settings={("", "work_mem"): "4MB", ("", "jit"): "off"},
        owner="admin",
        grants=frozenset([("", "CONNECT", False)]),
    )
    carried = carry(old, new)
    assert carried.settings == {("app", "search_path"): '"$user", public'}
    assert (carried.owner, carried.limit) == ("app", 50)
    assert carried.given == (("reader", "CONNECT", False),) and carried.taken == (("", "CONNECT", False),)
    assert carried.told == (
        "The setting work_mem is '4MB' in the backup; it was '8MB'.",
        "The setting search_path of role 'app' is carried over.",
        "The setting jit is of the backup; it was not set.",
        "The rights on the database are carried over.",
        "The owner stays 'app'.",
        "The limit of sessions stays 50.",
    )


@pytest.mark.parametrize("old", [None, held("rendiff", settings=SETTINGS)])
def test_what_is_the_same_is_left_alone(old):
    carried = carry(old, held("rendiff_restore", settings=SETTINGS))
    assert not (carried.settings or carried.told or carried.owner or carried.given or carried.taken)
    assert carried.limit is None
