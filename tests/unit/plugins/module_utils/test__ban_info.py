# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._ban_address import parse_span
from ansible_collections.rendiff.ops.plugins.module_utils._ban_info import describe_bans, sentence
from ansible_collections.rendiff.ops.plugins.module_utils._ban_plan import Kept
from ansible_collections.rendiff.ops.plugins.module_utils._ban_table import Element, Table

NOW = 1000
A, B = parse_span("203.0.113.7"), parse_span("2001:db8::7")
TABLE = Table(True, "", True, (Element(A, 60, False, 3, 180), Element(B, 5, True, 9, 540)), 12, 720)
KEPT = [Kept(A, 0, NOW + 60), Kept(parse_span("203.0.113.9"), 0, NOW + 60), Kept(parse_span("203.0.113.10"), 0, NOW)]


def test_bans_are_listed_by_what_they_stopped():
    told = describe_bans(TABLE, KEPT, "", 100, NOW)
    assert [
        (each["address"], each["packets"], each["confirmed"], each["survives_reboot"]) for each in told["list"]
    ] == [
        ("2001:db8::7", 9, False, False),
        ("203.0.113.7", 3, True, True),
    ]
    assert (told["confirmed"], told["on_trial"], told["packets"], told["bytes"]) == (1, 1, 12, 720)
    assert told["missing"] == ["203.0.113.9"] and told["table"]["healthy"]
    assert sentence(told).startswith("2 banned, 1 of them on trial; 12 packets were stopped")
    assert "1 that are to last are not in force" in sentence(told)


def test_a_list_is_cut_and_its_totals_are_not():
    told = describe_bans(TABLE, [], "", 1, NOW)
    assert len(told["list"]) == 1 and told["list_cut"] == 1 and told["confirmed"] == 1


def test_that_nothing_outlives_a_start_is_said():
    told = describe_bans(TABLE, KEPT[:1], "systemd does not run here", 100, NOW)
    assert not any(each["survives_reboot"] for each in told["list"])
    assert sentence(told).endswith("None outlives a start of the host: systemd does not run here.")


def test_elements_without_counters_are_listed_too():
    told = describe_bans(Table(True, "", False, (Element(A, 60),), 12, 720), [], "", 100, NOW)
    assert told["list"][0]["packets"] is None and told["packets"] == 12


def test_no_table_and_a_bent_one():
    assert sentence(describe_bans(Table(), [], "x", 100, NOW)) == "Nobody is banned."
    bent = describe_bans(Table(True, "the chain before_nat is missing"), [], "", 100, NOW)
    assert sentence(bent).startswith("The bans do not work: the chain before_nat is missing.")
