# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what to know before and after a service has more or fewer containers. Pure."""

from __future__ import annotations

import shlex
import typing as t

from ._compose import Service
from ._compose_lines import find_line, find_service
from ._scale_plan import Decision, Facts
from ._stack import Stack
from ._workers import Worker, ready


def described(service: Service, definition: t.Mapping[str, t.Any]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return command and environment of a service, from a container of it or else from its definition."""
    if service.replicas:
        newest = (service.running or service.replicas)[-1]
        return newest.command, dict(newest.environment)
    command = definition.get("command") or ()
    words = tuple(shlex.split(command)) if isinstance(command, str) else tuple(str(word) for word in command)
    environment = definition.get("environment") or {}
    if isinstance(environment, list):
        environment = dict(str(entry).partition("=")[::2] for entry in environment)
    return words, {name: str(value) for name, value in environment.items() if value is not None}


def memory_available(meminfo: str | None) -> int | None:
    """Return what the kernel says can be had without swapping, in bytes."""
    for line in (meminfo or "").splitlines():
        name, _colon, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) * 1024
    return None


def runtimes(engine: t.Mapping[str, t.Any]) -> tuple[str, ...]:
    """Return the names of the runtimes that the engine has."""
    return tuple(sorted(name for name in engine.get("Runtimes") or {} if not name.startswith("io.")))


def cpus_wanted(stack: Stack, chosen: Service, wanted: int) -> float:
    """Return the CPUs that the limits of all running containers allow together, with ``wanted`` of the chosen one."""
    total = 0.0
    for service in stack.services:
        count = wanted if service.name == chosen.name else len(service.running)
        total += count * max((replica.cpu_limit for replica in service.replicas), default=0.0)
    return round(total, 3)


def not_ready(service: Service, workers: t.Sequence[Worker], wanted: int) -> list[str]:
    """Return in a sentence each what is not yet as it shall be."""
    found = []
    if len(service.replicas) != wanted:
        found.append(f"'{service.name}' has {len(service.replicas)} of {wanted} containers.")
    for replica in service.replicas:
        if not replica.running:
            found.append(f"'{replica.name}' is {replica.state}.")
        elif replica.health not in ("healthy", "none"):
            found.append(f"'{replica.name}' is {replica.health}.")
    for worker in workers:
        why = ready(worker)
        if why and not any(worker.container in sentence for sentence in found):
            found.append(f"'{worker.container}' {why}.")
    return found


def must_stay(stack: Stack, chosen: Service, wanted: int) -> dict[str, str]:
    """Return the containers, name to id, that the change must leave alone."""
    shrinks = wanted < len(chosen.replicas)
    return {
        replica.name: replica.id
        for service in stack.services
        if not (shrinks and service.name == chosen.name)
        for replica in service.replicas
    }


def lasting(files: t.Mapping[str, str], service: str, wanted: int, desired: int | None) -> str:
    """Return how the number is made to outlive the next start, as a line to edit."""
    if desired == wanted:
        return f"The Compose files say {wanted} for '{service}' too."
    line = find_line(files, service, "replicas") or find_line(files, service, "scale")
    now = f"The Compose files say {desired} for '{service}'. So that the next start keeps {wanted}, "
    if line is not None and "$" in line.text:
        variable = line.text.split("$", 1)[1].strip("{}\"'").split(":")[0].split("-")[0]
        return f"{now}set {variable}={wanted} in the environment file that {line} is read with."
    if line is not None:
        key = line.text.split(":")[0].strip()
        return f"{now}write '{key}: {wanted}' in {line}."
    begin = find_service(files, service)
    where = f"below {begin}" if begin is not None else f"to service '{service}'"
    return f"{now}add {where}: deploy: {{replicas: {wanted}}}"


def plan_lines(facts: Facts, decision: Decision, going: t.Sequence[Worker], now: float) -> list[str]:
    """Return the plan as sentences."""
    if facts.wanted == facts.current:
        said = [f"Containers of '{facts.service}': {facts.current} already."]
    else:
        verb = "Scale out" if facts.wanted > facts.current else "Scale in"
        said = [f"{verb} '{facts.service}' from {facts.current} to {facts.wanted}; nothing else is touched."]
    for worker in going:
        at = f"{worker.holds(now)}; it is drained and waited for" if worker.busy else f"'{worker.container}' is idle"
        said.append(f"{at}, then goes.")
    said += [f"Connections: {decision.budget}"] if decision.budget else []
    said += [f"Warning: {sentence}" for sentence in decision.warnings]
    said += [f"Refused: {sentence}" for sentence in decision.refusals]
    return said
