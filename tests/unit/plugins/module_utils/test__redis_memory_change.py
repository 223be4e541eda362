# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import LoginRefusedError, OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._redis_memory import Limit
from ansible_collections.rendiff.ops.plugins.module_utils._redis_memory_change import MEMORY_ARGUMENTS, BrokerMemory

from .builders import replica

MB = 2**20


class FakeBroker:
    """Two settings, and a configuration file that Redis can write or not."""

    def __init__(self, maxmemory=256 * MB, policy="noeviction", *, mapping=False, keeps=True, **info):
        self.values = {"maxmemory": str(maxmemory), "maxmemory-policy": policy}
        self.mapping = mapping
        self.keeps = keeps
        self.facts = {"used_memory": 5 * MB, **info}
        self.said = []

    def info(self):
        return self.facts

    def command(self, *words):
        self.said.append(words[1:])
        if words[1] == "SET":
            if self.keeps:
                self.values[words[2]] = words[3]
            return True
        if words[1] == "REWRITE":
            raise OpsError("query Redis", "Rewriting config file: Read-only file system")
        pair = [words[2].encode(), self.values[words[2]].encode()] if words[2] in self.values else []
        return dict([pair]) if self.mapping else pair

    @property
    def writes(self):
        return [words for words in self.said if words[0] != "GET"]


class FakeDocker:
    """A host's memory, and one file in a container."""

    def __init__(self, total=8192 * MB, content=None):
        self.total = total
        self.content = content

    def get(self, _path):
        return {"MemTotal": self.total}

    def read_file(self, _container, _path):
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


def options(**given):
    defaults = {name: option.get("default") for name, option in MEMORY_ARGUMENTS.options.items()}
    return {**defaults, **given}


def contained(memory=512 * MB, *args):
    return replica("redis", host={"Memory": memory}, args=list(args))


def change(broker, *, docker=None, container=None, check_mode=False, **given):
    return BrokerMemory(broker, docker or FakeDocker(), container, options(**given)).run(check_mode)


@pytest.mark.parametrize("mapping", [False, True], ids=["list", "mapping"])
def test_both_forms_of_an_answer_are_understood(mapping):
    broker = FakeBroker(policy="allkeys-lru", mapping=mapping)
    done = change(broker, container=contained())
    assert broker.writes == [("SET", "maxmemory", str(384 * MB)), ("SET", "maxmemory-policy", "noeviction")]
    assert done["changed"] and done["memory"]["before"] == {"maxmemory_bytes": 256 * MB, "policy": "allkeys-lru"}
    assert done["memory"]["limit_from"] == "container" and done["memory"]["container"] == "rendiff-prod-redis-1"
    again = change(broker, container=contained())
    assert not again["changed"] and len(broker.writes) == 2


def test_check_mode_says_the_same_and_writes_nothing():
    broker = FakeBroker()
    planned = change(broker, container=contained(), check_mode=True)
    assert planned["changed"] and broker.writes == []
    assert change(broker, container=contained())["plan_id"] == planned["plan_id"]


def test_jobs_that_were_thrown_away_are_told():
    broker = FakeBroker(policy="allkeys-lru", evicted_keys=7)
    assert "It threw away 7 keys under allkeys-lru" in change(broker, container=contained())["msg"]
    assert "threw away" not in change(broker, container=contained())["msg"]


def test_a_limit_is_the_smallest_that_is_known():
    def limit(container, total=8192 * MB, **given):
        return BrokerMemory(FakeBroker(), FakeDocker(total), container, options(**given)).limit()

    assert limit(None) is None
    assert limit(None, memory_limit="8gb") == Limit(8192 * MB, "memory_limit", "the machine that Redis runs on")
    assert limit(contained(0)).source == "host"
    assert limit(contained(), memory_limit="8gb").memory_bytes == 512 * MB
    assert limit(contained(), memory_limit="100mb").source == "memory_limit"
    assert limit(contained(16384 * MB)).source == "host"
    with pytest.raises(OpsError, match="memory_limit is 0"):
        limit(contained(), memory_limit="0")


def test_what_does_not_stay_set_is_an_error():
    with pytest.raises(OpsError, match="Redis has 268435456 and noeviction after 402653184 and noeviction were set"):
        change(FakeBroker(keeps=False), container=contained())


def test_a_refused_wish_touches_nothing():
    broker = FakeBroker()
    with pytest.raises(OpsError, match="above 75 %"):
        change(broker, container=contained(), maxmemory="4gb", persist=True)
    assert broker.writes == []


def test_without_a_configuration_file_nothing_is_rewritten_and_that_is_said():
    broker = FakeBroker(config_file="")
    done = change(broker, container=contained(512 * MB, "--maxmemory", "256mb"), persist=True)
    assert ("REWRITE",) not in broker.writes
    assert not done["memory"]["survives_restart"]
    assert "which its command line says: change it there" in done["msg"]


def test_a_file_that_says_the_same_is_not_rewritten():
    broker = FakeBroker(384 * MB, config_file="/etc/redis.conf")
    done = change(broker, docker=FakeDocker(content=b"maxmemory 384mb\n"), container=contained(), persist=True)
    assert not done["changed"] and done["memory"]["survives_restart"]


def test_a_file_that_says_something_else_is_rewritten_or_it_fails():
    broker = FakeBroker(384 * MB, config_file="/etc/redis.conf")
    given = {"docker": FakeDocker(content=b"maxmemory 1gb\n"), "container": contained(), "persist": True}
    planned = change(broker, check_mode=True, **given)
    assert planned["plan"] == ["configuration file: is rewritten"] and planned["memory"]["survives_restart"]
    with pytest.raises(OpsError, match="over a restart: Rewriting config file: Read-only file system; it is set until"):
        change(broker, **given)
    assert not change(broker, **{**given, "persist": False})["changed"]


@pytest.mark.parametrize(
    "content", [KeyError("linkname"), OpsError("read", "no"), None], ids=["link", "refused", "gone"]
)
def test_a_file_that_cannot_be_seen_is_not_known(content):
    broker = FakeBroker(384 * MB, config_file="/etc/redis.conf")
    done = change(broker, docker=FakeDocker(content=content), container=contained(), persist=True)
    assert not done["changed"] and "which could not be read" in done["memory"]["restart"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OpsError("query Redis", "unknown command 'CONFIG', with args beginning with: 'GET'"), "refuses CONFIG GET"),
        (LoginRefusedError("query Redis", "NOPERM this user has no permissions"), "refuses CONFIG GET"),
        (LoginRefusedError("query Redis", "NOAUTH Authentication required"), "Cannot query Redis: NOAUTH"),
        (OpsError("query Redis", "Connection refused"), "Cannot query Redis: Connection refused"),
    ],
    ids=["managed", "user", "password", "down"],
)
def test_who_refuses_to_be_asked_is_told_from_who_is_down(error, words):
    class Refusing(FakeBroker):
        def command(self, *_words):
            raise error

    with pytest.raises(OpsError) as caught:
        change(Refusing(), container=contained())
    assert words in str(caught.value)
    assert ("managed" in str(caught.value)) == words.startswith("refuses")


def test_a_redis_that_tells_nothing_is_an_error():
    broker = FakeBroker()
    broker.values.clear()
    with pytest.raises(OpsError, match="does not tell its maxmemory and its policy"):
        change(broker, container=contained())
