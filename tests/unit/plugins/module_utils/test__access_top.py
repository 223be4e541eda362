# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import collections
import random

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._access_top import Top


def stream(seed, names, length, skew):
    source = random.Random(seed)
    return [b"%d" % int(names * source.random() ** skew) for _index in range(length)]


def check(top, true, total):
    """See that every bound holds that is stated."""
    assert top.total == total
    assert top.floor <= total / top.bound
    for name, count, error in top.most(len(top.counts)):
        assert count - error <= true[name] <= count
        assert error <= top.floor
    for name, count in true.items():
        if name not in top.counts:
            assert count <= top.floor
    # Whoever came more often than the floor is there.
    assert {name for name, count in true.items() if count > top.floor} <= set(top.counts)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("names", "skew"), [(50, 1), (5_000, 1), (5_000, 6), (10**9, 1)])
@pytest.mark.parametrize("bound", [20, 100])
def test_the_stated_error_holds(seed, names, skew, bound):
    came = stream(seed, names, 20_000, skew)
    true = collections.Counter(came)
    top = Top(bound)
    for name in came:
        top.add(name)
    check(top, true, len(came))
    assert len(top.counts) <= bound * 1.25 + 16
    assert top.exact is (top.floor == 0)


@pytest.mark.parametrize("seed", range(6))
def test_the_stated_error_holds_in_batches_and_when_two_are_added(seed):
    came = stream(seed, 3_000, 30_000, 3)
    first, second = Top(60), Top(60)
    for top, part in ((first, came[:17_000]), (second, came[17_000:])):
        for begin in range(0, len(part), 500):
            for name, count in collections.Counter(part[begin : begin + 500]).items():
                top.add(name, count)
    first.absorb(second.dump())
    true = collections.Counter(came)
    assert first.total == len(came)
    for name, count, error in first.most(1_000):
        assert count - error <= true[name] <= count
    assert all(count <= first.floor for name, count in true.items() if name not in first.counts)


@pytest.mark.parametrize("bound", [100, 10_000])
def test_all_that_is_forgotten_is_handed_on(bound):
    came = stream(1, 10**6, 20_000, 1)
    handed = collections.Counter()

    def take(name, count):
        handed[name] += count

    top = Top(bound, take)
    for name in came:
        top.add(name)
    for name, count in top.items():
        take(name, count)
    assert handed == collections.Counter(came)


def test_as_long_as_there_are_few_everything_is_exact():
    top = Top(100)
    for index in range(100):
        top.add(b"%03d" % index, 100 - index)
    assert top.describe() == {"distinct": 100, "exact": True, "max_error": 0}
    assert top.most(2) == [(b"000", 100, 0), (b"001", 99, 0)]


def test_equal_ones_come_in_a_fixed_order():
    top = Top(10)
    for name in (b"c", b"a", b"b"):
        top.add(name)
    assert [name for name, _count, _error in top.most(2)] == [b"a", b"b"]


def test_who_sends_most_is_found_among_a_million_others():
    top = Top(1_000)
    source = random.Random(5)
    for index in range(200_000):
        top.add(b"heavy" if source.random() < 0.02 else b"%d" % index)
    assert top.most(1)[0][0] == b"heavy"
    assert len(top.counts) <= 1_300
