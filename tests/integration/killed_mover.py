# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moves messages as the module does, and is killed by SIGKILL before or after one of its calls, at random.

Usage: killed_mover.py SEED HOST PORT DB {move|refill|unpark} {alone|rival}; ends with 0 when a run came through, else
by the signal. A rival takes messages right between reading and moving, where a consumer does the most harm; what it
took is in the list ``taken``.
"""

from __future__ import annotations

import os
import random
import signal
import sys

from ansible_collections.rendiff.ops.plugins.module_utils import _queue_moves as moves
from ansible_collections.rendiff.ops.plugins.module_utils._credentials import RedisLogin
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys
from ansible_collections.rendiff.ops.plugins.module_utils._queue_plan import Names, Route, Trash
from ansible_collections.rendiff.ops.plugins.module_utils._redis import connect

KEYS = Keys()
KILLED_IN = 12
RIVAL_IN = 2
# Small, so that a campaign of a few hundred messages has many places to be killed at.
moves.BATCH = 20


class Mortal:
    """A broker whose every call may be the last thing the process does."""

    def __init__(self, broker, chance, rival):
        self._broker = broker
        self._chance = chance
        self._rival = rival

    def _perhaps_take(self):
        for queue in ("from", "from\x06\x163"):
            if self._rival and self._chance.randrange(RIVAL_IN) == 0:
                self._broker.command("RPOPLPUSH", queue, "taken")

    def _perhaps_die(self):
        if self._chance.randrange(KILLED_IN) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def command(self, *words):
        """Run one command, or die before or after it."""
        self._perhaps_die()
        answer = self._broker.command(*words)
        self._perhaps_die()
        return answer

    def script(self, *arguments):
        """Run a script, or die before or after it."""
        self._perhaps_die()
        self._perhaps_take()
        answer = self._broker.script(*arguments)
        self._perhaps_die()
        return answer


def main(seed, host, port, db, what, company):
    login = RedisLogin(host, int(port), int(db), password=os.environ["REDIS_PASSWORD"])
    with connect(login, KEYS, 10) as real:
        broker = Mortal(real, random.Random(int(seed)), company == "rival")
        names = Names(KEYS, "from")
        moves.end_killed_move(broker, names, KEYS.steps, lambda: None)
        if what == "move":
            moves.move(broker, names, Route(KEYS, "from", "to"), frozenset(), lambda: None)
        elif what == "unpark":
            moves.put_parked_back(broker, names, lambda: None)
        else:
            lists = {step: real.command("LLEN", names.trash("t", step)) for step in KEYS.steps}
            moves.put_trash_back(broker, names, Trash("t", {s: n for s, n in lists.items() if n}), lambda: None)


if __name__ == "__main__":
    main(*sys.argv[1:])
