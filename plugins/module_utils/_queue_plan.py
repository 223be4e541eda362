# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what a change of a queue would do, and whether it may. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ._census import Census
from ._errors import OpsError
from ._message import Message, redirect
from ._plan import Action, Plan
from ._queue import Keys
from ._queue_scan import judge_message

Lengths = t.Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Trash:
    """What one emptying of a queue put aside. ``stamp`` names it; ``lists``: messages by priority step."""

    stamp: str
    lists: t.Mapping[int, int]

    @property
    def total(self) -> int:
        """Return how many messages it holds."""
        return sum(self.lists.values())

    def describe(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return {
            "name": self.stamp,
            "total": self.total,
            "by_priority": {str(step): count for step, count in sorted(self.lists.items())},
        }


@dataclasses.dataclass(frozen=True)
class Names:
    """The keys that changes of a queue use besides Celery's own."""

    keys: Keys
    queue: str

    @property
    def base(self) -> str:
        """Return how all of them begin."""
        return f"{self.keys.prefix}rdops:"

    def trash(self, stamp: str, step: int) -> str:
        """Return where the messages of one list are put aside."""
        return f"{self.base}trash:{self.queue}:{stamp}:{step}"

    def held(self, step: int) -> str:
        """Return where messages wait that a move passes over; it exists while a move is at work, or was killed."""
        return f"{self.base}held:{self.queue}:{step}"

    @property
    def refilled(self) -> str:
        """Return the key that remembers which trash was put back last."""
        return f"{self.base}refilled:{self.queue}"

    @property
    def paused(self) -> str:
        """Return the set of nodes that were told not to consume the queue."""
        return f"{self.base}paused:{self.queue}"

    def list_of(self, step: int) -> str:
        """Return Celery's list of a priority step, also of one that is not configured."""
        name = f"{self.keys.prefix}{self.queue}"
        return f"{name}{self.keys.separator}{step}" if step else name


def glob_escape(text: str) -> str:
    """Return a text that a pattern of Redis matches literally."""
    return re.sub(r"([\\*?\[\]^])", r"\\\1", text)


def parse_trash_key(key: bytes, base: str) -> tuple[str, str, int] | None:
    """Return (queue, stamp, step) of a trash key, or None; a queue's name may contain colons."""
    name = key.decode("utf-8", "replace")
    begin = f"{base}trash:"
    parts = name[len(begin) :].rsplit(":", 2) if name.startswith(begin) else []
    if len(parts) != 3 or not parts[0] or not parts[2].isdigit():
        return None
    return parts[0], parts[1], int(parts[2])


def collect_trash(lengths: t.Mapping[bytes, int], base: str, queue: str | None = None) -> dict[str, list[Trash]]:
    """Return the trash of each queue, the newest first. Pure."""
    found: dict[str, dict[str, dict[int, int]]] = {}
    for key, length in lengths.items():
        parts = parse_trash_key(key, base)
        if parts is not None and queue in (None, parts[0]):
            found.setdefault(parts[0], {}).setdefault(parts[1], {})[parts[2]] = length
    return {
        name: [Trash(stamp, lists) for stamp, lists in sorted(stamps.items(), reverse=True)]
        for name, stamps in sorted(found.items())
    }


def require_queue(act: str, queue: str, lengths: Lengths, known: t.Collection[str]) -> None:
    """Refuse a queue that nobody has ever used: most likely its name is mistyped."""
    if queue in known or any(lengths.values()):
        return
    listed = ", ".join(sorted(known)) or "none"
    raise OpsError(act, f"there is no queue '{queue}'", f"Pass one of these as queue: {listed}")


def require_census(act: str, census: Census, allowed: bool) -> None:
    """Refuse when a worker is silent: it may do the contrary of what the others say."""
    if census.complete or allowed:
        return
    cause = f"{census.replies} of {census.receivers} workers connected to Redis answered"
    if census.duplicates:
        cause = f"several workers have the name {census.duplicates[0]}"
    raise OpsError(act, cause, "Run this again; if it stays so, see which worker hangs with rendiff_health_info")


def require_consumer(act: str, queue: str, census: Census, allowed: bool) -> None:
    """Refuse to put messages where nobody takes them."""
    if allowed or census.consumers(queue):
        return
    consumed = ", ".join(sorted({name for queues in census.nodes.values() for name in queues})) or "none"
    raise OpsError(
        act,
        f"no live worker consumes queue '{queue}'; consumed are: {consumed}",
        "Start a worker for it, or pass allow_unconsumed=true",
    )


def require_memory(act: str, info: t.Mapping[str, t.Any]) -> None:
    """Refuse to push into a Redis that is full: it would refuse half way, or throw something away."""
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if limit and used >= limit:
        raise OpsError(act, f"Redis uses {used} of {limit} bytes", "Raise maxmemory, or free memory, first")


def require_confirm(act: str, queue: str, count: int, confirm: str | None) -> None:
    """Refuse what takes messages away unless the queue's name was repeated."""
    if confirm == queue:
        return
    given = f"confirm is '{confirm}'" if confirm else "it is not confirmed"
    raise OpsError(act, f"{count} messages would be taken out and {given}", f"Pass confirm={queue}")


def plan_empty(names: Names, lengths: Lengths) -> Plan:
    """Return the plan that puts every waiting message aside."""
    before = {"waiting": dict(lengths)}
    after = {"waiting": dict.fromkeys(lengths, 0)}
    actions = [Action(names.list_of(int(step)), "put aside") for step, count in lengths.items() if count]
    return Plan(before, after, tuple(actions))


def choose_trash(queue: str, found: t.Sequence[Trash], wanted: str | None, last: str) -> Trash | None:
    """Return the trash that is meant, or None where it is put back already. ``last``: which was put back last.

    Without a name it is the newest, and never one that is older than the one put back last: a second run must not dig
    out the next.
    """
    if wanted:
        for trash in found:
            if trash.stamp == wanted:
                return trash
        if wanted == last or not found:
            return None
        listed = ", ".join(trash.stamp for trash in found)
        raise OpsError(
            f"refill queue '{queue}'", f"it has no trash '{wanted}'", f"Pass one of these as trash: {listed}"
        )
    return found[0] if found and found[0].stamp >= last else None


def plan_refill(names: Names, lengths: Lengths, trash: Trash | None, drop: bool) -> Plan:
    """Return the plan that puts a trash back, or drops it for good."""
    counts = dict(trash.lists) if trash is not None else {}
    before = {"waiting": dict(lengths), "trash": {str(step): count for step, count in sorted(counts.items())}}
    waiting = dict(lengths)
    if not drop:
        for step, count in counts.items():
            waiting[str(step)] = waiting.get(str(step), 0) + count
    transition = "dropped" if drop else "put back"
    actions = (
        [Action(names.trash(trash.stamp, step), transition) for step in sorted(counts)] if trash is not None else []
    )
    return Plan(before, {"waiting": waiting, "trash": {}}, tuple(actions))


def plan_parked(names: Names, lengths: Lengths, parked: t.Mapping[int, int], drop: bool) -> Plan:
    """Return the plan that puts parked messages back, or drops them for good; ``parked``: how many, by their step."""
    waiting = dict(lengths)
    if not drop:
        for step, count in parked.items():
            waiting[str(step)] = waiting.get(str(step), 0) + count
    key = names.keys.parked(names.queue)
    transitions = [f"put back in {names.list_of(step)}" for step in sorted(parked)]
    if drop:
        transitions = ["dropped"] if parked else []
    before = {"waiting": dict(lengths), "parked": sum(parked.values())}
    return Plan(before, {"waiting": waiting, "parked": 0}, tuple(Action(key, transition) for transition in transitions))


@dataclasses.dataclass(frozen=True)
class Route:
    """Where a move leads. ``priority`` is None where each message keeps its own."""

    keys: Keys
    queue: str
    to_queue: str
    priority: int | None = None
    job_ids: frozenset[str] = frozenset()

    def step_for(self, step: int) -> int:
        """Return the priority step of the target list for messages of a list."""
        if self.priority is None:
            return step
        return self.keys.step_of(self.priority)

    def sources(self) -> list[tuple[int, str, str]]:
        """Return (step, source list, target list) for each list that is to be moved, those served first first."""
        lists = dict(self.keys.of(self.to_queue))
        moves = [(step, key, lists[self.step_for(step)]) for step, key in self.keys.of(self.queue)]
        return [move for move in moves if move[1] != move[2]]

    def rewrite(self, raw: bytes, step: int, known_tasks: t.Collection[str]) -> tuple[bytes | None, Message]:
        """Return the bytes of a message for the target, None where it stays, and what it is."""
        message = judge_message(raw, known_tasks)
        if message.problems or (self.job_ids and message.job_id not in self.job_ids):
            return None, message
        priority = self.priority if self.priority is not None else message.priority
        target = self.step_for(step)
        if self.keys.key_for("", priority) != self.keys.key_for("", target):
            # It lies in a list that is not that of its priority; it keeps its place, so the number follows the list.
            priority = target
        return redirect(message, self.to_queue, priority), message


def check_route(route: Route, to_priority: int | None) -> None:
    """Refuse a move that leads nowhere."""
    if route.queue == route.to_queue and to_priority is None:
        raise OpsError(f"move queue '{route.queue}'", "neither another queue nor a priority is given", "Pass to_queue")
    if to_priority is not None and not 0 <= to_priority <= 255:
        raise OpsError(f"move queue '{route.queue}'", f"the priority {to_priority} is not from 0 to 255")


def plan_move(route: Route, lengths: Lengths, targets: Lengths, held: Lengths) -> Plan:
    """Return the plan of a move; with a filter the figures are the most that may be moved."""
    before = {route.queue: dict(lengths), route.to_queue: dict(targets)}
    after = {route.queue: dict(lengths), route.to_queue: dict(targets)}
    actions = []
    for step, key, target in route.sources():
        count = lengths.get(str(step), 0) + held.get(str(step), 0)
        if count:
            actions.append(Action(key, f"moved to {target}"))
            after[route.queue][str(step)] = 0
            to = str(route.step_for(step))
            after[route.to_queue][to] = after[route.to_queue].get(to, 0) + count
    return Plan(before, after, tuple(actions))
