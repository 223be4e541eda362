# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: make workers stop and start consuming a queue, verified, and undone exactly."""

from __future__ import annotations

import threading
import time
import typing as t

from ._argspec import ArgumentSpec
from ._census import TASK_METHODS, Census
from ._errors import OpsError
from ._plan import Action, Plan
from ._queue_look import Look
from ._queue_plan import Names, require_census
from ._redis import Broker

PAUSE_ARGUMENTS = ArgumentSpec(
    {
        "nodes": {"type": "list", "elements": "str", "default": []},
        "drain_timeout_s": {"type": "int", "default": 0},
        "remember": {"type": "bool", "default": True},
    }
)

# A worker acknowledges before it has acted.
_VERIFY_S = 15.0
_POLL_S = 0.25
_PERMANENT = "It does not outlive a restart of a worker: to keep it, change the queues (-Q) it is started with."


def held_for(queue: str, value: t.Any) -> int:
    """Return how many tasks of a queue are in a worker's answer; one that does not tell its queue counts. Pure."""
    count = 0
    for entry in value if isinstance(value, list) else []:
        inner = entry.get("request", entry) if isinstance(entry, dict) else {}
        delivery = inner.get("delivery_info") if isinstance(inner, dict) else None
        routing_key = delivery.get("routing_key") if isinstance(delivery, dict) else None
        count += routing_key in (queue, None)
    return count


def plan_pause(queue: str, census: Census, nodes: t.Sequence[str], *, remember: bool = True) -> Plan:
    """Return the plan that makes workers stop taking new messages of a queue.

    Without ``remember`` it is an undo: a worker that is gone consumes nothing, which is what was wished for.
    """
    if remember:
        require_nodes(f"pause queue '{queue}'", census, nodes)
    consumers = census.consumers(queue)
    chosen = [node for node in consumers if not nodes or node in nodes]
    left = [node for node in consumers if node not in chosen]
    return Plan(
        {"consumers": consumers},
        {"consumers": left},
        tuple(Action(node, f"stops consuming {queue}") for node in chosen),
    )


def plan_consume(queue: str, census: Census, nodes: t.Sequence[str], remembered: t.Collection[str]) -> Plan:
    """Return the plan that undoes a pause exactly, or makes named workers consume a queue."""
    act = f"consume queue '{queue}'"
    require_nodes(act, census, nodes)
    consumers = census.consumers(queue)
    live = sorted(node for node in remembered if node in census.nodes)
    if not nodes and remembered and not live:
        raise OpsError(
            act,
            f"none of the {len(remembered)} workers that were paused lives any more ({', '.join(sorted(remembered))})",
            "Workers that started since consume what they are started with. Pass nodes to name others",
        )
    if not nodes and not remembered and not consumers:
        listed = ", ".join(sorted(census.nodes)) or "none"
        cause = "it was not paused here, so it is not known which workers should consume it"
        raise OpsError(act, cause, f"Pass nodes; live workers are: {listed}")
    wanted = list(nodes) or live
    forgotten = sorted(node for node in remembered if not nodes or node in nodes)
    actions = [Action(node, f"consumes {queue}") for node in wanted if node not in consumers]
    actions += [Action(node, "pause forgotten") for node in forgotten]
    return Plan(
        {"consumers": consumers, "paused": sorted(remembered)},
        {
            "consumers": sorted({*consumers, *wanted}),
            "paused": sorted(node for node in remembered if node not in forgotten),
        },
        tuple(actions),
    )


def require_nodes(act: str, census: Census, nodes: t.Sequence[str]) -> None:
    """Refuse a name of no live worker."""
    absent = sorted(node for node in nodes if node not in census.nodes)
    if absent:
        listed = ", ".join(sorted(census.nodes)) or "none"
        raise OpsError(act, f"no live worker is called '{absent[0]}'", f"Live workers are: {listed}")


class Pause:
    """Pauses a queue on workers, or undoes that. ``beat`` keeps the right to change it."""

    def __init__(
        self, broker: Broker, names: Names, look: Look, options: t.Mapping[str, t.Any], beat: t.Callable[[], None]
    ) -> None:
        self._broker = broker
        self._names = names
        self._look = look
        self._options = options
        self._beat = beat
        self._queue = names.queue

    def pause(self, check_mode: bool) -> dict[str, t.Any]:
        """Make workers stop taking new messages; those that they hold they finish."""
        census = self._census(f"pause queue '{self._queue}'")
        plan = plan_pause(self._queue, census, self._options["nodes"], remember=self._options["remember"])
        targets = [action.target for action in plan.actions]
        drained: dict[str, t.Any] = {}
        if targets and not check_mode:
            if self._options["remember"]:
                # Before it is done: a run that is killed here can be undone all the same.
                self._broker.command("SADD", self._names.paused, *targets)
            self._tell("cancel_consumer", targets, lambda seen: not set(targets) & set(seen.consumers(self._queue)))
            if not self._options["remember"]:
                self._broker.command("SREM", self._names.paused, *targets)
        if self._options["drain_timeout_s"] > 0 and not check_mode:
            # On a second run nothing is paused any more, but what is held may still be waited for.
            paused = set(self._remembered()) & set(census.nodes)
            drained = self._drain(
                sorted(paused if not self._options["nodes"] else paused & set(self._options["nodes"]))
            )
        said = f"{len(targets)} workers {'would stop' if check_mode else 'stopped'} consuming queue '{self._queue}'."
        return self._result(plan, f"{said} {_PERMANENT}", targets, drained)

    def consume(self, check_mode: bool) -> dict[str, t.Any]:
        """Make the workers that were paused consume again, or those that are named."""
        census = self._census(f"consume queue '{self._queue}'")
        plan = plan_consume(self._queue, census, self._options["nodes"], self._remembered())
        starts = [action.target for action in plan.actions if action.transition.startswith("consumes")]
        forgets = [action.target for action in plan.actions if not action.transition.startswith("consumes")]
        if not check_mode:
            if starts:
                self._tell("add_consumer", starts, lambda seen: set(starts) <= set(seen.consumers(self._queue)))
            if forgets:
                self._broker.command("SREM", self._names.paused, *forgets)
        said = f"{len(starts)} workers {'would consume' if check_mode else 'consume'} queue '{self._queue}' again."
        return self._result(plan, f"{said} {_PERMANENT}", starts, {})

    def _census(self, act: str) -> Census:
        census = self._look.census()
        require_census(act, census, self._options["allow_unknown_census"])
        return census

    def _remembered(self) -> list[str]:
        members = self._broker.command("SMEMBERS", self._names.paused)
        return sorted(member.decode("utf-8", "replace") for member in members)

    def _tell(self, method: str, nodes: t.Sequence[str], done: t.Callable[[Census], bool]) -> None:
        timeout_s = float(self._options["census_timeout_s"])
        self._broker.ask([method], timeout_s, arguments={"queue": self._queue}, destination=nodes)
        deadline = time.monotonic() + _VERIFY_S
        while not done(self._look.census()):
            if time.monotonic() > deadline:
                raise OpsError(
                    f"{method.replace('_', ' ')} of queue '{self._queue}'",
                    f"{', '.join(nodes)} did not do so within {_VERIFY_S:.0f} s",
                    "Run this again",
                )
            self._beat()
            threading.Event().wait(_POLL_S)

    def _drain(self, nodes: t.Sequence[str]) -> dict[str, t.Any]:
        begin = time.monotonic()
        timeout_s = float(self._options["census_timeout_s"])
        while True:
            left, silent = 0, False
            if nodes:
                answers = self._broker.ask(TASK_METHODS, timeout_s, destination=nodes)
                for broadcast in answers.values():
                    silent = silent or len(broadcast.replies) < len(nodes)
                    left += sum(held_for(self._queue, value) for _node, value in broadcast.replies)
            waited = time.monotonic() - begin
            drained = not left and not silent
            if drained or waited >= self._options["drain_timeout_s"]:
                return {"drained": drained, "still_held": left, "waited_s": round(waited, 1)}
            self._beat()
            threading.Event().wait(_POLL_S)

    def _result(
        self, plan: Plan, said: str, nodes: t.Sequence[str], drained: t.Mapping[str, t.Any]
    ) -> dict[str, t.Any]:
        if drained and not drained["drained"]:
            said += f" {drained['still_held']} tasks were still held after {drained['waited_s']} s."
        return {"plan": plan, "queue": {"nodes": list(nodes), "persistent": False, **drained}, "msg": said}
