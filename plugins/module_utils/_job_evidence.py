# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: where every message for a job is, gathered once into tables that live for the session.

The order is what makes absence mean something: delivered messages, lists, delivered messages again, workers. Whatever a
message does meanwhile (is taken, is put back by a worker), it is seen at one end or the other. Within a queue the list
into which Celery 5.4 puts everything back is read last.
"""

from __future__ import annotations

import dataclasses
import threading
import time
import typing as t

from . import _postgres
from ._census import Census, HeldTask
from ._queue import Keys
from ._queue_look import Look
from ._queue_places import IN_LIST, Place, find_places
from ._queue_scan import QueueScanner
from ._redis import Broker
from ._unacked import Holder, Rules, Unacked, judge, read_unacked

# With IN_LIST, FOREIGN and ASIDE. A higher one tells more of a job: its place is what is shown.
ORPHAN, UNCLEAR, RESERVED, ACTIVE = 1, 4, 5, 6
_COLUMNS = ("lists", "orphan", "foreign_lists", "aside", "unclear", "reserved", "active")
# Workers hold a few each; what is beyond this is left for the next run.
_DELIVERED_MAX = 20_000

TABLES = (
    "CREATE TEMPORARY TABLE rdops_seen (job text NOT NULL, kind smallint NOT NULL, place text)",
    "CREATE TEMPORARY TABLE rdops_evidence (job text NOT NULL, "
    + ", ".join(f"{name} integer NOT NULL" for name in _COLUMNS)
    + ", place text)",
)
_GATHER = (
    "INSERT INTO rdops_evidence SELECT job, "
    + ", ".join(f"count(*) FILTER (WHERE kind = {kind})" for kind in range(len(_COLUMNS)))
    + ", (array_agg(place ORDER BY kind DESC))[1] FROM rdops_seen GROUP BY job"
)


@dataclasses.dataclass
class Evidence:
    """What was gathered besides the tables.

    ``orphans``: messages of workers that are gone, by job. ``held``: tasks that workers hold, by job. ``unsure`` and
    ``blind``: see ``_job_verdict.Scene``. ``poison``: messages in queues at which a worker would stop.
    """

    census: Census
    known_tasks: frozenset[str]
    places: tuple[Place, ...]
    unsure: str = ""
    blind: str = ""
    messages: int = 0
    poison: int = 0
    now: float = 0.0
    orphans: dict[str, list[Unacked]] = dataclasses.field(default_factory=dict)
    held: dict[str, list[HeldTask]] = dataclasses.field(default_factory=dict)


def doubt_of(first: Census, second: Census) -> str:
    """Tell why two censuses do not prove that all workers are known; empty where they do. Pure."""
    for census in (first, second):
        if census.duplicates:
            return f"several workers have the name {census.duplicates[0]}"
        if not census.complete:
            return f"only {census.replies} of {census.receivers} workers connected to Redis answered"
    if set(first.nodes) != set(second.nodes):
        return "workers came or went while they were counted"
    return ""


def _storable(job: str) -> bool:
    """Tell whether the database could have a row of this id; what is no Unicode has none."""
    return job.encode("utf-8", "ignore").decode() == job


class Gatherer:
    """Reads broker and workers into the session's tables. ``options``: those of the modules that judge jobs."""

    def __init__(
        self,
        broker: Broker,
        keys: Keys,
        database: _postgres.Database,
        holders: t.Sequence[Holder],
        options: t.Mapping[str, t.Any],
        beat: t.Callable[[], None] = lambda: None,
    ) -> None:
        self._broker = broker
        self._keys = keys
        self._database = database
        self._holders = holders
        self._options = options
        self._beat = beat
        self._look = Look(broker, keys, options)

    def gather(self) -> Evidence:
        """Look once at everything."""
        begin = time.monotonic()
        first = self._look.census()
        delivered: dict[str, Unacked] = {}
        surplus = self._read_delivered(delivered)
        bound = self._broker.queues() | {name for queues in first.nodes.values() for name in queues}
        places = find_places(self._broker, self._look, self._keys, bound | set(self._options["queues"]))
        known = self._look.known_tasks()
        found = Evidence(first, known, places)
        foreign = 0
        for place in places:
            foreign += self._read(place, found)
        surplus += self._read_delivered(delivered)
        left = float(self._options["census_interval_s"]) - (time.monotonic() - begin)
        if left > 0:
            threading.Event().wait(left)
        found.census = self._look.census()
        found.unsure = doubt_of(first, found.census)
        found.now = self._look.now()
        foreign += self._judge_delivered(delivered, found)
        for task in found.census.tasks:
            found.held.setdefault(task.job_id.lower(), []).append(task)
        tasks = found.census.tasks
        self._copy(RESERVED, [(task.job_id, task.node) for task in tasks if task.state != "active"])
        self._copy(ACTIVE, [(task.job_id, task.node) for task in tasks if task.state == "active"])
        if foreign:
            found.blind = f"{foreign} messages are written in a way that only a worker reads, and may be for it"
        if any(not task.job_id and not task.name.startswith("celery.") for task in tasks):
            found.blind = found.blind or "a worker holds a task and does not tell for which job"
        if surplus:
            found.blind = found.blind or f"more than {_DELIVERED_MAX} messages are delivered and not acknowledged"
        self._database.execute(_GATHER)
        self._database.execute("ANALYZE rdops_evidence")
        self._database.commit()
        return found

    def _read(self, place: Place, found: Evidence) -> int:
        """Read one list into the table; return how many of its messages only a worker can read."""

        def take(jobs: list[str]) -> None:
            self._copy(place.kind, ((job, place.name) for job in jobs))
            self._beat()

        scanner = QueueScanner(place.queue, found.known_tasks, on_jobs=take)
        scanner.read(self._broker, place.step, place.key)
        found.messages += scanner.scan.read
        if place.kind == IN_LIST:
            found.poison += scanner.scan.poison
        return scanner.scan.foreign

    def _read_delivered(self, into: dict[str, Unacked]) -> int:
        surplus = 0
        for entry in read_unacked(self._broker, self._keys):
            if len(into) < _DELIVERED_MAX or entry.tag in into:
                into[entry.tag] = entry
            else:
                surplus += 1
        return surplus

    def _judge_delivered(self, delivered: t.Mapping[str, Unacked], found: Evidence) -> int:
        options = self._options
        force = frozenset(options.get("force", ()))
        rules = Rules(options["min_age_s"], options["visibility_timeout_s"], force)
        unsure = "" if "unknown_census" in force else found.unsure
        orphans: list[tuple[str, str]] = []
        unclear: list[tuple[str, str]] = []
        foreign = 0
        for entry in delivered.values():
            job = entry.message.job_id.lower()
            verdict = judge(entry, found.census, self._holders, rules, found.now, found.known_tasks)
            if verdict.kind == "held":
                continue
            foreign += entry.message.foreign
            if not verdict.restore or unsure:
                unclear.append((job, unsure or verdict.why))
            else:
                orphans.append((job, verdict.why))
                found.orphans.setdefault(job, []).append(entry)
        self._copy(ORPHAN, orphans)
        self._copy(UNCLEAR, unclear)
        return foreign

    def _copy(self, kind: int, rows: t.Iterable[tuple[str, str]]) -> None:
        written = str(kind)
        usable = [
            (job.lower(), written, place.replace("\x00", ""))
            for job, place in rows
            if job and (job.isascii() or _storable(job)) and "\x00" not in job
        ]
        if usable:
            self._database.copy("rdops_seen", usable)
