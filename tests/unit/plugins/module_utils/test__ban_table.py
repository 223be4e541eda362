# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._ban_address import parse_span
from ansible_collections.rendiff.ops.plugins.module_utils._ban_table import Element, parse_table
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError


def a_set(name, version, *elements):
    return {
        "set": {
            "family": "inet",
            "name": name,
            "table": "rendiff_ops",
            "type": f"ipv{version}_addr",
            "flags": ["interval", "timeout"],
            "elem": list(elements),
            "stmt": [{"counter": None}],
        }
    }


def element(value, expires=50, **more):
    return {"elem": {"val": value, "timeout": 60, "expires": expires, **more}}


def a_rule(name, packets=0):
    match = {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": f"@{name}"}
    expressions = [{"match": match}, {"counter": {"packets": packets, "bytes": packets * 60}}, {"drop": None}]
    return {"rule": {"family": "inet", "table": "rendiff_ops", "chain": "before_nat", "expr": expressions}}


def printed():
    """Return what nft 1.0.6 prints."""
    chain = {"family": "inet", "table": "rendiff_ops", "name": "before_nat", "type": "filter", "hook": "prerouting"}
    lo = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "lo"}}
    return {
        "nftables": [
            {"metainfo": {"version": "1.0.6"}},
            {"table": {"family": "inet", "name": "rendiff_ops", "handle": 1}},
            a_set(
                "banned4",
                4,
                element("203.0.113.7", counter={"packets": 3, "bytes": 180}),
                element({"range": ["203.0.113.8", "203.0.113.10"]}),
                element({"prefix": {"addr": "198.51.100.0", "len": 24}}, expires=7),
            ),
            a_set("banned6", 6),
            a_set("trial4", 4),
            a_set("trial6", 6, element("2001:db8::7")),
            {"chain": {**chain, "prio": -300, "policy": "accept"}},
            {"rule": {"chain": "before_nat", "expr": [lo, {"accept": None}]}},
            *(
                a_rule(name, packets)
                for name, packets in (("banned4", 3), ("banned6", 0), ("trial4", 0), ("trial6", 2))
            ),
        ]
    }


def test_the_table_is_read():
    table = parse_table(printed())
    assert table.healthy and table.counters and (table.packets, table.bytes) == (5, 300)
    assert table.elements == (
        Element(parse_span("198.51.100.0/24"), 7),
        Element(parse_span("203.0.113.7"), 50, packets=3, bytes=180),
        Element(parse_span("203.0.113.8-203.0.113.10"), 50),
        Element(parse_span("2001:db8::7"), 50, trial=True),
    )


def test_an_element_that_is_about_to_end_and_one_without_an_end():
    document = printed()
    ending, endless = element("192.0.2.1"), "192.0.2.2"
    del ending["elem"]["expires"]
    document["nftables"][2]["set"]["elem"] = [ending, endless]
    assert [each.seconds_left for each in parse_table(document).elements] == [0, 2**31, 50]


def broken_sets(objects):
    del objects[3]


def broken_type(objects):
    objects[2]["set"]["type"] = "ipv6_addr"
    objects[2]["set"]["elem"] = []


def broken_flags(objects):
    objects[4]["set"]["flags"] = ["timeout"]


def broken_chain(objects):
    del objects[6]


def broken_hook(objects):
    objects[6]["chain"]["hook"] = "input"


def broken_priority(objects):
    objects[6]["chain"]["prio"] = 0


def broken_rules(objects):
    del objects[-1]


def broken_verdict(objects):
    objects[-1]["rule"]["expr"][-1] = {"accept": None}


def broken_order(objects):
    objects.append(objects.pop(7))


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (broken_sets, "the set banned6 is missing"),
        (broken_type, "the set banned4 is of another kind"),
        (broken_flags, "the set trial4 is of another kind"),
        (broken_chain, "the chain before_nat is missing"),
        (broken_hook, "not at hook prerouting with priority -300"),
        (broken_priority, "not at hook prerouting with priority -300"),
        (broken_rules, "the rules of the chain before_nat were changed"),
        (broken_verdict, "the rules of the chain before_nat were changed"),
        (broken_order, "the rules of the chain before_nat were changed"),
    ],
)
def test_a_table_that_stops_nobody_is_told(break_it, why):
    document = copy.deepcopy(printed())
    break_it(document["nftables"])
    table = parse_table(document)
    assert not table.healthy and why in table.why


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"nftables": None},
        {"nftables": [{"set": {"name": "banned4", "elem": [{"elem": {"val": {"set": []}}}]}}]},
    ],
    ids=["none", "empty", "no_list", "odd_element"],
)
def test_what_is_not_understood_is_an_error(document):
    with pytest.raises(OpsError, match="Cannot read the bans: nft printed what is not understood here"):
        parse_table(document)


def test_an_address_in_the_wrong_set_is_an_error():
    document = printed()
    document["nftables"][3]["set"]["elem"] = [element("203.0.113.7")]
    with pytest.raises(OpsError, match="Cannot read the bans"):
        parse_table(document)
