# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the quick health check: all probes side by side, then one verdict."""

from __future__ import annotations

import functools
import time
import typing as t

from . import _postgres, _redis
from ._argspec import ArgumentSpec
from ._census import Census, take_census
from ._containers import judge_containers
from ._credentials import POSTGRES_ARGUMENTS, REDIS_ARGUMENTS, resolve_postgres, resolve_redis
from ._docker import DockerClient, RunCommand
from ._errors import OpsError
from ._health import (
    component_states,
    judge_api_replica,
    judge_entrance,
    judge_failure,
    judge_postgres,
    judge_queues,
    judge_redis,
    judge_untrusted,
    judge_workers,
)
from ._http import Response, Target, fetch
from ._probe import Probe, ProbeResult, run_probes
from ._queue import QUEUE_ARGUMENTS, Keys
from ._routes import HTTP_ARGUMENTS, public_target, replica_target
from ._stack import STACK_ARGUMENTS, Stack, discover
from ._verdict import CRITICAL, UNKNOWN, Finding, link_causes, overall, root_causes, summarize

HEALTH_ARGUMENTS = ArgumentSpec(
    {
        "timeout_s": {"type": "int", "default": 20},
        "probe_timeout_s": {"type": "int", "default": 5},
        "census_timeout_s": {"type": "float", "default": 2.0},
    }
).merge(STACK_ARGUMENTS, POSTGRES_ARGUMENTS, REDIS_ARGUMENTS, QUEUE_ARGUMENTS, HTTP_ARGUMENTS)

HEALTH_PATH, DETAILED_PATH = "/api/v1/health", "/api/v1/health/detailed"

_POSTGRES_FACTS = """
SELECT current_setting('server_version'), current_database(), pg_is_in_recovery(),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       current_setting('max_connections')::int
"""


class QuickHealth:
    """The probes of the quick check over one stack. ``options`` are those of ``HEALTH_ARGUMENTS``."""

    def __init__(self, client: DockerClient, stack: Stack, options: t.Mapping[str, t.Any]) -> None:
        self._client = client
        self._stack = stack
        self._options = options
        self._bound = float(options["probe_timeout_s"])

    def probes(self) -> dict[str, Probe]:
        """Return the probes by name; each returns findings and measured values."""
        found: dict[str, Probe] = {"postgres": self._postgres, "redis": self._redis, "queues": self._queues}
        if self._stack.by_role("api"):
            found["entrance"] = self._entrance
        for replica in self._stack.running("api"):
            found[f"api:{replica.name}"] = functools.partial(self._api, replica)
        return found

    def _postgres(self) -> list[Finding]:
        login = resolve_postgres(self._stack, self._options, self._read_file)
        with _postgres.connect(login, self._bound) as database:
            version, name, recovering, used, allowed = database.query(_POSTGRES_FACTS)[0]
        facts = {
            "version": version,
            "database": name,
            "in_recovery": recovering,
            "connections": used,
            "max_connections": allowed,
            "host": login.host,
            "port": login.port,
            "user": login.user,
        }
        return judge_postgres(facts)

    def _broker(self) -> t.ContextManager[_redis.Broker]:
        login = resolve_redis(self._stack, self._options, self._read_file)
        return _redis.connect(login, Keys.from_options(self._options), self._bound)

    def _redis(self) -> list[Finding]:
        with self._broker() as broker:
            broker.ping()
            return judge_redis(broker.info())

    def _queues(self) -> list[Finding]:
        with self._broker() as broker:
            census: Census = take_census(broker.broadcast("active_queues", float(self._options["census_timeout_s"])))
            consumed = {queue for queues in census.nodes.values() for queue in queues}
            names = consumed | broker.queues() | set(self._options["queues"])
            lengths = broker.lengths(sorted(names))
            unacked = broker.unacked()
        return [judge_workers(self._stack, census), *judge_queues(lengths, census, unacked)]

    def _entrance(self) -> list[Finding]:
        target = public_target(self._stack, self._options)
        base = target.url
        found: list[Finding] = []
        target = Target(base + HEALTH_PATH, target.connect_host, target.connect_port, target.ca_path, target.verify)
        response = fetch(target, self._bound)
        if response.untrusted:
            found.append(judge_untrusted(base, response))
            target = Target(target.url, target.connect_host, target.connect_port, "", verify=False)
            response = fetch(target, self._bound)
        return [judge_entrance(self._stack, base, response), *found]

    def _api(self, replica: t.Any) -> list[Finding]:
        target = replica_target(replica, self._options)
        if target is None:
            raise OpsError(f"reach the api container '{replica.name}'", "it has no address on any network")
        half = self._bound / 2
        health = fetch(Target(target.url + HEALTH_PATH), half)
        detailed = fetch(Target(target.url + DETAILED_PATH), half) if health.ok else Response()
        if health.ok and not detailed.error and component_states(detailed.body) is None and detailed.status == 404:
            detailed = Response(status=404, body=b"{}")
        return [judge_api_replica(self._stack, replica, health, detailed)]

    def _read_file(self, replica: t.Any, path: str) -> bytes | None:
        return self._client.read_file(replica.id, path)


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
        else:
            found.append(failure)
    return link_causes(found)


def report(
    project: str, findings: t.Sequence[Finding], stack: Stack | None, seconds: float, now: str
) -> dict[str, t.Any]:
    """Return one host's health as plain data, worst first; this is what artifacts and summaries are made from."""
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
    }


def check(options: t.Mapping[str, t.Any], run_command: RunCommand) -> dict[str, t.Any]:
    """Discover the stack, run every probe, and return the report; what cannot be discovered is a finding too."""
    started = time.monotonic()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    try:
        stack = discover(client, run_command, options["project"], options["service_roles"])
    except OpsError as error:
        finding = Finding("stack", "stack", UNKNOWN, options["project"] or "stack", str(error))
        return report(options["project"] or "", [finding], None, time.monotonic() - started, now)
    left = max(1.0, float(options["timeout_s"]) - (time.monotonic() - started))
    results = run_probes(QuickHealth(client, stack, options).probes(), left)
    findings = findings_of(stack, results)
    if not stack.by_role("api"):
        summary = f"Project '{stack.project}' has no api service."
        findings.append(Finding("api.absent", "api", CRITICAL, stack.project, summary))
    return report(stack.project, findings, stack, time.monotonic() - started, now)
