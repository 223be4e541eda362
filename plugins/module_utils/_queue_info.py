# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: look at every queue of a broker, and into it."""

from __future__ import annotations

import time
import typing as t

from . import _redis
from ._argspec import ArgumentSpec
from ._census import Census
from ._credentials import REDIS_ARGUMENTS, resolve_redis
from ._docker import DockerClient, RunCommand
from ._errors import OpsError
from ._queue import QUEUE_ARGUMENTS, Keys
from ._queue_look import Look
from ._queue_places import IN_LIST, find_places
from ._queue_plan import Names, glob_escape
from ._queue_report import Seen, UnackedSummary, is_sibling, judge, report
from ._queue_scan import QueueScanner, Scan
from ._stack import STACK_ARGUMENTS, discover
from ._unacked import count_index_only, read_unacked

INFO_ARGUMENTS = ArgumentSpec(
    {
        "scan": {"type": "bool", "default": True},
        "sample_size": {"type": "int", "default": 20},
        "job_ids_max": {"type": "int", "default": 0},
        "visibility_timeout_s": {"type": "int", "default": 3600},
        "task_time_limit_s": {"type": "int", "default": 21600},
        "census_timeout_s": {"type": "float", "default": 2.0},
        "redis_timeout_s": {"type": "int", "default": 10},
    }
).merge(STACK_ARGUMENTS, REDIS_ARGUMENTS, QUEUE_ARGUMENTS)


class QueueInfo:
    """One look at the queues of a broker. ``options`` are those of ``INFO_ARGUMENTS``."""

    def __init__(self, broker: _redis.Broker, keys: Keys, options: t.Mapping[str, t.Any]) -> None:
        self._broker = broker
        self._keys = keys
        self._options = options
        self._look = Look(broker, keys, options)
        self._base = Names(keys, "").base

    def look(self) -> dict[str, t.Any]:
        """Return the report."""
        options = self._options
        for name in ("sample_size", "job_ids_max"):
            if options[name] < 0:
                raise OpsError("look at the queues", f"{name} is {options[name]}, below 0")
        begin = time.monotonic()
        census = self._look.census()
        known = self._look.known_tasks()
        trash = self._look.trash()
        held, parked, paused = self._held(), self._parked(), self._paused()
        unacked = self._unacked(census)
        consumed = {name for queues in census.nodes.values() for name in queues}
        aside = {*trash, *held, *parked, *paused, *unacked} - {""}
        names = consumed | self._broker.queues() | set(options["queues"]) | aside
        # One that nobody has ever consumed is known by its messages alone.
        places = find_places(self._broker, self._look, self._keys, names)
        names |= {place.queue for place in places if place.kind == IN_LIST}
        lengths = self._broker.lengths(sorted(names))
        scans = {queue: self._scan(queue, known) for queue in lengths} if options["scan"] else {}
        seen = Seen(
            info=self._broker.info(),
            census=census,
            lengths=lengths,
            scans=scans,
            unacked=unacked,
            index_only=count_index_only(self._broker, self._keys),
            known_tasks=known,
            siblings=self._siblings(lengths),
            trash=trash,
            held=held,
            parked=parked,
            paused=paused,
        )
        findings = judge(seen, options["visibility_timeout_s"], options["task_time_limit_s"])
        unread = () if options["scan"] else tuple(lengths)
        found = report(seen, findings, options["job_ids_max"] > 0, unread)
        return {**found, "seconds": round(time.monotonic() - begin, 3)}

    def _scan(self, queue: str, known: t.Collection[str]) -> Scan:
        scanner = QueueScanner(
            queue, known, sample_size=self._options["sample_size"], ids_max=self._options["job_ids_max"]
        )
        for step, key in self._keys.of(queue):
            scanner.read(self._broker, step, key)
        return scanner.scan

    def _unacked(self, census: Census) -> dict[str, UnackedSummary]:
        now = self._look.now()
        found: dict[str, UnackedSummary] = {}
        for entry in read_unacked(self._broker, self._keys):
            found.setdefault(entry.queue, UnackedSummary()).add(entry, census, now, self._options["sample_size"])
        return found

    def _siblings(self, queues: t.Iterable[str]) -> dict[str, dict[str, int]]:
        pattern = f"{glob_escape(self._keys.prefix)}*{glob_escape(self._keys.separator)}*"
        lists = self._look.list_lengths(pattern)
        found: dict[str, dict[str, int]] = {}
        for queue in queues:
            begin = len(f"{self._keys.prefix}{queue}{self._keys.separator}".encode())
            for key, length in lists.items():
                if is_sibling(key, queue, self._keys):
                    found.setdefault(queue, {})[key[begin:].decode()] = length
        return found

    def _held(self) -> dict[str, int]:
        found: dict[str, int] = {}
        begin = f"{self._base}held:"
        for key, length in self._look.list_lengths(f"{glob_escape(begin)}*").items():
            queue = key.decode("utf-8", "replace")[len(begin) :].rsplit(":", 1)[0]
            found[queue] = found.get(queue, 0) + length
        return found

    def _parked(self) -> dict[str, int]:
        begin = self._keys.parked("")
        lists = self._look.list_lengths(f"{glob_escape(begin)}*")
        return {key.decode("utf-8", "replace")[len(begin) :]: length for key, length in lists.items()}

    def _paused(self) -> dict[str, list[str]]:
        begin = f"{self._base}paused:"
        keys = self._look.keys_like(f"{glob_escape(begin)}*")
        members = self._broker.pipeline([("SMEMBERS", key) for key in keys])
        return {
            key.decode("utf-8", "replace")[len(begin) :]: sorted(node.decode("utf-8", "replace") for node in nodes)
            for key, nodes in zip(keys, members)
        }


def look(options: t.Mapping[str, t.Any], run_command: RunCommand) -> dict[str, t.Any]:
    """Find the broker and look at its queues."""
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    stack = discover(client, run_command, options["project"], options["service_roles"])
    login = resolve_redis(stack, options, lambda replica, path: client.read_file(replica.id, path))
    keys = Keys.from_options(options)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with _redis.connect(login, keys, float(options["redis_timeout_s"])) as broker:
        found = QueueInfo(broker, keys, options).look()
    return {**found, **for_report(found), "project": stack.project, "checked_at": now}


def for_report(found: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return what a report over hosts needs besides: what stands for itself, and the figures to draw. Pure."""
    wrong = [finding["id"] for finding in found["findings"] if finding["severity"] != "ok"]
    drawn = {
        name: {
            "total": queue["total"],
            "by_priority": queue["by_priority"],
            "consumers": queue["consumers"],
            "poison": queue["poison"]["count"],
            "gained_per_s": 0.0,
        }
        for name, queue in found["queues"].items()
    }
    return {"root_causes": wrong, "hazards": [], "measurements": {"queues": drawn}}
