# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._redis_memory import (
    Limit,
    Settings,
    check_settings,
    choose,
    parse_size,
    plan_memory,
    say_restart,
    settings_at_start,
    settings_of_file,
    smallest,
)

MB = 2**20
CONTAINER = Limit(512 * MB, "container", "container 'rendiff-redis-1'")
HOST = Limit(8192 * MB, "host", "container 'rendiff-redis-1'")
NOW = Settings(256 * MB, "noeviction")


def options(**given):
    return {"maxmemory": None, "share": None, "policy": "noeviction", **given}


def refused(settings, used=5 * MB, limit=CONTAINER, *, restore=False):
    with pytest.raises(OpsError) as caught:
        check_settings(settings, used, limit, restore=restore)
    return str(caught.value)


def steps(plan):
    return [(action.target, action.transition) for action in plan.actions]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1048576", MB),
        (1048576, MB),
        ("300mb", 300 * MB),
        (" 300 MB ", 300 * MB),
        ("4gb", 4 * 2**30),
        ("4g", 4 * 10**9),
        ("1k", 1000),
        ("1kb", 1024),
        ("7b", 7),
        ("0", 0),
    ],
)
def test_a_size_is_read_as_redis_reads_it(text, size):
    assert parse_size(text, "maxmemory") == size


@pytest.mark.parametrize(
    "text", ["", "four", "-1", "1.5gb", "300mib", "3tb", "1 mb mb", "9" * 19, "99999999999gb", "٣mb"]
)
def test_what_is_no_size_is_refused_by_its_option(text):
    with pytest.raises(OpsError, match="is no size for memory_limit. Pass bytes, or a number with kb, mb or gb"):
        parse_size(text, "memory_limit")


def test_the_smallest_limit_counts_and_none_is_none():
    assert smallest([HOST, CONTAINER, Limit(0, "container", "x")]) == CONTAINER
    assert smallest([Limit(0, "container", "x")]) is None


def test_without_a_wish_it_is_three_quarters_of_the_containers_limit():
    assert choose(options(), CONTAINER) == Settings(384 * MB, "noeviction")
    assert choose(options(share=50, policy="Volatile-TTL"), CONTAINER) == Settings(256 * MB, "volatile-ttl")
    assert choose(options(maxmemory="300mb"), None) == Settings(300 * MB, "noeviction")


def test_a_share_of_the_host_is_never_taken_unasked():
    with pytest.raises(OpsError, match="'rendiff-redis-1' has no memory limit of its own, and all else on the host"):
        choose(options(), HOST)
    assert choose(options(share=10), HOST).maxmemory_bytes == 8192 * MB // 10


@pytest.mark.parametrize("share", [0, -5, 76, 100])
def test_a_share_that_leaves_nothing_is_refused(share):
    with pytest.raises(OpsError, match=f"a share of {share} % is not between 1 and 75 %"):
        choose(options(share=share), CONTAINER)


def test_a_limit_that_nobody_knows_must_be_given():
    with pytest.raises(OpsError, match="not known how much memory it may have. Pass memory_limit"):
        choose(options(), None)
    assert "Pass memory_limit" in refused(NOW, limit=None)


def test_the_runbooks_four_gigabytes_are_refused_with_the_limit():
    said = refused(Settings(4096 * MB, "noeviction"))
    assert said == (
        "Cannot set the broker's memory: maxmemory 4294967296 bytes (4096.0 MiB) is above 75 % of the 536870912 bytes "
        "(512.0 MiB) that container 'rendiff-redis-1' has: the kernel would kill the broker before Redis stops at its "
        "own bound. Pass at most 402653184, or raise the limit of container 'rendiff-redis-1' first."
    )


def test_the_bound_itself_is_allowed_and_one_byte_more_is_not():
    check_settings(Settings(384 * MB, "noeviction"), 5 * MB, CONTAINER, restore=False)
    assert "above 75 %" in refused(Settings(384 * MB + 1, "noeviction"))


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
def test_a_policy_that_throws_away_queues_is_refused_with_the_reason(policy):
    assert "Redis throws away any key when it is full, and a queue with its jobs is one" in refused(
        Settings(300 * MB, policy)
    )


def test_a_policy_that_is_none_is_refused_even_as_an_undo():
    for policy in ("lru", "noeviction; flushall", "allkeys-", ""):
        assert "is no policy of Redis" in refused(Settings(300 * MB, policy), restore=True)


@pytest.mark.parametrize("policy", ["noeviction", "volatile-lru", "volatile-ttl"])
def test_what_keeps_messages_is_allowed(policy):
    check_settings(Settings(300 * MB, policy), 5 * MB, CONTAINER, restore=False)


def test_no_bound_is_refused():
    assert "maxmemory 0 is no bound" in refused(Settings(0, "noeviction"))


@pytest.mark.parametrize("restore", [False, True])
def test_less_than_is_used_is_refused_for_what_would_happen(restore):
    assert "every write would fail" in refused(Settings(5 * MB, "noeviction"), restore=restore)
    assert "throw away keys at once" in refused(Settings(4 * MB, "volatile-lru"), restore=restore)


def test_where_nothing_fits_the_limit_is_what_must_grow():
    said = refused(Settings(384 * MB, "noeviction"), used=400 * MB)
    assert said.endswith(
        "Give it more memory than the 536870912 bytes (512.0 MiB) of container 'rendiff-redis-1', or let the queues "
        "drain."
    )


def test_an_undo_gives_back_what_would_be_refused():
    for settings in (Settings(4096 * MB, "allkeys-lru"), Settings(0, "noeviction"), Settings(300 * MB, "allkeys-lrm")):
        check_settings(settings, 5 * MB, CONTAINER, restore=True)
        check_settings(settings, 5 * MB, None, restore=True)
    assert "throw away keys at once" in refused(Settings(300 * MB, "allkeys-lru"), used=310 * MB, restore=True)


@pytest.mark.parametrize(
    ("before", "after", "order"),
    [
        # A Redis that is full and throws away: first the room, so that no write fails in between.
        (Settings(256 * MB, "allkeys-lru"), Settings(384 * MB, "noeviction"), ["maxmemory", "maxmemory-policy"]),
        # Less room: first nothing is thrown away any more.
        (Settings(400 * MB, "allkeys-lru"), Settings(384 * MB, "noeviction"), ["maxmemory-policy", "maxmemory"]),
        (Settings(0, "allkeys-lru"), Settings(384 * MB, "noeviction"), ["maxmemory-policy", "maxmemory"]),
        # No bound is the most.
        (Settings(384 * MB, "noeviction"), Settings(0, "allkeys-lru"), ["maxmemory", "maxmemory-policy"]),
        (Settings(384 * MB, "noeviction"), Settings(256 * MB, "allkeys-lru"), ["maxmemory-policy", "maxmemory"]),
        (Settings(256 * MB, "allkeys-lru"), Settings(256 * MB, "noeviction"), ["maxmemory-policy"]),
        (Settings(256 * MB, "noeviction"), Settings(384 * MB, "noeviction"), ["maxmemory"]),
    ],
    ids=["more", "less", "bounded", "unbounded", "undone", "policy", "size"],
)
def test_no_moment_is_worse_than_before_and_after(before, after, order):
    plan = plan_memory(before, after, rewrite=False)
    assert [action.target for action in plan.actions] == order
    assert plan.before == before.describe() and plan.after == after.describe()
    used = 1 * MB
    now = before
    for action in plan.actions:
        if action.target == "maxmemory":
            now = Settings(int(action.detail["value"]), now.policy)
        else:
            now = Settings(now.maxmemory_bytes, action.detail["value"])
        # Whenever it may throw away, it may use no less than in the state whose policy that is.
        for end in (before, after):
            if now.policy == end.policy and before.policy != after.policy and now.policy.startswith("allkeys"):
                assert (now.maxmemory_bytes or 2**63) >= (end.maxmemory_bytes or 2**63) > used
    assert now == after


def test_a_plan_says_its_steps_and_nothing_where_nothing_is_to_do():
    plan = plan_memory(Settings(256 * MB, "allkeys-lru"), Settings(384 * MB, "noeviction"), rewrite=True)
    assert steps(plan) == [
        ("maxmemory", "becomes 402653184"),
        ("maxmemory-policy", "becomes noeviction"),
        ("configuration file", "is rewritten"),
    ]
    assert not plan_memory(NOW, NOW, rewrite=False).changed
    assert plan.plan_id != plan_memory(NOW, Settings(384 * MB, "noeviction"), rewrite=False).plan_id


def test_a_configuration_file_is_read_as_redis_reads_it():
    text = '# maxmemory 1gb\nMaxMemory 300mb\nmaxmemory-samples 5\nmaxmemory "384mb"\nmaxmemory-policy volatile-lru\n'
    assert settings_of_file(text) == Settings(384 * MB, "volatile-lru")
    assert settings_of_file("port 6379\n") == Settings(0, "noeviction")


def test_the_command_line_wins_over_the_file():
    shell = ("sh", "-c", 'exec redis-server --maxmemory 256mb --maxmemory-policy noeviction --requirepass "$P"')
    assert settings_at_start(shell, None, False) == NOW
    assert settings_at_start(shell, "maxmemory 300mb\nmaxmemory-policy allkeys-lru\n", True) == NOW
    words = ("redis-server", "/etc/redis.conf", "--maxmemory", "256mb")
    assert settings_at_start(words, "maxmemory-policy volatile-lru\n", True) == Settings(256 * MB, "volatile-lru")
    assert settings_at_start(("redis-server", "--maxmemory-policy=allkeys-lru"), None, False) == Settings(
        0, "allkeys-lru"
    )
    assert settings_at_start(("redis-server",), None, False) == Settings(0, "noeviction")


def test_what_cannot_be_read_of_a_start_is_not_known():
    assert settings_at_start(None, None, False) is None
    assert settings_at_start(("redis-server", "/etc/redis.conf"), None, True) is None
    assert settings_at_start(("sh", "-c", "redis-server --maxmemory $SIZE"), None, False) is None
    assert settings_at_start(("sh", "-c", "redis-server --maxmemory-policy ${POLICY}"), None, False) is None
    assert settings_at_start(("sh", "-c", "redis-server --maxmemory all"), None, False) is None


def test_what_a_restart_makes_of_it_is_said():
    wanted = Settings(384 * MB, "noeviction")
    assert say_restart(wanted, wanted, has_file=True) == "It outlives a restart of Redis."
    assert say_restart(wanted, NOW, has_file=False) == (
        "A restart of Redis returns to 268435456 bytes (256.0 MiB) and noeviction, which its command line says: change "
        "it there to keep this."
    )
    assert "no bound and allkeys-lru, which its command line or its configuration file says" in say_restart(
        wanted, Settings(0, "allkeys-lru"), has_file=True
    )
    assert "which could not be read" in say_restart(wanted, None, has_file=False)
