# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what must never be banned, and the refusal of a ban that would hit it. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._ban_address import Span, SpanIndex, disjoint, is_wide, parse_span
from ._errors import OpsError

ACT = "ban these addresses"
_LISTED = 20


@dataclasses.dataclass(frozen=True)
class Protected:
    """Addresses that must not be banned. ``why`` follows on "which is".

    ``soft``: a ban that is named exactly as a private target may be in here all the same.
    """

    span: Span
    why: str
    soft: bool = False


def _always(why: str, *networks: str, soft: bool = False) -> list[Protected]:
    return [Protected(parse_span(network), why, soft) for network in networks]


# Source: the special-purpose registries of IANA for IPv4 and IPv6.
ALWAYS = (
    *_always("loopback", "127.0.0.0/8", "::1"),
    *_always("link-local", "169.254.0.0/16", "fe80::/10"),
    *_always("multicast", "224.0.0.0/4", "ff00::/8"),
    *_always("unspecified", "0.0.0.0/8", "::"),
    *_always("reserved", "240.0.0.0/4"),
    *_always("a private network", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", soft=True),
    *_always("the shared network behind a provider's NAT", "100.64.0.0/10", soft=True),
)


def refuse_wide(wanted: t.Iterable[Span], wide: bool) -> None:
    """Refuse networks that hold whole providers, unless they are meant."""
    found = [span for span in wanted if is_wide(span)]
    if found and not wide:
        raise OpsError(
            ACT,
            f"{_cut([str(span) for span in found])} is wider than /16 (IPv4) or /48 (IPv6)",
            "Pass narrower networks, or wide: true where that is meant",
        )


def hits(wanted: t.Iterable[Span], protected: t.Iterable[Protected], targets: t.Iterable[Span]) -> list[str]:
    """Return why which of the wanted bans must not be, a sentence for each reason, in their order."""
    return [_sentence(span, each) for span, each in _pairs(wanted, protected, targets)]


def _pairs(
    wanted: t.Iterable[Span], protected: t.Iterable[Protected], targets: t.Iterable[Span]
) -> list[tuple[Span, Protected]]:
    everything = list(protected)
    exempt = frozenset(targets)
    index = SpanIndex(disjoint(each.span for each in everything))
    found = []
    for span in wanted:
        if not index.overlapping(span):
            continue
        for each in everything:
            if span.overlaps(each.span) and not (each.soft and span in exempt):
                found.append((span, each))
    return found


@dataclasses.dataclass(frozen=True)
class Refused:
    """What of the wanted bans is left out, and why in a sentence."""

    span: Span
    why: str


@dataclasses.dataclass(frozen=True)
class Spared:
    """The wanted bans without what is protected; ``targets`` are the private ones of them that are meant."""

    spans: tuple[Span, ...]
    targets: tuple[Span, ...]
    refused: tuple[Refused, ...]


def spare(wanted: t.Iterable[Span], protected: t.Iterable[Protected], targets: t.Iterable[Span]) -> Spared:
    """Leave what must never be banned out of the bans; of a network the rest stays, as networks and ranges."""
    asked, exempt = list(wanted), frozenset(targets)
    holes: dict[Span, list[Span]] = {}
    refused = []
    for span, each in _pairs(asked, protected, exempt):
        holes.setdefault(span, []).append(each.span)
        hit = Span(span.version, max(span.first, each.span.first), min(span.last, each.span.last))
        refused.append(Refused(hit, _sentence(span, each)))
    spans: list[Span] = []
    meant: list[Span] = []
    for span in asked:
        pieces = SpanIndex(disjoint(holes[span])).without(span) if span in holes else [span]
        spans += pieces
        meant += pieces if span in exempt else []
    return Spared(tuple(spans), tuple(meant), tuple(dict.fromkeys(refused)))


def left_out(refused: t.Sequence[Refused]) -> str:
    """Return why what was left out, a clause each, for people."""
    return _cut([each.why for each in refused])


def _sentence(span: Span, each: Protected) -> str:
    if span == each.span:
        return f"{span} is {each.why}"
    if span.holds(each.span):
        return f"{span} contains {each.span}, which is {each.why}"
    return f"{span} lies in {each.span}, which is {each.why}"


def refuse_protected(wanted: t.Iterable[Span], protected: t.Iterable[Protected], targets: t.Iterable[Span]) -> None:
    """Refuse all of the bans where one would hit what must never be banned, with every offender and why."""
    found = _pairs(wanted, protected, targets)
    if found:
        remedy = "Leave these out; nothing was changed"
        if any(each.soft for _span, each in found):
            remedy += ". A client in a private or connected network is banned by naming it exactly in private_targets"
        raise OpsError(ACT, _cut([_sentence(span, each) for span, each in found]), remedy)


def _cut(texts: t.Sequence[str]) -> str:
    more = f"; and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return "; ".join(texts[:_LISTED]) + more
