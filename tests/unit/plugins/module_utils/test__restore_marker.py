# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._restore_marker import (
    BEFORE,
    LIVE,
    UNDONE,
    Marker,
    is_kept_name,
    kept_name,
    of_people,
    option_matches,
    parse_marker,
    staging_name,
)

NOW = 1_795_784_400.0
LONG = "d" * 63
WIDE = "ä" * 31


@pytest.mark.parametrize("database", ["rendiff", 'we"ird %s', LONG, WIDE])
def test_names_are_no_longer_than_the_server_takes_and_are_recognised(database):
    kept = kept_name(database, BEFORE, NOW)
    for name in (staging_name(database), kept):
        assert len(name.encode()) <= 63
    assert staging_name(database).endswith("_restore") and kept.endswith("_before_20261127T130000Z")
    assert is_kept_name(kept, database) and is_kept_name(kept_name(database, UNDONE, NOW), database)
    assert not is_kept_name(kept, database[:-1]) and not is_kept_name(staging_name(database), database)


def test_long_names_that_begin_alike_stay_apart():
    assert staging_name(LONG) != staging_name("d" * 62 + "e")
    assert kept_name(LONG, BEFORE, NOW) != kept_name("d" * 62 + "e", BEFORE, NOW)


@pytest.mark.parametrize(
    "name",
    [
        "rendiff",
        "rendiff_before",
        "rendiff_before_20261127",
        "rendiff_after_20261127T130000Z",
        "rendiff_before_20261127T130000Z_x",
        "other_before_20261127T130000Z",
        "_before_20261127T130000Z",
    ],
)
def test_any_other_name_is_none_that_was_kept(name):
    assert not is_kept_name(name, "rendiff")


@pytest.mark.parametrize(
    "comment", [None, "", "of people", '{"a": 1}', "[]", '"x"', '{"rendiff_ops": 5}', '{"rendiff_ops": {}}']
)
def test_a_comment_of_people_is_no_marker(comment):
    assert parse_marker(comment) is None
    assert of_people(comment) == comment


def test_a_marker_is_read_as_it_was_written_and_keeps_what_people_wrote():
    first = Marker(LIVE, "rendiff", backup="b", sha256="s", previous="p", comment="ask Ada, 50 %")
    second = Marker(BEFORE, "rendiff", backup="b", comment=first.text())
    assert parse_marker(second.text()) == second
    assert json.loads(first.text())["rendiff_ops"] == {
        "state": "live",
        "of": "rendiff",
        "backup": "b",
        "sha256": "s",
        "previous": "p",
    }
    assert of_people(second.text()) == "ask Ada, 50 %"
    assert of_people(Marker(LIVE, "rendiff").text()) is None


def test_a_marker_of_a_newer_version_is_read_as_far_as_it_is_known():
    told = {"rendiff_ops": {"state": "live", "of": "rendiff", "colour": "red"}}
    assert parse_marker(json.dumps(told)) == Marker(LIVE, "rendiff")


def test_an_option_means_the_backup_by_its_name_or_as_it_was_asked_for():
    marker = Marker(LIVE, "rendiff", backup="rendiff-1", asked="/tmp/a.dump")
    assert all(option_matches(wanted, marker) for wanted in ("latest", "rendiff-1", "/tmp/a.dump"))
    assert not option_matches("rendiff-2", marker)
