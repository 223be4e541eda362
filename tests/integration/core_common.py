# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bodies of modules, and the broker as they open it, without Ansible around them."""

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from conftest import Answer, Sandbox, run

from ansible_collections.rendiff.ops.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.rendiff.ops.plugins.module_utils._credentials import RedisLogin
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
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


@contextlib.contextmanager
def core_broker(sandbox: Sandbox, db: int = 0) -> t.Iterator[Broker]:
    """Open the broker of a sandbox as the core of a module does."""
    login = RedisLogin(sandbox.address("redis"), 6379, db, password=sandbox.secrets["REDIS_PASSWORD"])
    with connect(login, Keys(), 10) as broker:
        yield broker
