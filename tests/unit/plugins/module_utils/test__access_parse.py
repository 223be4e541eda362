# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import random

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._access_parse import (
    LINE_MAX,
    Parser,
    has_long_line,
    learn_shape,
)

from .access_builders import clf, random_line, traefik


def both(blocks, depth=0):
    fast, slow = Parser(depth=depth), Parser(fast=False, depth=depth)
    found = [(fast.hits(block), slow.hits(block)) for block in blocks]
    return fast, slow, found


@pytest.mark.parametrize("seed", range(40))
def test_the_fast_way_and_the_slow_way_tell_the_same(seed):
    source = random.Random(seed)
    blocks = []
    for _index in range(30):
        # Most blocks are of one form, as in a log, so that the fast way is taken.
        pure = source.choice(
            [
                None,
                lambda: clf(second=source.randrange(9)),
                lambda: traefik(second=source.randrange(9)),
                lambda: traefik(ClientHost=source.choice(["203.0.113.7", "203.0.113.77", "203.0.113.7, 10.0.0.1"])),
                lambda: traefik("2001:db8::1", ClientHost=source.choice(["2001:db8::1", "[2001:db8::1]", "x"])),
            ]
        )
        lines = [pure() if pure and source.random() < 0.995 else random_line(source) for _line in range(40)]
        blocks.append(b"".join(line.replace(b"\n", b"") + b"\n" for line in lines))
    depth = seed % 2
    fast, slow, found = both(blocks, depth)
    assert all(one == other for one, other in found)
    assert (fast.skipped, fast.formats, fast.json.holds_keys) == (slow.skipped, slow.formats, slow.json.holds_keys)
    assert fast.json.proxied == slow.json.proxied > 0
    addresses = Parser(depth=depth)
    assert [addresses.addresses(block) for block in blocks] == [[hit[0] for hit in one] for one, _other in found]
    assert (addresses.skipped, addresses.formats) == (slow.skipped, slow.formats)
    assert addresses.json.proxied == slow.json.proxied


@pytest.mark.parametrize(
    "changes",
    [
        {"request_User-Agent": 'x","ClientHost":"6.6.6.6","y":"'},
        {"request_User-Agent": '\\","ClientHost":"6.6.6.6'},
        {"RequestPath": '/{"ClientHost":"6.6.6.6"}'},
        {"aaa": {"ClientHost": "6.6.6.6"}},
        {"zzz": [{"ClientHost": "6.6.6.6"}]},
    ],
)
def test_an_address_inside_what_a_client_sends_is_none(changes):
    parser = Parser()
    block = (traefik() + b"\n") * 3 + traefik(**changes) + b"\n"
    for _turn in range(2):
        assert set(parser.addresses(block)) == {b"203.0.113.7"}
    assert parser.json.proxied == 0


@pytest.mark.parametrize("bad", [b'{"ClientHost":"6.6.6.6","DownstreamStatus":200,}', traefik()[:-9], traefik() + b"x"])
def test_a_line_that_is_only_almost_json_is_skipped_the_fast_way_too(bad):
    parser = Parser()
    block = (traefik() + b"\n") * 3
    parser.addresses(block)
    assert len(parser.addresses(block + bad + b"\n")) == 3
    assert parser.skipped["not_json"] == 1


@pytest.mark.parametrize(
    "document", [{"ClientHost": "1.2.3.4"}, {}, {"ClientHost": "1", "DownstreamStatus": 1, "x": 1.5}]
)
def test_a_line_that_could_be_read_in_two_ways_teaches_nothing(document):
    assert learn_shape(document) is None


def test_a_name_that_comes_twice_in_another_spelling_teaches_nothing():
    document = {"ClientHost": "1.2.3.4", "DownstreamStatus": 200, "TIME": "x", "time": "y"}
    assert learn_shape(document) is None
    assert learn_shape({**document, "TIME": None}) is None


@pytest.mark.parametrize("length", [LINE_MAX // 2, LINE_MAX - 1, LINE_MAX, LINE_MAX + 1, 3 * LINE_MAX])
@pytest.mark.parametrize("shift", [0, 1, 1000, LINE_MAX // 2])
def test_no_long_line_escapes(length, shift):
    block = b"x" * shift + b"\n" + b"y" * length + b"\n" + (b"short\n" * 20_000)
    assert has_long_line(block) or length <= LINE_MAX


def test_lines_of_ordinary_length_are_not_taken_for_long_ones():
    assert not has_long_line((b"x" * 1000 + b"\n") * 2000)


def test_a_line_over_the_bound_is_too_long_and_one_at_it_is_not():
    fits = clf(agent="a" * (LINE_MAX - len(clf(agent=""))))
    parser = Parser()
    hits = parser.hits(clf() + b"\n" + fits + b"\n" + fits + b"x\n")
    assert (len(fits), len(hits), dict(parser.skipped)) == (LINE_MAX, 2, {"too_long": 1})


def test_what_is_learned_is_bounded():
    parser = Parser()
    for index in range(200):
        parser.hits(traefik(**{f"extra{index}": "x"}) + b"\n")
    assert len(parser._shapes) <= 4
    assert parser.formats["json"] == 200
