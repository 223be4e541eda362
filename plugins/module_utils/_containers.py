# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: from the state of containers to findings. Pure."""

from __future__ import annotations

import typing as t

from ._compose import Replica, Service
from ._stack import Stack
from ._verdict import CRITICAL, OK, WARNING, Finding

CORE_ROLES = ("api", "worker", "postgres", "redis", "proxy")
_RESTARTS_WORTH_TELLING = 3
_STATE_WORDS = {"exited": "has ended", "created": "does not run", "dead": "is beyond repair"}


def _service_component(role: str) -> str:
    return {"worker": "workers", "proxy": "entrance"}.get(role, role)


def judge_containers(stack: Stack) -> list[Finding]:
    """Judge every service of the project by the state of its containers."""
    findings: list[Finding] = []
    for service in stack.services:
        bad = [finding for replica in service.replicas for finding in _judge_replica(stack, service, replica)]
        missing = (service.desired or 0) - len(service.replicas)
        if missing > 0 and not service.profiles:
            core = service.role in CORE_ROLES and not service.running
            summary = f"Service '{service.name}' has {len(service.replicas)} of {service.desired} containers."
            command = stack.compose("up", "-d", "--no-deps", "--no-recreate", "--no-build", service.name)
            bad.append(
                Finding(
                    f"{service.name}.missing",
                    f"{service.role}.container",
                    CRITICAL if core else WARNING,
                    service.name,
                    summary,
                    {"status": service.status, "desired": service.desired},
                    (command,),
                )
            )
        findings.extend(bad)
        if not bad and service.replicas:
            healthy = "healthy" if all(replica.health == "healthy" for replica in service.running) else "running"
            summary = f"Service '{service.name}': {len(service.running)} of {len(service.replicas)} {healthy}."
            if not service.running:
                summary = f"Service '{service.name}' has done its work and ended well."
            findings.append(
                Finding(f"{service.name}.containers", f"{service.role}.container", OK, service.name, summary)
            )
    return findings


def _judge_replica(stack: Stack, service: Service, replica: Replica) -> t.Iterator[Finding]:
    container = f"{service.role}.container"
    alone = not [other for other in service.running if other.id != replica.id]
    logs = f"docker logs --tail 100 {replica.name}"
    evidence = {
        "state": replica.state,
        "health": replica.health,
        "exit_code": replica.exit_code,
        "oom_killed": replica.oom_killed,
        "restarts": replica.restart_count,
        "finished_at": replica.finished_at,
    }
    severe = CRITICAL if alone and service.role in CORE_ROLES else WARNING
    if not replica.running:
        if service.role == "other" and replica.state == "exited" and replica.exit_code == 0:
            return
        why = "it ran out of memory" if replica.oom_killed else _exit_words(replica)
        command = f"docker unpause {replica.name}" if replica.state == "paused" else f"docker start {replica.name}"
        state = _STATE_WORDS.get(replica.state, f"is {replica.state}")
        summary = f"Container '{replica.name}' {state}: {why}."
        yield Finding(f"{replica.name}.down", container, severe, replica.name, summary, evidence, (logs, command))
        return
    if replica.health == "unhealthy":
        summary = f"Container '{replica.name}' runs, but its own health check fails."
        component = _service_component(service.role)
        yield Finding(f"{replica.name}.unhealthy", component, severe, replica.name, summary, evidence, (logs,))
    if replica.health == "starting":
        summary = f"Container '{replica.name}' is still starting."
        yield Finding(f"{replica.name}.starting", container, WARNING, replica.name, summary, evidence, (logs,))
    # Of a container that runs, the engine's flag tells of the run before; it stays when a person starts it anew.
    if replica.oom_killed and replica.restart_count:
        summary = f"Container '{replica.name}' ran out of memory, and the engine started it anew."
        yield Finding(f"{replica.name}.out_of_memory", container, WARNING, replica.name, summary, evidence, (logs,))
    elif replica.restart_count >= _RESTARTS_WORTH_TELLING:
        summary = f"Container '{replica.name}' was restarted {replica.restart_count} times by the engine."
        yield Finding(f"{replica.name}.restarts", container, WARNING, replica.name, summary, evidence, (logs,))


def _exit_words(replica: Replica) -> str:
    if replica.state == "paused":
        return "somebody paused it"
    if replica.state == "created":
        return replica.error or "it was made but never started"
    meaning = {0: "it finished or was stopped", 137: "it was killed", 143: "it was asked to end"}
    said = meaning.get(replica.exit_code, replica.error or "it failed")
    return f"{said} (exit code {replica.exit_code})"
