# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: look whether a service may have another number of containers. Reads only."""

from __future__ import annotations

import os
import threading
import time
import typing as t

from . import _postgres, _redis
from ._argspec import ArgumentSpec
from ._cgroup import read_text, read_usage
from ._compose import Replica, Service, compose_argv
from ._compose_lines import find_line
from ._credentials import POSTGRES_ARGUMENTS, REDIS_ARGUMENTS, resolve_postgres, resolve_redis
from ._docker import DockerClient, RunCommand, compose_config
from ._errors import OpsError
from ._pools import Load, load_of
from ._queue import QUEUE_ARGUMENTS, Keys
from ._scale_facts import cpus_wanted, described, lasting, memory_available, must_stay, not_ready, plan_lines, runtimes
from ._scale_plan import FORCE, Facts, Host, Room, choose_service, decide, fits
from ._stack import STACK_ARGUMENTS, Stack, discover
from ._worker_drain import POLL_S, WorkerLook
from ._workers import Worker, choose_victims, tokens_of

SCALE_ARGUMENTS = ArgumentSpec(
    {
        "service": {"type": "str", "required": True},
        "replicas": {"type": "int", "required": True},
        "pool_size": {"type": "int"},
        "max_overflow": {"type": "int"},
        "force": {"type": "list", "elements": "str", "choices": list(FORCE), "default": []},
        "confirm": {"type": "str", "default": ""},
        "wait_timeout_s": {"type": "int", "default": 0},
        "census_timeout_s": {"type": "float", "default": 2.0},
        "census_interval_s": {"type": "float", "default": 3.0},
        "redis_timeout_s": {"type": "int", "default": 10},
        "postgres_timeout_s": {"type": "int", "default": 10},
    }
).merge(STACK_ARGUMENTS, POSTGRES_ARGUMENTS, REDIS_ARGUMENTS, QUEUE_ARGUMENTS)

_COMPOSE_TIMEOUT_S = 15
# Sessions of the api and of the workers are counted by what they may open, all others by what they have open.
_ROOM = """
SELECT current_setting('max_connections')::int,
       current_setting('superuser_reserved_connections')::int
       + coalesce(nullif(current_setting('reserved_connections', true), ''), '0')::int,
       (SELECT count(*) FROM pg_stat_activity
        WHERE (backend_type = 'client backend' OR (backend_type IS NULL AND usename IS NOT NULL))
          AND pid <> pg_backend_pid() AND coalesce(host(client_addr), '') <> ALL(%s))
"""


class ScaleInfo:
    """One look. ``options`` are those of ``SCALE_ARGUMENTS``."""

    def __init__(self, client: DockerClient, run_command: RunCommand, options: t.Mapping[str, t.Any]) -> None:
        self._client = client
        self._run_command = run_command
        self._options = options
        self._keys = Keys.from_options(options)

    def look(self) -> dict[str, t.Any]:
        """Return what is, what would be, what it costs and what stands against it."""
        options = self._options
        stack = self._discover()
        service = choose_service(options["service"], stack.services)
        if stack.definition_error:
            raise OpsError(f"scale service '{service.name}'", stack.definition_error, "Compose needs them for that too")
        definition = self._definitions(stack).get(service.name) or {}
        files = {path: read_text(path) or "" for path in stack.config_files}
        facts = self._facts(stack, service, definition, files)
        decision = decide(facts, options["force"], tokens_of(options["confirm"]))
        # What is refused anyway needs no answer of the broker.
        workers = [] if decision.refusals else self._workers(stack, service)
        going = choose_victims(workers, facts.wanted) if facts.wanted < facts.current else []
        reasons, waited_s = self._wait(service, workers)
        return {
            "service": service.name,
            "role": service.role,
            "project": stack.project,
            "current": facts.current,
            "running": len(service.running),
            "wanted": facts.wanted,
            "refusals": list(decision.refusals),
            "warnings": list(decision.warnings),
            "budget": decision.budget,
            "fits": fits(facts, tokens_of(options["confirm"])),
            "leaves": [worker.describe(time.time()) for worker in going],
            "workers": [worker.describe(time.time()) for worker in workers],
            "ready": not reasons,
            "not_ready": reasons,
            "waited_s": waited_s,
            "must_stay": must_stay(stack, service, facts.wanted),
            "lasting": lasting(files, service.name, facts.wanted, service.desired),
            "compose": {
                "project_src": stack.working_dir,
                "project_name": stack.project,
                "files": list(stack.config_files),
                "env_files": list(stack.environment_files),
            },
            "plan": plan_lines(facts, decision, going, time.time()),
        }

    def _discover(self) -> Stack:
        return discover(self._client, self._run_command, self._options["project"], self._options["service_roles"])

    def _definitions(self, stack: Stack) -> dict[str, t.Any]:
        argv = compose_argv(stack.project, stack.working_dir, stack.config_files, stack.environment_files)
        return t.cast(
            "dict[str, t.Any]", compose_config(self._run_command, argv, _COMPOSE_TIMEOUT_S).get("services") or {}
        )

    def _facts(
        self, stack: Stack, service: Service, definition: t.Mapping[str, t.Any], files: t.Mapping[str, str]
    ) -> Facts:
        wanted, engine = self._options["replicas"], self._client.get("/info") or {}
        cpus = int(engine.get("NCPU") or os.cpu_count() or 1)
        image = str(definition.get("image") or "")
        published = next(
            (str(port.get("published")) for port in definition.get("ports") or () if port.get("published")), ""
        )
        lines = {
            "container_name": find_line(files, service.name, "container_name"),
            "ports": find_line(files, service.name, "ports", published) if published else None,
        }
        memory_bytes, basis = self._memory(service, definition)
        local = self._options["docker_host"].startswith("unix:")
        return Facts(
            service=service.name,
            role=service.role,
            current=len(service.replicas),
            wanted=wanted,
            definition=definition,
            lines={name: str(line) for name, line in lines.items() if line is not None},
            loads=self._loads(stack, service, definition, cpus),
            room=self._room(stack) if wanted > len(service.replicas) else Room(problem="nobody asked"),
            host=Host(cpus, memory_available(read_text("/proc/meminfo")) if local else None, runtimes(engine)),
            memory_bytes=memory_bytes,
            memory_basis=basis,
            cpus_wanted=cpus_wanted(stack, service, wanted),
            cpus_each=max((replica.cpu_limit for replica in service.replicas), default=0.0),
            image_missing=image if image and self._client.image(image) is None else "",
            image_drifted=any(
                hazard["id"] == "image_drifted" and hazard["subject"] in {one.name for one in service.replicas}
                for hazard in stack.hazards
            ),
        )

    def _loads(self, stack: Stack, chosen: Service, definition: t.Mapping[str, t.Any], cpus: int) -> tuple[Load, ...]:
        pool, overflow = self._options["pool_size"], self._options["max_overflow"]
        found = []
        for role in ("api", "worker"):
            for service in stack.by_role(role):
                count = self._options["replicas"] if service.name == chosen.name else len(service.replicas)
                if not count:
                    continue
                command, environment = described(service, definition if service.name == chosen.name else {})
                found.append(
                    load_of(service.name, role, count, command, environment, cpus=cpus, pool=pool, overflow=overflow)
                )
        return tuple(found)

    def _room(self, stack: Stack) -> Room:
        addresses = [
            address
            for role in ("api", "worker")
            for replica in stack.running(role)
            for address in replica.networks.values()
            if address
        ]
        try:
            login = resolve_postgres(stack, self._options, self._read_file)
            with _postgres.connect(login, float(self._options["postgres_timeout_s"])) as database:
                allowed, reserved, other = database.query(_ROOM, [addresses])[0]
        except OpsError as error:
            return Room(problem=str(error))
        return Room(int(allowed), int(reserved), int(other))

    def _memory(self, service: Service, definition: t.Mapping[str, t.Any]) -> tuple[int | None, str]:
        limits = [replica.memory_limit_bytes for replica in service.replicas if replica.memory_limit_bytes]
        told = str(definition.get("mem_limit") or "")
        if not limits and told.isdigit():
            limits = [int(told)]
        if limits:
            return max(limits), "the limit of each"
        used = [read_usage(replica.pid, replica.id) for replica in service.running]
        sizes = [usage.memory_bytes for usage in used if usage is not None]
        return (max(sizes), "what one uses now; it has no limit") if sizes else (None, "")

    def _workers(self, stack: Stack, service: Service) -> list[Worker]:
        if service.role != "worker":
            return []
        login = resolve_redis(stack, self._options, self._read_file)
        with _redis.connect(login, self._keys, float(self._options["redis_timeout_s"])) as broker:
            return WorkerLook(self._client, stack, broker, self._keys, self._options).workers(service.name)

    def _wait(self, service: Service, workers: t.Sequence[Worker]) -> tuple[list[str], float]:
        begin = time.monotonic()
        reasons = not_ready(service, workers, self._options["replicas"])
        while reasons and time.monotonic() - begin < self._options["wait_timeout_s"]:
            threading.Event().wait(2 * POLL_S)
            try:
                stack = self._discover()
                found = choose_service(service.name, stack.services)
                reasons = not_ready(found, (), self._options["replicas"])
                reasons = reasons or not_ready(found, self._workers(stack, found), self._options["replicas"])
            except OpsError as error:
                reasons = [str(error)]
        return reasons, round(time.monotonic() - begin, 1)

    def _read_file(self, replica: Replica, path: str) -> bytes | None:
        return self._client.read_file(replica.id, path)


def look(options: t.Mapping[str, t.Any], run_command: RunCommand) -> dict[str, t.Any]:
    """Look at the service on this host."""
    return ScaleInfo(DockerClient(options["docker_host"], options["docker_timeout_s"]), run_command, options).look()
