# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._ban_address import (
    Span,
    SpanIndex,
    disjoint,
    is_wide,
    parse_span,
    parse_spans,
)
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("203.0.113.7/32", "203.0.113.7"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8:0:0::5", "2001:db8::5"),
        ("2001:db8::/64", "2001:db8::/64"),
        ("::/0", "::/0"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:cb00:7107", "203.0.113.7"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
        ("203.0.113.4-203.0.113.9", "203.0.113.4-203.0.113.9"),
        ("203.0.113.0-203.0.113.255", "203.0.113.0/24"),
        ("203.0.113.255-203.0.114.0", "203.0.113.255-203.0.114.0"),
        ("2001:db8::-2001:db8::2", "2001:db8::-2001:db8::2"),
    ],
)
def test_a_span_reads_and_prints(text, normal):
    span = parse_span(text)
    assert str(span) == normal
    assert parse_span(normal) == span


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("example.org", "is a name"),
        ("localhost", "is a name"),
        ("cafe", "is a name"),
        ("my-host.example.org", "is no address|is a name"),
        ("203.0.113.7/24", "around it would be 203.0.113.0/24"),
        ("203.0.113.0/255.255.255.0", "number of bits"),
        ("203.0.113.0/0.0.0.255", "number of bits"),
        ("203.0.113.0/-1", "number of bits|is no"),
        ("203.0.113.0/33", "is no network"),
        ("2001:db8::/129", "is no network"),
        ("203.0.113.007", "is no address"),
        ("0203.0.113.7", "is no address"),
        ("3405803783", "is no address"),
        ("0xcb007107", "is a name|is no address"),
        ("203.0.113", "is no address"),
        ("fe80::1%eth0", "is no address"),
        ("1.2.3.4; flush ruleset", "is no address"),
        ("1.2.3.4 }\nflush ruleset", "is no address"),
        ("1.2.3.4\n", "is no address"),
        ("{", "is no address"),
        ("", "is no address"),
        ("/", "number of bits"),
        ("-", "is no address"),
        ("@banned4", "is no address"),
        ("$(id)", "is no address"),
        ("{{ 7 * 7 }}", "is no address"),
        ("\u0661.2.3.4", "is no address"),
        ("1.2.3.4/\u0663", "number of bits"),
        ("203.0.113.9-203.0.113.4", "is no range"),
        ("203.0.113.9-2001:db8::1", "is no range"),
        ("203.0.113.9-203.0.113.10-203.0.113.11", "is no address"),
        ("1.2.3.4\x00", "is no address"),
    ],
)
def test_everything_else_is_refused_with_its_reason(text, words):
    with pytest.raises(ValueError, match=words):
        parse_span(text)


def test_all_that_is_wrong_is_told_at_once_and_not_without_end():
    with pytest.raises(OpsError) as caught:
        parse_spans(["203.0.113.7", *(f"bad{n}" for n in range(30))], "ban these addresses")
    assert str(caught.value).startswith("Cannot ban these addresses: 'bad0' is a name")
    assert "'bad19'" in str(caught.value) and "'bad20'" not in str(caught.value)
    assert str(caught.value).endswith("and 10 more.")


@pytest.mark.parametrize(
    ("text", "wide"),
    [
        ("198.18.0.0/16", False),
        ("198.18.0.0/15", True),
        ("198.18.0.0-198.19.0.0", True),
        ("2001:db8::/48", False),
        ("2001:db8::/47", True),
    ],
)
def test_what_is_wide(text, wide):
    assert is_wide(parse_span(text)) is wide


def spans(*texts):
    return [parse_span(text) for text in texts]


def test_what_overlaps_is_made_one_and_neighbours_are_not():
    given = spans("203.0.113.9", "203.0.113.8/29", "203.0.113.7", "2001:db8::1", "203.0.113.9")
    assert disjoint(given) == spans("203.0.113.7", "203.0.113.8/29", "2001:db8::1")


def test_an_index_finds_by_bisection_what_a_search_of_all_finds():
    holes = [Span(4, first, first + first % 3) for first in range(10, 200, 7)] + [Span(6, 20, 90)]
    index = SpanIndex(holes)
    for version in (4, 6):
        for first in range(0, 220, 3):
            for size in (1, 4, 30):
                span = Span(version, first, first + size - 1)
                assert index.overlapping(span) == [hole for hole in sorted(holes) if hole.overlaps(span)]
                left = {number for piece in index.without(span) for number in range(piece.first, piece.last + 1)}
                taken = {n for hole in holes if hole.version == version for n in range(hole.first, hole.last + 1)}
                assert left == set(range(first, first + size)) - taken
