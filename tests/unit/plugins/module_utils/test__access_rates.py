# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._access_rates import (
    BURST_MIN,
    Seconds,
    find_bursts,
    judge_rates,
    percentile,
)


def seconds(counts):
    found = Seconds()
    for second, count in counts.items():
        found.add(second, count)
    return found


def test_rates_are_of_every_second_from_the_first_to_the_last():
    rates = judge_rates(seconds({1000: 10, 1009: 30}))
    assert (rates["mean"], rates["p95"], rates["median"]) == (4.0, 30, 20)
    assert rates["peak"] == {"second": 1009, "requests": 30}


def test_no_line_with_a_time_has_no_rates():
    assert judge_rates(Seconds())["mean"] is None


@pytest.mark.parametrize(("share", "value"), [(0.0, 0), (0.5, 0), (0.94, 0), (0.96, 7), (1.0, 7)])
def test_a_percentile_counts_the_empty_seconds_too(share, value):
    assert percentile({0: 95, 7: 5}, share) == value


def test_a_run_of_busy_seconds_is_one_burst():
    quiet = dict.fromkeys(range(100), 4)
    busy = {second: 50 + second for second in (30, 31, 32, 60)}
    rates = judge_rates(seconds({**quiet, **busy}))
    assert rates["bursts_total"] == 2
    assert rates["bursts"][0] == {"start": 30, "seconds": 3, "requests": 243, "peak": 82}


@pytest.mark.parametrize(
    ("count", "median", "bursts"), [(BURST_MIN - 1, 0, 0), (BURST_MIN, 0, 1), (50, 10, 0), (51, 10, 1), (20, 4, 0)]
)
def test_a_burst_is_many_and_far_more_than_usual(count, median, bursts):
    assert len(find_bursts([(5, count)], median)) == bursts


def test_a_flood_that_fills_the_window_stands_out_against_the_time_before():
    flood = seconds(dict.fromkeys(range(1000, 1060), 100))
    assert judge_rates(flood)["bursts_total"] == 0
    assert judge_rates(flood, seconds(dict.fromkeys(range(900), 3)))["bursts_total"] == 1


def test_times_of_a_whole_age_take_no_memory():
    found = Seconds()
    for index in range(50_000):
        found.add(index * 100_000)
    assert len(found._spans) <= 2048
    assert found.outside == 50_000 - 2048


def test_what_two_counted_adds_up():
    one, other = seconds({5: 1, 9000: 2}), seconds({5: 3, 20_000: 4})
    one.absorb(other.dump())
    assert dict(one.active()) == {5: 4, 9000: 2, 20_000: 4}
