# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: which workers live, what they consume and what they work on. Pure."""

from __future__ import annotations

import ast
import dataclasses
import typing as t

from ._queue import Broadcast

# What a worker tells about its tasks: those it runs, those it took and has not begun, those that wait for a time.
TASK_METHODS = ("active", "reserved", "scheduled")
METHODS = ("active_queues", *TASK_METHODS)


@dataclasses.dataclass(frozen=True)
class HeldTask:
    """One task that a worker holds. ``started_at``: seconds since the epoch, 0 where it has not begun.

    ``pid`` is the process that runs it, as its container has it, 0 where none is told of.
    """

    id: str
    name: str
    job_id: str
    state: str
    started_at: float
    node: str
    pid: int = 0

    def describe(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Census:
    """Which workers live, what they consume and hold, from questions to all of them.

    ``receivers`` is how many connections Redis delivered the questions to, ``replies`` how many workers answered all.
    """

    receivers: int
    nodes: t.Mapping[str, tuple[str, ...]]
    duplicates: tuple[str, ...]
    replies: int
    tasks: tuple[HeldTask, ...] = ()

    @property
    def complete(self) -> bool:
        """Tell whether every worker connected to Redis has answered under a name of its own."""
        return self.replies == self.receivers and not self.duplicates

    def consumers(self, queue: str) -> list[str]:
        """Return the workers that consume a queue."""
        return sorted(node for node, queues in self.nodes.items() if queue in queues)

    def describe(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return {
            "receivers": self.receivers,
            "replies": self.replies,
            "complete": self.complete,
            "duplicate_names": list(self.duplicates),
            "nodes": {node: list(queues) for node, queues in sorted(self.nodes.items())},
        }


def take_census(answers: Broadcast, held: t.Mapping[str, Broadcast] | None = None) -> Census:
    """Read the answers to ``active_queues`` and, where asked, to ``TASK_METHODS``.

    One silence is never proof of death: see ``Census.complete``.
    """
    nodes: dict[str, tuple[str, ...]] = {}
    duplicates: set[str] = set()
    for name, value in answers.replies:
        if name in nodes:
            duplicates.add(name)
        queues = value if isinstance(value, list) else []
        nodes[name] = tuple(
            sorted(str(entry["name"]) for entry in queues if isinstance(entry, dict) and "name" in entry)
        )
    counts = [len(answers.replies)]
    receivers = [answers.receivers]
    tasks: list[HeldTask] = []
    for method, broadcast in (held or {}).items():
        counts.append(len(broadcast.replies))
        receivers.append(broadcast.receivers)
        for node, value in broadcast.replies:
            entries = value if isinstance(value, list) else []
            tasks.extend(read_task(entry, method, node) for entry in entries if isinstance(entry, dict))
    return Census(max(receivers), nodes, tuple(sorted(duplicates)), min(counts), tuple(tasks))


def read_task(entry: t.Mapping[str, t.Any], method: str, node: str) -> HeldTask:
    """Read one task of an answer; a scheduled one is wrapped, and old releases send the arguments as text."""
    wrapped = entry.get("request")
    inner: t.Mapping[str, t.Any] = wrapped if isinstance(wrapped, dict) else entry
    arguments, named = inner.get("args"), inner.get("kwargs")
    if isinstance(arguments, str):
        try:
            arguments = ast.literal_eval(arguments)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            arguments = None
    first: t.Any = arguments[0] if isinstance(arguments, (list, tuple)) and arguments else None
    if first is None and isinstance(named, dict):
        first = named.get("job_id")
    started, pid = inner.get("time_start"), inner.get("worker_pid")
    return HeldTask(
        id=str(inner.get("id") or ""),
        name=str(inner.get("name") or inner.get("type") or ""),
        job_id=str(first) if isinstance(first, (str, int)) else "",
        state=method,
        started_at=float(started) if isinstance(started, (int, float)) else 0.0,
        node=node,
        pid=pid if isinstance(pid, int) else 0,
    )
