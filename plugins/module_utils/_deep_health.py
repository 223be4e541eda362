# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the probes of the deep health check, and what only all of them together can tell."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
import typing as t
from urllib.parse import urlsplit

from . import _postgres
from ._argspec import ArgumentSpec
from ._census import Census
from ._certificate import fetch_certificate, judge_certificate, read_validity
from ._compose import Replica
from ._container_load import ContainerLoad, judge_images, judge_load
from ._credentials import PostgresLogin, resolve_postgres
from ._docker import DockerClient
from ._errors import OpsError
from ._health import component_states, judge_queues, judge_redis, judge_workers
from ._host_health import (
    judge_connections,
    judge_drill,
    judge_storage,
    read_connections,
    read_drills,
    read_storage,
)
from ._http import Response, Target, fetch
from ._job_health import judge_jobs, put_aside, read_jobs, suspects
from ._latency import judge_latency, summarize_samples
from ._log_health import LogErrors, judge_logs, read_logs
from ._postgres_health import count_by, judge_postgres_deep, missing_extensions, read_postgres
from ._probe import Probe
from ._prometheus import judge_prometheus, locate, query_of, read_prometheus
from ._queue import Keys
from ._queue_health import (
    QueueFacts,
    ask_workers,
    describe_tasks,
    judge_broker,
    judge_messages,
    look_at_queues,
    rates,
)
from ._quick_health import HEALTH_PATH, QuickHealth
from ._routes import public_target, replica_target
from ._stack import Stack
from ._verdict import OK, WARNING, Finding

DEEP_ARGUMENTS = ArgumentSpec(
    {
        "samples": {"type": "int", "default": 5},
        "log_window_s": {"type": "int", "default": 600},
        "prometheus_url": {"type": "str"},
        "slo": {"type": "float", "default": 0.999},
    }
)


class DeepHealth(QuickHealth):
    """The probes of the deep check over one stack; ``limits`` are the thresholds."""

    def __init__(
        self, client: DockerClient, stack: Stack, options: t.Mapping[str, t.Any], limits: t.Mapping[str, t.Any]
    ) -> None:
        super().__init__(client, stack, options)
        self._limits = limits
        self._started = time.time()
        self._census: Census | None = None
        self._queue_facts: QueueFacts | None = None
        self._job_facts: dict[str, t.Any] | None = None
        self._evicted = False
        if not 0 < options["slo"] < 1:
            raise OpsError("use the option slo", f"{options['slo']} is no share between 0 and 1", "Give one like 0.999")
        self._prometheus = locate(stack, options["prometheus_url"])

    def probes(self) -> dict[str, Probe]:
        """Return the probes by name; each returns findings, and leaves what it measured in ``measurements``."""
        found = {
            **super().probes(),
            "jobs": self._jobs,
            "load": self._load,
            "storage": self._storage,
            "connections": self._connections,
            "logs": self._logs,
            "drill": self._drill,
        }
        if self._stack.by_role("api"):
            found["certificate"] = self._certificate
        if self._prometheus:
            found["metrics"] = self._metrics
        return found

    def conclude(self) -> list[Finding]:
        """Judge the jobs by rows, messages and workers together, and the images of the replicas."""
        found = judge_images(self._stack)
        latency = self.measurements.get("latency", {})
        # The way from outside first, then the replicas: probes end in any order.
        self.measurements["latency"] = dict(sorted(latency.items(), key=lambda item: ("://" not in item[0], item[0])))
        if self._job_facts is None:
            return found
        judged = self._judge_jobs(self._job_facts)
        if suspects(judged):
            # The rows were read while the workers were still asked: what ended in between only looks stuck.
            with contextlib.suppress(OpsError):
                judged = self._judge_jobs(self._read_jobs())
                with self._broker() as broker:
                    patterns = Keys.from_options(self._options).aside_patterns
                    judged = put_aside(judged, sum(broker.count_like(pattern) for pattern in patterns))
        return found + judged

    def _judge_jobs(self, facts: t.Mapping[str, t.Any]) -> list[Finding]:
        return judge_jobs(facts, self._queue_facts, self._census, self._evicted, self._limits)

    def _read_jobs(self) -> dict[str, t.Any]:
        login = resolve_postgres(self._stack, self._options, self._read_file)
        with _postgres.connect(login, self._bound) as database:
            return read_jobs(database)

    def _postgres(self) -> list[Finding]:
        login = resolve_postgres(self._stack, self._options, self._read_file)
        with _postgres.connect(login, self._bound) as database:
            facts = read_postgres(database)
        self.measurements["postgres"] = {
            "version": facts["version"],
            "connections": len(facts["sessions"]) + 1,
            "max_connections": facts["max_connections"],
            "by_state": count_by(facts["sessions"], "state"),
            "by_database": count_by(facts["sessions"], "database"),
            "missing_extensions": missing_extensions(facts),
            "slots": facts["slots"],
            "dead_rows": facts["tables"],
        }
        return judge_postgres_deep(facts, self._limits, self._psql(login), self._options["required_extensions"])

    def _psql(self, login: PostgresLogin) -> str:
        arguments = ["psql", "-U", login.user, "-d", login.database]
        for service in self._stack.by_role("postgres"):
            if service.running:
                return self._stack.compose("exec", "-T", service.name, *arguments)
        return " ".join([*arguments, "-h", login.host, "-p", str(login.port)])

    def _redis(self) -> list[Finding]:
        limit = max((replica.memory_limit_bytes for replica in self._stack.running("redis")), default=0)
        with self._broker() as broker:
            info = broker.info()
        policy = str(info.get("maxmemory_policy", ""))
        self._evicted = policy.startswith("allkeys") and int(info.get("evicted_keys", 0)) > 0
        names = ("used_memory", "maxmemory", "maxmemory_policy", "evicted_keys", "connected_clients", "blocked_clients")
        self.measurements["redis"] = {name: info.get(name) for name in names}
        return [*judge_redis(info), *judge_broker(info, limit, self._limits)]

    def _queues(self) -> list[Finding]:
        keys = Keys.from_options(self._options)
        with self._broker() as broker:
            census, known = ask_workers(broker, float(self._options["census_timeout_s"]))
            consumed = {queue for queues in census.nodes.values() for queue in queues}
            names = sorted(consumed | broker.queues() | set(self._options["queues"]))
            facts = look_at_queues(broker, keys, names, known, time.time())
        self._census, self._queue_facts = census, facts
        self.measurements["queues"] = {
            queue: {**row, "consumers": census.consumers(queue), "poison": len(facts.poison.get(queue, ()))}
            for queue, row in rates(facts).items()
        }
        self.measurements["unacked"] = {"count": facts.unacked, "oldest_s": round(facts.unacked_oldest_s)}
        self.measurements["workers"] = {**census.describe(), "tasks": describe_tasks(census, time.time())}
        return [
            judge_workers(self._stack, census),
            *judge_queues(facts.lengths, census, facts.unacked),
            *judge_messages(facts, self._limits),
        ]

    def _jobs(self) -> list[Finding]:
        self._job_facts = facts = self._read_jobs()
        waits = [row["age_s"] for row in facts["waiting"] if row["age_s"] is not None]
        self.measurements["jobs"] = {
            "counts": facts["counts"],
            "oldest_waiting_s": round(max(waits)) if waits else None,
            "completed_last_hour": facts["completed_last_hour"],
            "failures_last_hour": facts["failures"],
        }
        return []

    def _sample(self, target: Target, bound: float) -> list[Response]:
        """Return several answers of one address, one after another, for at most ``bound`` seconds."""
        deadline = time.monotonic() + bound
        found: list[Response] = []
        while len(found) < max(1, self._options["samples"]):
            left = deadline - time.monotonic()
            if found and left < bound / 10:
                break
            response = fetch(target, max(left, bound / 10))
            if response.ok and component_states(response.body) is None:
                said = f"status {response.status} with a body that is not JSON"
                response = dataclasses.replace(response, status=0, error=f"{target.url} gives {said}")
            found.append(response)
            if response.error:
                break
        return found

    def _latency(self, identity: str, component: str, subject: str, target: Target) -> list[Finding]:
        figures = summarize_samples(self._sample(target, self._bound))
        self.measurements.setdefault("latency", {})[subject] = figures
        found = judge_latency(identity, component, subject, figures, self._limits["api_p95_s"])
        # That it answers at all is judged already; here only how fast.
        return [dataclasses.replace(found, stops=False)] if found.severity == WARNING else []

    def _entrance(self) -> list[Finding]:
        found = super()._entrance()
        if found[0].severity != OK:
            return found
        target = public_target(self._stack, self._options)
        trusted = target.verify and len(found) == 1
        ca_path = target.ca_path if trusted else ""
        address = Target(target.url + HEALTH_PATH, target.connect_host, target.connect_port, ca_path, trusted)
        return [*found, *self._latency("entrance.latency", "entrance", target.url, address)]

    def _api(self, replica: Replica) -> list[Finding]:
        found = super()._api(replica)
        target = replica_target(replica, self._options)
        if found[0].severity != OK or target is None:
            return found
        address = Target(target.url + HEALTH_PATH)
        return [*found, *self._latency(f"{replica.name}.latency", "api", replica.name, address)]

    def _certificate(self) -> list[Finding]:
        target = public_target(self._stack, self._options)
        if urlsplit(target.url).scheme != "https":
            return []
        validity = read_validity(fetch_certificate(target, self._bound))
        found = judge_certificate(target.url, validity, time.time(), self._limits)
        self.measurements["certificate"] = {"url": target.url, **found.evidence}
        return [found]

    def _load(self) -> list[Finding]:
        rows = ContainerLoad(self._client, self._stack, self._bound).measure()
        self.measurements["containers"] = rows
        return judge_load(self._stack, rows, self._limits)

    def _storage(self) -> list[Finding]:
        facts = read_storage(self._stack, self._client, self._bound)
        self.measurements["storage"] = {**facts, "full_within_h": self._limits["storage_full_within_h"]}
        return judge_storage(facts, self._limits)

    def _connections(self) -> list[Finding]:
        counts = read_connections(self._stack)
        self.measurements["connections"] = counts
        return judge_connections(counts)

    def _logs(self) -> list[Finding]:
        window = int(self._options["log_window_s"])
        logs = read_logs(self._client, self._stack, self._started - window, self._bound)
        self.measurements["log_errors"] = {
            name: dict(list(errors.kinds.items())[:5]) if isinstance(errors, LogErrors) else None
            for name, errors in logs.items()
        }
        return judge_logs(logs, window, self._limits)

    def _metrics(self) -> list[Finding]:
        ask = functools.partial(query_of, self._prometheus, self._bound)
        facts = read_prometheus(self._prometheus, ask(), self._options["slo"], self._bound)
        self.measurements["metrics"] = {"url": self._prometheus, **facts}
        return judge_prometheus(facts, self._prometheus, self._options["slo"])

    def _drill(self) -> list[Finding]:
        entry = read_drills()
        self.measurements["drill"] = entry
        return judge_drill(entry, self._started, self._limits)
