# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._job_files import JobFiles, relative_path
from ansible_collections.rendiff.ops.plugins.module_utils._job_findings import findings_of


@pytest.mark.parametrize(
    ("path", "relative"),
    [
        ("/storage/output/a.mp4", "output/a.mp4"),
        ("/storage/./output//a.mp4", "output/a.mp4"),
        ("/storage/output/../../etc/passwd", ""),
        ("/storage", ""),
        ("/storagex/a", ""),
        ("s3://bucket/a.mp4", ""),
        ("output/a.mp4", ""),
        ("", ""),
    ],
)
def test_only_what_is_below_the_storage_is_a_file_of_it(path, relative):
    assert relative_path(path, "/storage") == relative
    assert relative_path(path, "/storage/") == relative


@pytest.fixture(name="files")
def fixture_files(tmp_path):
    (tmp_path / "output" / "deep").mkdir(parents=True)
    (tmp_path / "input").mkdir()
    for name in ("output/a.mp4", "output/deep/b.mp4", "output/lost.mp4", "input/given.mp4"):
        (tmp_path / name).write_bytes(b"12345")
    return JobFiles({"path": "/storage", "source": str(tmp_path)})


def test_what_is_promised_and_not_there_is_told_and_what_nobody_knows(files):
    files.add("1", "completed", "/storage/output/a.mp4", "/storage/input/given.mp4")
    files.add("2", "completed", "/storage/output/deep/b.mp4", "")
    files.add("3", "completed", "/storage/output/gone.mp4", "")
    files.add("4", "completed", "s3://elsewhere/x.mp4", "")
    files.add("5", "queued", "/storage/output/not-yet.mp4", "")
    assert (files.checked, files.missing, files.elsewhere) == (3, 1, 1)
    assert files.missing_sample == ["3"]
    assert files.unknown() == {"count": 1, "bytes": 5, "sample": ["output/lost.mp4"], "cut": False}


def test_no_link_is_followed(files, tmp_path):
    os.symlink("/etc", tmp_path / "output" / "etc")
    os.symlink("/nowhere", tmp_path / "output" / "dangling.mp4")
    files.add("1", "completed", "/storage/output/dangling.mp4", "")
    assert files.missing == 0
    assert not [name for name in files.unknown()["sample"] if "passwd" in name]


def test_a_storage_with_too_many_files_is_not_walked_to_its_end(files, monkeypatch):
    monkeypatch.setattr("ansible_collections.rendiff.ops.plugins.module_utils._job_files.FILES_MAX", 2)
    files.add("1", "queued", "/storage/output/x.mp4", "")
    assert files.unknown()["cut"]


def test_it_is_told_in_sentences():
    without = {"count": 2, "bytes": 10, "sample": ["output/a"], "cut": True}
    files = {"checked": 5, "elsewhere": 0, "missing": 1, "missing_sample": ["x"], "without_row": without}
    jobs = {"verdicts": {}, "list": [], "would": {}, "poison_messages": 0, "unsure": "", "blind": "", "files": files}
    said = {finding.id: finding.summary for finding in findings_of(jobs, "p")}
    assert said["jobs.files_missing"] == "1 of 5 jobs that are done have no output in the storage."
    assert said["jobs.files_unknown"].startswith("At least 2 files (10 bytes)")
    assert "jobs.files_missing" not in {finding.id for finding in findings_of({**jobs, "files": None}, "p")}
