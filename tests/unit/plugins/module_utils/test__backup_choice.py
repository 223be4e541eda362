# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._backup_choice import (
    FILE,
    LOCAL,
    OURS,
    S3,
    SERVICE,
    Entry,
    choose,
    rows_of,
    service_entry,
    surplus,
)
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._mitigation import format_time

from .backup_builders import MANIFEST

NOW = 1_800_000_000.0
DAY = 86_400


def entry(age_days, *, place=LOCAL, kind=OURS, database="rendiff", name=""):
    taken_at = format_time(NOW - age_days * DAY)
    return Entry(name or f"{database}-{age_days}", taken_at, place, kind, 1, "none", "", database)


def names(entries):
    return [each.name for each in entries]


def test_the_latest_is_the_newest_of_this_database_wherever_it_is():
    entries = [entry(3), entry(1, place=S3), entry(2), entry(0, database="other")]
    assert choose(entries, "latest", "rendiff")[0].name == "rendiff-1"


def test_of_two_places_the_near_one_comes_first_and_the_other_is_there_for_when_that_is_damaged():
    assert [each.place for each in choose([entry(1, place=S3), entry(1)], "latest", "rendiff")] == [LOCAL, S3]


def test_what_nobody_knows_is_never_the_latest_beside_what_is_proven():
    newer = entry(0, kind=SERVICE, name="s")
    assert names(choose([newer, entry(3)], "latest", "rendiff")) == ["rendiff-3"]
    assert names(choose([newer], "latest", "rendiff")) == ["s"]
    with pytest.raises(OpsError, match="there is none; there are s"):
        choose([entry(0, kind=SERVICE, database="", name="s")], "latest", "rendiff")


def of_host(host, age_days):
    name = f"{host}-{age_days}"
    manifest = dataclasses.replace(MANIFEST, host=host, name=name)
    return dataclasses.replace(entry(age_days, name=name), manifest=manifest)


def test_the_newer_backup_of_another_host_is_not_the_latest():
    entries = [of_host("a", 2), of_host("b", 1)]
    assert names(choose(entries, "latest", "rendiff", "a")) == ["a-2"]
    assert names(choose(entries, "b-1", "rendiff", "a")) == ["b-1"]
    # A new host, for one that is lost.
    assert names(choose(entries[1:], "latest", "rendiff", "c")) == ["b-1"]
    with pytest.raises(OpsError, match="several others did: a, b"):
        choose(entries, "latest", "rendiff", "c")


def test_no_host_removes_what_another_took():
    entries = [of_host("a", age) for age in (40, 50)] + [of_host("b", age) for age in (60, 70)]
    gone = surplus(entries, keep=1, keep_days=0, drilled=(), now=NOW, host="a")
    assert names(gone) == ["a-50"]


@pytest.mark.parametrize(
    "wanted", ["rendiff_backup_20250127_120000", "20250127_120000", "20250127T120000Z", "2025-01-27T12:00:00Z"]
)
def test_one_is_found_by_its_name_and_by_its_time(wanted):
    found = service_entry("rendiff_backup_20250127_120000.dump.gz", 5, S3)
    assert choose([found, entry(1)], wanted, "rendiff") == [found]


def test_what_is_not_there_is_an_error_that_says_what_is():
    with pytest.raises(OpsError, match="there are rendiff-1"):
        choose([entry(1)], "20250127_120000", "rendiff")
    with pytest.raises(OpsError, match="there is no backup at all"):
        choose([], "latest", "rendiff")


def test_two_of_the_same_second_are_not_mixed_up():
    twice = [entry(1, name="a"), entry(1, name="b")]
    with pytest.raises(OpsError, match="several were taken then: a, b"):
        choose(twice, twice[0].taken_at, "rendiff")


@pytest.mark.parametrize(
    ("name", "encryption"),
    [
        ("postgres/rendiff_backup_20250127_120000.dump.gz", "none"),
        ("ffmpeg_api_backup_20250127_120000.dump.gz.gpg", "gpg"),
        ("rendiff_host-1.example_20250127_120000.sql", "none"),
    ],
)
def test_what_the_services_scripts_leave_is_known_by_its_name(name, encryption):
    found = service_entry(name, 5, S3, "rendiff")
    assert (found.kind, found.encryption, found.taken_at) == (SERVICE, encryption, "2025-01-27T12:00:00Z")


@pytest.mark.parametrize(
    "name",
    [
        "logs/rendiff_backup_20250127_120000.log",
        "manifests/rendiff_backup_20250127_120000.manifest.json",
        "rendiff_backup_20259999_120000.dump.gz",
        "rendiff_backup_20250127_120000.dump.gz.part",
        "notes.txt",
    ],
)
def test_anything_else_is_no_backup(name):
    assert service_entry(name, 5, S3) is None


def test_only_what_is_beyond_the_number_and_too_old_goes():
    entries = [entry(age) for age in (0, 1, 10, 40, 50)]
    assert names(surplus(entries, keep=2, keep_days=30, drilled=(), now=NOW)) == ["rendiff-40", "rendiff-50"]
    assert names(surplus(entries, keep=4, keep_days=30, drilled=(), now=NOW)) == ["rendiff-50"]
    assert names(surplus(entries, keep=2, keep_days=100, drilled=(), now=NOW)) == []


def test_the_newest_proven_one_stays_and_older_proven_ones_do_not():
    entries = [entry(age) for age in (0, 40, 50, 60)]
    drilled = {"rendiff-50", "rendiff-60"}
    assert names(surplus(entries, keep=1, keep_days=0, drilled=drilled, now=NOW)) == ["rendiff-40", "rendiff-60"]


def test_the_last_one_never_goes_and_nothing_of_others_does():
    old = [entry(400)]
    assert surplus(old, keep=0, keep_days=0, drilled=(), now=NOW) == []
    foreign = [entry(500, kind=SERVICE), entry(600, kind=FILE)]
    assert surplus([*old, *foreign], keep=0, keep_days=0, drilled=(), now=NOW) == []


def test_one_row_has_all_places():
    rows = rows_of([entry(2), entry(1), entry(2, place=S3)], {"rendiff-2"}, NOW)
    assert [(row["name"], row["places"]) for row in rows] == [("rendiff-1", [LOCAL]), ("rendiff-2", [LOCAL, S3])]
    assert [row["drill_passed"] for row in rows] == [False, True]
    assert rows[0]["age_s"] == DAY
    # Whoever has no manifest has never been read as a whole.
    assert not rows[0]["verified"]
