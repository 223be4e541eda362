# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: one real conversion, end to end, with a key of its own, and everything put back."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import posixpath
import threading
import time
import typing as t

from . import _postgres, _redis
from ._api_key import make_key, plan_row
from ._argspec import ArgumentSpec
from ._compose import Replica
from ._credentials import POSTGRES_ARGUMENTS, REDIS_ARGUMENTS, resolve_postgres, resolve_redis
from ._docker import DockerClient
from ._errors import OpsError
from ._http import Response, fetch_here
from ._key_write import remove_leftovers
from ._plan import Action, Plan
from ._queue import QUEUE_ARGUMENTS, Keys
from ._routes import HTTP_ARGUMENTS, public_target
from ._sample import make_video
from ._schema import introspect, require
from ._stack import STACK_ARGUMENTS, Stack
from ._verdict import CRITICAL, OK, Finding

SMOKE_ARGUMENTS = ArgumentSpec(
    {
        "timeout_s": {"type": "int", "default": 120},
        "request_timeout_s": {"type": "int", "default": 10},
        "input_dir": {"type": "str", "default": "/storage/input"},
        "output_dir": {"type": "str", "default": "/storage/output"},
    }
).merge(STACK_ARGUMENTS, POSTGRES_ARGUMENTS, REDIS_ARGUMENTS, QUEUE_ARGUMENTS, HTTP_ARGUMENTS)

KEY_NAME = "rendiff-ops smoke"
_POLL_S = 0.2
_DONE = ("completed", "failed", "cancelled")
# How an mp4 file begins, after its first four bytes.
_MP4_MARK = b"ftyp"


def plan_smoke(name: str, options: t.Mapping[str, t.Any]) -> Plan:
    """Return what a smoke test does: everything that it makes, it removes, so before and after are the same. Pure."""
    state = {"smoke_test_objects": 0}
    source = posixpath.join(options["input_dir"], f"{name}.avi")
    result = posixpath.join(options["output_dir"], f"{name}.mp4")
    return Plan(
        state,
        state,
        (
            Action(name, "api key made, used, removed"),
            Action(source, "input written, removed"),
            Action(result, "converted, proved, removed"),
        ),
    )


class SmokeTest:
    """One run. ``options`` are those of ``SMOKE_ARGUMENTS``; findings collect as the stages pass."""

    def __init__(self, client: DockerClient, stack: Stack, options: t.Mapping[str, t.Any], started: float) -> None:
        self.name = f"{KEY_NAME.replace(' ', '-')}-{int(started)}"
        self.plan = plan_smoke(self.name, options)
        self.findings: list[Finding] = []
        self.left_behind: list[str] = []
        self.job_id = ""
        self._ended = False
        self._client = client
        self._stack = stack
        self._options = options
        self._started = started
        self._bound = float(options["request_timeout_s"])
        self._key = make_key()
        self._input = posixpath.join(options["input_dir"], f"{self.name}.avi")
        self._output = posixpath.join(options["output_dir"], f"{self.name}.mp4")
        self._login = resolve_postgres(stack, options, self._read_file)
        self._target = public_target(stack, options)
        self._container = self._storage_container()

    def run(self) -> None:
        """Carry out every stage until one fails; then put everything back, whatever happened."""
        stages: list[tuple[str, t.Callable[[], str]]] = [
            ("key", self._make_key),
            ("input", self._write_input),
            ("submit", self._submit),
            ("convert", self._await_job),
            ("output", self._prove_output),
        ]
        for name, action in stages:
            if not self._stage(name, action):
                break
        self._stage("cleanup", self._clean)

    def _stage(self, name: str, action: t.Callable[[], str]) -> bool:
        begin = time.monotonic()
        try:
            summary, severity = action(), OK
        except OpsError as error:
            summary, severity = str(error), CRITICAL
        seconds = round(time.monotonic() - begin, 3)
        said = f"{summary} ({seconds:.2f} s)" if severity == OK else summary
        evidence = {"seconds": seconds, "job_id": self.job_id or None}
        commands = (self._stack.compose("logs", "--tail", "100", "api"),) if severity != OK else ()
        self.findings.append(Finding(f"smoke.{name}", "smoke", severity, name, said, evidence, commands))
        return severity == OK

    def _database(self, *, read_only: bool) -> t.ContextManager[_postgres.Database]:
        return _postgres.connect(self._login, self._bound, read_only=read_only)

    def _make_key(self) -> str:
        with self._database(read_only=False) as database:
            keys = require(introspect(database.query), "api_keys")
            now = datetime.datetime.now(datetime.timezone.utc)
            before = self._started - 2 * float(self._options["timeout_s"])
            remove_leftovers(database, keys, KEY_NAME.replace(" ", "-"), before)
            database.insert(keys.name, plan_row(keys, self._key, self.name, KEY_NAME, now))
            database.commit()
        return "A key of its own was made"

    def _write_input(self) -> str:
        directory = self._options["input_dir"]
        found = self._client.execute(self._container.id, ["stat", "-c", "%u %g", directory], self._bound)
        if found.exit_code != 0:
            raise OpsError(f"write into '{directory}'", "the container has no such folder", "Set input_dir")
        uid, gid = (int(part) for part in found.stdout.split())
        self._client.put_file(self._container.id, self._input, make_video(), uid=uid, gid=gid)
        return "An input video was written"

    def _request(self, method: str, path: str, document: t.Mapping[str, t.Any] | None = None) -> Response:
        target = dataclasses.replace(self._target, url=self._target.url + path)
        body = json.dumps(document).encode() if document is not None else None
        headers = {"X-API-Key": self._key, "Content-Type": "application/json"}
        return fetch_here(target, self._bound, method=method, headers=headers, body=body)

    def _submit(self) -> str:
        document = {"input": self._input, "output": self._output, "operations": []}
        response = self._request("POST", "/api/v1/convert", document)
        act = f"submit a conversion to {self._target.url}"
        if response.error:
            raise OpsError(act, response.error)
        if not response.ok:
            raise OpsError(act, f"the service answered {response.status}")
        self.job_id = job_id_of(response.body)
        if not self.job_id:
            raise OpsError(act, "the answer names no job")
        return f"Job {self.job_id} was accepted"

    def _await_job(self) -> str:
        deadline = time.monotonic() + float(self._options["timeout_s"])
        clock = threading.Event()
        begin = time.monotonic()
        waited = 0.0
        with self._database(read_only=True) as database:
            jobs = require(introspect(database.query), "jobs")
            columns = [jobs.column("status").name, jobs.column("id").name]
            if jobs.has("error_message"):
                columns[1] = jobs.column("error_message").name
            while True:
                rows = database.select(jobs.name, columns, jobs.column("id").name, self.job_id)
                database.commit()
                status, message = (str(rows[0][0]), str(rows[0][1] or "")) if rows else ("absent", "")
                if status in ("queued", "pending", "absent"):
                    waited = time.monotonic() - begin
                self._ended = status in _DONE
                if status == "completed":
                    return f"Job {self.job_id} waited {waited:.1f} s and was converted"
                if self._ended:
                    raise OpsError(
                        f"convert job {self.job_id}", f"it is {status}: {message[:300] or 'no reason given'}"
                    )
                if time.monotonic() > deadline:
                    remedy = "Run rendiff.ops.health_quick: it tells whether a worker consumes its queue"
                    limit = self._options["timeout_s"]
                    raise OpsError(f"convert job {self.job_id}", f"it is still {status} after {limit} s", remedy)
                clock.wait(_POLL_S)

    def _prove_output(self) -> str:
        content = self._client.read_file(self._container.id, self._output)
        if not content:
            raise OpsError(f"find the output of job {self.job_id}", f"'{self._output}' is missing or empty")
        if content[4:8] != _MP4_MARK:
            raise OpsError(f"use the output of job {self.job_id}", f"'{self._output}' is not an mp4 file")
        return f"The output is a video of {len(content)} bytes"

    def _clean(self) -> str:
        if self.job_id and not self._ended:
            # The message may still wait: the row must stay, cancelled, so that nobody takes it for a lost job.
            self._request("DELETE", f"/api/v1/jobs/{self.job_id}")
            self.left_behind.append(f"job {self.job_id}: cancelled; its message may still wait in a queue")
        paths = [self._input, self._output, f"{self._output}.tmp"]
        removed = self._client.execute(self._container.id, ["rm", "-f", "--", *paths], self._bound)
        if removed.exit_code != 0:
            self.left_behind.append(f"files {self.name}.*: {removed.stderr.decode('utf-8', 'replace').strip()[:200]}")
        with self._database(read_only=False) as database:
            tables = introspect(database.query)
            keys = require(tables, "api_keys")
            database.delete(keys.name, keys.column("name").name, self.name)
            if self._ended:
                jobs = require(tables, "jobs")
                database.delete(jobs.name, jobs.column("id").name, self.job_id)
            database.commit()
        if self._ended:
            with contextlib.suppress(OpsError):
                self._forget_in_redis()
        if self.left_behind:
            raise OpsError("put everything back", "; ".join(self.left_behind))
        return "Everything was put back"

    def _forget_in_redis(self) -> None:
        login = resolve_redis(self._stack, self._options, self._read_file)
        with _redis.connect(login, Keys.from_options(self._options), self._bound) as broker:
            task = broker.hash_field(f"job:{self.job_id}", "task_id")
            broker.delete(f"job:{self.job_id}", f"celery-task-meta-{task or self.job_id}")

    def _storage_container(self) -> Replica:
        for role in ("api", "worker"):
            for replica in self._stack.running(role):
                return replica
        raise OpsError("run a smoke test", "no api or worker container runs", "Run rendiff.ops.health_quick")

    def _read_file(self, replica: Replica, path: str) -> bytes | None:
        return self._client.read_file(replica.id, path)


def job_id_of(body: bytes) -> str:
    """Return the job's id in an answer to a conversion request, in the forms that the service uses. Pure."""
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(document, dict):
        return ""
    inner = document.get("job")
    for candidate in (inner if isinstance(inner, dict) else {}, document):
        for name in ("id", "job_id"):
            if candidate.get(name):
                return str(candidate[name])
    return ""
