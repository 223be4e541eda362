# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: how Celery keeps queues in Redis, and what its workers answer. Pure."""

from __future__ import annotations

import base64
import dataclasses
import json
import time
import typing as t
import uuid

from ._argspec import ArgumentSpec

_SEPARATOR = "\x06\x16"
_PIDBOX = "celery.pidbox"

QUEUE_ARGUMENTS = ArgumentSpec(
    {
        "queues": {"type": "list", "elements": "str", "default": ["high", "default", "low", "celery"]},
        "queue_keyprefix": {"type": "str", "default": "", "no_log": False},
        "queue_separator": {"type": "str", "default": _SEPARATOR},
        "queue_priority_steps": {"type": "list", "elements": "int", "default": [0, 3, 6, 9]},
        "queue_unacked_key": {"type": "str", "default": "unacked", "no_log": False},
    }
)


@dataclasses.dataclass(frozen=True)
class Request:
    """One question to all workers, ready to publish."""

    channel: str
    message: str
    binding: str
    member: str
    reply_key: str
    ticket: str


@dataclasses.dataclass(frozen=True)
class Broadcast:
    """What came back: how many connections Redis delivered the question to, and (node name, answer) pairs."""

    receivers: int
    replies: tuple[tuple[str, t.Any], ...]


@dataclasses.dataclass(frozen=True)
class Keys:
    """The names that Celery's Redis transport uses. Source: kombu's transport, defaults of 5.3 to 5.7."""

    prefix: str = ""
    separator: str = _SEPARATOR
    steps: tuple[int, ...] = (0, 3, 6, 9)
    unacked_name: str = "unacked"

    @classmethod
    def from_options(cls, options: t.Mapping[str, t.Any]) -> Keys:
        """Take the options of ``QUEUE_ARGUMENTS``."""
        return cls(
            prefix=options["queue_keyprefix"],
            separator=options["queue_separator"],
            steps=tuple(sorted(options["queue_priority_steps"])),
            unacked_name=options["queue_unacked_key"],
        )

    @property
    def unacked(self) -> str:
        """Return the hash of delivered messages that nobody has acknowledged."""
        return self.prefix + self.unacked_name

    @property
    def unacked_index(self) -> str:
        """Return the sorted set of the same messages by the time of their delivery."""
        return f"{self.prefix}{self.unacked_name}_index"

    @property
    def aside_patterns(self) -> tuple[str, ...]:
        """Return the patterns of the lists in which messages lie that this collection has put aside."""
        return tuple(f"{self.prefix}rdops:{kind}*" for kind in ("trash", "held", "parked"))

    def parked(self, queue: str) -> str:
        """Return the list of a queue's messages that were put aside because of what they are."""
        return f"{self.prefix}rdops:parked:{queue}"

    @property
    def binding_pattern(self) -> str:
        """Return the pattern that matches every binding set."""
        return f"{self.prefix}_kombu.binding.*"

    def of(self, queue: str) -> list[tuple[int, str]]:
        """Return (priority step, key) for each list that together are the queue; step 0 is served first."""
        return [
            (step, f"{self.prefix}{queue}{self.separator}{step}" if step else f"{self.prefix}{queue}")
            for step in self.steps
        ]

    def key_for(self, queue: str, priority: int) -> str:
        """Return the list into which a message of this priority is pushed: that of the highest step not above it."""
        return dict(self.of(queue))[self.step_of(priority)]

    def step_of(self, priority: int) -> int:
        """Return the highest step that is not above a priority; the first one for one below them all."""
        return max((step for step in self.steps if step <= priority), default=self.steps[0])

    def exchange_of(self, key: bytes) -> str | None:
        """Return the exchange of a binding set that leads to task queues, or None for control traffic."""
        name = key.decode("utf-8", "replace")[len(self.prefix) :]
        exchange = name.split(".", 2)[-1] if name.startswith("_kombu.binding") else ""
        return None if "pidbox" in exchange or exchange.startswith("celeryev") else exchange

    def queues_in(self, members: t.Iterable[bytes]) -> set[str]:
        """Return the queue names in a binding set."""
        return {member.decode("utf-8", "replace").rsplit(_SEPARATOR, 1)[-1] for member in members}

    def broadcast(
        self,
        method: str,
        db: int,
        timeout_s: float,
        *,
        arguments: t.Mapping[str, t.Any] | None = None,
        destination: t.Sequence[str] | None = None,
    ) -> Request:
        """Build a question in the form that Celery's remote control sends, to all workers or to ``destination``."""
        oid, ticket = str(uuid.uuid4()), str(uuid.uuid4())
        body = {
            "method": method,
            "arguments": dict(arguments or {}),
            "destination": list(destination) if destination is not None else None,
            "pattern": None,
            "matcher": None,
            "ticket": ticket,
            "reply_to": {"exchange": f"reply.{_PIDBOX}", "routing_key": oid},
        }
        message = {
            "body": base64.b64encode(json.dumps(body).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"clock": 1, "expires": time.time() + timeout_s},
            "properties": {
                "delivery_mode": 2,
                "delivery_info": {"exchange": _PIDBOX, "routing_key": ""},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
        reply_queue = f"{oid}.reply.{_PIDBOX}"
        return Request(
            channel=f"{self.prefix}/{db}.{_PIDBOX}",
            message=json.dumps(message),
            binding=f"{self.prefix}_kombu.binding.reply.{_PIDBOX}",
            member=f"{oid}{_SEPARATOR}{_SEPARATOR}{reply_queue}",
            reply_key=self.prefix + reply_queue,
            ticket=ticket,
        )


def parse_reply(raw: bytes, ticket: str) -> tuple[str, t.Any] | None:
    """Return (node name, answer) of a worker's reply, or None for one to another question or in no known form."""
    try:
        message = json.loads(raw)
        body = message["body"]
        if (message.get("properties") or {}).get("body_encoding") == "base64":
            body = base64.b64decode(body)
        if (message.get("headers") or {}).get("ticket", ticket) != ticket:
            return None
        answer = json.loads(body) if isinstance(body, (str, bytes)) else body
        name, value = next(iter(answer.items()))
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return None
    return str(name), value
