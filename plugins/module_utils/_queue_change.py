# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: change a queue: look, plan, take the right to it, apply, and say what was done."""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
import typing as t

from . import _redis
from ._argspec import ArgumentSpec
from ._busy import Busy
from ._credentials import REDIS_ARGUMENTS, resolve_redis
from ._docker import DockerClient, RunCommand
from ._errors import OpsError
from ._plan import Action, Plan
from ._queue import QUEUE_ARGUMENTS, Keys
from ._queue_look import Look, holders_of
from ._queue_moves import end_killed_move, move, put_aside
from ._queue_pause import PAUSE_ARGUMENTS, Pause
from ._queue_plan import (
    Names,
    Route,
    check_route,
    plan_empty,
    plan_move,
    require_census,
    require_confirm,
    require_consumer,
    require_memory,
    require_queue,
)
from ._queue_refill import Refill
from ._stack import STACK_ARGUMENTS, discover
from ._unacked import FORCE, RESTORE, Holder, Rules, Unacked, Verdict, judge, read_unacked, restore_call

STATES = ("emptied", "refilled", "moved", "restored", "paused", "consumed")
_VERBS = dict(zip(STATES, ("empty", "refill", "move", "restore", "pause", "consume")))

CHANGE_ARGUMENTS = ArgumentSpec(
    {
        "queue": {"type": "str", "required": True},
        "state": {"type": "str", "required": True, "choices": list(STATES)},
        "confirm": {"type": "str"},
        "trash": {"type": "str"},
        "drop": {"type": "bool", "default": False},
        "to_queue": {"type": "str"},
        "to_priority": {"type": "int"},
        "job_ids": {"type": "list", "elements": "str", "default": []},
        "allow_unconsumed": {"type": "bool", "default": False},
        "allow_unknown_census": {"type": "bool", "default": False},
        "min_age_s": {"type": "int", "default": 60},
        "visibility_timeout_s": {"type": "int", "default": 3600},
        "census_interval_s": {"type": "float", "default": 5.0},
        "force": {"type": "list", "elements": "str", "choices": list(FORCE), "default": []},
        "sample_size": {"type": "int", "default": 20},
        "census_timeout_s": {"type": "float", "default": 2.0},
        "redis_timeout_s": {"type": "int", "default": 10},
    },
).merge(PAUSE_ARGUMENTS, STACK_ARGUMENTS, REDIS_ARGUMENTS, QUEUE_ARGUMENTS)


class QueueChange:
    """One change of one queue. ``options`` are those of ``CHANGE_ARGUMENTS``; ``holders`` the workers' containers."""

    def __init__(
        self, broker: _redis.Broker, keys: Keys, options: t.Mapping[str, t.Any], holders: t.Sequence[Holder] = ()
    ) -> None:
        self._broker = broker
        self._keys = keys
        self._options = options
        self._holders = holders
        self._queue: str = options["queue"]
        self._act = f"{_VERBS[options['state']]} queue '{self._queue}'"
        self._names = Names(keys, self._queue)
        self._look = Look(broker, keys, options)
        self._beat: t.Callable[[], None] = lambda: None

    def run(self, check_mode: bool) -> dict[str, t.Any]:
        """Carry it out, or only plan it; return the module's result."""
        self._refuse_bad_input()
        # A full Redis takes no push, and not even the key that keeps others off.
        require_memory(self._act, self._broker.info())
        handler: t.Callable[[bool], dict[str, t.Any]] = getattr(self, f"_{self._options['state']}")
        begin = time.monotonic()
        with contextlib.ExitStack() as stack:
            if not check_mode:
                busy = stack.enter_context(Busy(self._broker, self._keys, self._act))
                self._beat = busy.refresh
            result = handler(check_mode)
        plan: Plan = result.pop("plan")
        result["queue"] = {
            "name": self._queue,
            "state": self._options["state"],
            "before": dict(plan.before),
            "after": dict(plan.after),
            "unacked": self._broker.unacked(),
            "seconds": round(time.monotonic() - begin, 3),
            **result["queue"],
        }
        size = self._options["sample_size"]
        result["plan"] = [f"{action.target}: {action.transition}" for action in sorted(plan.actions)[:size]]
        return {"changed": plan.changed, "plan_id": plan.plan_id, "diff": plan.diff(), **result}

    def _refuse_bad_input(self) -> None:
        options = self._options
        if not self._queue or any(character in self._queue for character in "\r\n\x00"):
            raise OpsError(self._act, "that is no name of a queue")
        for name in ("min_age_s", "visibility_timeout_s", "sample_size"):
            if options[name] < 0:
                raise OpsError(self._act, f"{name} is {options[name]}, below 0")
        if options["drop"] and options["confirm"] != self._queue:
            raise OpsError(
                self._act, "drop removes messages for good and is not confirmed", f"Pass confirm={self._queue}"
            )

    def _lengths(self, queue: str | None = None) -> dict[str, int]:
        name = queue or self._queue
        return self._broker.lengths([name])[name]

    def _require_queue(self) -> None:
        lengths = self._lengths()
        if not any(lengths.values()):
            census = self._look.census()
            consumed = {name for queues in census.nodes.values() for name in queues}
            known = self._broker.queues() | consumed | set(self._options["queues"])
            if self._queue not in known:
                # One that was emptied a moment ago, and that no worker consumes.
                known |= set(self._look.trash())
            require_queue(self._act, self._queue, self._held(), known)

    def _held(self) -> dict[str, int]:
        return {str(step): self._look.length(self._names.held(step)) for step in self._keys.steps}

    def _emptied(self, check_mode: bool) -> dict[str, t.Any]:
        self._require_queue()
        lengths, held = self._lengths(), self._held()
        lengths = {step: count + held[step] for step, count in lengths.items()}
        plan = plan_empty(self._names, lengths)
        count = sum(lengths.values())
        stamp = ""
        if plan.changed and not check_mode:
            require_confirm(self._act, self._queue, count, self._options["confirm"])
            end_killed_move(self._broker, self._names, self._keys.steps, self._beat)
            stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
            count = put_aside(self._broker, self._names, stamp, self._keys.steps)
        where = f" as trash '{stamp}'; state=refilled puts them back" if stamp else ""
        return {
            "plan": plan,
            "queue": {"moved": count, "trash": stamp or None},
            "msg": f"{count} messages put aside{where}.",
        }

    def _refilled(self, check_mode: bool) -> dict[str, t.Any]:
        return Refill(self._broker, self._names, self._look, self._options, self._beat).run(check_mode)

    def _moved(self, check_mode: bool) -> dict[str, t.Any]:
        options = self._options
        route = Route(
            self._keys,
            self._queue,
            options["to_queue"] or self._queue,
            options["to_priority"],
            frozenset(options["job_ids"]),
        )
        check_route(route, options["to_priority"])
        self._require_queue()
        census = self._look.census()
        require_census(self._act, census, options["allow_unknown_census"])
        require_consumer(self._act, route.to_queue, census, options["allow_unconsumed"])
        known = self._look.known_tasks()
        if not check_mode:
            end_killed_move(self._broker, self._names, self._keys.steps, self._beat)
        plan = plan_move(route, self._lengths(), self._lengths(route.to_queue), self._held())
        if check_mode:
            return {"plan": plan, "queue": {"to_queue": route.to_queue}, "msg": "Nothing was moved: check mode."}
        done = move(self._broker, self._names, route, known, self._beat, sample_size=options["sample_size"])
        missing = sorted(route.job_ids - done.found)
        queue = {
            "to_queue": route.to_queue,
            "moved": done.moved,
            "batches": done.batches,
            "left_poison": done.left,
            "poison": done.left_sample,
            "job_ids_not_found": missing[: options["sample_size"]],
        }
        said = f"{done.moved} messages moved to queue '{route.to_queue}'."
        if done.left:
            said += f" {done.left} that a worker would stop at stay where they are."
        result = {"plan": plan, "queue": queue, "msg": said, "changed": done.moved > 0}
        if not done.moved:
            result["diff"] = {"before": plan.before, "after": plan.before}
        return result

    def _restored(self, check_mode: bool) -> dict[str, t.Any]:
        options = self._options
        first = self._look.census()
        require_census(self._act, first, False)
        threading.Event().wait(max(0.0, options["census_interval_s"]))
        self._beat()
        entries = [entry for entry in read_unacked(self._broker, self._keys) if entry.queue in ("", self._queue)]
        census = self._look.census()
        require_census(self._act, census, False)
        if set(census.nodes) != set(first.nodes):
            raise OpsError(
                self._act, "workers came or went while they were counted", "Wait until they stay, then run again"
            )
        rules = Rules(options["min_age_s"], options["visibility_timeout_s"], frozenset(options["force"]))
        known, now = self._look.known_tasks(), self._look.now()
        judged = [(entry, judge(entry, census, self._holders, rules, now, known)) for entry in entries]
        chosen = [pair for pair in judged if pair[1].restore]
        # The oldest is put in last, so that it is served first.
        chosen.sort(key=lambda pair: -(pair[0].delivered_at or 0.0))
        put, gone = (0, 0) if check_mode else self._put_back(chosen)
        plan = Plan(
            {"unacked": len(entries)},
            {"unacked": len(entries) - len(chosen)},
            tuple(Action(entry.tag, f"put back in {self._queue}") for entry, _verdict in chosen),
        )
        said = f"{len(chosen) if check_mode else put} messages put back, {len(judged) - len(chosen)} left."
        if gone:
            said += f" {gone} were acknowledged or taken meanwhile."
        queue = {
            "moved": put,
            "changed_meanwhile": gone,
            "left": _count(verdict.kind for _entry, verdict in judged if not verdict.restore),
            "sample": [_describe(entry, verdict, now) for entry, verdict in judged[: options["sample_size"]]],
            "consumers": census.consumers(self._queue),
        }
        result = {"plan": plan, "queue": queue, "msg": said}
        return result if check_mode else {**result, "changed": put > 0}

    def _put_back(self, chosen: t.Sequence[tuple[Unacked, Verdict]]) -> tuple[int, int]:
        put = 0
        for entry, _verdict in chosen:
            self._beat()
            put += int(self._broker.script(RESTORE, *restore_call(entry, self._keys)))
        return put, len(chosen) - put

    def _paused(self, check_mode: bool) -> dict[str, t.Any]:
        self._require_queue()
        return Pause(self._broker, self._names, self._look, self._options, self._beat).pause(check_mode)

    def _consumed(self, check_mode: bool) -> dict[str, t.Any]:
        self._require_queue()
        return Pause(self._broker, self._names, self._look, self._options, self._beat).consume(check_mode)


def _count(kinds: t.Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for kind in kinds:
        found[kind] = found.get(kind, 0) + 1
    return found


def _describe(entry: Unacked, verdict: Verdict, now: float) -> dict[str, t.Any]:
    age = entry.age(now)
    return {
        "job_id": entry.message.job_id[:80],
        "task_id": entry.message.task_id[:80],
        "age_s": None if age is None else round(age, 1),
        "owner": entry.owner or None,
        "restored": verdict.restore,
        "why": verdict.why,
    }


def change(options: t.Mapping[str, t.Any], run_command: RunCommand, check_mode: bool) -> dict[str, t.Any]:
    """Find the broker and the workers' containers, and change the queue."""
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    stack = discover(client, run_command, options["project"], options["service_roles"])
    login = resolve_redis(stack, options, lambda replica, path: client.read_file(replica.id, path))
    keys = Keys.from_options(options)
    with _redis.connect(login, keys, float(options["redis_timeout_s"])) as broker:
        done = QueueChange(broker, keys, options, holders_of(stack)).run(check_mode)
    return {**done, "project": stack.project}
