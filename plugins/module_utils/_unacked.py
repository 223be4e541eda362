# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: messages that a worker took and has not acknowledged: whose they are, and back."""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

from ._census import Census
from ._message import Message, parse_message
from ._queue import Keys
from ._queue_scan import unknown_to

FORCE = ("foreign_owner",)
_SCAN_COUNT = 500
_META = "celery-task-meta-"

# The bytes and the time of delivery must be those that were judged: a worker that acknowledged it meanwhile, restored
# it by itself, or took it again, has changed one of them. The push comes first: a Redis that is full refuses it, and
# then nothing was removed.
RESTORE = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
if ARGV[3] == '' then
  if score then return 0 end
elseif not score or tonumber(score) ~= tonumber(ARGV[3]) then
  return 0
end
redis.call('RPUSH', KEYS[3], ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
"""
# The same, but it goes to no queue; to a list of those that are put aside, where KEYS[3] names one.
_TAKE_OUT = RESTORE.replace(
    "redis.call('RPUSH', KEYS[3], ARGV[4])", "if KEYS[3] then redis.call('LPUSH', KEYS[3], ARGV[4]) end"
)


class Reader(t.Protocol):
    """What is needed of a broker."""

    def command(self, *words: t.Any) -> t.Any:
        """Run one command."""

    def pipeline(self, commands: t.Sequence[t.Sequence[t.Any]], *, atomic: bool = False) -> list[t.Any]:
        """Run commands in one round trip."""


@dataclasses.dataclass(frozen=True)
class Unacked:
    """One delivered message. ``delivered_at``: seconds since the epoch, None where the index does not have it.

    ``raw`` is the entry as it lies in Redis; ``owner`` the node that the result backend names, empty where none.
    """

    tag: str
    raw: bytes
    delivered_at: float | None
    message: Message
    exchange: str = ""
    owner: str = ""

    @property
    def queue(self) -> str:
        """Return the queue it came from, empty where that cannot be told."""
        return "" if self.exchange and self.exchange != self.message.queue else self.message.queue

    def age(self, now: float) -> float | None:
        """Return the seconds since its delivery, or None."""
        return None if self.delivered_at is None else max(0.0, now - self.delivered_at)


@dataclasses.dataclass(frozen=True)
class Holder:
    """One container that runs a worker. ``started_at``: seconds since the epoch, 0 where it is not known."""

    hostname: str
    running: bool
    started_at: float


@dataclasses.dataclass(frozen=True)
class Rules:
    """When a message may be put back. All in seconds."""

    min_age_s: float
    visibility_timeout_s: float
    force: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What becomes of a delivered message: put back or not, and why, in a few words."""

    restore: bool
    kind: str
    why: str


def parse_entry(tag: bytes, raw: bytes, score: float | None) -> Unacked:
    """Read an entry leniently; what is not in the known form is a message with a problem. Pure."""
    name = tag.decode("utf-8", "replace")
    try:
        inner, exchange, _routing_key = json.loads(raw)
        message = parse_message(json.dumps(inner).encode())
    except (ValueError, TypeError, RecursionError):
        return Unacked(name, raw, score, Message(raw, {}, ("its entry is not in the known form",)))
    return Unacked(name, raw, score, message, exchange=str(exchange or ""))


def owner_of(raw: bytes | None) -> str:
    """Return the node that the result backend names as having started a task, or an empty string. Pure."""
    try:
        document = json.loads(raw or b"{}")
        result = document.get("result")
        if document.get("status") == "STARTED" and isinstance(result, dict):
            return str(result.get("hostname") or "")
    except (ValueError, AttributeError):
        pass
    return ""


def read_unacked(broker: Reader, keys: Keys) -> t.Iterator[Unacked]:
    """Yield every delivered message, each once, with its owner where the result backend names it."""
    cursor: t.Any = 0
    seen: set[bytes] = set()
    while True:
        cursor, found = broker.command("HSCAN", keys.unacked, cursor, "COUNT", _SCAN_COUNT)
        pairs = dict(found) if isinstance(found, dict) else dict(zip(found[::2], found[1::2]))
        new = [(tag, raw) for tag, raw in pairs.items() if tag not in seen]
        seen.update(tag for tag, _raw in new)
        scores = broker.pipeline([("ZSCORE", keys.unacked_index, tag) for tag, _raw in new])
        entries = [
            parse_entry(tag, raw, None if score is None else float(score)) for (tag, raw), score in zip(new, scores)
        ]
        metas = broker.pipeline([("GET", f"{keys.prefix}{_META}{entry.message.task_id}") for entry in entries])
        for entry, meta in zip(entries, metas):
            yield dataclasses.replace(entry, owner=owner_of(meta))
        if int(cursor) == 0:
            return


def count_index_only(broker: Reader, keys: Keys) -> int:
    """Return how many delivery times have no message any more: after an eviction, these jobs are gone."""
    cursor: t.Any = 0
    missing = 0
    while True:
        cursor, found = broker.command("ZSCAN", keys.unacked_index, cursor, "COUNT", _SCAN_COUNT)
        tags = [item[0] if isinstance(item, (tuple, list)) else item for item in found]
        if tags and not isinstance(found[0], (tuple, list)):
            tags = found[::2]
        exist = broker.pipeline([("HEXISTS", keys.unacked, tag) for tag in tags])
        missing += sum(not answer for answer in exist)
        if int(cursor) == 0:
            return missing


def judge(
    entry: Unacked,
    census: Census,
    holders: t.Sequence[Holder],
    rules: Rules,
    now: float,
    known_tasks: t.Collection[str],
) -> Verdict:
    """Tell whether the worker that holds a message is known to be gone. Pure.

    No field of a message names its worker, and a worker that lost only its connection may still be at work: so what is
    not known to be dead is left until the broker's own time for that is over, or until it is forced.
    """
    task_id = entry.message.task_id
    holding = sorted({task.node for task in census.tasks if task_id and task.id == task_id})
    age = entry.age(now)
    if holding:
        return Verdict(False, "held", f"{holding[0]} has it")
    if entry.message.problems:
        return Verdict(False, "poison", entry.message.problems[0])
    if unknown_to(known_tasks, entry.message.task):
        return Verdict(False, "poison", f"no worker knows the task '{entry.message.task[:60]}'")
    if not entry.queue:
        return Verdict(False, "unknown_queue", f"the exchange '{entry.exchange[:60]}' does not tell its queue")
    if age is not None and age < rules.min_age_s:
        return Verdict(False, "young", f"it was delivered {age:.0f} s ago, less than {rules.min_age_s:.0f} s")
    dead = proof_of_death(entry.owner, entry.delivered_at, census, holders)
    if dead:
        return Verdict(True, "orphan", dead)
    named = f"nothing proves that {entry.owner} is gone" if entry.owner else "nothing tells which worker has it"
    if age is not None and age >= rules.visibility_timeout_s:
        return Verdict(True, "orphan", f"{named}, but it was delivered {age:.0f} s ago: the broker's own time is over")
    if "foreign_owner" in rules.force:
        return Verdict(True, "forced", f"{named}; forced")
    return Verdict(False, "foreign_owner", named)


def proof_of_death(owner: str, taken_at: float | None, census: Census, holders: t.Sequence[Holder]) -> str:
    """Tell why a worker cannot be at a task any more that it is not known to hold; empty where it may be. Pure.

    ``owner``: name of its node. ``taken_at``: when it took the task, in seconds since the epoch.
    """
    hostname = owner.split("@", 1)[-1]
    mine = [holder for holder in holders if hostname and holder.hostname == hostname]
    if not mine:
        return ""
    if not any(holder.running for holder in mine):
        return f"the container of {owner} does not run"
    if taken_at is not None and all(holder.started_at > taken_at for holder in mine):
        return f"the container of {owner} was started after it had taken it"
    return f"{owner} answers and does not have it" if owner in census.nodes else ""


def restored_bytes(entry: Unacked) -> bytes:
    """Return the message as Celery itself puts it back: all kept, and marked as delivered before. Pure."""
    document = dict(entry.message.document)
    properties = dict(document["properties"])
    document["headers"] = {**document["headers"], "redelivered": True}
    document["properties"] = {**properties, "delivery_info": {**properties["delivery_info"], "redelivered": True}}
    return json.dumps(document).encode()


def restore_call(entry: Unacked, keys: Keys) -> tuple[list[str], list[t.Any]]:
    """Return keys and arguments of ``RESTORE``; the message goes to the end that is served next. Pure."""
    target = keys.key_for(entry.queue, entry.message.priority)
    return [keys.unacked, keys.unacked_index, target], [*_as_judged(entry), restored_bytes(entry)]


def drop_call(entry: Unacked, keys: Keys) -> tuple[str, list[str], list[t.Any]]:
    """Return script, keys and arguments that take a delivered message out for good. Pure."""
    return _TAKE_OUT, [keys.unacked, keys.unacked_index], _as_judged(entry)


def park_call(entry: Unacked, keys: Keys) -> tuple[str, list[str], list[t.Any]]:
    """Return script, keys and arguments that put a delivered message aside, where no worker takes it. Pure."""
    arguments = [*_as_judged(entry), restored_bytes(entry)]
    return _TAKE_OUT, [keys.unacked, keys.unacked_index, keys.parked(entry.queue)], arguments


def _as_judged(entry: Unacked) -> list[t.Any]:
    return [entry.tag, entry.raw, "" if entry.delivered_at is None else repr(entry.delivered_at)]


def parse_moment(text: str) -> float:
    """Return Docker's time as seconds since the epoch, 0 where it is none. Pure."""
    try:
        moment = datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return 0.0
    return max(0.0, moment.replace(tzinfo=datetime.timezone.utc).timestamp())
