# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: drain, resume, restart and remove workers; no encode ends that was not named."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

from . import _redis
from ._argspec import ArgumentSpec
from ._busy import Busy
from ._cgroup import read_text
from ._compose_lines import find_line
from ._credentials import REDIS_ARGUMENTS, resolve_redis
from ._docker import DockerClient, RunCommand
from ._errors import OpsError
from ._plan import Action, Plan
from ._queue import QUEUE_ARGUMENTS, Keys
from ._scale_plan import choose_service
from ._stack import STACK_ARGUMENTS, Stack, discover
from ._worker_drain import POLL_S, Drain, WorkerLook
from ._workers import (
    DEAD,
    DEAF,
    FROZEN,
    LIVE,
    STARTING,
    Worker,
    choose_victims,
    ready,
    require_confirm,
    say,
    select,
    tokens_of,
    unwell,
)

STATES = ("drained", "consumed", "restarted", "removed")
WORKER_ARGUMENTS = ArgumentSpec(
    {
        "state": {"type": "str", "required": True, "choices": list(STATES)},
        "service": {"type": "str", "default": ""},
        "names": {"type": "list", "elements": "str", "default": []},
        "unwell_only": {"type": "bool", "default": False},
        "keep": {"type": "int"},
        "drain_timeout_s": {"type": "int", "default": 900},
        "start_timeout_s": {"type": "int", "default": 120},
        "stop_grace_s": {"type": "int", "default": 30},
        "confirm": {"type": "str", "default": ""},
        "census_timeout_s": {"type": "float", "default": 2.0},
        "census_interval_s": {"type": "float", "default": 5.0},
        "redis_timeout_s": {"type": "int", "default": 10},
    },
    required_if=[("state", "removed", ["service", "keep"])],
).merge(STACK_ARGUMENTS, REDIS_ARGUMENTS, QUEUE_ARGUMENTS)

_TRANSITIONS = {
    "drained": "stops taking jobs and ends those it has",
    "consumed": "takes jobs again",
    "restarted": "ends the jobs it has and is restarted",
    "removed": "ends the jobs it has and is removed",
}


class WorkerChange:
    """One change of some workers. ``options`` are those of ``WORKER_ARGUMENTS``."""

    def __init__(
        self, stack: Stack, broker: _redis.Broker, keys: Keys, look: WorkerLook, options: t.Mapping[str, t.Any]
    ) -> None:
        self._broker = broker
        self._keys = keys
        self._look = look
        self._options = options
        self._state: str = options["state"]
        self._drain = Drain(broker, keys, look)
        self._stack = stack
        self._confirm = tokens_of(options["confirm"])
        self._service = choose_service(options["service"], stack.services).name if options["service"] else ""
        self._done: list[str] = []
        self._ended: list[str] = []

    def run(self, check_mode: bool) -> dict[str, t.Any]:
        """Carry it out, or only plan it; return the module's result."""
        begin = time.monotonic()
        workers = self._look.workers(self._service)
        chosen = self._choose(workers)
        plan = Plan(
            {worker.container: self._word(worker) for worker in chosen},
            {worker.container: self._state for worker in chosen},
            tuple(Action(worker.container, _TRANSITIONS[self._state]) for worker in chosen),
        )
        left: list[Worker] = []
        if not check_mode:
            handler: t.Callable[[t.Sequence[Worker], float], list[Worker]] = getattr(self, f"_{self._state}")
            # On a second run nothing is paused any more, but what is held may still be waited for.
            targets = select(workers, self._options["names"])
            left = handler(targets if self._state == "drained" else chosen, begin + self._options["drain_timeout_s"])
        now = time.time()
        seen = {worker.container: worker for worker in [*workers, *left]}
        return {
            "changed": plan.changed,
            "plan_id": plan.plan_id,
            "plan": [f"{action.target}: {action.transition}" for action in sorted(plan.actions)],
            "diff": plan.diff(),
            "workers": {
                "state": self._state,
                "names": [worker.container for worker in chosen],
                "nodes": [worker.node for worker in chosen if worker.node],
                "before": [worker.describe(now) for worker in workers],
                "still_encoding": [worker.describe(now) for worker in left],
                "drained": not left,
                "ended_jobs": sorted(self._ended),
                "started_at_line": self._lines(workers),
                "confirm": ",".join(sorted({token for worker in left for token in worker.tokens})),
                "seconds": round(time.monotonic() - begin, 1),
            },
            "msg": say(list(seen.values()), chosen, left, self._ended, self._options, check=check_mode),
        }

    def _lines(self, workers: t.Sequence[Worker]) -> dict[str, str]:
        """Return by service the line of a Compose file that says what its workers consume, where it is found."""
        files = {path: read_text(path) or "" for path in self._stack.config_files}
        found = {service: find_line(files, service, "command", "-Q") for service in {one.service for one in workers}}
        return {service: str(line) for service, line in sorted(found.items()) if line is not None}

    def _choose(self, workers: t.Sequence[Worker]) -> list[Worker]:
        named = select(workers, self._options["names"])
        if self._state == "removed":
            return choose_victims(named, self._options["keep"])
        if self._state == "drained":
            return [worker for worker in named if worker.kind == LIVE and worker.queues]
        if self._state == "consumed":
            return [worker for worker in named if self._held_back(worker)]
        # What helps at once comes first, then what is idle.
        chosen = [worker for worker in named if not self._options["unwell_only"] or self._unwell(worker)]
        return sorted(chosen, key=lambda worker: (not unwell(worker), worker.busy, len(worker.held), worker.container))

    def _held_back(self, worker: Worker) -> bool:
        remembered = worker.kind != DEAD and bool(self._drain.remembered(worker.node or worker.usual_node))
        if remembered and worker.kind != LIVE:
            raise OpsError(
                f"resume worker '{worker.container}'",
                "it was drained and does not answer now",
                "Run this again, or restart it: one that restarts consumes what it is started with",
            )
        return remembered

    def _unwell(self, worker: Worker) -> bool:
        # One that somebody made to consume nothing is not ill, and does not come back by itself.
        return unwell(worker) and not self._drain.held_back(worker)

    def _word(self, worker: Worker) -> str:
        return f"{worker.kind}, consumes {', '.join(worker.queues) or 'nothing'}"

    def _drained(self, workers: t.Sequence[Worker], deadline: float) -> list[Worker]:
        live = [worker for worker in workers if worker.kind == LIVE]
        for worker in live:
            if worker.queues:
                self._drain.pause(worker)
        left = [seen for seen, idle in (self._drain.wait(worker, deadline) for worker in live) if not idle]
        # Of these nobody can say that they hold nothing, nor that they take nothing new.
        return left + [one for one in workers if one.kind in (STARTING, FROZEN) or (one.kind == DEAF and one.busy)]

    def _consumed(self, workers: t.Sequence[Worker], _deadline: float) -> list[Worker]:
        for worker in workers:
            self._drain.resume(worker)
        return []

    def _restarted(self, workers: t.Sequence[Worker], deadline: float) -> list[Worker]:
        for worker in workers:
            ready_to_stop = self._release(worker, deadline)
            self._act_on(ready_to_stop, lambda one, grace: self._look.containers.restart(one.id, one.container, grace))
            self._drain.forget(worker.usual_node)
            self._wait_ready(worker)
            self._done.append(worker.container)
        return []

    def _removed(self, workers: t.Sequence[Worker], deadline: float) -> list[Worker]:
        # All are made to end together, so that the longest is waited for and not their sum; then none comes back.
        paused = [worker for worker in workers if worker.kind == LIVE and worker.queues]
        for worker in paused:
            self._drain.pause(worker)
        for at, worker in enumerate(workers):
            ready_to_stop = self._release(worker, deadline, also=workers[at + 1 :])
            self._act_on(ready_to_stop, lambda one, grace: self._look.containers.stop(one.id, one.container, grace))
            self._look.containers.remove(worker.id, worker.container)
            self._drain.forget(worker.usual_node)
            self._done.append(worker.container)
        return []

    def _release(self, worker: Worker, deadline: float, also: t.Sequence[Worker] = ()) -> Worker:
        """Come to the moment at which a worker may be stopped, or undo what was done for that and say why not.

        Return it as it then is.
        """
        act = f"{'restart' if self._state == 'restarted' else 'remove'} worker '{worker.container}'"
        if worker.kind == FROZEN:
            raise OpsError(act, "somebody paused its container", f"Run: docker unpause {worker.container}")
        if worker.kind == DEAD:
            return worker
        begin = time.monotonic()
        try:
            if worker.kind == DEAF:
                # It may have come to itself, or begun an encode, while others were restarted.
                worker = self._look.worker(worker)
            if worker.kind == STARTING:
                worker = self._wait_answer(worker)
            if worker.kind == DEAF:
                self._require_unknown_to_none(act, worker)
                require_confirm(act, [worker], self._confirm, time.time(), "")
                self._ended += worker.tokens
                return worker
            if worker.queues:
                self._drain.pause(worker)
            seen, idle = self._drain.wait(worker, deadline)
            if not idle:
                why = f"after {time.monotonic() - begin:.0f} s, "
                require_confirm(act, [seen], self._confirm, time.time(), why)
                self._ended += seen.tokens
            return seen
        except OpsError as error:
            self._give_back([worker, *also])
            done = f" Done before: {', '.join(self._done)}." if self._done else ""
            again = "It takes jobs again" if worker.kind == LIVE else "Nothing was done to it"
            raise OpsError(error.act, error.cause, f"{again}.{done} {error.remedy}".strip()) from error

    def _require_unknown_to_none(self, act: str, worker: Worker) -> None:
        foreign = self._look.foreign_nodes()
        if foreign and worker.container not in self._confirm:
            raise OpsError(
                act,
                f"it does not answer under its own name, and {', '.join(foreign)} may be it",
                f"See that it is not, then pass -e scaling_confirm={worker.container}",
            )

    def _give_back(self, workers: t.Sequence[Worker]) -> None:
        # What failed is told; that this failed as well is seen by 'consumed', which may be run at any time.
        for worker in workers:
            with contextlib.suppress(OpsError):
                if worker.kind == LIVE:
                    self._drain.resume(self._look.worker(worker))

    def _act_on(self, worker: Worker, act: t.Callable[[Worker, int], None]) -> None:
        if worker.kind != LIVE:
            act(worker, self._options["stop_grace_s"])
            return
        with Busy(self._broker, self._keys, f"stop worker '{worker.container}'"):
            # Between the last look and this one somebody may have let it take jobs again.
            seen = self._look.worker(worker)
            if seen.queues or not set(seen.tokens) <= {*self._ended, *self._confirm}:
                raise OpsError(f"stop worker '{worker.container}'", "it took work again meanwhile", "Run this again")
            act(worker, self._options["stop_grace_s"])

    def _wait_answer(self, worker: Worker) -> Worker:
        deadline = time.monotonic() + self._options["start_timeout_s"]
        while True:
            seen = self._look.worker(worker)
            if seen.kind != STARTING or time.monotonic() > deadline:
                return seen if seen.kind != STARTING else self._as_deaf(seen)
            threading.Event().wait(POLL_S)

    def _as_deaf(self, worker: Worker) -> Worker:
        fields = {**vars(worker), "kind": DEAF, "encoders": self._look.containers.encoders(worker.id)}
        return Worker(**fields)

    def _wait_ready(self, worker: Worker) -> None:
        deadline = time.monotonic() + self._options["start_timeout_s"]
        while True:
            why = ready(self._look.worker(worker))
            if not why:
                return
            if time.monotonic() > deadline:
                raise OpsError(
                    f"restart worker '{worker.container}'",
                    f"{self._options['start_timeout_s']} s after its start it {why}",
                    f"Look at: docker logs --tail 100 {worker.container}",
                )
            threading.Event().wait(POLL_S)


def change(options: t.Mapping[str, t.Any], run_command: RunCommand, check_mode: bool) -> dict[str, t.Any]:
    """Find the workers and change them."""
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    stack = discover(client, run_command, options["project"], options["service_roles"])
    login = resolve_redis(stack, options, lambda replica, path: client.read_file(replica.id, path))
    keys = Keys.from_options(options)
    with _redis.connect(login, keys, float(options["redis_timeout_s"])) as broker:
        look = WorkerLook(client, stack, broker, keys, options)
        done = WorkerChange(stack, broker, keys, look, options).run(check_mode)
    return {**done, "project": stack.project}
