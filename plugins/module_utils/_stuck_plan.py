# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: why jobs are stuck, and which steps help, from what queues, jobs and workers say. Pure.

It is asked twice: before anything is done, and once the workers are well, when it is known who may consume a queue.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
import typing as t

from ._verdict import CRITICAL, OK, WARNING, Finding, plain_finding, verdict_of
from ._workers import DEAD, DEAF, FROZEN, LIVE, STARTING

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
    stop a worker again lies in a queue, and so is taken out before a worker is started. ``jobs``: what is wrong with
    jobs, in sentences. ``measurements``: what a report draws. ``free``: processes that could take
    a job. ``held``: messages in queues that somebody paused.
    """

    findings: list[Finding] = dataclasses.field(default_factory=list)
    restart: list[str] = dataclasses.field(default_factory=list)
    park_first: bool = False
    consume: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    reconcile: bool = False
    scale: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    jobs: list[str] = dataclasses.field(default_factory=list)
    measurements: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    free: int = 0
    held: int = 0

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
            "jobs": self.jobs,
            "measurements": self.measurements,
            "free": self.free,
            "held": self.held,
            "steps": self.steps(),
        }


def plan_stuck(queues: Look, jobs: Look, workers: Look, *, backlog_max_s: float, replicas_max: int) -> StuckPlan:
    """Return what helps, from what rendiff_queue_info, rendiff_jobs_info and rendiff_worker in check mode return."""
    plan = StuckPlan(restart=list(workers["names"]))
    plan.jobs = [finding["summary"] for finding in jobs["findings"] if finding["severity"] != OK]
    plan.measurements = {**queues.get("measurements", {}), **jobs["measurements"]}
    _judge_workers(plan, workers)
    _judge_queues(plan, queues, jobs, workers)
    poison = int(jobs["poison_messages"])
    plan.reconcile = bool(jobs["would"]) or poison > 0
    plan.park_first = poison > 0 and bool(plan.restart or plan.consume)
    if not plan.restart:
        _judge_backlog(plan, jobs, workers, backlog_max_s, replicas_max)
    at_work = [one for one in workers["before"] if one["kind"] == LIVE and one["queues"]]
    plan.free = sum(max(0, one["processes"] - len(one["encoding"])) for one in at_work)
    return plan


def _judge_workers(plan: StuckPlan, workers: Look) -> None:
    if not workers["before"]:
        plan.add("stuck.workers.none", "workers", CRITICAL, "workers", "There is no container of a worker.")
    for worker in workers["before"]:
        name, kind = worker["container"], worker["kind"]
        restart = name in plan.restart
        severity, said, command = {
            DEAD: (CRITICAL, f"Worker '{name}' does not run.", _RESTART),
            DEAF: (CRITICAL, f"Worker '{name}' runs and does not answer.", _RESTART),
            FROZEN: (CRITICAL, f"Somebody paused the container of worker '{name}'.", f"docker unpause {name}"),
            STARTING: (WARNING, f"Worker '{name}' has just been started and does not answer yet.", _RESTART),
            LIVE: (CRITICAL, f"Worker '{name}' consumes no queue.", _RESTART),
        }[kind]
        if kind in (DEAD, DEAF, LIVE) and not restart:
            severity, said = WARNING, f"Worker '{name}' was drained or paused on purpose, and is left so."
            command = _STAND_DOWN
        if kind != LIVE or not worker["queues"]:
            plan.add(f"stuck.worker.{name}", "workers", severity, name, said, command)


def _judge_queues(plan: StuckPlan, queues: Look, jobs: Look, workers: Look) -> None:
    for name, queue in queues["queues"].items():
        needed = queue["total"] + queue["unacked"]["count"] + jobs["would_send_to"].get(name, 0)
        # One that restarted meanwhile consumes again what it is started with.
        paused = [node for node in queue["paused_nodes"] if node in queues["workers"]["nodes"]]
        paused = [node for node in paused if node not in queue["consumers"]]
        if paused:
            plan.held += queue["total"]
        if not needed or queue["consumers"]:
            continue
        identity = f"stuck.queue.{name}"
        if paused:
            said = f"Queue '{name}' was paused on {', '.join(paused)} on purpose, and is left so."
            plan.add(identity, "queues", WARNING, name, said, _STAND_DOWN, _consume_command(jobs["project"], name))
            continue
        own = [one for one in workers["before"] if name in one["expected_queues"] and not _at_work(one)]
        what = "message is" if needed == 1 else "messages are"
        said = f"{needed} {what} for queue '{name}', which no worker consumes."
        if own:
            # What keeps its own worker from it is told of that one, and mended there.
            left = all(one["kind"] in (DEAD, DEAF, LIVE) and one["container"] not in plan.restart for one in own)
            cause = f"stuck.worker.{own[0]['container']}"
            plan.add(identity, "queues", WARNING if left else CRITICAL, name, said, cause=cause)
            continue
        plan.add(identity, "queues", CRITICAL, name, said, _RESTART)
        _take_over(plan, name, workers)


def _at_work(worker: Look) -> bool:
    return bool(worker["kind"] == LIVE and worker["queues"])


def _take_over(plan: StuckPlan, queue: str, workers: Look) -> None:
    usable = [one for one in workers["before"] if _at_work(one) or one["container"] in plan.restart]
    # Jobs for a graphics card fail elsewhere, and others would keep it from its own.
    fitting = [one for one in usable if ("gpu" in one["service"]) == ("gpu" in queue.lower())]
    if not fitting:
        kind = "with a graphics card " if "gpu" in queue.lower() else ""
        said = f"There is no worker {kind}that could take over queue '{queue}'."
        plan.add(f"stuck.queue.{queue}.nobody", "workers", CRITICAL, queue, said)
        return
    plan.consume.append(
        {
            "queue": queue,
            "nodes": [one["node"] for one in fitting if _at_work(one)],
            "containers": [one["container"] for one in fitting],
            "said": _takes_over(queue, fitting, workers["started_at_line"]),
        }
    )


def _consume_command(project: str, queue: str) -> str:
    arguments = json.dumps({"project": project, "queue": queue, "state": "consumed"})
    return f"ansible rendiff -m rendiff.ops.rendiff_queue -a {shlex.quote(arguments)}"


def _takes_over(queue: str, workers: t.Sequence[Look], lines: t.Mapping[str, str]) -> str:
    names = ", ".join(f"'{worker['container']}'" for worker in workers)
    services = sorted({worker["service"] for worker in workers})
    where = " and ".join(lines.get(name) or f"the command of '{name}' in the Compose file" for name in services)
    return f"Queue '{queue}' is for now consumed by {names}. For good, add '{queue}' after -Q in {where}."


def _judge_backlog(plan: StuckPlan, jobs: Look, workers: Look, backlog_max_s: float, replicas_max: int) -> None:
    live = [one for one in workers["before"] if _at_work(one) and "gpu" not in one["service"]]
    waiting = waiting_of(jobs) - plan.held
    seconds = expected_s(jobs, waiting, sum(one["processes"] for one in live))
    if not live or seconds is None or seconds <= backlog_max_s:
        return
    services = [one["service"] for one in live]
    service = max(sorted(set(services)), key=services.count)
    current = sum(one["service"] == service for one in workers["before"])
    wanted = min(replicas_max, math.ceil(services.count(service) * seconds / max(1.0, backlog_max_s)))
    said = f"{waiting} jobs wait, which takes about {_span(seconds)}; {_span(backlog_max_s)} is allowed."
    plan.add("stuck.backlog", "queues", WARNING, service, said)
    # New containers consume what they are started with, also what was paused on the old ones.
    if wanted > current and not plan.held:
        plan.scale = {"service": service, "replicas": wanted, "current": current, "why": said}


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def waiting_of(jobs: Look) -> int:
    """Return how many jobs wait, those that are about to be brought back with them."""
    return int(jobs["verdicts"].get("waiting", 0) + jobs["would"].get("send", 0) + jobs["would"].get("restore", 0))


def expected_s(jobs: Look, waiting: int, processes: int) -> float | None:
    """Return the seconds until all that waits has ended, as jobs went within the window; None where none did."""
    timed = [one for one in jobs["figures"]["by_operation"] if one["average_s"] is not None]
    ended = sum(one["jobs"] for one in timed)
    if waiting <= 0 or not ended or not processes:
        return None
    average_s = float(sum(one["jobs"] * one["average_s"] for one in timed) / ended)
    return waiting * average_s / processes


def report_stuck(
    first: Look,
    last: Look,
    jobs: Look,
    health: Look | None = None,
    done: t.Sequence[str] = (),
    failed: t.Sequence[str] = (),
) -> dict[str, t.Any]:
    """Return what a report over hosts needs: how it is now, what it was, and what was done.

    ``first`` and ``last``: the plans before and after; ``jobs``: the last look at them; ``health``: what
    rendiff_health_info told before, of which the errors in logs and the parts below the workers are shown; ``failed``:
    why steps failed.
    """
    findings = [plain_finding(one) for one in (*last["findings"], *jobs["findings"])]
    known = {finding.id for finding in findings}
    for one in (health or {}).get("findings", []):
        if one["component"] in _BELOW and one["severity"] != OK and one["id"] not in known:
            findings.append(plain_finding({**one, "caused_by": None}))
    if jobs["moved"] is False and last["free"] and not last["held"]:
        said = "No job has begun or ended within the time that was given, although jobs wait and a worker is free."
        findings.append(Finding("stuck.still", "jobs", CRITICAL, "jobs", said))
    elif jobs["moved"] is False:
        said = "No job has begun or ended within the time that was given: those that wait are behind others, or held."
        findings.append(Finding("stuck.behind", "jobs", OK, "jobs", said))
    for number, said in enumerate(failed):
        findings.append(Finding(f"stuck.step.{number}", "jobs", CRITICAL, "jobs", said))
    kept = ("project", "checked_at", "seconds", "verdicts", "figures")
    return {
        **{name: jobs[name] for name in kept},
        **verdict_of(findings),
        "measurements": last["measurements"],
        "causes": [*(finding["summary"] for finding in first["findings"]), *first["jobs"]],
        "done": list(done),
    }
