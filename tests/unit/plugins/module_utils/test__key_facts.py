# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._key_facts import Destination, key_ids, owner_id, place_of
from ansible_collections.rendiff.ops.plugins.module_utils._keys import Key


@pytest.mark.parametrize(
    "authority, place",
    [
        ("s3://bucket", "s3://bucket"),
        ("https://user:secret@host.example:8443", "https://host.example:8443"),
        ("https://[2001:db8::1", "an address in no known form"),
        ("https://host:99999", "an address in no known form"),
        ("https://\x1b[31mhost", "an address in no known form"),
    ],
    ids=range(5),
)
def test_a_place_is_scheme_and_host_and_no_secret(authority, place):
    assert place_of(authority) == place


def test_a_place_is_foreign_where_nobody_ever_sent_there():
    assert Destination("output", "s3://b", 1, 0, 0).is_foreign
    assert not Destination("output", "s3://b", 1, 1, 0).is_foreign
    assert not Destination("output", "s3://b", 1, 0, 1).is_foreign


def test_the_owner_of_a_job_is_known_by_id_hash_and_the_key_itself():
    digest = hashlib.sha256(b"raw").hexdigest()
    known = key_ids([Key("K-1", digest, "", "", "", True, False, None, None, None, None, None)])
    assert [owner_id(known, name) for name in ("k-1", digest, "raw", "else")] == ["K-1", "K-1", "K-1", ""]
