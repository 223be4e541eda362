# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._database_sorting import Sorting
from ansible_collections.rendiff.ops.plugins.module_utils._restore_load import sorting_wanted

from .backup_builders import MANIFEST
from .test__restore_plan import held

GERMAN = Sorting("UTF8", "C", "C", "i", "de-DE", "&a < g")
SWEDISH = Sorting("LATIN1", "sv_SE", "sv_SE", "i", "sv")
TOLD = dataclasses.replace(MANIFEST, locale_provider="i", locale="de-DE", icu_rules="&a < g")
UNTOLD = dataclasses.replace(MANIFEST, locale_provider="i")


@pytest.mark.parametrize(
    ("manifest", "live", "wanted"),
    [
        pytest.param(TOLD, None, GERMAN, id="as the backup"),
        pytest.param(TOLD, SWEDISH, GERMAN, id="as the backup, whatever the live one is"),
        pytest.param(MANIFEST, SWEDISH, Sorting("UTF8", "C", "C"), id="libc, whatever the live one is"),
        pytest.param(UNTOLD, SWEDISH, Sorting("UTF8", "C", "C", "i", "sv"), id="an old one, the live one's locale"),
        pytest.param(None, SWEDISH, SWEDISH, id="as the live one, where the backup tells nothing"),
        pytest.param(None, None, None, id="as the server likes"),
    ],
)
def test_the_database_sorts_as_the_backup_says_and_else_as_the_live_one(manifest, live, wanted):
    assert sorting_wanted(manifest, live and held("rendiff", sorting=live)) == wanted


@pytest.mark.parametrize("live", [None, Sorting("UTF8", "C", "C"), Sorting("UTF8", "C", "C", "b", "C.UTF-8")])
def test_no_locale_is_taken_of_a_live_database_with_another_provider(live):
    assert sorting_wanted(UNTOLD, live and held("rendiff", sorting=live)).lacks_locale
