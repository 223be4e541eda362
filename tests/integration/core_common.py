# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bodies of modules, and the broker as they open it, without Ansible around them."""

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from conftest import Answer, Module, Sandbox, run

from ansible_collections.rendiff.ops.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.rendiff.ops.plugins.module_utils._credentials import RedisLogin
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._health_check import HEALTH_ARGUMENTS, check
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys
from ansible_collections.rendiff.ops.plugins.module_utils._redis import Broker, connect


def run_command(argv: t.Sequence[str], *, environ_update: t.Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run a command as a module does."""
    done = run(argv, env={**os.environ, **(environ_update or {})})
    return done.returncode, done.stdout, done.stderr


class Core:
    """The body of a module, called as its ``main()`` calls it: a fifth of the time, without Ansible around it.

    ``changes``: whether it is one that changes something, so that it is told whether this is check mode.
    """

    def __init__(
        self, body: t.Callable[..., dict[str, t.Any]], spec: ArgumentSpec, *, changes: bool, **common: t.Any
    ) -> None:
        options = spec.to_kwargs()["argument_spec"]
        self.body = body
        self.changes = changes
        self.names = frozenset(options)
        self.common = {**{name: option.get("default") for name, option in options.items()}, **common}

    def __call__(self, *, check: bool = False, **options: t.Any) -> Answer:
        assert set(options) <= self.names, options
        try:
            result = self.body({**self.common, **options}, run_command, *([check] if self.changes else []))
        except OpsError as error:
            return Answer(True, {"msg": str(error)}, str(error))
        return Answer(False, result, json.dumps(result))


def either(
    sandbox: Sandbox,
    name: str,
    body: t.Callable[..., dict[str, t.Any]],
    spec: ArgumentSpec,
    *,
    changes: bool,
    **common: t.Any,
) -> Module | Core:
    """Return a module as Ansible runs it on the sandbox of the newest Celery, and its body on the other one."""
    if sandbox.name == "main":
        return Module(name, **common)
    return Core(body, spec, changes=changes, **common)


def either_health(sandbox: Sandbox) -> Module | Core:
    """Return rendiff_health_info or its body."""
    common = {"project": sandbox.project, "ca_path": sandbox.facts["ca_file"]}
    return either(sandbox, "rendiff_health_info", _health, HEALTH_ARGUMENTS, changes=False, **common)


def _health(options: t.Mapping[str, t.Any], run_as_module: t.Any) -> dict[str, t.Any]:
    return {"changed": False, "health": check(options, run_as_module)}


@contextlib.contextmanager
def core_broker(sandbox: Sandbox, db: int = 0) -> t.Iterator[Broker]:
    """Open the broker of a sandbox as the core of a module does."""
    login = RedisLogin(sandbox.address("redis"), 6379, db, password=sandbox.secrets["REDIS_PASSWORD"])
    with connect(login, Keys(), 10) as broker:
        yield broker
