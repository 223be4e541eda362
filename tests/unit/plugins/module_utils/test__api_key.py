# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._api_key import hash_key, make_key, plan_row
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._schema import build_tables

NOW = datetime.datetime(2026, 11, 23, 3, 0, tzinfo=datetime.timezone.utc)
AWARE, NAIVE = "timestamp with time zone", "timestamp without time zone"


def table(*columns):
    return build_tables([("api_keys", *column) for column in columns])["api_keys"]


def test_a_key_is_256_random_bits_and_its_hash_is_sha256():
    assert len({make_key() for _number in range(100)}) == 100
    assert len(make_key()) == 43
    assert hash_key("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_row_fits_each_shape_and_never_holds_the_raw_key():
    upstream = table(
        ("id", "uuid", False, False),
        ("name", "character varying", False, False),
        ("key_hash", "character varying", False, False),
        ("key_prefix", "character varying", False, False),
        ("is_active", "boolean", False, False),
        ("created_at", AWARE, False, True),
        ("expires_at", AWARE, True, False),
    )
    row = plan_row(upstream, "raw-key-of-43", "n", "u", NOW)
    assert row["key_hash"] == hash_key("raw-key-of-43")
    assert row["key_prefix"] == "raw-key-"
    assert "raw-key-of-43" not in row.values()
    assert "expires_at" not in row
    runbook = table(("api_key_hash", "character varying", True, False), ("created_at", NAIVE, True, False))
    row = plan_row(runbook, "raw", "n", "u", NOW)
    assert row == {"api_key_hash": hash_key("raw"), "created_at": NOW.replace(tzinfo=None)}


def test_a_column_that_must_be_known_is_named():
    odd = table(("key_hash", "text", False, False), ("tenant", "text", False, False))
    with pytest.raises(OpsError, match="column 'tenant' of api_keys needs a value"):
        plan_row(odd, "raw", "n", "u", NOW)


def test_a_table_without_a_hash_is_refused():
    with pytest.raises(OpsError, match="no column 'key_hash', 'api_key_hash'"):
        plan_row(table(("id", "uuid", False, True)), "raw", "n", "u", NOW)
