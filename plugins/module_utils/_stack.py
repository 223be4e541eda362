# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: which Compose project is the service, and what stands out about how it is set up."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ._argspec import ArgumentSpec
from ._compose import (
    LABEL,
    ROLES,
    STORAGE_PATH,
    Replica,
    Service,
    build_services,
    compose_argv,
    parse_container,
    role_of,
    shell_line,
)
from ._docker import DOCKER_ARGUMENTS, DockerClient, RunCommand, compose_config
from ._errors import OpsError

STACK_ARGUMENTS = ArgumentSpec(
    {
        "project": {"type": "str"},
        "service_roles": {"type": "dict", "default": {}},
    }
).merge(DOCKER_ARGUMENTS)

_COMPOSE_TIMEOUT_S = 15


@dataclasses.dataclass(frozen=True)
class Stack:
    """The service as it is deployed on this host."""

    project: str
    working_dir: str
    config_files: tuple[str, ...]
    environment_files: tuple[str, ...]
    engine: t.Mapping[str, str]
    services: tuple[Service, ...]
    hazards: tuple[t.Mapping[str, t.Any], ...] = ()
    definition_error: str = ""

    def by_role(self, role: str) -> tuple[Service, ...]:
        """Return the services that play a part."""
        return tuple(service for service in self.services if service.role == role)

    def running(self, role: str) -> tuple[Replica, ...]:
        """Return the running containers that play a part."""
        return tuple(replica for service in self.by_role(role) for replica in service.running)

    def compose(self, *arguments: str) -> str:
        """Return a compose command for exactly this project, as a line to paste."""
        prefix = compose_argv(self.project, self.working_dir, self.config_files, self.environment_files)
        return shell_line([*prefix, *arguments])

    def storage(self) -> dict[str, t.Any] | None:
        """Return where ``/storage`` of the api and the workers really is on the host, or None."""
        for role in ("api", "worker"):
            for service in self.by_role(role):
                for replica in service.replicas:
                    for mount in replica.mounts:
                        if mount["destination"] == STORAGE_PATH:
                            return {
                                "path": STORAGE_PATH,
                                "source": mount["source"],
                                "type": mount["type"],
                                "volume": mount["name"] or None,
                            }
        return None

    def describe(self) -> dict[str, t.Any]:
        """Return the public description: no credentials."""
        return {
            "project": self.project,
            "working_dir": self.working_dir,
            "config_files": list(self.config_files),
            "environment_files": list(self.environment_files),
            "engine": dict(self.engine),
            "compose_command": self.compose(),
            "services": [service.describe() for service in self.services],
            "storage": self.storage(),
            "hazards": [dict(hazard) for hazard in self.hazards],
            "definition_error": self.definition_error or None,
        }


def check_roles(service_roles: t.Mapping[str, str], services: t.Iterable[str]) -> None:
    """Refuse a role that does not exist, and a service that the project does not have. Pure."""
    known = sorted(services)
    for name, role in service_roles.items():
        if role not in ROLES:
            raise OpsError("use service_roles", f"'{role}' is not one of {', '.join(ROLES)}")
        if name not in known:
            raise OpsError("use service_roles", f"the project has no service '{name}', only {', '.join(known)}")


def choose_project(
    summaries: t.Sequence[t.Mapping[str, t.Any]], wanted: str | None, service_roles: t.Mapping[str, str] | None = None
) -> str:
    """Return the one Compose project that is meant; several or none is an error that lists what there is. Pure."""
    roles: dict[str, set[str]] = {}
    named: set[str] = set()
    for summary in summaries:
        labels = summary.get("Labels") or {}
        project, service = labels.get(f"{LABEL}.project"), labels.get(f"{LABEL}.service", "")
        if not project:
            continue
        image = str(summary.get("Image") or "")
        roles.setdefault(project, set()).add(role_of(service, image, service_roles))
        if "rendiff" in project or "rendiff" in image:
            named.add(project)
    everything = ", ".join(f"'{project}'" for project in sorted(roles)) or "none"
    if wanted:
        if wanted in roles:
            return wanted
        raise OpsError(
            f"find the Compose project '{wanted}'",
            f"no container on this host carries its label. Compose projects here: {everything}",
            "Pass one of these as project, or start the stack",
        )
    candidates = sorted(project for project, parts in roles.items() if {"api", "worker"} <= parts)
    if not candidates:
        candidates = sorted(project for project in named if {"api", "worker"} & roles[project])
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        listed = ", ".join(f"'{project}'" for project in candidates)
        raise OpsError(
            "choose the Compose project",
            f"{len(candidates)} on this host look like it: {listed}",
            "Pass one as project",
        )
    raise OpsError(
        "find the service",
        f"no Compose project on this host has an api and a worker service. Compose projects here: {everything}",
        "Pass project, or service_roles where its services have other names, or start the stack",
    )


def container_of(stack: Stack, host: str, port: int) -> Replica | None:
    """Return the running container that an address reaches, or None where it is none of the project. Pure."""
    reached = ("127.0.0.1" if host == "localhost" else host, port)
    for service in stack.services:
        for replica in service.running:
            if any(reached in replica.addresses(each) for each in {port, *replica.published}):
                return replica
    return None


def discover(
    client: DockerClient, run_command: RunCommand, project: str | None, service_roles: t.Mapping[str, str] | None = None
) -> Stack:
    """Read the stack from the labels of its containers; the Compose files are used where they can be read."""
    name = choose_project(client.containers(f"{LABEL}.project"), project, service_roles)
    replicas = []
    for summary in client.containers(f"{LABEL}.project={name}"):
        inspected = client.inspect(summary["Id"])
        if inspected is not None:
            replicas.append(parse_container(inspected))
    if not replicas:
        raise OpsError(f"read the Compose project '{name}'", "its containers went away while it was read", "Run again")
    labels = replicas[0].labels
    working_dir = labels.get(f"{LABEL}.project.working_dir", "")
    files = _split(replica.labels.get(f"{LABEL}.project.config_files", "") for replica in replicas)
    env_files = _split(replica.labels.get(f"{LABEL}.project.environment_file", "") for replica in replicas)
    defined: dict[str, t.Any] | None = None
    definition_error = ""
    missing = [path for path in (*files, *env_files) if not os.path.exists(path)]
    if missing:
        definition_error = f"Cannot read the Compose files: '{missing[0]}' is not on this host."
    else:
        try:
            argv = compose_argv(name, working_dir, files, env_files)
            defined = compose_config(run_command, argv, _COMPOSE_TIMEOUT_S).get("services") or {}
        except OpsError as error:
            definition_error = str(error)
    services = build_services(replicas, defined, service_roles)
    check_roles(service_roles or {}, [service.name for service in services])
    version = client.version()
    stack = Stack(
        project=name,
        working_dir=working_dir,
        config_files=files,
        environment_files=env_files,
        engine={"version": str(version.get("Version", "")), "api_version": str(version.get("ApiVersion", ""))},
        services=services,
        definition_error=definition_error,
    )
    tags = {replica.image for replica in replicas}
    current = {tag: str((client.image(tag) or {}).get("Id") or "") for tag in tags}
    return dataclasses.replace(stack, hazards=tuple(find_hazards(stack, current)))


def _split(values: t.Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for value in values:
        for path in value.split(","):
            if path.strip():
                found.setdefault(path.strip())
    return tuple(found)


def find_hazards(stack: Stack, current_images: t.Mapping[str, str]) -> list[dict[str, t.Any]]:
    """Return what is dangerous about the deployment itself, as data. Pure."""
    hazards: list[dict[str, t.Any]] = []

    def add(identity: str, subject: str, summary: str) -> None:
        hazards.append({"id": identity, "subject": subject, "summary": summary})

    for path in stack.config_files:
        if ".override." in os.path.basename(path):
            add("override_merged", path, f"The running project was made with the development override '{path}'.")
    if stack.definition_error:
        add("definition_unreadable", stack.project, stack.definition_error)
    for service in stack.services:
        ids = {replica.image_id for replica in service.replicas}
        if len(ids) > 1:
            add("replicas_differ", service.name, f"Containers of '{service.name}' run {len(ids)} different images.")
        for replica in service.replicas:
            now = current_images.get(replica.image, "")
            if now and replica.image_id and now != replica.image_id:
                add(
                    "image_drifted",
                    replica.name,
                    f"'{replica.name}' runs an older image than '{replica.image}' names now; recreating it would "
                    "change the version.",
                )
            waldir = replica.environment.get("POSTGRES_INITDB_WALDIR", "")
            if service.role == "postgres" and waldir and not _mounted(waldir, replica):
                add(
                    "wal_outside_volume",
                    replica.name,
                    f"The write-ahead log of '{replica.name}' is in '{waldir}', outside every volume: removing the "
                    "container (compose down) would lose the database.",
                )
            if service.role in ("api", "worker") and not _mounted(STORAGE_PATH, replica):
                add("storage_not_mounted", replica.name, f"'{replica.name}' has no mount that holds '{STORAGE_PATH}'.")
    sources = {
        mount["source"]
        for role in ("api", "worker")
        for replica in stack.running(role)
        for mount in replica.mounts
        if mount["destination"] == STORAGE_PATH
    }
    if len(sources) > 1:
        add("storage_not_shared", stack.project, "The api and the workers mount different things at '/storage'.")
    return hazards


def _mounted(path: str, replica: Replica) -> bool:
    for mount in replica.mounts:
        destination = str(mount["destination"]).rstrip("/")
        if path == destination or path.startswith(destination + "/"):
            return True
    return False
