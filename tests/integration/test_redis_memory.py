# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_redis_memory and its action, on the broker of a sandbox and on a Redis that is none of its containers."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
import typing as t
import uuid
from pathlib import Path

import pytest
import redis
from conftest import Answer, Module, Sandbox, ansible, docker, run, until
from core_common import Core

from ansible_collections.rendiff.ops.plugins.module_utils._ledger import MITIGATION_ARGUMENTS, Ledger
from ansible_collections.rendiff.ops.plugins.module_utils._redis_memory_change import MEMORY_ARGUMENTS, change_memory

NAMES = ("maxmemory", "maxmemory-policy")
MB = 2**20
# Of the 512 MiB that compose.yml gives the broker.
USABLE = 384 * MB
PASSWORD = "only-for-a-test"


def settings(client: redis.Redis) -> dict[str, str]:
    """Return what Redis has now."""
    found = client.config_get("maxmemory*")
    return {name: str(found[name]) for name in NAMES}


def give(client: redis.Redis, **values: t.Any) -> None:
    """Set what Redis has, by hand."""
    for name, value in values.items():
        client.config_set(name.replace("_", "-"), value)


@pytest.fixture(name="broker")
def fixture_broker(one: Sandbox) -> t.Iterator[redis.Redis]:
    """Return the broker of a sandbox, and give back what it had."""
    with one.broker() as client:
        before = settings(client)
        try:
            yield client
        finally:
            for name in NAMES:
                client.config_set(name, before[name])
            assert settings(client) == before


@pytest.fixture(name="memory")
def fixture_memory(one: Sandbox) -> Core:
    """Return the body of the module on that sandbox."""
    return Core(change_memory, MEMORY_ARGUMENTS, changes=True, project=one.project)


def refused(answer: Answer, words: str) -> None:
    assert answer.failed and words in answer.result["msg"], answer.output


def container_limit(sandbox: Sandbox) -> int:
    return int(docker("inspect", "-f", "{{.HostConfig.Memory}}", sandbox.container("redis")))


def test_the_runbooks_command_is_taken_by_redis_and_refused_here(one: Sandbox, broker: redis.Redis) -> None:
    before, limit = settings(broker), container_limit(one)
    module = Module("rendiff_redis_memory", project=one.project)
    for check in (True, False):
        answer = module(maxmemory="4gb", check=check)
        refused(answer, f"maxmemory {4 * 2**30} bytes (4096.0 MiB) is above 75 % of the {limit} bytes (512.0 MiB)")
        refused(answer, f"container '{one.container('redis')}' has: the kernel would kill the broker")
        assert settings(broker) == before
        assert one.secrets["REDIS_PASSWORD"] not in answer.output
    # What the runbook does: Redis may then use eight times what the kernel lets it have.
    literal = ["redis-cli", "config", "set", "maxmemory", "4gb"]
    assert docker("exec", one.container("redis"), *literal) == "OK"
    assert int(settings(broker)["maxmemory"]) == 4 * 2**30 > limit
    answer = module()
    assert not answer.failed and answer.result["changed"], answer.output
    assert settings(broker) == {"maxmemory": str(USABLE), "maxmemory-policy": "noeviction"}


def test_it_is_planned_done_and_done_once(one: Sandbox, broker: redis.Redis, memory: Core) -> None:
    module = Module("rendiff_redis_memory", project=one.project, maxmemory="300mb")
    before = settings(broker)
    planned = module(check=True)
    assert planned.result["changed"] and settings(broker) == before
    done = module()
    assert done.result["changed"] and done.result["plan_id"] == planned.result["plan_id"]
    assert done.result["memory"] == {**planned.result["memory"], "used_bytes": done.result["memory"]["used_bytes"]}
    assert settings(broker) == {"maxmemory": str(300 * MB), "maxmemory-policy": "noeviction"}
    assert not module().result["changed"] and not module(check=True).result["changed"]
    found = done.result["memory"]
    assert found["limit_bytes"] == container_limit(one) and found["limit_from"] == "container"
    assert found["before"] == {"maxmemory_bytes": int(before["maxmemory"]), "policy": "noeviction"}
    # The sandbox's command line says 256mb, and there is no configuration file.
    assert not found["survives_restart"] and "returns to 268435456 bytes (256.0 MiB) and noeviction" in found["restart"]
    kept = memory(maxmemory="300mb", persist=True)
    assert not kept.failed and not kept.result["changed"] and not kept.result["memory"]["survives_restart"]
    lasting = memory(maxmemory="256mb")
    assert lasting.result["memory"]["survives_restart"] and "It outlives a restart" in lasting.result["msg"]


def test_what_throws_away_messages_is_ended_and_not_begun(broker: redis.Redis, memory: Core) -> None:
    for policy in ("allkeys-lru", "allkeys-random"):
        refused(memory(policy=policy), "throws away any key when it is full, and a queue with its jobs is one")
    give(broker, maxmemory_policy="allkeys-lru")
    answer = memory()
    assert answer.result["plan"] == [f"maxmemory: becomes {USABLE}", "maxmemory-policy: becomes noeviction"]
    assert settings(broker)["maxmemory-policy"] == "noeviction"
    volatile = memory(policy="volatile-ttl")
    assert not volatile.failed and settings(broker)["maxmemory-policy"] == "volatile-ttl"


def test_less_than_is_used_and_no_bound_are_refused(broker: redis.Redis, memory: Core) -> None:
    before, used = settings(broker), broker.info("memory")["used_memory"]
    refused(memory(maxmemory=str(used // 2)), "every write would fail, and no job could be sent")
    refused(memory(maxmemory=str(used // 2), restore=True), "every write would fail, and no job could be sent")
    refused(memory(maxmemory="0"), "Redis would grow until the kernel kills it")
    refused(memory(share=76), "is not between 1 and 75 %")
    refused(memory(maxmemory="lots"), "'lots' is no size for maxmemory")
    assert settings(broker) == before
    # Nobody's word but what Redis does: a push fails there, and the refusal was right.
    give(broker, maxmemory=used // 2)
    with pytest.raises(redis.ResponseError, match="used memory > 'maxmemory'"):
        broker.rpush(f"test-{uuid.uuid4()}", "x")


@dataclasses.dataclass(frozen=True)
class Foreign:
    """A Redis that is no container of the project."""

    name: str
    address: str
    client: redis.Redis

    def set(self, memory: Core, **options: t.Any) -> Answer:
        """Change how much memory it may use."""
        return memory(redis_host=self.address, redis_port=6379, redis_db=0, **options)


@contextlib.contextmanager
def foreign(sandbox: Sandbox, *arguments: str, options: t.Sequence[str] = ()) -> t.Iterator[Foreign]:
    """Run a Redis with these arguments in a container of its own; ``options`` are docker's."""
    image = docker("inspect", "-f", "{{.Image}}", sandbox.container("redis"))
    name = f"{sandbox.project}-foreign-redis"
    run(["docker", "rm", "-f", name])
    argv = ["run", "-d", "--name", name, *options, "--entrypoint", "redis-server", image]
    docker(*argv, *arguments, "--bind", "0.0.0.0", "--requirepass", sandbox.secrets["REDIS_PASSWORD"])
    try:
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
        address = docker("inspect", "-f", template, name).split()[0]
        with contextlib.closing(redis.Redis(host=address, password=sandbox.secrets["REDIS_PASSWORD"])) as client:
            until(lambda: answers(client), f"Redis at {address} answers", 20)
            yield Foreign(name, address, client)
    finally:
        docker("rm", "-f", name)


def answers(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.RedisError):
        return bool(client.ping())
    return False


def test_a_container_without_a_limit_gets_nothing_unasked(one: Sandbox, memory: Core) -> None:
    project = f"{one.project}-unlimited"
    labels = [f"com.docker.compose.{name}" for name in (f"project={project}", "service=redis", "container-number=1")]
    with foreign(one, options=[word for label in labels for word in ("--label", label)]) as other:
        mine = {"project": project, "redis_password": one.secrets["REDIS_PASSWORD"]}
        refused(other.set(memory, **mine), f"container '{other.name}' has no memory limit of its own")
        assert settings(other.client)["maxmemory"] == "0"
        host = int(docker("info", "--format", "{{.MemTotal}}"))
        refused(other.set(memory, **mine, maxmemory=str(host)), f"of the {host} bytes")
        answer = other.set(memory, **mine, maxmemory="300mb")
        found = answer.result["memory"]
        assert (found["container"], found["limit_bytes"], found["limit_from"]) == (other.name, host, "host")
        assert settings(other.client)["maxmemory"] == str(300 * MB)


def test_a_redis_elsewhere_needs_its_limit_and_keeps_it_in_its_file(
    one: Sandbox, broker: redis.Redis, memory: Core, tmp_path: Path
) -> None:
    mine = settings(broker)
    folder = tmp_path / "conf"
    folder.mkdir()
    file = folder / "redis.conf"
    file.write_text("maxmemory 100mb\nmaxmemory-policy allkeys-lru\n", encoding="utf-8")
    with foreign(one, "/conf/redis.conf", options=["-v", f"{folder}:/conf"]) as other:
        refused(other.set(memory), "it is not known how much memory it may have. Pass memory_limit")
        refused(other.set(memory, maxmemory="4gb", memory_limit="1gb"), "the machine that Redis runs on has")
        assert other.set(memory, memory_limit="1gb").result["changed"]
        assert settings(other.client) == {"maxmemory": str(768 * MB), "maxmemory-policy": "noeviction"}
        assert "allkeys-lru" in file.read_text(encoding="utf-8")
        # Redis runs as another user, and may not write into the folder.
        refused(
            other.set(memory, maxmemory="300mb", memory_limit="1gb", persist=True), "; it is set until Redis restarts"
        )
        assert settings(other.client)["maxmemory"] == str(300 * MB)
        folder.chmod(0o777)
        kept = other.set(memory, maxmemory="200mb", memory_limit="1gb", persist=True)
        assert kept.result["plan"] == [f"maxmemory: becomes {200 * MB}", "configuration file: is rewritten"], (
            kept.output
        )
        assert "maxmemory 200mb" in file.read_text(encoding="utf-8")
        assert not other.set(memory, maxmemory="200mb", memory_limit="1gb", persist=True).result["changed"]
        docker("restart", "--time", "3", other.name)
        until(lambda: answers(other.client), "Redis is back", 20)
        assert settings(other.client) == {"maxmemory": str(200 * MB), "maxmemory-policy": "noeviction"}
    assert settings(broker) == mine


def test_a_redis_that_refuses_config_is_told_clearly(one: Sandbox, broker: redis.Redis, memory: Core) -> None:
    with foreign(one, "--rename-command", "CONFIG", "") as other:
        answer = other.set(memory, memory_limit="1gb")
        refused(answer, "this Redis refuses CONFIG GET: unknown command")
        refused(answer, "Set it where this Redis is managed, or log in as a user that may use CONFIG.")
    before, user = settings(broker), f"test-{uuid.uuid4()}"
    broker.execute_command("ACL", "SETUSER", user, "on", f">{PASSWORD}", "+@all", "-config|set")
    try:
        refused(memory(redis_user=user, redis_password=PASSWORD), "this Redis refuses CONFIG SET: ")
    finally:
        broker.execute_command("ACL", "DELUSER", user)
    assert settings(broker) == before


class Action:
    """The action of the role in one incident, and the playbook that undoes it."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.project = sandbox.project
        self.name = f"maintenance.set_broker_memory.{sandbox.project}"
        self.incident = f"test-{uuid.uuid4()}"
        # The one of this host, where the role writes.
        self.ledger = Ledger(MITIGATION_ARGUMENTS.options["state_dir"]["default"])
        self.play = folder / "play.yml"
        role = {"name": "rendiff.ops.maintenance", "tasks_from": "set_broker_memory"}
        tasks = [{"ansible.builtin.include_role": role}]
        self.play.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")

    def __call__(self, playbook: str | None = None, *flags: str, **wishes: t.Any) -> subprocess.CompletedProcess[str]:
        named = {"rendiff_project": self.project, "incident_id": self.incident, "rendiff_hosts": "all"}
        variables = {**named, "ansible_python_interpreter": sys.executable, **wishes}
        argv = ["ansible-playbook", "-i", "target,", "-c", "local", "-e", json.dumps(variables), *flags]
        return ansible([*argv, playbook or str(self.play)])

    def entries(self) -> list[dict[str, t.Any]]:
        """Return what the ledger has of the incident."""
        entries = [entry.describe() for entry in self.ledger.entries()[0]]
        return [entry for entry in entries if entry["incident"] == self.incident]


@pytest.fixture(name="action")
def fixture_action(one: Sandbox, tmp_path: Path) -> t.Iterator[Action]:
    """Return the action, and leave no entry of it in the ledger."""
    action = Action(one, tmp_path)
    yield action
    if action.entries():
        action.ledger.mark(action.name, "undone", "", check_mode=False)
        action.ledger.drop(action.name, check_mode=False)


def test_the_action_is_undone_to_exactly_what_was(broker: redis.Redis, action: Action) -> None:
    # What no rule would let anybody set: above the container's limit, and with a policy that throws away queues.
    give(broker, maxmemory=4 * 2**30, maxmemory_policy="allkeys-lru")
    before = settings(broker)
    done = action(None, "--check")
    assert done.returncode == 0 and settings(broker) == before and action.entries() == [], done.stdout
    done = action()
    assert done.returncode == 0, done.stdout
    assert settings(broker) == {"maxmemory": str(USABLE), "maxmemory-policy": "noeviction"}
    (entry,) = action.entries()
    assert entry["name"] == action.name and entry["status"] == "applied"
    assert entry["before"] == {"maxmemory_bytes": 4 * 2**30, "policy": "allkeys-lru"}
    again = action()
    assert again.returncode == 0 and "changed=0" in again.stdout, again.stdout
    # A second change within the incident is undone to what was before the first.
    assert action(maintenance_broker_maxmemory="300mb").returncode == 0
    assert settings(broker)["maxmemory"] == str(300 * MB)
    for changes in ("changed=", "changed=0"):
        undone = action("rendiff.ops.stand_down")
        assert undone.returncode == 0 and changes in undone.stdout, undone.stdout
        assert settings(broker) == before
        assert [each["status"] for each in action.entries()] == ["undone"]


def test_no_bound_is_given_back_too(broker: redis.Redis, action: Action) -> None:
    give(broker, maxmemory=0)
    assert action(maintenance_broker_share=50).returncode == 0
    assert settings(broker)["maxmemory"] == str(256 * MB)
    undone = action("rendiff.ops.stand_down")
    assert undone.returncode == 0, undone.stdout
    assert settings(broker) == {"maxmemory": "0", "maxmemory-policy": "noeviction"}


def test_a_refused_action_writes_nothing_into_the_ledger(broker: redis.Redis, action: Action) -> None:
    before = settings(broker)
    done = action(maintenance_broker_maxmemory="4gb")
    assert done.returncode != 0 and "the kernel would kill the broker" in done.stdout
    assert settings(broker) == before and action.entries() == []


def test_an_undo_that_would_stop_all_writes_is_left_open_and_told(broker: redis.Redis, action: Action) -> None:
    used = broker.info("memory")["used_memory"]
    give(broker, maxmemory=used + MB)
    assert action().returncode == 0
    key = f"test-{uuid.uuid4()}"
    broker.set(key, b"x" * 4 * MB)
    try:
        undone = action("rendiff.ops.stand_down")
        assert undone.returncode != 0 and "every write would fail" in undone.stdout, undone.stdout
        assert settings(broker)["maxmemory"] == str(USABLE)
        assert [each["status"] for each in action.entries()] == ["failed"]
    finally:
        broker.delete(key)
    undone = action("rendiff.ops.stand_down")
    assert undone.returncode == 0, undone.stdout
    assert settings(broker)["maxmemory"] == str(used + MB)


def test_what_is_for_good_is_not_taken_back(broker: redis.Redis, action: Action) -> None:
    assert action(maintenance_broker_share=50, maintenance_broker_policy="volatile-lru").returncode == 0
    assert action(maintenance_broker_persist=True).returncode == 0
    assert [each["status"] for each in action.entries()] == ["undone"]
    undone = action("rendiff.ops.stand_down")
    assert undone.returncode == 0 and "there is nothing to undo" in undone.stdout, undone.stdout
    assert settings(broker) == {"maxmemory": str(USABLE), "maxmemory-policy": "noeviction"}
