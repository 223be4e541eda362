# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._backup_manifest import StoredFile
from ansible_collections.rendiff.ops.plugins.module_utils._backup_places import LocalStore, is_older
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError

from .backup_builders import MANIFEST

PLAIN = dataclasses.replace(MANIFEST, encryption="none", files=(StoredFile("database.dump", 5, "a", 5, "a"),))


@pytest.fixture(name="store")
def fixture_store(tmp_path):
    folder = tmp_path / "backups" / MANIFEST.name
    folder.mkdir(parents=True)
    (folder / "database.dump").write_bytes(b"PGDMP")
    (folder / "manifest.json").write_text(PLAIN.text(), encoding="utf-8")
    return LocalStore(str(tmp_path / "backups"), str(tmp_path / "service"))


def test_a_backup_that_lost_a_part_is_none(store, tmp_path):
    assert [each.name for each in store.entries()[0]] == [MANIFEST.name]
    (tmp_path / "backups" / MANIFEST.name / "database.dump").write_bytes(b"PG")
    found, broken = store.entries()
    assert found == []
    assert "database.dump is not whole on this host" in broken[0]


def test_a_folder_that_was_renamed_is_not_listed_under_the_name_that_it_had(store, tmp_path):
    (tmp_path / "backups" / MANIFEST.name).rename(tmp_path / "backups" / "rendiff-20200101T000000Z")
    found, broken = store.entries()
    assert found == []
    assert f"its manifest is of '{MANIFEST.name}'" in broken[0]


def test_only_what_a_killed_run_left_long_ago_is_swept(store, tmp_path):
    backups = tmp_path / "backups"
    for name in ("rendiff-20200101T000000Z", "rendiff-20990101T000000Z", "restore-of-last-year", "ledgers"):
        (backups / name).mkdir()
        (backups / name / "database.dump").write_bytes(b"half")
    assert store.sweep(1_800_000_000.0) == ["rendiff-20200101T000000Z"]
    left = {path.name for path in backups.iterdir()}
    assert left == {MANIFEST.name, "rendiff-20990101T000000Z", "restore-of-last-year", "ledgers"}


def test_what_cannot_be_removed_is_an_error_in_a_sentence(store):
    with pytest.raises(OpsError, match="Cannot remove backup 'rendiff-20200101T000000Z': No such file"):
        store.remove("rendiff-20200101T000000Z")


@pytest.mark.parametrize(
    ("name", "older"),
    [("a-20200101T000000Z", True), ("a-20990101T000000Z", False), ("a-20209999T000000Z", False), ("../x", False)],
)
def test_only_a_name_of_a_backup_has_an_age(name, older):
    assert is_older(name, 1_800_000_000.0) is older


def test_a_manifest_of_another_format_is_told(store, tmp_path):
    path = tmp_path / "backups" / MANIFEST.name / "manifest.json"
    path.write_text(json.dumps({**json.loads(PLAIN.text()), "format": 9}), encoding="utf-8")
    assert "its format is 9" in store.entries()[1][0]
