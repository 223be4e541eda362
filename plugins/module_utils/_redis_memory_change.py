# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: set how much memory the broker may use, and see that it is so."""

from __future__ import annotations

import typing as t

from . import _redis
from ._argspec import ArgumentSpec
from ._cgroup import read_usage
from ._compose import Replica
from ._credentials import REDIS_ARGUMENTS, resolve_redis
from ._docker import DockerClient, RunCommand
from ._errors import LoginRefusedError, OpsError
from ._plan import Plan
from ._queue import Keys
from ._redis_memory import (
    ACT,
    CONTAINER,
    FILE,
    HOST,
    NOEVICTION,
    OPTION,
    Limit,
    Settings,
    check_settings,
    choose,
    mib,
    parse_size,
    plan_memory,
    say_restart,
    settings_at_start,
    settings_of_file,
    smallest,
)
from ._stack import STACK_ARGUMENTS, container_of, discover

MEMORY_ARGUMENTS = ArgumentSpec(
    {
        "maxmemory": {"type": "str"},
        "share": {"type": "int"},
        "policy": {"type": "str", "default": NOEVICTION},
        "memory_limit": {"type": "str"},
        "persist": {"type": "bool", "default": False},
        "restore": {"type": "bool", "default": False},
        "redis_timeout_s": {"type": "int", "default": 10},
    },
    mutually_exclusive=[("maxmemory", "share")],
    required_if=[("restore", True, ["maxmemory"])],
).merge(STACK_ARGUMENTS, REDIS_ARGUMENTS)
_MANAGED = "Set it where this Redis is managed, or log in as a user that may use CONFIG"


class BrokerMemory:
    """One change of the broker's memory. ``options`` are those of ``MEMORY_ARGUMENTS``.

    ``replica`` is the container that Redis runs in, or None where it is none of the project.
    """

    def __init__(
        self, broker: _redis.Broker, client: DockerClient, replica: Replica | None, options: t.Mapping[str, t.Any]
    ) -> None:
        self._broker = broker
        self._client = client
        self._replica = replica
        self._options = options

    def run(self, check_mode: bool) -> dict[str, t.Any]:
        """Carry it out, or only plan it; return the module's result."""
        current, info = self.settings(), self._broker.info()
        limit, used = self.limit(), int(info["used_memory"])
        wanted = choose(self._options, limit)
        check_settings(wanted, used, limit, restore=self._options["restore"])
        path = str(info.get("config_file") or "")
        plan = self._plan(current, wanted, path)
        if not check_mode:
            self._apply(plan, wanted)
        text = self._text(path)
        if text is not None and check_mode and any(action.target == FILE for action in plan.actions):
            text += f"\nmaxmemory {wanted.maxmemory_bytes}\nmaxmemory-policy {wanted.policy}\n"
        command = self._replica.command if self._replica is not None else None
        at_start = settings_at_start(command, text, bool(path))
        evicted = int(info.get("evicted_keys") or 0)
        restart = say_restart(wanted, at_start, has_file=bool(path))
        return {
            "changed": plan.changed,
            "plan_id": plan.plan_id,
            "plan": [f"{action.target}: {action.transition}" for action in plan.actions],
            "diff": plan.diff(),
            "memory": {
                "container": self._replica.name if self._replica is not None else None,
                "used_bytes": used,
                "limit_bytes": limit.memory_bytes if limit is not None else None,
                "limit_from": limit.source if limit is not None else None,
                **wanted.describe(),
                "before": current.describe(),
                "evicted": evicted,
                "survives_restart": at_start == wanted,
                "restart": restart,
            },
            "msg": _say(current, wanted, evicted, restart),
        }

    def settings(self) -> Settings:
        """Return what Redis has now; one that lets nobody look is an error that says so."""
        found: dict[str, str] = {}
        for name in ("maxmemory", "maxmemory-policy"):
            answer = self._config("GET", name)
            # The newest protocol has mappings where the older one has lists.
            pairs = dict(answer) if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2]))
            found.update((_text_of(key), _text_of(value)) for key, value in pairs.items())
        if "maxmemory" not in found or "maxmemory-policy" not in found:
            raise OpsError(ACT, "this Redis does not tell its maxmemory and its policy", _MANAGED)
        return Settings(int(found["maxmemory"]), found["maxmemory-policy"])

    def limit(self) -> Limit | None:
        """Return how much memory Redis can have at most, or None where nobody says it."""
        given = self._options["memory_limit"]
        limits = []
        if given is not None:
            size = parse_size(given, "memory_limit")
            if not size:
                raise OpsError(ACT, "memory_limit is 0", "Pass the memory of the machine that Redis runs on")
            limits.append(Limit(size, OPTION, "the machine that Redis runs on"))
        replica = self._replica
        if replica is not None:
            subject = f"container '{replica.name}'"
            usage = read_usage(replica.pid, replica.id)
            limits.append(Limit(replica.memory_limit_bytes, CONTAINER, subject))
            limits.append(Limit((usage.memory_limit_bytes if usage else None) or 0, CONTAINER, subject))
            host = self._client.get("/info") or {}
            # With a limit above what the host has, it has none.
            limits.append(Limit(int(host.get("MemTotal") or 0), HOST, subject))
        return smallest(limits)

    def _plan(self, current: Settings, wanted: Settings, path: str) -> Plan:
        rewrite = False
        if self._options["persist"] and path:
            text = self._text(path)
            # Where the file cannot be seen from here, it is taken to say what Redis has.
            rewrite = (current if text is None else settings_of_file(text)) != wanted
        return plan_memory(current, wanted, rewrite=rewrite)

    def _apply(self, plan: Plan, wanted: Settings) -> None:
        for action in plan.actions:
            if action.target == FILE:
                self._rewrite()
            else:
                self._config("SET", action.target, action.detail["value"])
        seen = self.settings() if plan.changed else wanted
        if seen != wanted:
            raise OpsError(
                ACT,
                f"Redis has {seen.maxmemory_bytes} and {seen.policy} after {wanted.maxmemory_bytes} and "
                f"{wanted.policy} were set",
                "Something else sets them too, such as an operator: change it there",
            )

    def _rewrite(self) -> None:
        try:
            self._broker.command("CONFIG", "REWRITE")
        except OpsError as error:
            raise OpsError(
                "keep the broker's memory over a restart",
                f"{error.cause}; it is set until Redis restarts",
                "Let Redis write its configuration file, or run this without persist",
            ) from error

    def _config(self, *words: str) -> t.Any:
        try:
            return self._broker.command("CONFIG", *words)
        except LoginRefusedError as error:
            if "NOPERM" not in error.cause and "no permissions" not in error.cause:
                raise
            raise OpsError(ACT, f"this Redis refuses CONFIG {words[0]}: {error.cause}", _MANAGED) from error
        except OpsError as error:
            if "unknown command" not in error.cause.lower():
                raise
            raise OpsError(ACT, f"this Redis refuses CONFIG {words[0]}: {error.cause}", _MANAGED) from error

    def _text(self, path: str) -> str | None:
        if not path or self._replica is None:
            return None
        try:
            content = self._client.read_file(self._replica.id, path)
        except (OpsError, KeyError):
            # A link, for one: then only Redis can tell what its file says.
            return None
        return content.decode("utf-8", "replace") if content is not None else None


def _say(current: Settings, wanted: Settings, evicted: int, restart: str) -> str:
    said = f"Redis may use {mib(wanted.maxmemory_bytes) if wanted.maxmemory_bytes else 'any memory'}, {wanted.policy}."
    if evicted and current.policy != NOEVICTION:
        said += (
            f" It threw away {evicted} keys under {current.policy} since it started, and jobs may be among them: "
            "run the action reconcile_jobs of role maintenance."
        )
    return f"{said} {restart}"


def _text_of(value: t.Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def change_memory(options: t.Mapping[str, t.Any], run_command: RunCommand, check_mode: bool) -> dict[str, t.Any]:
    """Find the broker and the container that it runs in, and change how much memory it may use."""
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    stack = discover(client, run_command, options["project"], options["service_roles"])
    login = resolve_redis(stack, options, lambda replica, path: client.read_file(replica.id, path))
    with _redis.connect(login, Keys(), float(options["redis_timeout_s"])) as broker:
        done = BrokerMemory(broker, client, container_of(stack, login.host, login.port), options).run(check_mode)
    return {**done, "project": stack.project}
