# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import stat

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._ban_address import parse_span
from ansible_collections.rendiff.ops.plugins.module_utils._ban_plan import Kept
from ansible_collections.rendiff.ops.plugins.module_utils._ban_store import BanFiles
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError

KEPT = [Kept(parse_span("203.0.113.7"), 100, 200), Kept(parse_span("2001:db8::/64"), 100, 300)]


@pytest.fixture(name="files")
def fixture_files(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "units").mkdir()
    return BanFiles(str(tmp_path / "state"), str(tmp_path / "units"), str(tmp_path / "run"))


@pytest.fixture(name="calls")
def fixture_calls():
    return []


@pytest.fixture(name="run")
def fixture_run(calls):
    def run(args):
        calls.append(args[args.index("--no-ask-password") + 1])
        return 0, "", ""

    return run


def test_what_is_written_is_read_back_and_is_roots_alone(files, run, calls):
    assert files.current([]) and not files.current(KEPT)
    files.write(KEPT, True, run)
    assert files.read() == sorted(KEPT) and files.current(KEPT)
    assert stat.S_IMODE(os.stat(files.bans).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(files.state_dir).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(files.unit).st_mode) == 0o644
    assert {os.path.realpath(link) for link in files.links} == {files.unit} and calls == ["daemon-reload", "start"]
    files.write(KEPT[:1], True, run)
    assert calls == ["daemon-reload", "start"]
    files.write([], True, run)
    assert files.current([]) and os.listdir(files.state_dir) == [] and calls[2:] == ["stop", "daemon-reload"]
    assert not os.path.exists(os.path.dirname(files.links[1]))
    files.write([], True, run)
    assert len(calls) == 4


def test_a_unit_that_was_bent_is_not_current(files, run):
    files.write(KEPT, True, run)
    with open(files.unit, "a", encoding="utf-8") as stream:
        stream.write("# x\n")
    assert not files.current(KEPT)
    files.write(KEPT, True, run)
    assert files.current(KEPT)
    for link in files.links:
        os.unlink(link)
        assert not files.current(KEPT)
        files.write(KEPT, True, run)
        assert files.current(KEPT)


def test_without_systemd_there_is_no_unit(files, run, calls, tmp_path):
    (tmp_path / "run").rmdir()
    files.write(KEPT, True, run)
    assert files.current(KEPT) and os.listdir(files.unit_dir) == [] and calls == []
    assert "systemd does not run here" in files.no_start()


def test_a_path_that_means_something_to_systemd_is_not_written_into_a_unit(tmp_path):
    files = BanFiles(str(tmp_path / "a b"), str(tmp_path), str(tmp_path))
    assert "characters that have a meaning" in files.no_start()


def test_the_unit_runs_before_docker_and_again_with_nftables(files):
    lines = files.unit_text().splitlines()
    assert {"Before=docker.service", "After=nftables.service firewalld.service", "PartOf=nftables.service"} <= set(
        lines
    )
    assert sum(line.endswith(f" -I {files.program} {files.bans}") for line in lines) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"bans": 1}',
        '{"bans": [["x", 1, 2]]}',
        '{"bans": [["203.0.113.7", 1]]}',
        '{"bans": [["1.2.3.4", 1, null]]}',
    ],
    ids=["cut", "list", "number", "name", "short", "null"],
)
def test_a_file_of_another_form_is_an_error_that_says_what_to_do(files, run, text):
    files.write(KEPT, True, run)
    with open(files.bans, "w", encoding="utf-8") as stream:
        stream.write(text)
    with pytest.raises(OpsError, match="Move it away"):
        files.read()


def test_what_systemctl_says_is_told(files):
    with pytest.raises(OpsError, match="systemctl daemon-reload: no bus. The bans are in force"):
        files.write(KEPT, True, lambda args: (1, "", "no bus\n"))


def test_a_second_writer_waits_and_a_folder_is_made_only_on_demand(files, monkeypatch):
    with files.locked(create=False):
        assert not os.path.exists(files.state_dir)
    with files.locked(create=True):
        monkeypatch.setattr("ansible_collections.rendiff.ops.plugins.module_utils._ban_store._LOCK_WAIT_S", 0)
        with pytest.raises(OpsError, match="another run held them"), files.locked(create=True):
            pass
    with files.locked(create=True):
        assert json.dumps(os.listdir(files.state_dir)) == "[]"
