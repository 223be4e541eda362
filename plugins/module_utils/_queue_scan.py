# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: read queues of a million messages: in chunks, in flat memory, at the speed of Redis."""

from __future__ import annotations

import binascii
import contextlib
import dataclasses
import re
import struct
import typing as t

from ._message import Message, parse_message

# Of one call to Redis: a thousand messages are about a megabyte and a millisecond of the server.
CHUNK = 1000

# The body of a message for a job whose id has 36 characters: what is before the id, in base64, and the id itself.
_BODY = re.compile(rb'"body": "W1si([0-9A-Za-z+/]{48})')
_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ID_LENGTH = 36
_ID_CHARACTERS = b"0123456789abcdefABCDEF-"
# Producers differ by host name and release; more shapes than this of one length are not worth a comparison each.
_SHAPES_OF_A_LENGTH = 4
_LENGTHS = 256
_CELERYS_OWN = "celery."


class Reader(t.Protocol):
    """What is needed of a broker: it runs a command."""

    def command(self, *words: t.Any) -> t.Any:
        """Run one command."""


@dataclasses.dataclass
class Scan:
    """What was seen of one queue: exact counts, and capped samples.

    ``oldest``: the message that is served first from each list; messages carry no time, so how long it waits is not
    known. ``usual``: how many were read the fast way; ``foreign``: how many only their worker can read. ``job_ids`` are
    in no order across lists, and a message that moved while it was read may be seen twice.
    """

    read: int = 0
    poison: int = 0
    foreign: int = 0
    strangers: int = 0
    usual: int = 0
    poison_sample: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    oldest: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    job_ids: list[str] = dataclasses.field(default_factory=list)
    ids_cut: bool = False


def unknown_to(known_tasks: t.Collection[str], task: str) -> bool:
    """Tell whether no worker knows a task; Celery's own tasks are never listed, and every worker has them. Pure."""
    return bool(known_tasks) and task not in known_tasks and not task.startswith(_CELERYS_OWN)


def judge_message(raw: bytes, known_tasks: t.Collection[str]) -> Message:
    """Read a message in full. Pure."""
    message = parse_message(raw)
    if message.task and unknown_to(known_tasks, message.task):
        problem = f"no worker knows the task '{message.task[:60]}'"
        return dataclasses.replace(message, problems=(*message.problems, problem))
    return message


def job_in(raw: bytes) -> str:
    """Return the job that a message is for, in lower case, empty where that cannot be told. Pure."""
    body = _BODY.search(raw)
    if body is not None:
        with contextlib.suppress(ValueError):
            return binascii.a2b_base64(body.group(1)).decode().lower()
    return parse_message(raw).job_id.lower()


class Shape:
    """How the messages of one producer look: equal bytes, but for ids at fixed places.

    Learnt from a message that was read in full and found well. Another of the same shape is as well: its ids consist
    of the characters of ids, so nothing that was judged of the first can be different in it. ``unpack`` splits a
    message of the same length, ids at the odd places; ``constant`` are the parts at the even ones. Pure.
    """

    def __init__(self, raw: bytes, body: re.Match[bytes]) -> None:
        spans = [body.span(1), *(found.span() for found in _ID.finditer(raw, body.end()))]
        widths: list[int] = []
        at = 0
        for begin, end in spans:
            widths += [begin - at, end - begin]
            at = end
        widths.append(len(raw) - at)
        self.unpack = struct.Struct("".join(f"{width}s" for width in widths)).unpack
        self.constant = self.unpack(raw)[::2]


def jobs_in(bodies: t.Sequence[bytes], varying: t.Sequence[bytes]) -> bytes | None:
    """Return the ids of many jobs one after the other, or None where any id is none. Pure.

    ``bodies`` are the jobs' ids in base64, ``varying`` all other ids.
    """
    try:
        jobs = binascii.a2b_base64(b"".join(bodies))
    except ValueError:
        return None
    # What is not base64 is skipped by the decoder, and then there is too little.
    well = len(jobs) == _ID_LENGTH * len(bodies) and not (jobs + b"".join(varying)).translate(None, _ID_CHARACTERS)
    return jobs if well else None


def learn_shape(raw: bytes) -> Shape | None:
    """Return the shape of a message that is well, or None where it is not made the usual way. Pure."""
    body = _BODY.search(raw)
    if body is None:
        return None
    shape = Shape(raw, body)
    parts = shape.unpack(raw)
    return shape if jobs_in([parts[1]], parts[3::2]) is not None else None


class QueueScanner:
    """Reads lists and keeps count. ``ids_max`` is how many job ids to keep, ``sample_size`` how many bad messages.

    ``on_jobs`` is given the job ids of each chunk, where all are wanted and none is to be kept.
    """

    def __init__(
        self,
        queue: str,
        known_tasks: t.Collection[str] = (),
        *,
        sample_size: int = 20,
        ids_max: int = 0,
        on_jobs: t.Callable[[list[str]], None] | None = None,
    ) -> None:
        self.scan = Scan()
        self._on_jobs = on_jobs
        self._of_chunk: list[str] = []
        self._queue = queue
        self._known = frozenset(known_tasks)
        self._shapes: dict[int, list[tuple[t.Callable[[bytes], tuple[bytes, ...]], tuple[bytes, ...]]]] = {}
        self._sample_size = sample_size
        self._ids_max = ids_max

    def read(self, broker: Reader, priority: int, key: str | bytes) -> None:
        """Read one list from the end where messages arrive, so that none that stays is missed."""
        begin = 0
        while True:
            chunk: list[bytes] = broker.command("LRANGE", key, begin, begin + CHUNK - 1)
            if not chunk:
                break
            self.feed(chunk, priority, begin)
            begin += len(chunk)
            if len(chunk) < CHUNK:
                break
        head: list[bytes] = broker.command("LRANGE", key, -1, -1)
        if head:
            self._note_oldest(head[0], priority)

    def feed(self, chunk: t.Sequence[bytes], priority: int, begin: int) -> None:
        """Judge a chunk of one list. ``begin``: the index of its first message."""
        in_full: set[int] = set()
        bodies: list[bytes] = []
        varying: list[bytes] = []
        shapes_of = self._shapes.get
        for index, raw in enumerate(chunk):
            for unpack, constant in shapes_of(len(raw), ()):
                parts = unpack(raw)
                if parts[::2] == constant:
                    bodies.append(parts[1])
                    varying += parts[3::2]
                    break
            else:
                in_full.add(index)
                self._feed_in_full(raw, priority, begin + index)
        jobs = jobs_in(bodies, varying)
        if jobs is None:
            # One of them only looks usual; which one, only reading each in full tells.
            for index, raw in enumerate(chunk):
                if index not in in_full:
                    self._feed_in_full(raw, priority, begin + index)
        else:
            self.scan.usual += len(bodies)
            if self._ids_max or self._on_jobs:
                text = jobs.decode()
                for place in range(0, len(text), _ID_LENGTH):
                    self._note_id(text[place : place + _ID_LENGTH])
        self.scan.read += len(chunk)
        if self._on_jobs:
            self._on_jobs(self._of_chunk)
            self._of_chunk = []

    def _feed_in_full(self, raw: bytes, priority: int, index: int) -> None:
        message = judge_message(raw, self._known)
        if message.foreign:
            self.scan.foreign += 1
        if message.problems:
            self.scan.poison += 1
            if len(self.scan.poison_sample) < self._sample_size:
                self.scan.poison_sample.append(
                    {
                        "priority_key": priority,
                        "index": index,
                        "why": list(message.problems),
                        "task_id": message.task_id[:80],
                        "job_id": message.job_id[:80],
                        "bytes": len(raw),
                    }
                )
        elif message.queue != self._queue:
            self.scan.strangers += 1
        else:
            self._learn(raw)
        if message.job_id:
            self._note_id(message.job_id)

    def _learn(self, raw: bytes) -> None:
        if len(raw) not in self._shapes and len(self._shapes) >= _LENGTHS:
            return
        shapes = self._shapes.setdefault(len(raw), [])
        shape = learn_shape(raw) if len(shapes) < _SHAPES_OF_A_LENGTH else None
        if shape is not None:
            shapes.append((shape.unpack, shape.constant))

    def _note_id(self, job: str) -> None:
        if self._on_jobs:
            self._of_chunk.append(job)
        elif len(self.scan.job_ids) < self._ids_max:
            self.scan.job_ids.append(job)
        elif self._ids_max:
            self.scan.ids_cut = True

    def _note_oldest(self, raw: bytes, priority: int) -> None:
        message = parse_message(raw)
        self.scan.oldest.append(
            {"priority_key": priority, "job_id": message.job_id[:80], "task_id": message.task_id[:80]}
        )
