# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what the figures of queues mean. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ._census import Census
from ._health import judge_queues, judge_redis
from ._queue import Keys
from ._queue_plan import Trash
from ._queue_scan import Scan
from ._unacked import Unacked
from ._verdict import CRITICAL, OK, WARNING, Finding, overall, summarize


@dataclasses.dataclass
class UnackedSummary:
    """The delivered messages of one queue, or of all."""

    count: int = 0
    oldest_s: float | None = None
    sample: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)

    def add(self, entry: Unacked, census: Census, now: float, sample_size: int) -> None:
        """Count one message, with its age, and who has it where that can be told."""
        self.count += 1
        age = entry.age(now)
        if age is not None:
            self.oldest_s = round(max(age, self.oldest_s or 0.0), 1)
        if len(self.sample) < sample_size:
            node, evidence = owner_in(entry, census)
            self.sample.append(
                {
                    "job_id": entry.message.job_id[:80],
                    "task_id": entry.message.task_id[:80],
                    "age_s": None if age is None else round(age, 1),
                    "owner": node,
                    "owner_by": evidence,
                    "problems": list(entry.message.problems),
                }
            )

    def describe(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return {"count": self.count, "oldest_age_s": self.oldest_s, "sample": self.sample}


def owner_in(entry: Unacked, census: Census) -> tuple[str | None, str]:
    """Return (node, how that is known): a worker that says so, else what the result backend has, which may be past."""
    for task in census.tasks:
        if entry.message.task_id and task.id == entry.message.task_id:
            return task.node, task.state
    return (entry.owner, "result backend") if entry.owner else (None, "unknown")


def is_sibling(key: bytes, queue: str, keys: Keys) -> bool:
    """Tell whether a list looks like one of a queue's priorities, and is none of the configured ones."""
    begin = f"{keys.prefix}{queue}{keys.separator}".encode()
    if not key.startswith(begin) or not re.fullmatch(rb"\d{1,3}", key[len(begin) :]):
        return False
    return key.decode("utf-8", "replace") not in {name for _step, name in keys.of(queue)}


@dataclasses.dataclass(frozen=True)
class Seen:
    """Everything that was looked at. ``siblings``, ``held``, ``parked`` and ``paused`` are by queue."""

    info: t.Mapping[str, t.Any]
    census: Census
    lengths: t.Mapping[str, t.Mapping[str, int]]
    scans: t.Mapping[str, Scan]
    unacked: t.Mapping[str, UnackedSummary]
    index_only: int
    known_tasks: t.Collection[str]
    siblings: t.Mapping[str, t.Mapping[str, int]]
    trash: t.Mapping[str, t.Sequence[Trash]]
    held: t.Mapping[str, int]
    parked: t.Mapping[str, int]
    paused: t.Mapping[str, t.Sequence[str]]


def judge(seen: Seen, visibility_timeout_s: float, task_time_limit_s: float) -> list[Finding]:
    """Return what is wrong, and one finding for what is well."""
    unacked = sum(summary.count for summary in seen.unacked.values())
    found = [*judge_redis(seen.info), *judge_queues(seen.lengths, seen.census, unacked)]

    def add(identity: str, severity: str, subject: str, summary: str, **evidence: t.Any) -> None:
        found.append(Finding(identity, "queues", severity, subject, summary, evidence))

    gone = int(seen.info.get("evicted_keys", 0))
    if gone:
        add("redis.evicted", WARNING, "redis", f"Redis has thrown away {gone} keys; queued jobs may be among them.")
    if seen.index_only:
        said = f"{seen.index_only} delivered messages are gone from Redis while their delivery times remain: lost jobs."
        add("unacked.lost", CRITICAL, "unacked", said, count=seen.index_only)
    if not seen.census.complete:
        said = f"{seen.census.replies} of {seen.census.receivers} workers answered: who has what is not known for sure."
        add("workers.silent", "unknown", "workers", said, **seen.census.describe())
    if visibility_timeout_s < task_time_limit_s:
        said = (
            f"A task may run {task_time_limit_s:.0f} s, and after {visibility_timeout_s:.0f} s the broker delivers it a"
            " second time: a long job then runs twice at once."
        )
        add("broker.visibility_timeout", WARNING, "broker", said)
    for queue, scan in seen.scans.items():
        if scan.poison:
            said = f"{scan.poison} messages in queue '{queue}' would stop a worker, or be thrown away by it."
            add(f"poison.{queue}", CRITICAL, queue, said, sample=scan.poison_sample)
        if scan.strangers:
            said = f"{scan.strangers} messages in queue '{queue}' name another queue; restored, they would go there."
            add(f"strangers.{queue}", WARNING, queue, said)
    for queue, lists in seen.siblings.items():
        said = f"Queue '{queue}' has lists outside queue_priority_steps: set it as the application has it."
        add(f"siblings.{queue}", WARNING, queue, said, lists=dict(lists))
    found += _judge_ours(seen)
    return found


def _judge_ours(seen: Seen) -> list[Finding]:
    found = []
    for queue, trashes in seen.trash.items():
        count = sum(trash.total for trash in trashes)
        said = f"{count} messages of queue '{queue}' are in the trash: state=refilled puts them back."
        found.append(Finding(f"trash.{queue}", "queues", OK, queue, said, {"total": count}))
    for queue, count in seen.held.items():
        said = f"A move of queue '{queue}' was killed, and {count} messages wait aside: run the same move again."
        found.append(Finding(f"held.{queue}", "queues", CRITICAL, queue, said, {"total": count}))
    for queue, count in seen.parked.items():
        said = (
            f"{count} messages of queue '{queue}' were put aside as a worker would stop at them or their job was tried"
            " too often: rendiff_queue state=refilled trash=parked puts them back, drop=true removes them."
        )
        found.append(Finding(f"parked.{queue}", "queues", WARNING, queue, said, {"total": count}))
    for queue, remembered in seen.paused.items():
        # One that restarted consumes again what it is started with.
        nodes = [node for node in remembered if node in seen.census.nodes and queue not in seen.census.nodes[node]]
        if not nodes:
            continue
        said = f"Queue '{queue}' was paused on {', '.join(nodes)}: state=consumed ends that."
        found.append(Finding(f"paused.{queue}", "queues", WARNING, queue, said, {"nodes": list(nodes)}))
    return found


def report(seen: Seen, findings: t.Sequence[Finding], job_ids: bool, unread: t.Collection[str]) -> dict[str, t.Any]:
    """Return everything as plain data. ``unread``: queues whose messages were not looked into."""
    order = {"critical": 0, "unknown": 1, "warning": 2, "ok": 3}
    queues = {}
    for queue, lengths in sorted(seen.lengths.items()):
        scan = seen.scans.get(queue, Scan())
        described: dict[str, t.Any] = {
            "total": sum(lengths.values()),
            "by_priority": dict(lengths),
            "consumers": seen.census.consumers(queue),
            "unacked": seen.unacked.get(queue, UnackedSummary()).describe(),
            "oldest": scan.oldest,
            "poison": {"count": scan.poison, "sample": scan.poison_sample},
            "strangers": scan.strangers,
            "read": scan.read,
            "scanned": queue not in unread,
            "siblings": dict(seen.siblings.get(queue, {})),
            "trash": [trash.describe() for trash in seen.trash.get(queue, ())],
            "held_by_killed_move": seen.held.get(queue, 0),
            "parked": seen.parked.get(queue, 0),
            "paused_nodes": list(seen.paused.get(queue, ())),
        }
        if job_ids:
            described.update(job_ids=scan.job_ids, job_ids_cut=scan.ids_cut)
        queues[queue] = described
    return {
        "verdict": overall(findings),
        "summary": summarize(findings),
        "queues": queues,
        "unacked": {
            "count": sum(summary.count for summary in seen.unacked.values()),
            "oldest_age_s": max((s.oldest_s for s in seen.unacked.values() if s.oldest_s is not None), default=None),
            "without_message": seen.index_only,
        },
        "workers": seen.census.describe(),
        "known_tasks": sorted(seen.known_tasks) or None,
        "findings": [finding.describe() for finding in sorted(findings, key=lambda found: order[found.severity])],
    }
