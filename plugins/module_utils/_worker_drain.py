# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: look at workers, and make them stop and start taking messages. Remembered, so undone."""

from __future__ import annotations

import json
import threading
import time
import typing as t

from . import _redis
from ._busy import Busy
from ._census import METHODS, TASK_METHODS, Census, take_census
from ._compose import Replica, parse_container
from ._container_control import Containers
from ._docker import DockerClient
from ._errors import OpsError
from ._queue import Keys
from ._queue_look import Look
from ._queue_plan import Names
from ._stack import Stack
from ._unacked import read_unacked
from ._workers import DEAD, LIVE, Worker, classify, node_of, strangers

POLL_S = 0.5
# A worker acknowledges before it has acted.
_VERIFY_S = 15.0
# A request for the next message that was under way when the worker stopped consuming ends within a second.
_SETTLED_S = 1.5


class WorkerLook:
    """Looks at the containers of worker services. Of ``options`` it uses the times of the census."""

    def __init__(
        self, client: DockerClient, stack: Stack, broker: _redis.Broker, keys: Keys, options: t.Mapping[str, t.Any]
    ) -> None:
        self._client = client
        self._stack = stack
        self._broker = broker
        self._keys = keys
        self._look = Look(broker, keys, options)
        self._interval_s = max(0.0, float(options["census_interval_s"]))
        self.timeout_s = float(options["census_timeout_s"])
        self.containers = Containers(client)

    def workers(self, service: str = "") -> list[Worker]:
        """Return the containers of one worker service, or of all, as they are now.

        One that runs and does not answer is asked a second time: one silence is no proof.
        """
        replicas = [(name, replica) for name, replica in self._replicas() if service in ("", name)]
        census = self._look.census()
        silent = [replica for _name, replica in replicas if replica.running and not node_of(replica, census.nodes)]
        if silent:
            threading.Event().wait(self._interval_s)
            again = self._look.census()
            census = again if set(again.nodes) >= set(census.nodes) else _merge(census, again)
        if census.duplicates:
            raise OpsError(
                "tell the workers apart",
                f"several answer to the name '{census.duplicates[0]}', so what one of them holds may be hidden",
                "Give each a host name or a node name (-n) of its own",
            )
        entries = list(read_unacked(self._broker, self._keys))
        now = time.time()
        found = []
        for name, replica in replicas:
            deaf = replica.running and not node_of(replica, census.nodes)
            encoders = self.containers.encoders(replica.id) if deaf else None
            found.append(classify(replica, name, census, entries, now, encoders))
        return found

    def worker(self, wanted: Worker) -> Worker:
        """Return one of them as it is now, asking only it."""
        replica = self._inspect(wanted.id)
        if replica is None:
            raise OpsError(f"look at worker '{wanted.container}'", "its container is gone", "Run this again")
        node = wanted.node or f"celery@{replica.hostname}"
        answers = self._broker.ask(METHODS, self.timeout_s, destination=[node])
        census = take_census(answers["active_queues"], {method: answers[method] for method in TASK_METHODS})
        if any(len(broadcast.replies) < 1 for broadcast in answers.values()):
            # It did not answer everything, so what it holds is not known.
            census = Census(census.receivers, {}, (), 0)
        entries = list(read_unacked(self._broker, self._keys))
        deaf = replica.running and not census.nodes
        encoders = self.containers.encoders(replica.id) if deaf else None
        return classify(replica, wanted.service, census, entries, time.time(), encoders)

    def foreign_nodes(self) -> list[str]:
        """Return the live nodes that run in no container of a worker service."""
        return strangers([replica for _name, replica in self._replicas()], self._look.census())

    def _replicas(self) -> list[tuple[str, Replica]]:
        found = []
        for service in self._stack.by_role("worker"):
            for replica in service.replicas:
                fresh = self._inspect(replica.id)
                if fresh is not None:
                    found.append((service.name, fresh))
        return found

    def _inspect(self, identity: str) -> Replica | None:
        inspected = self._client.inspect(identity)
        return None if inspected is None else parse_container(inspected)


def _merge(first: Census, second: Census) -> Census:
    nodes = {**first.nodes, **second.nodes}
    tasks = {(task.node, task.id): task for task in (*first.tasks, *second.tasks)}
    return Census(max(first.receivers, second.receivers), nodes, second.duplicates, len(nodes), tuple(tasks.values()))


class Drain:
    """Makes workers stop taking messages, remembers what each consumed, and gives exactly that back."""

    def __init__(self, broker: _redis.Broker, keys: Keys, look: WorkerLook) -> None:
        self._broker = broker
        self._keys = keys
        self._look = look

    def _key(self, node: str) -> str:
        return f"{self._keys.prefix}rdops:drained:{node}"

    def remembered(self, node: str) -> tuple[str, ...]:
        """Return the queues that a node consumed when it was drained, none where it was not."""
        raw = self._broker.command("GET", self._key(node)) if node else None
        try:
            return tuple(sorted(str(queue) for queue in json.loads(raw))) if raw else ()
        except (ValueError, TypeError):
            return ()

    def held_back(self, worker: Worker) -> bool:
        """Tell whether somebody drained a worker, or paused it on a queue that it is started with."""
        node = worker.node or worker.usual_node
        paused = [("SISMEMBER", Names(self._keys, queue).paused, node) for queue in worker.expected]
        return bool(self.remembered(node)) or (worker.kind == LIVE and any(self._broker.pipeline(paused)))

    def forget(self, node: str) -> None:
        """Forget that a node was drained: its process is another now, or gone."""
        if node:
            self._broker.command("DEL", self._key(node))

    def pause(self, worker: Worker) -> None:
        """Make a worker stop taking messages of every queue."""
        with Busy(self._broker, self._keys, f"drain worker '{worker.node}'") as busy:
            queues = sorted({*worker.queues, *self.remembered(worker.node)})
            # Remembered first: a run that is killed here can be undone all the same.
            self._broker.command("SET", self._key(worker.node), json.dumps(queues))
            self._tell("cancel_consumer", worker, worker.queues, lambda seen: not seen.queues, busy)

    def resume(self, worker: Worker) -> tuple[str, ...]:
        """Make a worker consume again what it consumed before; return these queues."""
        with Busy(self._broker, self._keys, f"resume worker '{worker.node}'") as busy:
            queues = self.remembered(worker.node)
            missing = [queue for queue in queues if queue not in worker.queues]
            self._tell("add_consumer", worker, missing, lambda seen: set(missing) <= set(seen.queues), busy)
            self.forget(worker.node)
        return tuple(missing)

    def _tell(
        self, method: str, worker: Worker, queues: t.Sequence[str], done: t.Callable[[Worker], bool], busy: Busy
    ) -> None:
        for queue in queues:
            self._broker.ask([method], self._look.timeout_s, arguments={"queue": queue}, destination=[worker.node])
        deadline = time.monotonic() + _VERIFY_S
        while queues:
            seen = self._look.worker(worker)
            if seen.kind == LIVE and done(seen):
                return
            if time.monotonic() > deadline:
                raise OpsError(
                    f"{method.replace('_', ' ')} of worker '{worker.node}'",
                    f"it did not do so within {_VERIFY_S:.0f} s",
                    "Run this again",
                )
            busy.refresh()
            threading.Event().wait(POLL_S)

    def wait(self, worker: Worker, deadline: float) -> tuple[Worker, bool]:
        """Wait until a paused worker holds nothing, seen twice; return it as it then is, and whether it is so."""
        idle_since = 0.0
        while True:
            seen = self._look.worker(worker)
            now = time.monotonic()
            gone = seen.kind == DEAD
            idle = gone or (seen.kind == LIVE and not seen.busy and not seen.queues)
            idle_since = (idle_since or now) if idle else 0.0
            if gone or (idle_since and now - idle_since >= _SETTLED_S):
                return seen, True
            if now >= deadline and not idle_since:
                return seen, False
            threading.Event().wait(POLL_S)
