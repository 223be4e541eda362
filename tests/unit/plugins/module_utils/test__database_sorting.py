# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._database_sorting import Sorting, sorting_of

LIBC = {"datcollate": "en_US.utf8", "datctype": "C.utf8"}
ALWAYS = (("ENCODING", "UTF8"), ("LC_COLLATE", "en_US.utf8"), ("LC_CTYPE", "C.utf8"))


@pytest.mark.parametrize(
    ("row", "more"),
    [
        pytest.param({}, (), id="14"),
        pytest.param({"datlocprovider": "c", "daticulocale": None}, (), id="15, libc"),
        pytest.param(
            {"datlocprovider": "i", "daticulocale": "de-DE"},
            (("LOCALE_PROVIDER", "icu"), ("ICU_LOCALE", "de-DE")),
            id="15, ICU",
        ),
        pytest.param(
            {"datlocprovider": "i", "daticulocale": "und", "daticurules": "&a < g"},
            (("LOCALE_PROVIDER", "icu"), ("ICU_LOCALE", "und"), ("ICU_RULES", "&a < g")),
            id="16, rules",
        ),
        pytest.param(
            {"datlocprovider": "i", "datlocale": "sv", "daticurules": None},
            (("LOCALE_PROVIDER", "icu"), ("ICU_LOCALE", "sv")),
            id="17, ICU",
        ),
        pytest.param(
            {"datlocprovider": "b", "datlocale": "C.UTF-8"},
            (("LOCALE_PROVIDER", "builtin"), ("BUILTIN_LOCALE", "C.UTF-8")),
            id="17, builtin",
        ),
    ],
)
def test_a_row_of_any_version_makes_the_options_of_one_that_sorts_as_it(row, more):
    found = sorting_of("UTF8", {**LIBC, **row})
    assert found.options() == (*ALWAYS, *more) and not found.lacks_locale


@pytest.mark.parametrize(("provider", "lacks"), [("c", False), ("i", True), ("b", True)])
def test_only_libc_can_do_without_a_locale_of_its_own(provider, lacks):
    assert Sorting("UTF8", "C", "C", provider).lacks_locale == lacks
