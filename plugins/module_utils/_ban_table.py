# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the table of bans as the kernel has it, read from the JSON of nft. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._ban_address import Span, parse_span
from ._ban_boot import CHAIN, PRIORITY, SETS
from ._errors import OpsError

ACT = "read the bans"
_NAMES = {name: key for key, name in SETS.items()}


@dataclasses.dataclass(frozen=True, order=True)
class Element:
    """One element of a set: its addresses, the seconds until the kernel drops it, and what it has stopped.

    ``trial``: its run is still to be confirmed. ``packets`` and ``bytes`` are None where elements are not counted.
    """

    span: Span
    seconds_left: int
    trial: bool = False
    packets: int | None = None
    bytes: int | None = None


@dataclasses.dataclass(frozen=True)
class Table:
    """The table. ``why`` tells what is wrong with it; packets and bytes are those that its rules have stopped."""

    present: bool = False
    why: str = ""
    counters: bool = False
    elements: tuple[Element, ...] = ()
    packets: int = 0
    bytes: int = 0

    @property
    def healthy(self) -> bool:
        """Tell whether the bans in it are in force."""
        return self.present and not self.why


def parse_table(document: t.Any) -> Table:
    """Return what ``nft -j list table`` printed."""
    try:
        objects = document["nftables"]
        parts: dict[str, list[t.Any]] = {"set": [], "chain": [], "rule": []}
        for each in objects:
            for kind, found in parts.items():
                if kind in each:
                    found.append(each[kind])
        sets = {str(each["name"]): each for each in parts["set"]}
        elements = [
            _element(raw, name) for name, each in sets.items() if name in _NAMES for raw in each.get("elem") or ()
        ]
        rules = [each.get("expr") or [] for each in parts["rule"] if each["chain"] == CHAIN]
        counters = [expr["counter"] for rule in rules for expr in rule if isinstance(expr.get("counter"), dict)]
        return Table(
            present=True,
            why=_fault(sets, parts["chain"], rules),
            counters=any(each.get("stmt") for each in sets.values()),
            elements=tuple(sorted(elements, key=lambda element: (element.trial, element.span))),
            packets=sum(int(counter["packets"]) for counter in counters),
            bytes=sum(int(counter["bytes"]) for counter in counters),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OpsError(ACT, f"nft printed what is not understood here ({type(error).__name__}: {error})") from error


def _element(raw: t.Any, name: str) -> Element:
    version, trial = _NAMES[name]
    inner = raw["elem"] if isinstance(raw, dict) and "elem" in raw else {"val": raw}
    value = inner["val"]
    if isinstance(value, dict) and "prefix" in value:
        text = f"{value['prefix']['addr']}/{value['prefix']['len']}"
    elif isinstance(value, dict):
        text = "-".join(value["range"])
    else:
        text = str(value)
    span = parse_span(text)
    if span.version != version:
        raise ValueError(f"{text} in {name}")
    counter = inner.get("counter") or {}
    # One without a limit was not made here; it lasts as long as it may.
    left = inner.get("expires", 0 if "timeout" in inner else 2**31)
    return Element(span, int(left), trial, counter.get("packets"), counter.get("bytes"))


def _fault(sets: t.Mapping[str, t.Any], chains: t.Sequence[t.Any], rules: t.Sequence[t.Any]) -> str:
    """Return what keeps the table from stopping anything, in words, or nothing."""
    for (version, _trial), name in SETS.items():
        found = sets.get(name)
        if found is None:
            return f"the set {name} is missing"
        if found.get("type") != f"ipv{version}_addr" or not {"interval", "timeout"} <= set(found.get("flags") or ()):
            return f"the set {name} is of another kind"
    chain = next((each for each in chains if each["name"] == CHAIN), None)
    if chain is None:
        return f"the chain {CHAIN} is missing"
    if (chain.get("type"), chain.get("hook"), chain.get("prio")) != ("filter", "prerouting", PRIORITY):
        return f"the chain {CHAIN} is not at hook prerouting with priority {PRIORITY}"
    wanted = [("lo", "accept"), *((f"@{name}", "drop") for name in SETS.values())]
    if [_rule(rule) for rule in rules] != wanted:
        return f"the rules of the chain {CHAIN} were changed"
    return ""


def _rule(expressions: t.Sequence[t.Any]) -> tuple[str, str]:
    """Return what a rule looks for, and what it does."""
    matched = [each["match"]["right"] for each in expressions if "match" in each]
    done = [name for each in expressions for name in each if name not in ("match", "counter")]
    return (str(matched[0]) if len(matched) == 1 else "", done[0] if len(done) == 1 else "")
