# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: why jobs are stuck, and which steps help, from what queues, jobs and workers say. Pure.

It is asked twice: before anything is done, and once the workers are well, when it is known who may consume a queue.
"""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ._verdict import CRITICAL, OK, WARNING, Finding, plain_finding, verdict_of
from ._workers import DEAD, DEAF, FROZEN, LIVE

_RESTART = "ansible-playbook rendiff.ops.stuck_jobs"
_STAND_DOWN = "ansible-playbook rendiff.ops.stand_down"
# What workers and jobs rest on, and what they print.
_BELOW = ("logs", "redis", "postgres", "storage")

Look = t.Mapping[str, t.Any]


@dataclasses.dataclass
class StuckPlan:
    """What helps. ``findings``: causes, and what only a person can decide.

    ``restart``: containers. ``consume``: a queue, who shall consume it, and that in a sentence, each. ``scale``:
    a service with the number of containers that it should have, none where there are enough. ``park_first``: what would
    stop a worker again lies in a queue, and so is taken out before a worker is started.
    """

    findings: list[Finding] = dataclasses.field(default_factory=list)
    restart: list[str] = dataclasses.field(default_factory=list)
    park_first: bool = False
    consume: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    reconcile: bool = False
    scale: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    def add(
        self, identity: str, component: str, severity: str, subject: str, said: str, *commands: str, cause: str = ""
    ) -> None:
        """Add something that is wrong, because of ``cause``, where that is known."""
        self.findings.append(
            Finding(identity, component, severity, subject, said, {}, tuple(commands), caused_by=cause)
        )

    def steps(self) -> list[str]:
        """Return what would be done, as sentences."""
        said = ["Messages at which a worker stops are put aside first."] if self.park_first else []
        said += [f"'{name}' is restarted." for name in self.restart]
        said += [each["said"] for each in self.consume]
        said += ["Jobs that nobody will ever run are brought back, each with one message."] if self.reconcile else []
        if self.scale:
            said.append(
                f"'{self.scale['service']}' shall have {self.scale['replicas']} containers. {self.scale['why']}"
            )
        return said or ["Nothing is to be done."]

    def describe(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return {
            "findings": [finding.describe() for finding in self.findings],
            "restart": self.restart,
            "park_first": self.park_first,
            "consume": self.consume,
            "reconcile": self.reconcile,
            "scale": self.scale,
            "steps": self.steps(),
        }


def plan_stuck(queues: Look, jobs: Look, workers: Look, *, backlog_max_s: float, replicas_max: int) -> StuckPlan:
    """Return what helps, from what rendiff_queue_info, rendiff_jobs_info and rendiff_worker in check mode return."""
    plan = StuckPlan()
    plan.restart = list(workers["names"])
    _judge_workers(plan, workers)
    _judge_queues(plan, queues, jobs, workers)
    poison = int(jobs["poison_messages"])
    plan.reconcile = bool(jobs["would"]) or poison > 0
    plan.park_first = poison > 0 and bool(plan.restart)
    if not plan.restart:
        _judge_backlog(plan, jobs, workers, backlog_max_s, replicas_max)
    return plan


def _judge_workers(plan: StuckPlan, workers: Look) -> None:
    if not workers["before"]:
        plan.add("stuck.workers.none", "workers", CRITICAL, "workers", "There is no container of a worker.")
    for worker in workers["before"]:
        name, kind = worker["container"], worker["kind"]
        identity = f"stuck.worker.{name}"
        if kind == FROZEN:
            said = f"Somebody paused the container of worker '{name}'."
            plan.add(identity, "workers", CRITICAL, name, said, f"docker unpause {name}")
        elif kind == DEAD:
            plan.add(identity, "workers", CRITICAL, name, f"Worker '{name}' does not run.", _RESTART)
        elif kind == DEAF:
            plan.add(identity, "workers", CRITICAL, name, f"Worker '{name}' runs and does not answer.", _RESTART)
        elif kind == LIVE and not worker["queues"] and name in plan.restart:
            plan.add(identity, "workers", CRITICAL, name, f"Worker '{name}' consumes no queue.", _RESTART)
        elif kind == LIVE and not worker["queues"]:
            said = f"Worker '{name}' was drained or paused on purpose, and is left so."
            plan.add(identity, "workers", WARNING, name, said, _STAND_DOWN)


def _judge_queues(plan: StuckPlan, queues: Look, jobs: Look, workers: Look) -> None:
    for name, queue in queues["queues"].items():
        needed = queue["total"] + queue["unacked"]["count"] + jobs["would_send_to"].get(name, 0)
        if not needed or queue["consumers"]:
            continue
        identity = f"stuck.queue.{name}"
        if queue["paused_nodes"]:
            said = f"Queue '{name}' was paused on {', '.join(queue['paused_nodes'])} on purpose, and is left so."
            plan.add(identity, "queues", WARNING, name, said, _STAND_DOWN)
            continue
        coming = [one for one in workers["before"] if one["container"] in plan.restart]
        own = [one["container"] for one in coming if name in one["expected_queues"]]
        said = (
            f"{needed} {'message is' if needed == 1 else 'messages are'} for queue '{name}', which no worker consumes."
        )
        cause = f"stuck.worker.{own[0]}" if own else ""
        plan.add(identity, "queues", CRITICAL, name, said, *(() if own else (_RESTART,)), cause=cause)
        if own:
            continue
        live = [one for one in workers["before"] if one["kind"] == LIVE and one["queues"]]
        # Jobs for a graphics card fail elsewhere, and others would keep it from its own.
        fitting = [one for one in (*live, *coming) if ("gpu" in one["service"]) == ("gpu" in name.lower())]
        if not fitting:
            kind = "with a graphics card " if "gpu" in name.lower() else ""
            plan.add(
                f"{identity}.nobody", "workers", CRITICAL, name, f"There is no worker {kind}that could take it over."
            )
            continue
        plan.consume.append(
            {
                "queue": name,
                "nodes": [one["node"] for one in fitting if one["kind"] == LIVE],
                "containers": [one["container"] for one in fitting],
                "said": _takes_over(name, fitting, workers["started_at_line"]),
            }
        )


def _takes_over(queue: str, workers: t.Sequence[Look], lines: t.Mapping[str, str]) -> str:
    names = ", ".join(f"'{worker['container']}'" for worker in workers)
    services = sorted({worker["service"] for worker in workers})
    where = " and ".join(lines.get(name) or f"the command of '{name}' in the Compose file" for name in services)
    return f"Queue '{queue}' is for now consumed by {names}. For good, add '{queue}' after -Q in {where}."


def _judge_backlog(plan: StuckPlan, jobs: Look, workers: Look, backlog_max_s: float, replicas_max: int) -> None:
    live = [one for one in workers["before"] if one["kind"] == LIVE and one["queues"] and "gpu" not in one["service"]]
    waiting, seconds = waiting_of(jobs), expected_s(jobs, sum(one["processes"] for one in live))
    if not live or seconds is None or seconds <= backlog_max_s:
        return
    counts: dict[str, int] = {}
    for one in live:
        counts[one["service"]] = counts.get(one["service"], 0) + 1
    service = max(sorted(counts), key=lambda name: counts[name])
    wanted = min(replicas_max, math.ceil(counts[service] * seconds / max(1.0, backlog_max_s)))
    said = f"{waiting} jobs wait, which takes about {_span(seconds)}; {_span(backlog_max_s)} is allowed."
    plan.add("stuck.backlog", "queues", WARNING, service, said)
    if wanted > counts[service]:
        plan.scale = {"service": service, "replicas": wanted, "current": counts[service], "why": said}


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def waiting_of(jobs: Look) -> int:
    """Return how many jobs wait, those that are about to be brought back with them."""
    return int(jobs["verdicts"].get("waiting", 0) + jobs["would"].get("send", 0) + jobs["would"].get("restore", 0))


def expected_s(jobs: Look, processes: int) -> float | None:
    """Return the seconds until all that waits has ended, as jobs went within the window; None where none did."""
    waiting = waiting_of(jobs)
    timed = [one for one in jobs["figures"]["by_operation"] if one["average_s"] is not None]
    ended = sum(one["jobs"] for one in timed)
    if not waiting or not ended or not processes:
        return None
    average_s = float(sum(one["jobs"] * one["average_s"] for one in timed) / ended)
    return waiting * average_s / processes


def report_stuck(first: Look, last: Look, jobs: Look, health: Look | None, done: t.Sequence[str]) -> dict[str, t.Any]:
    """Return what a report over hosts needs: how it is now, what it was, and what was done.

    ``first`` and ``last``: the plans before and after; ``jobs``: the last look at them; ``health``: what
    rendiff_health_info told before, of which the errors in logs and the parts below the workers are shown.
    """
    findings = [plain_finding(one) for one in (*last["findings"], *jobs["findings"])]
    known = {finding.id for finding in findings}
    for one in (health or {}).get("findings", []):
        if one["component"] in _BELOW and one["severity"] != OK and one["id"] not in known:
            findings.append(plain_finding({**one, "caused_by": None}))
    if jobs["moved"] is False:
        said = "No job has begun or ended within the time that was given, although workers consume every queue."
        findings.append(Finding("stuck.still", "jobs", CRITICAL, "jobs", said))
    kept = ("project", "checked_at", "seconds", "measurements", "verdicts", "figures")
    return {
        **{name: jobs[name] for name in kept},
        **verdict_of(findings),
        "causes": [finding["summary"] for finding in first["findings"]],
        "done": list(done),
    }
