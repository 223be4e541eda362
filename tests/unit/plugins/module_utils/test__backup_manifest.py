# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._backup_manifest import (
    DUMP,
    backup_name,
    check_name,
    parse_manifest,
)
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError

from .backup_builders import FILES, MANIFEST


def changed(**parts):
    return json.dumps({**json.loads(MANIFEST.text()), **parts})


def test_what_is_written_is_read_again():
    assert parse_manifest(MANIFEST.text(), "x") == MANIFEST
    assert MANIFEST.stored_bytes == 15
    assert MANIFEST.file(DUMP) == FILES[0]
    assert dataclasses.replace(MANIFEST, encryption="none").file(DUMP) is None


def test_one_of_before_it_told_the_locale_is_read():
    told = json.loads(MANIFEST.text())
    del told["locale"], told["icu_rules"]
    assert parse_manifest(json.dumps(told), "x") == MANIFEST


def test_what_a_newer_one_adds_is_passed_over():
    assert parse_manifest(changed(something_new=1), "x") == MANIFEST


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "it is not whole"),
        ("[]", "it is not whole"),
        (MANIFEST.text()[:-20], "it is not whole"),
        (changed(format=2), "its format is 2, known is 1"),
        (changed(taken_at="yesterday"), "it is not whole"),
        (changed(encryption="rot13"), "it is not whole"),
        (changed(name="../../etc"), "does not describe a backup"),
        (changed(files=[dataclasses.asdict(FILES[1])]), "does not describe a backup"),
        (changed(files=[{**dataclasses.asdict(FILES[0]), "name": "../x"}]), "does not describe a backup"),
        (changed(tables={"public.jobs": -1}), "does not describe a backup"),
        (changed(tables=None), "it is not whole"),
    ],
)
def test_what_is_no_manifest_is_an_error_without_a_traceback(text, cause):
    with pytest.raises(OpsError, match=cause):
        parse_manifest(text, "x")


@pytest.mark.parametrize("database", ["rendiff", "a'b;$(c)/../d", "", "x" * 200])
def test_the_name_of_any_database_makes_a_name_that_a_path_bears(database):
    name = backup_name(database, "2026-01-20T03:15:00Z")
    assert check_name(name, "test") == name
    assert name.endswith("-20260120T031500Z")


@pytest.mark.parametrize("name", ["", "..", "a/b-20260120T031500Z", "rendiff", "rendiff-20260120T031500Z\n"])
def test_no_path_passes_for_a_name(name):
    with pytest.raises(OpsError, match="no name of a backup"):
        check_name(name, "remove a backup")
