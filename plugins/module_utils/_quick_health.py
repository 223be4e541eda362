# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the probes of the quick health check."""

from __future__ import annotations

import functools
import typing as t

from . import _postgres, _redis
from ._census import Census, take_census
from ._credentials import resolve_postgres, resolve_redis
from ._docker import DockerClient
from ._errors import OpsError
from ._health import (
    component_states,
    judge_api_replica,
    judge_entrance,
    judge_postgres,
    judge_queues,
    judge_redis,
    judge_untrusted,
    judge_workers,
)
from ._http import Response, Target, fetch
from ._probe import Probe
from ._queue import Keys
from ._routes import public_target, replica_target
from ._stack import Stack
from ._verdict import Finding

HEALTH_PATH, DETAILED_PATH = "/api/v1/health", "/api/v1/health/detailed"

_POSTGRES_FACTS = """
SELECT current_setting('server_version'), current_database(), pg_is_in_recovery(),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'
          OR (backend_type IS NULL AND usename IS NOT NULL AND datname IS NOT NULL)),
       current_setting('max_connections')::int
"""


class QuickHealth:
    """The probes of the quick check over one stack. ``options`` are those of ``HEALTH_ARGUMENTS``."""

    def __init__(self, client: DockerClient, stack: Stack, options: t.Mapping[str, t.Any]) -> None:
        self._client = client
        self._stack = stack
        self._options = options
        self._bound = float(options["probe_timeout_s"])
        # What was measured, as plain data, for reports and for whoever computes with it.
        self.measurements: dict[str, t.Any] = {}

    def probes(self) -> dict[str, Probe]:
        """Return the probes by name; each returns findings and measured values."""
        found: dict[str, Probe] = {"postgres": self._postgres, "redis": self._redis, "queues": self._queues}
        if self._stack.by_role("api"):
            found["entrance"] = self._entrance
        for replica in self._stack.running("api"):
            found[f"api:{replica.name}"] = functools.partial(self._api, replica)
        return found

    def conclude(self) -> list[Finding]:
        """Return what only several probes together can tell, once all of them have ended."""
        return []

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
