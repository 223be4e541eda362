# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: look at jobs and judge them: what reports and changes of jobs have in common."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from . import _postgres, _redis
from ._argspec import ArgumentSpec
from ._credentials import POSTGRES_ARGUMENTS, REDIS_ARGUMENTS, resolve_postgres, resolve_redis
from ._docker import DockerClient, RunCommand
from ._errors import OpsError
from ._job_encoders import Encoders
from ._job_evidence import TABLES, Evidence, Gatherer
from ._job_rows import JobFilter, JobTable
from ._job_verdict import FORCE, Limits, Scene
from ._keys import KeyTable, find_keys
from ._queue import QUEUE_ARGUMENTS, Keys
from ._queue_look import holders_of
from ._schema import introspect, require
from ._stack import STACK_ARGUMENTS, discover
from ._unacked import Holder, owner_of

ROUTES: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "low": {"queue": "low", "priority": 1},
    "normal": {"queue": "default", "priority": 5},
    "high": {"queue": "high", "priority": 9},
}

JOB_ARGUMENTS = ArgumentSpec(
    {
        "job_ids": {"type": "list", "elements": "str", "default": []},
        "statuses": {"type": "list", "elements": "str", "default": []},
        "older_than_s": {"type": "int", "default": 0},
        "api_key": {"type": "str", "no_log": True},
        "api_key_id": {"type": "str"},
        "operation": {"type": "str"},
        "queue": {"type": "str"},
        "job_routes": {"type": "dict", "default": {name: dict(route) for name, route in ROUTES.items()}},
        "min_age_s": {"type": "int", "default": 60},
        "stuck_after_s": {"type": "int", "default": 22_500},
        "hung_after_s": {"type": "int", "default": 22_500},
        "max_attempts": {"type": "int", "default": 3},
        "visibility_timeout_s": {"type": "int", "default": 3600},
        "force": {"type": "list", "elements": "str", "choices": list(FORCE), "default": []},
        "sample_size": {"type": "int", "default": 20},
        "census_interval_s": {"type": "float", "default": 5.0},
        "census_timeout_s": {"type": "float", "default": 2.0},
        "postgres_timeout_s": {"type": "int", "default": 60},
        "redis_timeout_s": {"type": "int", "default": 10},
    },
    mutually_exclusive=[("api_key", "api_key_id")],
).merge(STACK_ARGUMENTS, POSTGRES_ARGUMENTS, REDIS_ARGUMENTS, QUEUE_ARGUMENTS)
_NOT_NEGATIVE = ("older_than_s", "min_age_s", "stuck_after_s", "hung_after_s", "max_attempts", "sample_size")


class Site(t.NamedTuple):
    """Where the jobs of a service are: its database and broker, both open, and the containers that may run workers.

    ``storage``: where the files of jobs really are on this host, None where that is not known.
    ``encoders`` looks into these, where there are any.
    """

    project: str
    database_name: str
    database: _postgres.Database
    broker: _redis.Broker
    keys: Keys
    holders: t.Sequence[Holder]
    storage: t.Mapping[str, t.Any] | None = None
    encoders: Encoders | None = None


@contextlib.contextmanager
def open_site(options: t.Mapping[str, t.Any], run_command: RunCommand) -> t.Iterator[Site]:
    """Find the service, and open its database and its broker."""
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    stack = discover(client, run_command, options["project"], options["service_roles"])

    def read_file(replica: t.Any, path: str) -> bytes | None:
        return client.read_file(replica.id, path)

    keys = Keys.from_options(options)
    postgres = resolve_postgres(stack, options, read_file)
    broker_login = resolve_redis(stack, options, read_file)
    with (
        _postgres.connect(postgres, float(options["postgres_timeout_s"]), read_only=False) as database,
        _redis.connect(broker_login, keys, float(options["redis_timeout_s"])) as broker,
    ):
        name = f"{postgres.host}:{postgres.port}/{postgres.database}"
        replicas = [replica for service in stack.services for replica in service.replicas]
        encoders = Encoders(client, replicas)
        yield Site(stack.project, name, database, broker, keys, holders_of(stack), stack.storage(), encoders)


def check_options(act: str, options: t.Mapping[str, t.Any]) -> dict[str, tuple[str, int]]:
    """Refuse what makes no sense; return the routes: (queue, priority) by the priority of a row. Pure."""
    for name in _NOT_NEGATIVE:
        if options[name] < 0:
            raise OpsError(act, f"{name} is {options[name]}, below 0")
    routes: dict[str, tuple[str, int]] = {}
    for name, route in options["job_routes"].items():
        queue = route.get("queue") if isinstance(route, dict) else None
        priority = route.get("priority") if isinstance(route, dict) else None
        if not isinstance(queue, str) or not queue or not isinstance(priority, int) or not 0 <= priority <= 255:
            raise OpsError(
                act, f"job_routes has no queue and priority for '{name}'", "Write {queue: name, priority: 5}"
            )
        routes[str(name)] = (queue, priority)
    return routes


def filter_of(
    act: str, options: t.Mapping[str, t.Any], routes: t.Mapping[str, tuple[str, int]], usual: t.Sequence[str]
) -> JobFilter:
    """Return the filter that the options describe; ``usual`` are the statuses where none are named. Pure."""
    priorities: tuple[str, ...] = ()
    if options["queue"]:
        priorities = tuple(name for name, route in routes.items() if route[0] == options["queue"])
        if not priorities:
            queues = ", ".join(sorted({queue for queue, _priority in routes.values()}))
            raise OpsError(act, f"job_routes leads no job to queue '{options['queue']}'", f"Routed are: {queues}")
    return JobFilter(
        job_ids=tuple(dict.fromkeys(job.strip() for job in options["job_ids"])),
        statuses=tuple(status.lower() for status in options["statuses"] or usual),
        priorities=priorities,
        older_than_s=options["older_than_s"],
        api_key=options["api_key"] or "",
        operation=options["operation"] or "",
    )


def of_key(database: _postgres.Database, act: str, wanted: JobFilter, key_id: str | None) -> JobFilter:
    """Return a filter that leaves the jobs of one API key, as this site keeps them; the same where none is named."""
    if not key_id:
        return wanted
    keys = KeyTable(require(introspect(database.query), "api_keys"))
    (key,) = find_keys(database, keys, {"key_id": key_id}, act, lock=False)
    return dataclasses.replace(wanted, api_key=key.hash, api_key_id=key.id)


class JobLook:
    """One look at the jobs of a site, in the tables of its session."""

    def __init__(self, site: Site, options: t.Mapping[str, t.Any]) -> None:
        self._site = site
        self._options = options
        self.table = JobTable(require(introspect(site.database.query), "jobs"))
        for statement in TABLES:
            site.database.execute(statement)
        site.database.commit()

    def gather(self, beat: t.Callable[[], None] = lambda: None) -> tuple[Evidence, Scene]:
        """Look at broker and workers."""
        site, options = self._site, self._options
        evidence = Gatherer(site.broker, site.keys, site.database, site.holders, options, beat).gather()
        limits = Limits(
            options["min_age_s"], options["stuck_after_s"], options["hung_after_s"], options["max_attempts"]
        )
        scene = Scene(
            census=evidence.census,
            holders=site.holders,
            now=evidence.now,
            limits=limits,
            unsure=evidence.unsure,
            blind=evidence.blind,
            force=frozenset(options["force"]),
        )
        return evidence, scene

    def read_only(self) -> None:
        """Let nothing but the tables of the session be written from now on."""
        self._site.database.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        self._site.database.commit()

    def owners(self, jobs: t.Sequence[str]) -> dict[str, str]:
        """Return the node that the result backend names as having started a job's task, for those that it knows."""
        tasks = self._site.broker.pipeline([("HGET", f"job:{job}", "task_id") for job in jobs])
        known = [(job, task.decode("utf-8", "replace")) for job, task in zip(jobs, tasks) if isinstance(task, bytes)]
        prefix = self._site.keys.prefix
        metas = self._site.broker.pipeline([("GET", f"{prefix}celery-task-meta-{task}") for _job, task in known])
        named = ((job, owner_of(meta)) for (job, _task), meta in zip(known, metas))
        return {job: owner for job, owner in named if owner}

    def statuses_of(self, jobs: t.Iterable[str]) -> list[tuple[str, str]]:
        """Return (id, status) of those of some jobs (in lower case) that exist."""
        statement = _postgres.sql.SQL("SELECT {0}, {1} FROM {2} AS j WHERE lower({0}) = ANY (%s)").format(
            self.table.identity, self.table.status, self.table.name
        )
        return [(str(job), str(status)) for job, status in self._site.database.query(statement, [list(jobs)])]

    def counts(self) -> dict[str, int]:
        """Return how many jobs have which status, as it is spelled in their rows."""
        statement = _postgres.sql.SQL("SELECT {}::text, count(*) FROM {} AS j GROUP BY 1").format(
            self.table.raw_status, self.table.name
        )
        return {str(status): int(count) for status, count in self._site.database.query(statement)}

    def labels(self) -> list[str]:
        """Return what the enum of the status allows, empty where it is a text."""
        statement = _postgres.sql.SQL(
            "SELECT e.enumlabel FROM pg_enum AS e WHERE e.enumtypid = ("
            "SELECT a.atttypid FROM pg_attribute AS a WHERE a.attrelid = to_regclass(%s) AND a.attname = %s)"
            " ORDER BY e.enumsortorder"
        )
        return [str(row[0]) for row in self._site.database.query(statement, ["jobs", self.table.status_name])]
