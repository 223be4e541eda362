# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils import _ban_boot

NOW = 1_795_770_000


def document(*bans, counters=True):
    return {"counters": counters, "bans": list(bans)}


def test_only_what_still_lasts_comes_back_with_the_time_that_is_left():
    kept = document(
        ["203.0.113.7", NOW - 100, NOW + 500],
        ["203.0.113.8", NOW - 100, NOW],
        ["2001:db8::/64", NOW - 100, NOW + 60],
    )
    commands = _ban_boot.restore_commands(kept, NOW + 0.9)
    assert "add element inet rendiff_ops banned4 { 203.0.113.7 timeout 500s }\n" in commands
    assert "add element inet rendiff_ops banned6 { 2001:db8::/64 timeout 60s }\n" in commands
    assert "203.0.113.8" not in commands
    assert "type filter hook prerouting priority -300; policy accept;" in commands


def test_a_clock_that_went_back_lengthens_no_ban():
    kept = document(["203.0.113.7", NOW, NOW + 500], ["203.0.113.8", NOW, NOW + 10**8])
    assert _ban_boot.lasting(kept, NOW - 10**6) == [("203.0.113.7", 500), ("203.0.113.8", _ban_boot.MAX_TTL_S)]


@pytest.mark.parametrize(
    "bans",
    [
        [],
        [["203.0.113.7", NOW - 9, NOW - 1]],
        [["203.0.113.7 }\nflush ruleset", NOW, NOW + 60]],
        [["@banned4", NOW, NOW + 60]],
        [["203.0.113.7", "x", NOW + 60], ["203.0.113.7"], None, 7],
    ],
    ids=["none", "over", "words", "reference", "odd"],
)
def test_nothing_is_made_where_nothing_lasts(bans):
    assert _ban_boot.restore_commands(document(*bans), NOW) == ""


def test_a_file_that_is_no_list_of_bans_makes_nothing():
    assert _ban_boot.restore_commands([], NOW) == ""


def test_an_element_is_an_address_or_an_error():
    for text in ("1.2.3.4; flush ruleset", "1.2.3.4 }", "example.org", "", "1.2.3.4\n"):
        with pytest.raises(ValueError, match="no address"):
            _ban_boot.element_command("add", 4, False, [("203.0.113.7", 5), (text, 5)])


def test_counters_are_left_out_where_they_are_not_known():
    assert "counter; }" in _ban_boot.table_commands(True)
    assert "counter; }" not in _ban_boot.table_commands(False)


@pytest.fixture(name="boot")
def fixture_boot(tmp_path, monkeypatch):
    """Run the program with a shell script for nft that notes what it is given."""
    nft = tmp_path / "nft"

    def boot(table_is_there, bans):
        log = tmp_path / "log"
        there = "exit 0" if table_is_there else "exit 1"
        nft.write_text(f'#!/bin/sh\n[ "$1" = list ] && {there}\ncat > {log}\n', encoding="utf-8")
        nft.chmod(0o755)
        monkeypatch.setattr(_ban_boot, "NFT_PATHS", ("/no/such/nft", str(nft)))
        path = tmp_path / "bans.json"
        path.write_text(json.dumps(document(*bans)), encoding="utf-8")
        status = _ban_boot.main(["bans_boot.py", str(path)])
        return status, log.read_text(encoding="utf-8") if log.exists() else ""

    return boot


def test_the_program_says_when_there_is_no_nft(monkeypatch, capfd):
    monkeypatch.setattr(_ban_boot, "NFT_PATHS", ("/no/such/nft",))
    assert _ban_boot.main(["bans_boot.py", "/no/such/file"]) == 1
    assert "Install the package nftables" in capfd.readouterr().err


def test_the_program_leaves_a_table_that_is_there(boot, capfd):
    assert boot(True, [["203.0.113.7", 0, 2**40]]) == (0, "")
    assert capfd.readouterr().out == "The bans are in place.\n"


def test_the_program_does_nothing_where_nothing_lasts(boot, capfd):
    assert boot(False, [["203.0.113.7", 0, 1]]) == (0, "")
    assert capfd.readouterr().out == "No ban is to last any longer.\n"
