# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils import _ban_change
from ansible_collections.rendiff.ops.plugins.module_utils._ban_change import BAN_ARGUMENTS, change, read_wanted
from ansible_collections.rendiff.ops.plugins.module_utils._ban_nft import LostRaceError
from ansible_collections.rendiff.ops.plugins.module_utils._ban_store import BanFiles
from ansible_collections.rendiff.ops.plugins.module_utils._ban_table import Table
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError

DEFAULTS = {name: option.get("default") for name, option in BAN_ARGUMENTS.options.items()}


def options(**more):
    return {**DEFAULTS, "ttl_s": 60, **more}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"addresses": ["203.0.113.7"] * 100_001}, "100001 addresses at once are more than 100000"),
        ({"ttl_s": 0}, "ttl_s is 0, and every ban ends"),
        ({"ttl_s": 2_592_001}, "1 to 2592000 seconds"),
        ({"ttl_s": -1}, "ttl_s is -1"),
        ({"probation_s": 61}, "probation_s is 61"),
        ({"probation_s": -1}, "probation_s is -1"),
        ({"addresses": ["203.0.0.0/15"]}, "has bits behind its prefix|is wider"),
        ({"addresses": ["198.18.0.0/15"]}, "is wider than /16"),
        ({"addresses": ["example.org"]}, "Cannot ban these addresses: 'example.org' is a name"),
        ({"private_targets": ["x"]}, "Cannot use private_targets"),
        ({"state": "absent", "addresses": ["example.org"]}, "Cannot lift these bans: 'example.org' is a name"),
        ({"state": "cleared", "addresses": ["203.0.113.7"]}, "Use state absent for some"),
    ],
)
def test_what_makes_no_sense_is_refused(more, words):
    with pytest.raises(OpsError, match=words):
        read_wanted(options(**more))


def test_a_ban_may_be_lifted_however_wide():
    assert read_wanted(options(state="absent", addresses=["0.0.0.0/0"], ttl_s=None)).spans


def test_only_root_may(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(OpsError, match="Cannot change the bans: only root may. Run with become"):
        change(options(), lambda args, data=None: (0, "", ""), False)


class RacingNft:
    """Loses as many races as it is told, and then carries out."""

    def __init__(self, losses):
        self.losses = losses
        self.applied = 0

    def __call__(self, run_command, path):
        self.run = run_command
        return self

    def read(self):
        return Table()

    def counts_elements(self):
        return True

    def apply(self, plan, counters):
        if self.losses:
            self.losses -= 1
            raise LostRaceError("change the bans", "they changed meanwhile", "Run again")
        self.applied += 1


@pytest.mark.parametrize(("losses", "wins"), [(0, True), (2, True), (3, False)])
def test_a_lost_race_is_run_again_a_few_times(monkeypatch, tmp_path, losses, wins):
    nft = RacingNft(losses)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(_ban_change, "Nft", nft)
    monkeypatch.setattr(_ban_change, "find_nft", lambda: "nft")
    monkeypatch.setattr(
        _ban_change, "protected_here", lambda host, timeout: ([], ["The networks of Docker are not known"])
    )
    files = BanFiles(str(tmp_path / "state"), str(tmp_path), str(tmp_path / "no"))

    def run():
        return change(options(addresses=["203.0.113.7"]), lambda args, data=None: (0, "", ""), False, files)

    if not wins:
        with pytest.raises(LostRaceError):
            run()
        assert files.read() == []
        return
    result = run()
    assert result["changed"] and nft.applied == 1 and len(files.read()) == 1
    assert result["bans"]["touched"] == ["203.0.113.7"]
    assert result["bans"]["not_known"] == ["The networks of Docker are not known"]
    assert result["msg"].startswith("Bans: 1 banned; 1 in force. They do not outlive a start of the host: systemd does")


def test_who_is_left_out_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(_ban_change, "Nft", RacingNft(0))
    monkeypatch.setattr(_ban_change, "find_nft", lambda: "nft")
    monkeypatch.setattr(_ban_change, "protected_here", lambda host, timeout: ([], []))
    files = BanFiles(str(tmp_path / "state"), str(tmp_path), str(tmp_path / "no"))
    asked = options(addresses=["203.0.113.6/31", "127.0.0.1"], allow=["203.0.113.7"], skip_protected=True)
    result = change(asked, lambda args, data=None: (0, "", ""), False, files)
    assert result["bans"]["touched"] == ["203.0.113.6"]
    assert result["bans"]["refused"] == [
        {"address": "203.0.113.7", "why": "203.0.113.6/31 contains 203.0.113.7, which is in allow"},
        {"address": "127.0.0.1", "why": "127.0.0.1 lies in 127.0.0.0/8, which is loopback"},
    ]
    assert "Left out: 203.0.113.6/31 contains 203.0.113.7, which is in allow; 127.0.0.1 lies" in result["msg"]
