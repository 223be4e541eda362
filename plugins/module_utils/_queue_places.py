# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: which lists of a broker hold messages, also those that no worker has ever consumed."""

from __future__ import annotations

import dataclasses
import typing as t

from ._message import parse_message
from ._queue import Keys
from ._queue_look import Look
from ._queue_plan import glob_escape
from ._redis import Broker

# Numbers among the kinds of _job_evidence.
IN_LIST, FOREIGN, ASIDE = 0, 2, 3
# Parts of the names of lists that are answers and never tasks.
_ANSWERS = (b".reply.celery.pidbox", b"celeryev")
_SAMPLE = 5


@dataclasses.dataclass(frozen=True)
class Place:
    """One list of messages. ``kind``: IN_LIST, FOREIGN or ASIDE; ``queue`` is empty where it is no queue's."""

    kind: int
    key: bytes
    name: str
    queue: str = ""
    step: int = 0


def classify(key: bytes, keys: Keys, bound: t.Collection[str], sample: t.Sequence[bytes]) -> Place | None:
    """Tell what a list is; None for one that holds no messages. ``sample``: some of what it holds. Pure."""
    name = key.decode("utf-8", "replace")
    if not name.startswith(keys.prefix) or any(part in key for part in _ANSWERS):
        return None
    short = name[len(keys.prefix) :]
    if short.startswith("rdops:"):
        return Place(ASIDE, key, name)
    queue, separator, step = short.rpartition(keys.separator)
    if not separator:
        queue, step = short, "0"
    if queue not in bound and not any(parse_message(raw).task for raw in sample):
        return None
    if step.isdigit() and int(step) in keys.steps and (separator or step == "0"):
        return Place(IN_LIST, key, queue, queue, int(step))
    return Place(FOREIGN, key, f"a list of queue '{queue}'")


def find_places(broker: Broker, look: Look, keys: Keys, bound: t.Collection[str]) -> tuple[Place, ...]:
    """Return every list of messages, within a queue the one of step 0 last. ``bound``: queues that are known."""
    lists = look.keys_like(f"{glob_escape(keys.prefix)}*", "list")
    # From both ends, as one of its messages may be poison.
    samples = broker.pipeline([("LRANGE", key, *ends) for key in lists for ends in ((0, _SAMPLE - 1), (-_SAMPLE, -1))])
    found = [classify(key, keys, bound, [*samples[2 * at], *samples[2 * at + 1]]) for at, key in enumerate(lists)]
    return tuple(sorted((p for p in found if p is not None), key=lambda p: (-p.kind, p.queue, -p.step, p.key)))
