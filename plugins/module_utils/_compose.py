# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what ``docker inspect`` and Compose labels say, as one description of the stack. Pure."""

from __future__ import annotations

import dataclasses
import shlex
import typing as t

LABEL = "com.docker.compose"
STORAGE_PATH = "/storage"

# The part a service plays, told by its name: exact names first, then prefixes.
_ROLE_BY_NAME = {
    "api": "api",
    "backend": "api",
    "web": "api",
    "postgres": "postgres",
    "postgresql": "postgres",
    "db": "postgres",
    "database": "postgres",
    "redis": "redis",
    "valkey": "redis",
    "broker": "redis",
    "traefik": "proxy",
    "proxy": "proxy",
    "prometheus": "prometheus",
    "s3": "s3",
    "minio": "s3",
    "seaweedfs": "s3",
    "grafana": "grafana",
}
_ROLE_BY_PREFIX = {"worker": "worker", "celery-worker": "worker", "celery": "worker", "rendiff-api": "api"}
_ROLE_BY_IMAGE = {
    "postgres": "postgres",
    "redis": "redis",
    "valkey": "redis",
    "traefik": "proxy",
    "prometheus": "prometheus",
    "minio": "s3",
    "grafana": "grafana",
}
ROLES = ("api", "worker", "postgres", "redis", "proxy", "prometheus", "s3", "grafana", "other")


@dataclasses.dataclass(frozen=True)
class Replica:
    """One container of a service. ``environment`` holds secrets: it is never part of ``describe()``."""

    id: str
    name: str
    number: int
    hostname: str
    state: str
    health: str
    exit_code: int
    oom_killed: bool
    restart_count: int
    started_at: str
    finished_at: str
    error: str
    image: str
    image_id: str
    config_hash: str
    memory_limit_bytes: int
    cpu_limit: float
    networks: t.Mapping[str, str]
    aliases: tuple[str, ...]
    published: t.Mapping[int, tuple[str, int]]
    exposed: tuple[int, ...]
    mounts: tuple[t.Mapping[str, t.Any], ...]
    command: tuple[str, ...]
    pid: int = 0
    labels: t.Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    environment: t.Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def running(self) -> bool:
        """Tell whether its processes can make progress now."""
        return self.state == "running"

    def addresses(self, port: int) -> list[tuple[str, int]]:
        """Return (host, port) pairs at which the Docker host reaches ``port``, best first."""
        found = [self.published[port]] if port in self.published else []
        found.extend((address, port) for address in self.networks.values() if address)
        return found

    def describe(self) -> dict[str, t.Any]:
        """Return the public description: no environment, no command line, no foreign labels."""
        hidden = {"labels", "environment", "command", "published", "mounts", "pid"}
        public = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in hidden}
        public["networks"] = dict(self.networks)
        public["aliases"] = list(self.aliases)
        public["exposed"] = list(self.exposed)
        public["published"] = [
            {"container_port": port, "host": host, "host_port": host_port}
            for port, (host, host_port) in sorted(self.published.items())
        ]
        public["mounts"] = [dict(mount) for mount in self.mounts]
        return public


@dataclasses.dataclass(frozen=True)
class Service:
    """One service of the project, with its containers; ``desired`` is None where the Compose files cannot be read."""

    name: str
    role: str
    replicas: tuple[Replica, ...]
    desired: int | None = None
    profiles: tuple[str, ...] = ()

    @property
    def running(self) -> tuple[Replica, ...]:
        """Return the containers that run."""
        return tuple(replica for replica in self.replicas if replica.running)

    @property
    def status(self) -> str:
        """Return running, partial, stopped, or not created; the last with the profile that it waits for."""
        if self.replicas:
            return "running" if len(self.running) == len(self.replicas) else "partial" if self.running else "stopped"
        return f"not created (profile {', '.join(self.profiles)})" if self.profiles else "not created"

    def describe(self) -> dict[str, t.Any]:
        """Return the public description."""
        return {
            "name": self.name,
            "role": self.role,
            "status": self.status,
            "running": len(self.running),
            "desired": self.desired,
            "profiles": list(self.profiles),
            "images": sorted({replica.image for replica in self.replicas}),
            "image_ids": sorted({replica.image_id for replica in self.replicas}),
            "replicas": [replica.describe() for replica in self.replicas],
        }


def role_of(name: str, image: str, overrides: t.Mapping[str, str] | None = None) -> str:
    """Return the part that a service plays, from an explicit override, its name, or its image; else ``other``."""
    if overrides and name in overrides:
        return overrides[name]
    if name in _ROLE_BY_NAME:
        return _ROLE_BY_NAME[name]
    for prefix, role in _ROLE_BY_PREFIX.items():
        if name.startswith(prefix):
            return role
    repository = image.split("@")[0].rsplit("/", 1)[-1].split(":")[0]
    return _ROLE_BY_IMAGE.get(repository, "other")


def parse_container(inspected: t.Mapping[str, t.Any]) -> Replica:
    """Turn one answer of Docker's container inspection into a Replica."""
    config, state, host = inspected["Config"], inspected["State"], inspected.get("HostConfig") or {}
    labels = config.get("Labels") or {}
    network = inspected.get("NetworkSettings") or {}
    published: dict[int, tuple[str, int]] = {}
    for port, bindings in (network.get("Ports") or {}).items():
        number, _slash, protocol = port.partition("/")
        if bindings and protocol in ("tcp", ""):
            address = bindings[0].get("HostIp") or "0.0.0.0"
            local = "127.0.0.1" if address in ("0.0.0.0", "::", "") else address
            published[int(number)] = (local, int(bindings[0]["HostPort"]))
    quota, period = host.get("CpuQuota") or 0, host.get("CpuPeriod") or 100000
    cpus = (host.get("NanoCpus") or 0) / 1e9 or (quota / period if quota > 0 else 0.0)
    return Replica(
        id=inspected["Id"],
        name=inspected["Name"].lstrip("/"),
        number=int(labels.get(f"{LABEL}.container-number") or 1),
        hostname=config.get("Hostname") or "",
        state="paused" if state.get("Paused") else state.get("Status") or "unknown",
        health=(state.get("Health") or {}).get("Status") or "none",
        exit_code=int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        restart_count=int(inspected.get("RestartCount") or 0),
        started_at=state.get("StartedAt") or "",
        finished_at=state.get("FinishedAt") or "",
        error=state.get("Error") or "",
        image=config.get("Image") or "",
        image_id=inspected.get("Image") or "",
        config_hash=labels.get(f"{LABEL}.config-hash") or "",
        memory_limit_bytes=int(host.get("Memory") or 0),
        cpu_limit=round(cpus, 3),
        aliases=tuple(
            sorted(
                {alias for entry in (network.get("Networks") or {}).values() for alias in entry.get("Aliases") or ()}
            )
        ),
        networks={name: entry.get("IPAddress") or "" for name, entry in (network.get("Networks") or {}).items()},
        published=published,
        exposed=tuple(sorted({int(port.split("/")[0]) for port in config.get("ExposedPorts") or {}})),
        mounts=tuple(
            {
                "type": mount.get("Type"),
                "source": mount.get("Source"),
                "name": mount.get("Name"),
                "destination": mount.get("Destination"),
                "read_write": bool(mount.get("RW")),
            }
            for mount in inspected.get("Mounts") or []
        ),
        command=(inspected.get("Path") or "", *(inspected.get("Args") or [])),
        pid=int(state.get("Pid") or 0),
        labels=labels,
        environment=dict(entry.split("=", 1) for entry in config.get("Env") or [] if "=" in entry),
    )


def build_services(
    replicas: t.Iterable[Replica], defined: t.Mapping[str, t.Any] | None, overrides: t.Mapping[str, str] | None = None
) -> tuple[Service, ...]:
    """Group containers by service and add the services that the Compose files define but nothing runs."""
    grouped: dict[str, list[Replica]] = {name: [] for name in defined or {}}
    for replica in replicas:
        if replica.labels.get(f"{LABEL}.oneoff", "False") != "True":
            grouped.setdefault(replica.labels.get(f"{LABEL}.service", replica.name), []).append(replica)
    services = []
    for name in sorted(grouped):
        definition = (defined or {}).get(name) or {}
        members = sorted(grouped[name], key=lambda replica: replica.number)
        image = members[0].image if members else str(definition.get("image") or "")
        services.append(
            Service(
                name=name,
                role=role_of(name, image, overrides),
                replicas=tuple(members),
                desired=_desired(definition) if defined is not None and name in defined else None,
                profiles=tuple(definition.get("profiles") or ()),
            )
        )
    return tuple(services)


def _desired(definition: t.Mapping[str, t.Any]) -> int:
    deploy = definition.get("deploy") or {}
    for value in (deploy.get("replicas"), definition.get("scale")):
        if value is not None:
            return int(value)
    return 1


def compose_argv(project: str, working_dir: str, files: t.Sequence[str], env_files: t.Sequence[str]) -> list[str]:
    """Return the compose command that addresses exactly this project, whatever the current directory holds."""
    argv = ["docker", "compose", "-p", project]
    if working_dir:
        argv += ["--project-directory", working_dir]
    for path in files:
        argv += ["-f", path]
    for path in env_files:
        argv += ["--env-file", path]
    return argv


def shell_line(argv: t.Sequence[str]) -> str:
    """Return a command as text that a person can paste into a shell."""
    return shlex.join(argv)
