# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: messages of certain jobs, and messages at which a worker would stop, in long lists."""

from __future__ import annotations

import hashlib
import typing as t

from ._queue import Keys
from ._queue_places import IN_LIST, Place
from ._queue_scan import CHUNK, job_in, judge_message
from ._redis import Broker

_POISON_MAX = 1000
# Elements that Redis may walk over to remove the messages of one group: some seconds of it in all.
WALK_MAX = 20_000_000


# Takes one message out of a list and puts it aside; the push comes first, as a full Redis refuses it.
_PARK = """
redis.call('LPUSH', KEYS[2], ARGV[1])
if redis.call('LREM', KEYS[1], -1, ARGV[1]) == 1 then return 1 end
redis.call('LPOP', KEYS[2])
return 0
"""


# Leaves one of several messages of the very same bytes, that which is served first.
THIN_SAME = """
local count = #redis.call('LPOS', KEYS[1], ARGV[1], 'COUNT', 0)
if count > 1 then return redis.call('LREM', KEYS[1], count - 1, ARGV[1]) end
return 0
"""


class Found(t.NamedTuple):
    """A message in a list. ``walk``: how many others Redis passes to remove it, from the nearer end.

    ``copies``: how often its very bytes were read there. While the list moves, one may be read more than once.
    """

    place: Place
    raw: bytes
    at: int
    walk: int
    copies: int = 1

    @property
    def removal(self) -> tuple[t.Any, ...]:
        """Return the command that removes it, from the end that is nearer to it, or all that are the same."""
        count = 0 if self.copies > 1 else 1 if self.walk == self.at else -1
        return ("LREM", self.place.key, count, self.raw)


def _chunks(broker: Broker, place: Place) -> t.Iterator[tuple[int, list[bytes]]]:
    begin = 0
    while True:
        chunk: list[bytes] = broker.command("LRANGE", place.key, begin, begin + CHUNK - 1)
        if chunk:
            yield begin, chunk
        if len(chunk) < CHUNK:
            return
        begin += len(chunk)


def find_messages(
    broker: Broker, places: t.Iterable[Place], jobs: t.Collection[str], beat: t.Callable[[], None]
) -> dict[str, list[Found]]:
    """Return the messages in queues for some jobs (in lower case), the same bytes once; that served last first."""
    found: dict[str, dict[tuple[bytes, bytes], Found]] = {}
    for place in places:
        if place.kind != IN_LIST:
            continue
        length = int(broker.command("LLEN", place.key))
        for begin, chunk in _chunks(broker, place):
            beat()
            for offset, raw in enumerate(chunk):
                job = job_in(raw)
                if job in jobs:
                    index = begin + offset
                    walk = min(index, max(0, length - index))
                    messages = found.setdefault(job, {})
                    same = messages.get((place.key, raw))
                    messages[(place.key, raw)] = Found(place, raw, index, walk, same.copies + 1 if same else 1)
    return {job: list(messages.values()) for job, messages in found.items()}


def find_poison(
    broker: Broker, places: t.Iterable[Place], known_tasks: t.Collection[str], beat: t.Callable[[], None]
) -> dict[str, Found]:
    """Return messages in queues at which a worker would stop, by a name that is made of their content."""
    found: dict[str, Found] = {}
    for place in places:
        if place.kind != IN_LIST:
            continue
        for begin, chunk in _chunks(broker, place):
            beat()
            for offset, raw in enumerate(chunk):
                if len(found) < _POISON_MAX and judge_message(raw, known_tasks).problems:
                    index = begin + offset
                    digest = hashlib.sha256(raw).hexdigest()[:16]
                    found[f"message {digest} in {place.queue}"] = Found(place, raw, index, index)
    return found


def park_message_call(found: Found, keys: Keys) -> tuple[str, list[t.Any], list[t.Any]]:
    """Return script, keys and arguments that put a message of a queue aside, where no worker takes it. Pure."""
    return _PARK, [found.place.key, keys.parked(found.place.queue)], [found.raw]
