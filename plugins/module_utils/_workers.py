# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the workers as containers and as nodes: who lives, who is deaf, who holds what. Pure."""

from __future__ import annotations

import dataclasses
import os
import re
import time
import typing as t

from ._census import Census, HeldTask
from ._compose import Replica
from ._errors import OpsError
from ._pools import option_of, processes_of, queues_of
from ._unacked import Unacked, parse_moment

LIVE, STARTING, DEAF, DEAD, FROZEN = "live", "starting", "deaf", "dead", "frozen"
# A worker that has just begun is not yet connected to the broker.
_STARTS_WITHIN_S = 60.0


@dataclasses.dataclass(frozen=True)
class Worker:
    """One container of a worker service.

    ``queues`` is what it consumes now, ``expected`` what it is started with, where its command tells. ``unacked`` are
    the jobs of messages that were delivered to it in its present life and that it does not tell of. ``encoders`` are
    the ffmpeg processes in it, None where nobody looked. ``usual_node`` is how it is called while it does not answer.
    ``processes`` is how many tasks it runs at a time.
    """

    container: str
    id: str
    service: str
    number: int
    kind: str
    node: str
    queues: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    held: tuple[HeldTask, ...] = ()
    unacked: tuple[str, ...] = ()
    encoders: int | None = None
    health: str = "none"
    usual_node: str = ""
    processes: int = 1

    @property
    def busy(self) -> bool:
        """Tell whether stopping it now might end work."""
        if self.kind == DEAF:
            # A message that it has not acknowledged outlives it; only an encoder would be lost.
            return self.encoders is None or self.encoders > 0
        return bool(self.held or self.unacked)

    @property
    def tokens(self) -> tuple[str, ...]:
        """Return what a person has to name to have it stopped now all the same."""
        if not self.busy:
            return ()
        names = {task.job_id or task.id for task in self.held} | set(self.unacked)
        return tuple(sorted(names)) or (self.container,)

    def describe(self, now: float) -> dict[str, t.Any]:
        """Return it as plain data."""
        return {
            "container": self.container,
            "service": self.service,
            "kind": self.kind,
            "health": self.health,
            "node": self.node,
            "queues": list(self.queues),
            "expected_queues": list(self.expected),
            "processes": self.processes,
            "encoding": [
                {
                    "job_id": task.job_id,
                    "task_id": task.id,
                    "state": task.state,
                    "since_s": round(max(0.0, now - task.started_at)) if task.started_at else None,
                }
                for task in self.held
            ],
            "unacked_job_ids": list(self.unacked),
            "encoders": self.encoders,
        }

    def holds(self, now: float) -> str:
        """Return what it is at, for a sentence."""
        parts = []
        for task in self.held:
            since = f" since {now - task.started_at:.0f} s" if task.started_at else ""
            parts.append(f"{'encodes' if task.state == 'active' else 'has'} job {task.job_id or task.id}{since}")
        parts += [f"has not acknowledged job {job}" for job in self.unacked]
        if not parts and self.encoders:
            parts = [f"does not answer and runs {self.encoders} ffmpeg"]
        return f"'{self.container}' " + (" and ".join(parts) or "may be at work: it does not answer")


def node_of(replica: Replica, nodes: t.Iterable[str]) -> str:
    """Return the live node that runs in a container, or an empty string."""
    named = option_of(replica.command, "-n", "--hostname", value=r"\S+@\S+")
    wanted = named.replace("%h", replica.hostname).replace("%d", "") if named else ""
    for node in nodes:
        if node == wanted or node.split("@", 1)[-1] == replica.hostname:
            return node
    return ""


def strangers(replicas: t.Iterable[Replica], census: Census) -> list[str]:
    """Return the live nodes that run in none of these containers: on another host, or under a name of their own."""
    known = {node_of(replica, census.nodes) for replica in replicas}
    return sorted(node for node in census.nodes if node not in known)


def own_unacked(replica: Replica, node: str, entries: t.Iterable[Unacked], held: t.Collection[str]) -> tuple[str, ...]:
    """Return the jobs that were delivered to a container's present process and that it does not tell of.

    What was delivered to the process before it is not at stake any more.
    """
    if not node:
        return ()
    started = parse_moment(replica.started_at)
    return tuple(
        sorted(
            entry.message.job_id or entry.message.task_id
            for entry in entries
            if entry.owner == node
            and entry.message.task_id not in held
            and (entry.delivered_at is None or entry.delivered_at >= started)
        )
    )


def classify(
    replica: Replica, service: str, census: Census, entries: t.Sequence[Unacked], now: float, encoders: int | None
) -> Worker:
    """Return a container as the worker it is. ``encoders``: see ``Worker``; it matters where it does not answer."""
    node = node_of(replica, census.nodes)
    kind = LIVE if node else DEAF
    if replica.state == "paused":
        kind = FROZEN
    elif not replica.running:
        kind = DEAD
    elif not node and (replica.health == "starting" or now - parse_moment(replica.started_at) < _STARTS_WITHIN_S):
        kind = STARTING
    held = tuple(task for task in census.tasks if node and task.node == node)
    assumed = node or f"celery@{replica.hostname}"
    told = () if kind == DEAD else own_unacked(replica, assumed, entries, {task.id for task in held})
    return Worker(
        container=replica.name,
        id=replica.id,
        service=service,
        number=replica.number,
        kind=kind,
        node=node,
        queues=census.nodes.get(node, ()),
        expected=tuple(sorted(queues_of(replica.command))),
        held=held,
        unacked=told if kind in (LIVE, DEAF, FROZEN) else (),
        encoders=encoders if kind == DEAF else None,
        health=replica.health,
        usual_node=assumed,
        processes=processes_of("worker", replica.command, dict(replica.environment), os.cpu_count() or 1)[0],
    )


def ready(worker: Worker) -> str:
    """Return why a worker does not do what it is started for, or an empty string."""
    if worker.kind != LIVE:
        return {
            DEAD: "does not run",
            FROZEN: "is paused",
            DEAF: "does not answer",
            STARTING: "does not answer yet",
        }[worker.kind]
    missing = [queue for queue in worker.expected if queue not in worker.queues]
    if missing:
        return f"does not consume {', '.join(missing)}"
    if not worker.queues:
        return "consumes no queue"
    return "" if worker.health in ("healthy", "none") else f"is {worker.health}"


def unwell(worker: Worker) -> bool:
    """Tell whether a restart at once is what helps: it does not run, does not answer, or consumes nothing."""
    return worker.kind in (DEAD, DEAF) or (worker.kind == LIVE and not worker.queues)


def require_confirm(act: str, workers: t.Sequence[Worker], confirm: t.Collection[str], now: float, why: str) -> None:
    """Refuse to end work that the confirmation does not name. ``why``: how long it was waited for, or the like."""
    needed = sorted({token for worker in workers for token in worker.tokens})
    if needed and not set(needed) <= set(confirm):
        holding = "; ".join(worker.holds(now) for worker in workers if worker.tokens)
        raise OpsError(
            act,
            f"{why}{holding}",
            f"Wait and run this again, or end it all the same with -e scaling_confirm={','.join(needed)}",
        )


def choose_victims(workers: t.Sequence[Worker], keep: int) -> list[Worker]:
    """Return the containers that go when ``keep`` are to stay: those whose end costs least, the highest number first.

    Compose by itself takes the highest numbers, busy or not.
    """
    order = {DEAD: 0, DEAF: 2, LIVE: 2, STARTING: 1, FROZEN: 3}

    def cost(worker: Worker) -> tuple[int, int, float, int]:
        # Of two that encode, the one that has begun later has less to finish or to lose.
        began = max((task.started_at for task in worker.held), default=0.0)
        rank = 1 if worker.kind == LIVE and not worker.busy else order[worker.kind]
        return (rank, len(worker.held) + len(worker.unacked), -began, -worker.number)

    return sorted(workers, key=cost)[: max(0, len(workers) - keep)]


def tokens_of(confirm: str) -> frozenset[str]:
    """Return what a confirmation names. Pure."""
    return frozenset(word for word in re.split(r"[\s,]+", confirm) if word)


def select(workers: t.Sequence[Worker], names: t.Collection[str]) -> list[Worker]:
    """Return the workers of these containers or nodes; a name that is none of them is refused. Pure."""
    for name in names:
        if not any(name in (worker.container, worker.node) for worker in workers):
            listed = ", ".join(sorted(worker.container for worker in workers)) or "none"
            raise OpsError(f"find worker '{name}'", "no container or node has that name", f"Workers are: {listed}")
    return [worker for worker in workers if not names or worker.container in names or worker.node in names]


def say(
    seen: t.Sequence[Worker],
    chosen: t.Sequence[Worker],
    left: t.Sequence[Worker],
    ended: t.Collection[str],
    options: t.Mapping[str, t.Any],
    *,
    check: bool,
) -> str:
    """Return what became of workers, or would. ``left``: those that still hold something. Pure."""
    if not seen:
        return "There is no container of a worker."
    now, state = time.time(), options["state"]
    names = ", ".join(worker.container for worker in chosen)
    if not chosen:
        said = f"No worker has to be {state}."
    else:
        said = f"Would be {state}: {names}." if check else f"{state.capitalize()}: {names}."
    if check:
        said += "".join(f" {worker.holds(now)}: it is waited for." for worker in chosen if worker.busy)
    if left:
        said += f" Not yet idle after {options['drain_timeout_s']} s: "
        said += "; ".join(worker.holds(now) for worker in left) + "."
    if ended:
        said += f" Ended with it: {', '.join(sorted(ended))}; their messages stay unacknowledged."
    return said
