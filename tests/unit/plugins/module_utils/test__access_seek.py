# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gzip
import random

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils import _access_file as files
from ansible_collections.rendiff.ops.plugins.module_utils import _access_seek as seeks
from ansible_collections.rendiff.ops.plugins.module_utils._access_extract import extract
from ansible_collections.rendiff.ops.plugins.module_utils._access_file import open_segments
from ansible_collections.rendiff.ops.plugins.module_utils._access_log import make_settings
from ansible_collections.rendiff.ops.plugins.module_utils._access_seek import MARGIN_S, from_time, newest_second
from ansible_collections.rendiff.ops.plugins.module_utils._access_source import from_paths

from .access_builders import START, clf, look_at, options, traefik, uvicorn, write_log

SECONDS = 10_000
SINCE = 9_000


def nearly_in_order(form, source):
    """Yield lines by when they ended; one of twenty took up to five minutes and stands among later ones."""
    ended = []
    for second in range(SECONDS):
        for _index in range(10):
            took = source.randrange(300) if source.random() < 0.05 else source.random()
            ended.append((second + took, second))
    return [form(f"203.0.113.{second % 200}", second) for _when, second in sorted(ended)]


@pytest.fixture(name="read_bytes")
def fixture_read_bytes(monkeypatch):
    """Count what is read of any file."""
    read, pread = [], files.os.pread

    def counted(descriptor, size, place):
        piece = pread(descriptor, size, place)
        read.append(len(piece))
        return piece

    monkeypatch.setattr(files.os, "pread", counted)
    return read


@pytest.mark.parametrize("form", [clf, traefik])
def test_of_a_large_log_only_what_may_matter_is_read_and_no_line_is_lost(form, tmp_path, read_bytes):
    lines = nearly_in_order(form, random.Random(5))
    path = write_log(tmp_path / "log", lines)
    size = path.stat().st_size
    assert size > 8 << 20
    result = look_at(path, since="2026-11-23T05:42:45Z")
    assert result["requests"] == (SECONDS - SINCE) * 10 and result["complete"]
    assert sum(read_bytes) < size * 0.25
    assert result["source"]["bytes"] + result["source"]["bytes_before"] == size
    assert result["window"]["before"] is None
    # With a baseline before the window, from its beginning on.
    compared = look_at(path, since="2026-11-23T05:42:45Z", baseline_s=3600)
    assert compared["window"]["baseline_requests"] == 3600 * 10
    assert compared["requests"] == result["requests"]
    assert 0 < compared["source"]["bytes_before"] < result["source"]["bytes_before"]


def test_an_extract_reads_no_more_and_loses_nothing(tmp_path, read_bytes):
    lines = nearly_in_order(clf, random.Random(6))
    path = write_log(tmp_path / "log", lines)
    wanted = [line for line in lines if newest_second(b"\n" + line + b"\n") >= START + SINCE]
    settings = make_settings(options(since="2026-11-23T05:42:45Z"), START + SECONDS)
    told = extract(from_paths([str(path)]), settings, str(tmp_path / "kept"), 60)
    assert (tmp_path / "kept").read_bytes().splitlines() == wanted
    assert told["lines"] == (SECONDS - SINCE) * 10 and told["complete"]
    assert sum(read_bytes) < path.stat().st_size * 0.25


def test_a_window_after_all_of_it_tells_that_nothing_is_within(tmp_path):
    path = write_log(tmp_path / "log", nearly_in_order(clf, random.Random(7)))
    result = look_at(path, since="2026-11-24T05:42:45Z", now=START + 10**6)
    assert (result["requests"], result["complete"]) == (0, True)
    assert "none of its requests is within what was asked for" in result["summary"]


@pytest.mark.parametrize("second", [-99, 0, 1, 500, 9_999, 99_999])
@pytest.mark.parametrize("late", [0, 5, MARGIN_S - 1])
def test_all_lines_of_the_time_lie_behind_the_place(second, late, tmp_path):
    source = random.Random(second)
    times = [max(0, index // 5 - source.randrange(late + 1)) for index in range(50_000)]
    path = write_log(tmp_path / "log", [clf(second=moment) for moment in times])
    (segment,) = open_segments([str(path)])
    found = from_time(segment, START + second, 1)
    content = path.read_bytes()
    assert content[: found.start].endswith(b"\n") or not found.start
    passed = content[: found.start].count(b"\n")
    assert all(moment < second for moment in times[:passed])
    # No more than the margin and two probes is read too much.
    assert passed == 0 or sum(moment < second for moment in times) - passed < 5 * (MARGIN_S + late + 2) + 1_400


@pytest.mark.parametrize(
    "lines",
    [
        [uvicorn()] * 5_000,
        [b"noise"] * 50_000,
        [b"x" * 9_000_000],
        [clf(second=9_000 - index) for index in range(9000)],
    ],
    ids=["no time", "no lines", "one line", "backwards"],
)
def test_a_log_that_tells_no_time_is_read_from_its_beginning(lines, tmp_path):
    (segment,) = open_segments([str(write_log(tmp_path / "log", lines))])
    assert from_time(segment, START, 1) == segment


def test_small_and_compressed_files_are_read_as_a_whole(tmp_path):
    lines = [clf(second=index) for index in range(5_000)]
    plain = write_log(tmp_path / "log", lines)
    packed = tmp_path / "log.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    small, compressed = open_segments([str(plain), str(packed)])
    assert from_time(small, START + 4_000) == small
    assert from_time(compressed, START + 4_000, 1) == compressed
    assert seeks.skip_before([small, compressed], None) == ([small, compressed], 0)


def test_the_newest_of_whole_lines_counts():
    piece = b"]cut\n" + clf(second=7) + b"\n" + clf(second=3) + b"\nnoise\n" + clf(second=99)
    assert newest_second(piece) == START + 7
    assert newest_second(b"noise") == 0
