# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: whether a service may have another number of containers, and what that costs. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._compose import Service
from ._errors import OpsError
from ._pools import Load

# What a person may override, because it is an estimate.
FORCE = ("connections", "memory")
_SINGLE = {
    "postgres": "a database",
    "redis": "a broker",
    "s3": "a store",
    "prometheus": "a monitor",
    "proxy": "a proxy",
}
_MIB = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Room:
    """The connections that the database grants; ``problem`` says why that is not known."""

    max_connections: int = 0
    reserved: int = 0
    other: int = 0
    problem: str = ""

    @property
    def free(self) -> int:
        """Return how many the api and the workers may have between them."""
        return self.max_connections - self.reserved - self.other

    def arithmetic(self) -> str:
        """Return the sum as a person would write it."""
        return f"{self.max_connections} - {self.reserved} reserved - {self.other} used by others = {self.free}"


@dataclasses.dataclass(frozen=True)
class Host:
    """What the host has. None where it cannot be told."""

    cpus: int
    memory_available_bytes: int | None
    runtimes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Facts:
    """Everything that the decision depends on.

    ``lines`` names the line of a Compose file for each of ``container_name``, ``ports`` and ``service``, where found.
    ``memory_bytes`` is what one more container may take and ``memory_basis`` where that figure comes from.
    ``cpus_wanted`` is what all containers of the project may use together afterwards, and ``cpus_each`` what one of the
    service's may, in CPUs; 0 where there is no limit.
    """

    service: str
    role: str
    current: int
    wanted: int
    definition: t.Mapping[str, t.Any]
    lines: t.Mapping[str, str]
    loads: tuple[Load, ...]
    room: Room
    host: Host
    memory_bytes: int | None
    memory_basis: str
    cpus_wanted: float
    cpus_each: float = 0.0
    image_missing: str = ""
    image_drifted: bool = False

    @property
    def act(self) -> str:
        """Return what is to be done, as an error begins."""
        return f"scale '{self.service}' from {self.current} to {self.wanted}"


@dataclasses.dataclass(frozen=True)
class Decision:
    """What stands against it, what to know, and the arithmetic. A refusal is a whole sentence."""

    refusals: tuple[str, ...]
    warnings: tuple[str, ...]
    budget: str


def choose_service(name: str, services: t.Sequence[Service]) -> Service:
    """Return the service that a name or an alias means: a part such as ``api``, or ``cpu`` and ``gpu`` for workers."""
    listed = ", ".join(sorted(service.name for service in services)) or "none"
    act = f"scale service '{name}'"
    for service in services:
        if service.name == name:
            return service
    if not name:
        raise OpsError("scale a service", "none is named", f"Pass its name; the project has {listed}")
    workers = [service for service in services if service.role == "worker"]
    if name in ("cpu", "gpu"):
        found = [service for service in workers if name in service.name]
        if not found and name == "cpu":
            found = [service for service in workers if "gpu" not in service.name]
    else:
        found = [service for service in services if service.role == name]
    if len(found) > 1:
        # One that waits for a profile is not what a general name means.
        found = [service for service in found if service.replicas or not service.profiles] or found
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(sorted(service.name for service in found))
        raise OpsError(act, f"it may mean {names}", "Pass one of these names")
    raise OpsError(act, "the project has no such service", f"It has {listed}")


def decide(facts: Facts, force: t.Collection[str] = (), confirm: t.Collection[str] = ()) -> Decision:
    """Tell what stands against a number of containers."""
    refusals = [*_shape(facts, confirm)]
    warnings: list[str] = []
    budget, objections = "", [] if facts.wanted <= facts.current else [*_memory(facts)]
    if facts.wanted > facts.current and facts.role in ("api", "worker"):
        budget, over = _connections(facts)
        objections += over
    for kind, sentence in objections:
        if kind in force:
            warnings.append(f"Forced: {sentence}")
        elif kind == "note":
            warnings.append(sentence)
        else:
            refusals.append(sentence)
    if facts.wanted > facts.current:
        if facts.cpus_wanted > facts.host.cpus:
            warnings.append(
                f"All containers together may then use {facts.cpus_wanted:g} CPUs, and the host has "
                f"{facts.host.cpus}: more of them do not make it faster."
            )
        if facts.image_drifted:
            warnings.append(
                f"The image of '{facts.service}' has changed since its containers were made: new ones run another "
                "version beside the old ones."
            )
        warnings += [f"Assumed of {sentence}." for load in facts.loads for sentence in load.assumed]
    return Decision(tuple(refusals), tuple(warnings), budget)


def fits(facts: Facts, confirm: t.Collection[str] = ()) -> int:
    """Return the number nearest to the wanted one against which nothing stands, within the CPUs of the host too."""
    for wanted in range(facts.wanted, facts.current, -1):
        fewer = facts.wanted - wanted
        loads = tuple(
            dataclasses.replace(load, replicas=load.replicas - fewer) if load.service == facts.service else load
            for load in facts.loads
        )
        cpus = facts.cpus_wanted - fewer * facts.cpus_each
        less = dataclasses.replace(facts, wanted=wanted, loads=loads, cpus_wanted=cpus)
        if cpus <= facts.host.cpus and not decide(less, (), confirm).refusals:
            return wanted
    return min(facts.wanted, facts.current)


def _refusal(facts: Facts, cause: str, remedy: str = "") -> str:
    return str(OpsError(facts.act, cause, remedy))


def _shape(facts: Facts, confirm: t.Collection[str]) -> t.Iterator[str]:
    if facts.wanted < 0:
        yield _refusal(facts, f"{facts.wanted} is below zero")
        return
    if facts.role in _SINGLE and facts.wanted != facts.current:
        yield _refusal(facts, f"it is {_SINGLE[facts.role]}, of which there is one; more containers would not share it")
        return
    if facts.wanted == 0 and facts.current > 0 and facts.service not in confirm:
        yield _refusal(facts, "none would be left", f"If that is meant, pass -e scaling_confirm={facts.service}")
    if facts.wanted > 1:
        name = str(facts.definition.get("container_name") or "")
        if name:
            where = facts.lines.get("container_name") or f"the Compose file ('container_name: {name}')"
            cause = f"its container has the fixed name '{name}', and only one can have it"
            yield _refusal(facts, cause, f"Remove {where}")
        yield from _ports(facts)
    if facts.wanted > facts.current:
        if facts.image_missing:
            yield _refusal(facts, f"the image '{facts.image_missing}' is not on this host", "Pull or build it first")
        if needs_nvidia(facts.definition) and not any("nvidia" in name for name in facts.host.runtimes):
            listed = ", ".join(facts.host.runtimes) or "none"
            yield _refusal(
                facts,
                f"it needs the runtime 'nvidia', and the Docker Engine has only {listed}",
                "Install the NVIDIA container toolkit on this host, or scale another service",
            )


def _ports(facts: Facts) -> t.Iterator[str]:
    for port in facts.definition.get("ports") or ():
        published = str(port.get("published") or "") if isinstance(port, dict) else ""
        first, _dash, last = published.partition("-")
        if not first.isdigit() or first == "0":
            continue
        count = int(last) - int(first) + 1 if last.isdigit() else 1
        if count < facts.wanted:
            where = facts.lines.get("ports") or f"the Compose file ('{published}:{port.get('target')}')"
            yield _refusal(
                facts,
                f"it publishes port {published} of the host, which {'one container' if count == 1 else str(count)} "
                "can have",
                f"Remove or change {where}; let the proxy reach the containers by their network instead",
            )


def needs_nvidia(definition: t.Mapping[str, t.Any]) -> bool:
    """Tell whether a service asks for a graphics card of NVIDIA."""
    if definition.get("runtime") == "nvidia":
        return True
    resources = ((definition.get("deploy") or {}).get("resources") or {}).get("reservations") or {}
    devices = [*(resources.get("devices") or ()), *(definition.get("gpus") or ())]
    return any(
        device.get("driver") == "nvidia" or "gpu" in (device.get("capabilities") or ())
        for device in devices
        if isinstance(device, dict)
    )


def _memory(facts: Facts) -> t.Iterator[tuple[str, str]]:
    more = facts.wanted - facts.current
    available = facts.host.memory_available_bytes
    if facts.memory_bytes is None or available is None:
        yield "note", "Whether there is memory for it is not known: neither a limit nor the present use can be read."
        return
    needed = more * facts.memory_bytes
    if needed > available:
        yield (
            "memory",
            _refusal(
                facts,
                f"{more} more x {facts.memory_bytes // _MIB} MiB ({facts.memory_basis}) = {needed // _MIB} MiB, and "
                f"the host has {available // _MIB} MiB of memory available",
                'Scale less, lower the limit, or pass -e \'{"scaling_force": ["memory"]}\'',
            ),
        )


def _connections(facts: Facts) -> tuple[str, list[tuple[str, str]]]:
    demand = sum(load.connections for load in facts.loads)
    sums = ", ".join(load.arithmetic() for load in facts.loads)
    need = f"{sums}; together {demand}"
    told = "Tell the real pool by scaling_pool_size and scaling_max_overflow"
    if facts.room.problem:
        cause = f"whether the database has connections for it is not known: {facts.room.problem.rstrip('.')}"
        remedy = 'Mend that, or pass -e \'{"scaling_force": ["connections"]}\''
        return f"{need}; what the database grants is not known.", [("connections", _refusal(facts, cause, remedy))]
    budget = f"{need} of {facts.room.arithmetic()}."
    if demand <= facts.room.free:
        return budget, []
    mine = next(load for load in facts.loads if load.service == facts.service)
    rest = facts.room.free - (demand - mine.connections)
    fits = max(0, rest // max(1, mine.connections // max(1, mine.replicas)))
    assumed = any(load.assumed for load in facts.loads)
    remedy = f"At most {fits} fit. {told if assumed else 'Lower the pools, or raise max_connections'}"
    cause = f"the database has too few connections: {need}, and there are {facts.room.arithmetic()}"
    return budget, [("connections", _refusal(facts, cause, remedy))]
