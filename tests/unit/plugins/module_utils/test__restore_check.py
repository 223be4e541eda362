# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._restore_check import (
    check_live,
    parse_free,
    space_needed,
)
from ansible_collections.rendiff.ops.plugins.module_utils._restore_marker import BEFORE, LIVE
from ansible_collections.rendiff.ops.plugins.module_utils._restore_verify import differences

from .test__restore_plan import held, marker
from .test__restore_result import MANIFEST

DF = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 100 60 40 60% /var/lib/postgresql/data\n"


@pytest.mark.parametrize(
    ("output", "free"), [(DF, 40 * 1024), ("", None), ("df: no such file", None), ("a b c d e f", None)]
)
def test_the_room_is_read_from_df(output, free):
    assert parse_free(output) == free


def test_what_is_not_told_is_guessed_rather_too_large():
    assert space_needed(MANIFEST, 10) == 1100
    assert space_needed(None, 1000) == 6600


def test_only_the_services_own_database_is_restored():
    check_live("rendiff", None)
    check_live("rendiff", held("rendiff", marker(LIVE)))
    with pytest.raises(OpsError, match="it is the server's own"):
        check_live("postgres", None)
    name = "rendiff_before_20261127T130000Z"
    with pytest.raises(OpsError, match="Pass login_db=rendiff"):
        check_live(name, held(name, marker(BEFORE)))


def test_a_backup_is_what_it_says_row_by_row():
    assert differences(MANIFEST, {"public.jobs": 5, "public.api_keys": 2, "public.new": 1}, ["r2", "r1"]) == []
    assert differences(MANIFEST, {"public.jobs": 4}, []) == [
        "table 'public.api_keys' is missing",
        "table 'public.jobs' has 4 rows, and the backup has 5",
        "the schema's revision is none, and the backup has r1, r2",
    ]
