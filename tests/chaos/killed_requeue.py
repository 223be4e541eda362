# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requeues jobs as the module does, and is killed by SIGKILL before or after one of its calls, at random.

Usage: killed_requeue.py SEED KILLED_IN POSTGRES_HOST DATABASE REDIS_HOST DB; ends with 0 when a run came through.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import typing as t

from ansible_collections.rendiff.ops.plugins.module_utils import _job_apply, _postgres, _redis
from ansible_collections.rendiff.ops.plugins.module_utils._credentials import PostgresLogin, RedisLogin
from ansible_collections.rendiff.ops.plugins.module_utils._job_change import CHANGE_ARGUMENTS, JobChange
from ansible_collections.rendiff.ops.plugins.module_utils._job_look import Site
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys

MORTAL = ("query", "execute", "commit", "copy", "command", "pipeline", "script")


class Mortal:
    """A connection whose every call may be the last thing the process does."""

    def __init__(self, real: t.Any, chance: random.Random, killed_in: int) -> None:
        self._real = real
        self._chance = chance
        self._killed_in = killed_in

    def _perhaps_die(self) -> None:
        if self._chance.randrange(self._killed_in) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def __getattr__(self, name: str) -> t.Any:
        """Return a call of the real connection, that may be killed before or after it."""
        call = getattr(self._real, name)
        if name not in MORTAL:
            return call

        def mortal(*arguments: t.Any, **named: t.Any) -> t.Any:
            self._perhaps_die()
            answer = call(*arguments, **named)
            self._perhaps_die()
            return answer

        return mortal


def options(**given: t.Any) -> dict[str, t.Any]:
    """Return the options of the module, with their defaults."""
    spec = CHANGE_ARGUMENTS.to_kwargs()["argument_spec"]
    return {**{name: option.get("default") for name, option in spec.items()}, **given}


def main(seed: str, killed_in: str, postgres_host: str, database: str, redis_host: str, db: str) -> None:
    """Requeue everything, or die."""
    # Small, so that a campaign has many places to be killed at.
    _job_apply.BATCH = 100
    chance = random.Random(int(seed))
    keys = Keys()
    postgres = PostgresLogin(postgres_host, 5432, "rendiff_user", database, os.environ["POSTGRES_PASSWORD"])
    login = RedisLogin(redis_host, 6379, int(db), password=os.environ["REDIS_PASSWORD"])
    with _postgres.connect(postgres, 60, read_only=False) as rows, _redis.connect(login, keys, 10) as broker:
        mortal_rows, mortal_broker = (Mortal(real, chance, int(killed_in)) for real in (rows, broker))
        site = Site("chaos", "chaos", t.cast(t.Any, mortal_rows), t.cast(t.Any, mortal_broker), keys, ())
        given = options(
            state="queued",
            max_jobs=0,
            older_than_s=1000,
            census_interval_s=0.05,
            allow_unconsumed=True,
            state_dir=tempfile.gettempdir(),
        )
        JobChange(site, given).run(False)


if __name__ == "__main__":
    main(*sys.argv[1:])
