# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the queues and the workers at depth: growing or draining, what waits, what is poison."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
import typing as t

from ._census import METHODS, Census, take_census
from ._message import Message, parse_message
from ._queue import Keys
from ._redis import Broker
from ._verdict import CRITICAL, OK, WARNING, Finding

# What is looked at of each list, from the end that is served next, and of the messages being worked on.
PEEK = 500
_TELLING = 10
_INTERVAL_S = 0.4


@dataclasses.dataclass(frozen=True)
class QueueFacts:
    """What the broker holds. Ages in seconds; ``seconds`` lies between the two looks at the lengths.

    ``whole`` tells whether every message was read, and every one of them names its job: only then is the absence of a
    job from ``job_ids`` proof.
    """

    lengths: t.Mapping[str, t.Mapping[str, int]]
    earlier: t.Mapping[str, t.Mapping[str, int]]
    seconds: float
    poison: t.Mapping[str, tuple[tuple[str, ...], ...]]
    foreign: t.Mapping[str, int]
    unacked: int
    unacked_oldest_s: float
    job_ids: frozenset[str]
    unacked_jobs: t.Mapping[str, float]
    whole: bool


def ask_workers(broker: Broker, timeout_s: float) -> tuple[Census, frozenset[str]]:
    """Return the census with what the workers hold, and the tasks that they know; a second question only on doubt."""
    best: tuple[Census, frozenset[str]] = (Census(0, {}, (), -1), frozenset())
    for _round in range(2):
        answers = broker.ask([*METHODS, "registered"], timeout_s)
        held = {method: answers[method] for method in METHODS if method != "active_queues"}
        census = take_census(answers["active_queues"], held)
        known = {
            str(name).split(" ", 1)[0]
            for _node, names in answers["registered"].replies
            for name in (names if isinstance(names, list) else ())
        }
        if census.replies >= best[0].replies:
            best = (census, frozenset(known if census.complete else ()))
        if census.complete:
            break
    return best


def look_at_queues(
    broker: Broker, keys: Keys, names: t.Sequence[str], known_tasks: t.Collection[str], now: float
) -> QueueFacts:
    """Read lengths twice, ``_INTERVAL_S`` seconds apart, and in between the messages that come next."""
    started = time.monotonic()
    earlier = broker.lengths(names)
    foreign = _foreign(broker, keys, names)
    messages: list[tuple[str, Message]] = []
    whole = not foreign
    wanted = [(queue, key) for queue in names for _step, key in keys.of(queue)]
    for (queue, _key), raws in zip(wanted, broker.pipeline([("LRANGE", key, -PEEK, -1) for _queue, key in wanted])):
        whole = whole and len(raws) < PEEK
        messages.extend((queue, parse_message(raw, known_tasks)) for raw in raws)
    held, unacked, oldest, all_held = _look_at_unacked(broker, keys, known_tasks, now)
    left = _INTERVAL_S - (time.monotonic() - started)
    if left > 0:
        threading.Event().wait(left)
    lengths = broker.lengths(names)
    poison: dict[str, tuple[tuple[str, ...], ...]] = {}
    for queue, message in messages:
        if message.poison:
            poison[queue] = (*poison.get(queue, ()), message.problems)
    everything = [message for _queue, message in messages] + [message for message, _age in held]
    return QueueFacts(
        lengths=lengths,
        earlier=earlier,
        seconds=time.monotonic() - started,
        poison=poison,
        foreign=foreign,
        unacked=unacked,
        unacked_oldest_s=oldest,
        job_ids=frozenset(message.job_id for message in everything if message.job_id),
        unacked_jobs={message.job_id: age for message, age in held if message.job_id},
        whole=whole and all_held and all(message.job_id for message in everything),
    )


def _foreign(broker: Broker, keys: Keys, names: t.Sequence[str]) -> dict[str, int]:
    """Return messages in lists of priorities that are not among the configured steps."""
    lists = [
        (queue, f"{keys.prefix}{queue}{keys.separator}{step}")
        for queue in names
        for step in range(10)
        if step not in keys.steps
    ]
    found: dict[str, int] = {}
    for (queue, _key), length in zip(lists, broker.pipeline([("LLEN", key) for _queue, key in lists])):
        if length:
            found[queue] = found.get(queue, 0) + int(length)
    return found


def _look_at_unacked(
    broker: Broker, keys: Keys, known_tasks: t.Collection[str], now: float
) -> tuple[list[tuple[Message, float]], int, float, bool]:
    """Return messages with their ages, how many there are, the oldest age, and whether all were read."""
    oldest_first = broker.command("ZRANGE", keys.unacked_index, 0, PEEK - 1, "WITHSCORES")
    pairs = [pair for pair in oldest_first if isinstance(pair, (tuple, list))]
    flat = [value for value in oldest_first if not isinstance(value, (tuple, list))]
    pairs += list(zip(flat[::2], flat[1::2]))
    total = broker.unacked()
    if not pairs:
        return [], total, 0.0, total == 0
    raws = broker.command("HMGET", keys.unacked, *[pair[0] for pair in pairs])
    found = []
    for (_tag, score), raw in zip(pairs, raws):
        try:
            inner = json.loads(raw)[0] if raw else None
        except (ValueError, IndexError, TypeError, KeyError):
            inner = None
        if inner is not None:
            found.append((parse_message(json.dumps(inner).encode(), known_tasks), max(0.0, now - float(score))))
    return found, total, max((age for _message, age in found), default=0.0), total <= len(found)


def rates(facts: QueueFacts) -> dict[str, dict[str, t.Any]]:
    """Return for each queue total, by_priority, messages gained a second, and seconds until empty where it drains."""
    described = {}
    for queue, by_priority in facts.lengths.items():
        total = sum(by_priority.values())
        more = total - sum(facts.earlier.get(queue, by_priority).values())
        # One message more or less between two looks tells nothing of the hour.
        gained = more / max(facts.seconds, 0.001) if abs(more) >= _TELLING else 0.0
        described[queue] = {
            "total": total,
            "by_priority": dict(by_priority),
            "gained_per_s": round(gained, 2),
            "empty_in_s": round(total / -gained) if gained < 0 and total else None,
        }
    return described


def judge_messages(facts: QueueFacts, limits: t.Mapping[str, t.Any]) -> list[Finding]:
    """Judge what lies in the queues: poison, lists that no worker reads, deliveries that will be repeated. Pure."""
    found = []
    for queue, problems in sorted(facts.poison.items()):
        noun = "message" if len(problems) == 1 else "messages"
        harm = "would stop the worker that takes it, or be thrown away"
        summary = f"{len(problems)} {noun} in queue '{queue}' {harm}: {problems[0][0]}."
        evidence = {
            "poison": len(problems),
            "problems": sorted({problem for each in problems for problem in each})[:10],
        }
        found.append(Finding(f"queue.{queue}.poison", "queues", CRITICAL, queue, summary, evidence, stops=False))
    for queue, count in sorted(facts.foreign.items()):
        noun = "message lies" if count == 1 else "messages lie"
        summary = f"{count} {noun} in lists of '{queue}' that are not among the priority steps: no worker reads them."
        command = "If the application has other priority_steps, pass them as queue_priority_steps."
        found.append(
            Finding(
                f"queue.{queue}.foreign",
                "queues",
                WARNING,
                queue,
                summary,
                {"messages": count},
                (command,),
                stops=False,
            )
        )
    if facts.unacked_oldest_s > limits["unacked_age_s"]:
        summary = (
            f"A message was delivered {facts.unacked_oldest_s:.0f} s ago and is not acknowledged: the broker delivers "
            "it a second time, also while the first worker still works on it."
        )
        evidence = {"oldest_s": round(facts.unacked_oldest_s), "unacked": facts.unacked}
        found.append(Finding("queues.unacked", "queues", WARNING, "unacked", summary, evidence, stops=False))
    return found


def judge_broker(info: t.Mapping[str, t.Any], container_limit: int, limits: t.Mapping[str, t.Any]) -> list[Finding]:
    """Judge the broker's memory against its own limit and that of its container, and its clients. Pure."""
    used, allowed = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    clients, most = int(info.get("connected_clients", 0)), int(info.get("maxclients", 0))
    evidence = {
        "used_memory": used,
        "maxmemory": allowed,
        "container_limit": container_limit or None,
        "clients": clients,
        "blocked_clients": int(info.get("blocked_clients", 0)),
        "rejected_connections": int(info.get("rejected_connections", 0)),
        "fragmentation": info.get("mem_fragmentation_ratio"),
    }
    found = []
    if container_limit and allowed > limits["broker_memory"] * container_limit:
        summary = (
            f"Redis may use {allowed // 2**20} MiB in a container of {container_limit // 2**20} MiB: the kernel kills "
            "it before its own limit helps."
        )
        found.append(Finding("redis.limit", "redis", WARNING, "redis", summary, evidence, stops=False))
    if allowed and used > limits["broker_memory"] * allowed:
        summary = f"Redis uses {used * 100 // allowed} % of its memory limit; at the limit it takes no new job."
        found.append(Finding("redis.used", "redis", WARNING, "redis", summary, evidence, stops=False))
    if most and clients > 0.9 * most:
        summary = f"Redis has {clients} of {most} client connections in use."
        found.append(Finding("redis.clients", "redis", WARNING, "redis", summary, evidence, stops=False))
    if not found:
        bound = f"{allowed // 2**20} MiB" if allowed else "no limit of its own"
        summary = f"Redis uses {used / 2**20:.1f} MiB ({bound}) and serves {clients} clients."
        found.append(Finding("redis.load", "redis", OK, "redis", summary, evidence))
    return found


def describe_tasks(census: Census, now: float) -> list[dict[str, t.Any]]:
    """Return what the workers run now, longest first; ``age_s`` in seconds. Pure."""
    rows = [
        {
            "job_id": task.job_id,
            "task": task.name,
            "node": task.node,
            "age_s": round(max(0.0, now - task.started_at)) if task.started_at else None,
        }
        for task in census.tasks
        if task.state == "active"
    ]
    return sorted(rows, key=lambda row: -(t.cast("float", row["age_s"]) or 0))
