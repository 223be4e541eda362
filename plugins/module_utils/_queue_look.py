# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: questions about queues that reports and changes have in common. Reads only."""

from __future__ import annotations

import typing as t

from ._census import TASK_METHODS, Census, take_census
from ._queue import Keys
from ._queue_plan import Names, Trash, collect_trash, glob_escape
from ._redis import Broker
from ._stack import Stack
from ._unacked import Holder, parse_moment

_SCAN_COUNT = 1000


class Look:
    """Asks the broker and the workers. Of ``options`` it uses ``census_timeout_s``."""

    def __init__(self, broker: Broker, keys: Keys, options: t.Mapping[str, t.Any]) -> None:
        self._broker = broker
        self._keys = keys
        self._timeout_s = float(options["census_timeout_s"])

    def census(self) -> Census:
        """Ask all workers what they consume and what they hold."""
        answers = self._broker.ask(["active_queues", *TASK_METHODS], self._timeout_s)
        return take_census(answers["active_queues"], {method: answers[method] for method in TASK_METHODS})

    def known_tasks(self) -> frozenset[str]:
        """Return the tasks that workers know; none where one of them is silent: then no task is unknown."""
        broadcast = self._broker.broadcast("registered", self._timeout_s)
        if len(broadcast.replies) != broadcast.receivers:
            return frozenset()
        return frozenset(
            str(entry).split(" ", 1)[0]
            for _node, value in broadcast.replies
            for entry in (value if isinstance(value, list) else [])
        )

    def now(self) -> float:
        """Return the time of Redis, in seconds since the epoch."""
        seconds, micros = self._broker.command("TIME")
        return int(seconds) + int(micros) / 1e6

    def length(self, key: str) -> int:
        """Return the length of a list, 0 where there is none."""
        return int(self._broker.command("LLEN", key))

    def keys_like(self, pattern: str, *kind: str) -> list[bytes]:
        """Return the keys that match, each once; those of one type, where ``kind`` is given."""
        found: set[bytes] = set()
        cursor: t.Any = 0
        only = ("TYPE", *kind) if kind else ()
        while True:
            cursor, keys = self._broker.command("SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_COUNT, *only)
            found.update(keys)
            if int(cursor) == 0:
                return sorted(found)

    def list_lengths(self, pattern: str) -> dict[bytes, int]:
        """Return the length of each list whose key matches; keys of another type are left out."""
        lists = self.keys_like(pattern, "list")
        return dict(zip(lists, (int(n) for n in self._broker.pipeline([("LLEN", key) for key in lists]))))

    def trash(self) -> dict[str, list[Trash]]:
        """Return the trash of every queue, the newest first."""
        base = Names(self._keys, "").base
        return collect_trash(self.list_lengths(f"{glob_escape(base)}trash:*"), base)


def holders_of(stack: Stack) -> list[Holder]:
    """Return the containers of the project that may run a worker. Pure."""
    return [
        Holder(replica.hostname, replica.state in ("running", "paused", "restarting"), parse_moment(replica.started_at))
        for service in stack.services
        for replica in service.replicas
    ]
