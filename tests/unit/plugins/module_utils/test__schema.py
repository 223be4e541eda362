# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._schema import build_tables, introspect, require


def test_known_columns_are_found_under_their_aliases():
    keys = build_tables([("api_keys", "request_count", "bigint", True, False)])["api_keys"]
    assert keys.column("requests").name == "request_count"
    assert keys.has("requests") and not keys.has("prefix")


def test_the_first_alias_wins():
    rows = [("api_keys", "api_key_hash", "text", True, False), ("api_keys", "key_hash", "text", True, False)]
    assert build_tables(rows)["api_keys"].column("hash").name == "key_hash"


def test_a_missing_table_is_named_with_what_there_is():
    tables = introspect(lambda statement, parameters: [("jobs", "id", "uuid", False, True)])
    assert require(tables, "jobs").name == "jobs"
    with pytest.raises(OpsError, match="Cannot find the table 'api_keys': the database has jobs"):
        require(tables, "api_keys")
