# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._ban_address import parse_span
from ansible_collections.rendiff.ops.plugins.module_utils._ban_nft import LostRaceError, Nft, find_nft, render
from ansible_collections.rendiff.ops.plugins.module_utils._ban_plan import BanPlan
from ansible_collections.rendiff.ops.plugins.module_utils._ban_table import Element
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._plan import Plan

NOTHING = Plan({}, {})
A = Element(parse_span("203.0.113.7"), 60)
OURS = json.dumps({"nftables": [{"table": {"family": "inet", "name": "rendiff_ops"}}]})


class Answers:
    """Runs nothing and gives what was prepared, by turns."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = []

    def __call__(self, args, *, data=None):
        self.calls.append((args, data))
        return self.answers.pop(0)


def nft(*answers):
    return Nft(Answers(*answers), "/usr/sbin/nft")


def test_a_plan_is_one_transaction_that_names_only_the_own_table():
    deleted, trial = Element(parse_span("2001:db8::/64"), 9), Element(parse_span("203.0.113.8"), 5, True)
    text = render(BanPlan(NOTHING, delete=(deleted,), add=(A, trial)), True)
    assert text.splitlines() == [
        "delete element inet rendiff_ops banned6 { 2001:db8::/64 }",
        "add element inet rendiff_ops banned4 { 203.0.113.7 timeout 60s }",
        "add element inet rendiff_ops trial4 { 203.0.113.8 timeout 5s }",
    ]
    assert render(BanPlan(NOTHING, drop=True), True) == "add table inet rendiff_ops\ndelete table inet rendiff_ops\n"
    rebuilt = render(BanPlan(NOTHING, rebuild=True, add=(A,)), False).splitlines()
    assert rebuilt[:3] == ["add table inet rendiff_ops", "delete table inet rendiff_ops", "add table inet rendiff_ops"]
    assert all(" inet rendiff_ops" in line for line in rebuilt)


def test_every_call_is_bounded_and_no_shell_is_in_between():
    run = Answers((0, '{"nftables": []}', ""), (0, "", ""))
    table = Nft(run, "/usr/sbin/nft")
    assert not table.read().present
    table.apply(BanPlan(NOTHING, add=(A,)), True)
    for args, _data in run.calls:
        assert args[:2] == ["timeout", "--kill-after=2"] and args[3:6] == ["env", "LC_ALL=C", "/usr/sbin/nft"]
    assert run.calls[1][0][6:] == ["-f", "-"] and "203.0.113.7" in run.calls[1][1]


def test_a_table_that_goes_while_it_is_read_is_none():
    gone = (1, "", "Error: No such file or directory\nlist table inet rendiff_ops")
    assert not nft((0, OURS, ""), gone, (0, '{"nftables": []}', "")).read().present


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((1, "", "Error: Could not process rule: Operation not permitted"), "needs CAP_NET_ADMIN"),
        ((1, "", "netlink: Error: cache initialization failed: Operation not permitted"), "the kernel refused: cache"),
        ((1, "", "Error: Could not process rule: Operation not supported"), "needs nf_tables with sets"),
        ((1, "", "Error: JSON support not compiled-in"), "built without JSON"),
        ((124, "", ""), "did not end within 60 s"),
        ((0, "no json", ""), "printed no JSON"),
        ((1, "", ""), "nft said nothing"),
    ],
    ids=["permission", "cache", "support", "json", "time", "text", "silence"],
)
def test_why_the_kernel_or_nft_refuses_is_told(answer, words):
    with pytest.raises(OpsError, match="Cannot read the bans") as caught:
        nft(answer).read()
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "words", ["No such file or directory", "File exists", "interval overlaps with an existing one"]
)
def test_a_lost_race_is_told_from_a_refusal(words):
    complaint = f"/dev/stdin:1:2-3: Error: Could not process rule: {words}"
    with pytest.raises(LostRaceError, match="changed meanwhile"):
        nft((1, "", complaint)).apply(BanPlan(NOTHING, add=(A,)), True)
    with pytest.raises(OpsError, match="Cannot change the bans: the kernel refused: Could not process rule: Busy"):
        nft((1, "", "x: Error: Could not process rule: Busy")).apply(BanPlan(NOTHING, add=(A,)), True)


def test_whether_elements_are_counted_is_asked_without_a_change():
    run = Answers((0, "", ""), (1, "", "Error"))
    table = Nft(run, "/usr/sbin/nft")
    assert (table.counts_elements(), table.counts_elements()) == (True, False)
    assert all("-c" in args for args, _data in run.calls)


def test_a_host_without_nft_is_told_the_package():
    assert find_nft(lambda path: path == "/usr/bin/nft") == "/usr/bin/nft"
    with pytest.raises(OpsError, match="Install the package nftables"):
        find_nft(lambda path: False)
