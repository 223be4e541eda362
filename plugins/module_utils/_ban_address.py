# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: addresses, networks and ranges as spans of numbers, from untrusted text."""

from __future__ import annotations

import bisect
import ipaddress
import re
import typing as t

from ._errors import OpsError

BITS = {4: 32, 6: 128}
# Networks wider than these hold whole providers or countries.
NARROWEST_WIDE = {4: 16, 6: 48}
_SHAPE = re.compile(r"[0-9A-Fa-f:.]{2,45}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_.-]{1,253}")
_PREFIX = re.compile(r"[0-9]{1,3}")
# One address in two spellings of an octet: decimal to some programs, octal to others.
_LEADING_ZERO = re.compile(r"(^|[.:])0[0-9]+\.|\.0[0-9]+$")
_MAPPED = 0xFFFF << 32


class Span(t.NamedTuple):
    """Consecutive addresses of one version of IP, both ends included."""

    version: int
    first: int
    last: int

    @property
    def size(self) -> int:
        """Return how many addresses these are."""
        return self.last - self.first + 1

    def overlaps(self, other: Span) -> bool:
        """Tell whether an address is in both."""
        return self.version == other.version and self.first <= other.last and other.first <= self.last

    def holds(self, other: Span) -> bool:
        """Tell whether every address of the other is in this one."""
        return self.version == other.version and self.first <= other.first and other.last <= self.last

    def __str__(self) -> str:
        size = self.size
        first = _text(self.version, self.first)
        if size == 1:
            return first
        if size & (size - 1) == 0 and self.first % size == 0:
            return f"{first}/{BITS[self.version] - size.bit_length() + 1}"
        return f"{first}-{_text(self.version, self.last)}"


def _text(version: int, number: int) -> str:
    return str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))


def parse_span(text: str) -> Span:
    """Return the span of an address (``203.0.113.7``), a network (``2001:db8::/64``) or a range (``a-b``).

    An IPv4 address in the clothes of IPv6 (``::ffff:203.0.113.7``) is the IPv4 address. Everything else, a host name
    above all, is a ValueError whose text is the reason.
    """
    text = text.strip(" ")
    if "-" in text and _SHAPE.fullmatch(text.partition("-")[0]):
        first, _dash, last = text.partition("-")
        low, high = _address(first), _address(last)
        if low.version != high.version or low.first > high.first:
            raise ValueError("is no range from a lower to a higher address")
        return Span(low.version, low.first, high.first)
    base, slash, prefix = text.partition("/")
    if not slash:
        return _address(base)
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("is no network: behind the / belongs a number of bits")
    try:
        network = ipaddress.ip_network(f"{_checked(base)}/{int(prefix)}", strict=False)
    except ValueError as error:
        raise ValueError("is no network") from error
    span = _unmapped(Span(network.version, int(network.network_address), int(network.broadcast_address)))
    if int(network.network_address) != int(ipaddress.ip_address(base)):
        raise ValueError(f"has bits behind its prefix; the network around it would be {span}")
    return span


def _checked(text: str) -> str:
    if not _SHAPE.fullmatch(text) or _LEADING_ZERO.search(text):
        raise ValueError("is no address")
    return text


def _address(text: str) -> Span:
    if _NAME.fullmatch(text):
        raise ValueError("is a name, and a name may resolve to anything, also to this host; give the addresses")
    try:
        address = ipaddress.ip_address(_checked(text))
    except ValueError as error:
        raise ValueError("is no address") from error
    return _unmapped(Span(address.version, int(address), int(address)))


def _unmapped(span: Span) -> Span:
    if span.version == 6 and span.first >> 32 == 0xFFFF and span.last >> 32 == 0xFFFF:
        return Span(4, span.first - _MAPPED, span.last - _MAPPED)
    return span


def parse_spans(texts: t.Iterable[str], act: str, limit: int = 20) -> list[Span]:
    """Return the span of each text, or refuse all of them with what is wrong with which."""
    found, wrong = [], []
    for text in texts:
        try:
            found.append(parse_span(str(text)))
        except ValueError as error:
            wrong.append(f"{str(text)[:60]!r} {error}")
    if wrong:
        more = f"; and {len(wrong) - limit} more" if len(wrong) > limit else ""
        raise OpsError(act, "; ".join(wrong[:limit]) + more)
    return found


def is_wide(span: Span) -> bool:
    """Tell whether a span is wider than a ban should be by accident."""
    return span.size > 1 << (BITS[span.version] - NARROWEST_WIDE[span.version])


def disjoint(spans: t.Iterable[Span]) -> list[Span]:
    """Return the spans in order, those that overlap made one; neighbours stay apart, so that each is counted."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and found[-1].overlaps(span):
            found[-1] = Span(span.version, found[-1].first, max(found[-1].last, span.last))
        else:
            found.append(span)
    return found


class SpanIndex:
    """Finds which of some disjoint spans overlap another one, by bisection."""

    def __init__(self, spans: t.Iterable[Span]) -> None:
        self.spans = sorted(spans)

    def overlapping(self, span: Span) -> list[Span]:
        """Return those that have an address in common with ``span``, in order."""
        place = bisect.bisect_left(self.spans, Span(span.version, span.first, span.first))
        if place and self.spans[place - 1].overlaps(span):
            place -= 1
        found = []
        while place < len(self.spans) and self.spans[place].overlaps(span):
            found.append(self.spans[place])
            place += 1
        return found

    def without(self, span: Span) -> list[Span]:
        """Return what is left of ``span`` when these are taken out of it."""
        left, start = [], span.first
        for hole in self.overlapping(span):
            if hole.first > start:
                left.append(Span(span.version, start, hole.first - 1))
            start = max(start, hole.last + 1)
        if start <= span.last:
            left.append(Span(span.version, start, span.last))
        return left
