# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: from what was measured to findings. Pure: no clock, no socket, no driver."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ._census import Census
from ._compose import Replica
from ._containers import judge_containers
from ._errors import NotKnownError, OpsError
from ._http import Response
from ._probe import ProbeResult
from ._stack import Stack
from ._verdict import (
    CRITICAL,
    OK,
    UNKNOWN,
    WARNING,
    Finding,
    link_causes,
    overall,
    root_causes,
    summarize,
)

_GOOD_WORDS = ("healthy", "ok", "up", "pass", "connected", "ready", "available", "true")
# What an api calls the things it needs, and what they are here.
_BLAMED = {"database": "postgres", "db": "postgres", "queue": "redis", "broker": "redis", "cache": "redis"}
_MEMORY_FULL = 0.9
# What a deep check looks at besides, and how a failed look is told.
_SECONDARY = {
    "jobs": "How the jobs are is",
    "load": "What the containers use is",
    "storage": "How full the storage stands is",
    "certificate": "How long the certificate is good for is",
    "connections": "How many connections there are is",
    "logs": "What the logs say is",
    "metrics": "What Prometheus knows is",
}


def component_states(body: bytes) -> dict[str, str] | None:
    """Return the component states in a detailed health answer, or None where it is not JSON of a known form."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    for name in ("components", "checks", "services", "dependencies"):
        entries = document.get(name)
        if isinstance(entries, dict):
            return {
                str(key): str(value.get("status", "unknown") if isinstance(value, dict) else value).lower()
                for key, value in entries.items()
            }
    return {}


def judge_api_replica(stack: Stack, replica: Replica, health: Response, detailed: Response) -> Finding:
    """Judge one api container; its constant health answer alone proves only that the process lives."""
    identity, subject = f"{replica.name}.api", replica.name
    logs = (f"docker logs --tail 100 {replica.name}", f"docker restart {replica.name}")
    evidence: dict[str, t.Any] = {
        "status": health.status,
        "detailed_status": detailed.status,
        "phases": dict(health.phases),
    }
    if health.error:
        return Finding(identity, "api", CRITICAL, subject, f"Api '{subject}': {health.error}.", evidence, logs)
    if not health.ok:
        summary = f"Api '{subject}' answers its health check with status {health.status}."
        return Finding(identity, "api", CRITICAL, subject, summary, evidence, logs)
    if component_states(health.body) is None:
        summary = f"Api '{subject}' answers its health check with status {health.status} and a body that is not JSON."
        return Finding(identity, "api", CRITICAL, subject, summary, evidence, logs)
    if detailed.error or detailed.status >= 500:
        said = detailed.error or f"it answers {detailed.status}"
        summary = f"Api '{subject}' says it is healthy, but its detailed health check does not work: {said}."
        return Finding(identity, "api", CRITICAL, subject, summary, evidence, logs)
    states = component_states(detailed.body) if detailed.ok else {}
    if states is None:
        summary = f"Api '{subject}' answers its detailed health check with a body that is not JSON."
        return Finding(identity, "api", CRITICAL, subject, summary, evidence, logs)
    evidence["components"] = states
    sick = sorted(name for name, state in states.items() if state not in _GOOD_WORDS)
    if sick:
        named = ", ".join(f"{name} is {states[name]}" for name in sick)
        summary = f"Api '{subject}' cannot do its work: {named}."
        blames = tuple(sorted({_BLAMED.get(name, name) for name in sick}))
        return Finding(identity, "api", CRITICAL, subject, summary, evidence, logs, blames)
    depth = f"{len(states)} components well" if states else "it has no detailed health check"
    return Finding(identity, "api", OK, subject, f"Api '{subject}' answers; {depth}.", evidence)


def judge_entrance(stack: Stack, url: str, response: Response) -> Finding:
    """Judge the way from outside: through the proxy to some api replica."""
    evidence = {"url": url, "status": response.status, "phases": dict(response.phases)}
    commands = tuple(stack.compose("logs", "--tail", "100", service.name) for service in stack.by_role("proxy"))
    broken = ""
    if response.error:
        broken = f"{response.error}"
    elif not response.ok:
        broken = f"status {response.status}"
    elif component_states(response.body) is None:
        broken = f"status {response.status} with a body that is not JSON"
    if broken:
        summary = f"Requests from outside to {url} fail: {broken}."
        return Finding("entrance", "entrance", CRITICAL, url, summary, evidence, commands)
    total = response.phases.get("total", 0.0)
    return Finding("entrance", "entrance", OK, url, f"{url} answers from outside in {total * 1000:.0f} ms.", evidence)


def judge_untrusted(url: str, response: Response) -> Finding:
    """Judge a certificate that this host does not trust; the request went on without that proof."""
    summary = f"The certificate of {url} is not trusted here: {response.error}."
    command = "Pass ca_path (health_check_ca_path) with the authority that signed it, or renew it."
    return Finding("entrance.certificate", "entrance", WARNING, url, summary, {"url": url}, (command,))


def judge_postgres(facts: t.Mapping[str, t.Any]) -> list[Finding]:
    """Judge a database that answered."""
    used, allowed = int(facts["connections"]), int(facts["max_connections"])
    summary = f"PostgreSQL {facts['version']} accepts connections: {used} of {allowed} are open."
    findings = [Finding("postgres", "postgres", OK, str(facts["database"]), summary, dict(facts))]
    if facts["in_recovery"]:
        summary = "PostgreSQL is in recovery: it answers, and refuses to write."
        findings = [Finding("postgres", "postgres", CRITICAL, str(facts["database"]), summary, dict(facts))]
    return findings


def judge_redis(info: t.Mapping[str, t.Any]) -> list[Finding]:
    """Judge a broker that answered: a PING proves nothing while it evicts, cannot persist, or cannot write."""
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    policy = str(info.get("maxmemory_policy", ""))
    evidence = {
        "version": info.get("redis_version"),
        "used_memory": used,
        "maxmemory": limit,
        "policy": policy,
        "evicted_keys": int(info.get("evicted_keys", 0)),
        "role": info.get("role"),
    }
    findings: list[Finding] = []

    def add(name: str, severity: str, summary: str, *, stops: bool = True) -> None:
        findings.append(Finding(f"redis.{name}", "redis", severity, "redis", summary, evidence, stops=stops))

    if info.get("loading"):
        add("loading", CRITICAL, "Redis is still loading its data and answers no command yet.")
    if info.get("role") in ("slave", "replica"):
        add("replica", CRITICAL, "Redis is a replica: it refuses the writes that the queue needs.")
    for field, what in (("aof_last_write_status", "append-only file"), ("rdb_last_bgsave_status", "snapshot")):
        if info.get(field, "ok") != "ok":
            add(
                "persistence",
                CRITICAL,
                f"Redis could not write its {what}: it may refuse writes, and a restart loses data.",
            )
    if policy.startswith("allkeys"):
        gone = evidence["evicted_keys"]
        lost = f"{gone} keys are gone already" if gone else "none has gone yet"
        summary = f"Redis may throw away queued jobs when it is full (policy {policy}); {lost}."
        add("policy", CRITICAL if gone else WARNING, summary, stops=False)
    elif limit and used > _MEMORY_FULL * limit:
        summary = f"Redis uses {used * 100 // limit} % of its memory limit; above it, it takes no new job."
        add("memory", WARNING, summary, stops=False)
    if not findings:
        add("answers", OK, f"Redis {evidence['version']} answers and keeps what it is given ({policy or 'no policy'}).")
    return findings


def judge_workers(stack: Stack, census: Census) -> Finding:
    """Judge the workers by their answers, held against the connections and the containers that there are."""
    running = stack.running("worker")
    answered = {node.split("@", 1)[-1] for node in census.nodes}
    silent = sorted(replica.name for replica in running if replica.hostname not in answered)
    evidence = {**census.describe(), "running_containers": len(running), "silent_containers": silent}
    names = [service.name for service in stack.by_role("worker")] or ["worker"]
    commands = (stack.compose("logs", "--tail", "100", *names),)
    if census.receivers == 0:
        why = f"though these containers run: {', '.join(silent)}" if running else "and no worker container runs"
        return Finding(
            "workers", "workers", CRITICAL, "workers", f"No worker listens on the broker, {why}.", evidence, commands
        )
    if not census.complete:
        summary = f"{census.receivers} workers are connected and {census.replies} answered in time: the rest may hang."
        if census.duplicates:
            summary = f"Several workers call themselves '{census.duplicates[0]}': their answers cannot be told apart."
        return Finding("workers", "workers", UNKNOWN, "workers", summary, evidence, commands)
    if silent:
        summary = f"Worker container '{silent[0]}' runs but is not connected to the broker ({len(silent)} in all)."
        return Finding("workers", "workers", WARNING, "workers", summary, evidence, commands)
    count = len(census.nodes)
    summary = "The one connected worker answers." if count == 1 else f"All {count} connected workers answer."
    return Finding("workers", "workers", OK, "workers", summary, evidence)


def judge_queues(lengths: t.Mapping[str, t.Mapping[str, int]], census: Census, unacked: int) -> list[Finding]:
    """Judge each queue by its true depth, over every priority key, and by who consumes it."""
    findings: list[Finding] = []
    totals = {queue: sum(keys.values()) for queue, keys in lengths.items()}
    evidence = {"lengths": {queue: dict(keys) for queue, keys in lengths.items()}, "totals": totals, "unacked": unacked}
    for queue, total in sorted(totals.items()):
        consumers = census.consumers(queue)
        if not total or consumers:
            continue
        detail = {"total": total, "by_priority": dict(lengths[queue]), "consumers": consumers}
        noun = "message waits" if total == 1 else "messages wait"
        if census.complete:
            summary = f"{total} {noun} in queue '{queue}' and no worker consumes it."
            findings.append(Finding(f"queue.{queue}", "queues", CRITICAL, queue, summary, detail))
        else:
            summary = f"{total} {noun} in queue '{queue}'; whether a worker consumes it is not known."
            findings.append(Finding(f"queue.{queue}", "queues", UNKNOWN, queue, summary, detail))
    if not findings:
        waiting = sum(totals.values())
        summary = f"{waiting} messages wait and {unacked} are being worked on."
        findings.append(Finding("queues", "queues", OK, "queues", summary, evidence))
    return findings


def judge_failure(component: str, subject: str, result: ProbeResult, commands: tuple[str, ...] = ()) -> Finding:
    """Judge a probe that brought no value: what is down is critical, what could not be looked at is unknown."""
    if result.timed_out:
        summary = f"The check of {subject} did not end within {result.seconds:.0f} s: nothing is known of it."
        return Finding(component, component, UNKNOWN, subject, summary, {"seconds": round(result.seconds, 1)}, commands)
    identity = component if subject == component else f"{component}.{subject}"
    expected = isinstance(result.error, OpsError)
    severity = UNKNOWN if isinstance(result.error, NotKnownError) or not expected else CRITICAL
    said = (
        str(result.error)
        if expected
        else f"The check of {subject} broke: {type(result.error).__name__}: {result.error}"
    )
    return Finding(identity, component, severity, subject, said, {}, commands)


def findings_of(stack: Stack, results: t.Mapping[str, ProbeResult]) -> list[Finding]:
    """Turn the results of the probes into findings; a probe that failed becomes one itself. Pure."""
    found = judge_containers(stack)
    for name, result in sorted(results.items()):
        if result.value is not None:
            found.extend(result.value)
            continue
        kind, _colon, subject = name.partition(":")
        roles = {"queues": "worker", "entrance": "proxy"}
        services = [service.name for service in stack.by_role(roles.get(kind, kind))]
        commands = (stack.compose("logs", "--tail", "100", *services),) if services else ()
        failure = judge_failure(kind, subject or kind, result, commands)
        if kind == "queues":
            # Whether anything waits is not known when the broker cannot be asked; that it is down is said elsewhere.
            workers = Finding(
                "workers", "workers", UNKNOWN, "workers", "Whether workers live is not known.", {}, commands
            )
            summary = f"How many messages wait is not known. {failure.summary}"
            found += [workers, Finding("queues", "queues", UNKNOWN, "queues", summary, {}, commands)]
        elif kind in _SECONDARY:
            # Not the thing itself is broken, only our look at it.
            summary = f"{_SECONDARY[kind]} not known. {failure.summary}"
            found.append(dataclasses.replace(failure, severity=UNKNOWN, summary=summary))
        else:
            found.append(failure)
    return found


def report(
    project: str,
    findings: t.Sequence[Finding],
    stack: Stack | None,
    seconds: float,
    now: str,
    measurements: t.Mapping[str, t.Any] | None = None,
) -> dict[str, t.Any]:
    """Return one host's health as plain data, worst first; this is what artifacts and summaries are made from."""
    findings = link_causes(findings)
    order = {"critical": 0, "unknown": 1, "warning": 2, "ok": 3}
    ordered = sorted(findings, key=lambda finding: (order[finding.severity], bool(finding.caused_by)))
    return {
        "project": project,
        "verdict": overall(findings),
        "summary": summarize(findings),
        "root_causes": [finding.id for finding in root_causes(findings)],
        "findings": [finding.describe() for finding in ordered],
        "hazards": [dict(hazard) for hazard in stack.hazards] if stack is not None else [],
        "checked_at": now,
        "seconds": round(seconds, 2),
        "measurements": dict(measurements or {}),
    }
