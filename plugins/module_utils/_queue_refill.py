# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: put back a trash or parked messages of a queue, or drop them for good."""

from __future__ import annotations

import typing as t

from ._queue_look import Look
from ._queue_moves import Beat, drop_trash, end_killed_move, put_parked_back, put_trash_back
from ._queue_plan import Names, choose_trash, plan_parked, plan_refill
from ._queue_scan import CHUNK, judge_message
from ._redis import Broker

# No trash has this name, as each is named by its time.
PARKED = "parked"


class Refill:
    """Refills one queue. Of ``options`` it uses ``trash`` and ``drop``."""

    def __init__(self, broker: Broker, names: Names, look: Look, options: t.Mapping[str, t.Any], beat: Beat) -> None:
        self._broker = broker
        self._names = names
        self._look = look
        self._wanted: str | None = options["trash"]
        self._drop: bool = options["drop"]
        self._beat = beat

    def run(self, check_mode: bool) -> dict[str, t.Any]:
        """Put back or drop what is meant; return what was done, and its plan."""
        return self._parked(check_mode) if self._wanted == PARKED else self._trash(check_mode)

    def _lengths(self) -> dict[str, int]:
        return self._broker.lengths([self._names.queue])[self._names.queue]

    def _trash(self, check_mode: bool) -> dict[str, t.Any]:
        found = self._look.trash().get(self._names.queue, [])
        last = (self._broker.command("GET", self._names.refilled) or b"").decode("utf-8", "replace")
        trash = choose_trash(self._names.queue, found, self._wanted, last)
        plan = plan_refill(self._names, self._lengths(), trash, self._drop)
        if trash is not None and not check_mode:
            if self._drop:
                drop_trash(self._broker, self._names, trash)
            else:
                end_killed_move(self._broker, self._names, self._names.keys.steps, self._beat)
                put_trash_back(self._broker, self._names, trash, self._beat)
        count = trash.total if trash else 0
        others = [other.describe() for other in found if trash is None or other.stamp != trash.stamp]
        queue = {"moved": count, "trash": trash.stamp if trash else None, "other_trash": others}
        said = (
            f"{count} messages {'dropped for good' if self._drop else 'put back'}."
            if trash
            else "There is no trash to put back."
        )
        if others:
            said += f" {len(others)} older trash remains: name it to put it back."
        return {"plan": plan, "queue": queue, "msg": said}

    def _parked(self, check_mode: bool) -> dict[str, t.Any]:
        parked, poison = self._read_parked()
        plan = plan_parked(self._names, self._lengths(), parked, self._drop)
        moved = sum(parked.values())
        if moved and not check_mode:
            if self._drop:
                self._broker.command("UNLINK", self._names.keys.parked(self._names.queue))
            else:
                moved = put_parked_back(self._broker, self._names, self._beat)
        said = f"{moved} parked messages {'dropped for good' if self._drop else 'put back'}."
        if not parked:
            said = "No message is parked."
        elif poison and not self._drop:
            said += f" A worker would stop at {poison} of them."
        others = [trash.describe() for trash in self._look.trash().get(self._names.queue, [])]
        queue = {"moved": moved, "trash": PARKED if parked else None, "other_trash": others, "parked_poison": poison}
        return {"plan": plan, "queue": queue, "msg": said}

    def _read_parked(self) -> tuple[dict[int, int], int]:
        """Return how many are parked, by the step that they go back to, and at how many of them a worker would stop."""
        key = self._names.keys.parked(self._names.queue)
        known = self._look.known_tasks() if self._look.length(key) else frozenset()
        counts: dict[int, int] = {}
        poison = begin = 0
        while True:
            chunk: list[bytes] = self._broker.command("LRANGE", key, begin, begin + CHUNK - 1)
            self._beat()
            for raw in chunk:
                message = judge_message(raw, known)
                step = self._names.keys.step_of(message.priority)
                counts[step] = counts.get(step, 0) + 1
                poison += message.poison
            if len(chunk) < CHUNK:
                return counts, poison
            begin += len(chunk)
