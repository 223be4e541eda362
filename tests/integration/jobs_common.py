# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of jobs share."""

from __future__ import annotations

import contextlib
import typing as t
import uuid

from conftest import STEPS, WITHIN_S, Answer, Module, Sandbox, docker, until
from core_common import Core

from ansible_collections.rendiff.ops.plugins.module_utils._job_change import CHANGE_ARGUMENTS, change
from ansible_collections.rendiff.ops.plugins.module_utils._job_info import INFO_ARGUMENTS, look
from ansible_collections.rendiff.ops.plugins.module_utils._message import TASK, make_message

# Two looks right after each other: nothing comes or goes here but what a test does.
QUICK = {"min_age_s": 0, "census_interval_s": 0.2}


def core_info(**common: t.Any) -> Core:
    """Return the body of rendiff_jobs_info."""
    return Core(look, INFO_ARGUMENTS, changes=False, **common)


def core_change(**common: t.Any) -> Core:
    """Return the body of rendiff_jobs."""
    return Core(change, CHANGE_ARGUMENTS, changes=True, **common)


class Jobs:
    """The modules against the service of a sandbox, and its rows."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        common = {"project": sandbox.project, **QUICK}
        self.info = core_info(**common)
        common["state_dir"] = f"{sandbox.facts['state_dir']}/ops"
        self.change = core_change(**common)
        self.module = Module("rendiff_jobs", **common)
        self.worker = sandbox.container("worker-cpu")

    def row(self, job: str) -> dict[str, t.Any]:
        """Return what a row says of its job."""
        names = ("status", "retry_count", "worker_id", "error_message", "progress")
        found = self.sandbox.query(f"SELECT {', '.join(names)} FROM jobs WHERE id::text = %s", job)
        return dict(zip(names, found[0]))

    def status(self, job: str) -> str:
        """Return the status of a job's row."""
        return self.sandbox.status(job)

    def set(self, job: str, assignments: str) -> None:
        """Change a row by hand."""
        self.sandbox.query(f"UPDATE jobs SET {assignments} WHERE id::text = %s", job)

    def verdict(self, job: str, **options: t.Any) -> dict[str, t.Any]:
        """Return what the module says of one job."""
        answer = self.info(job_ids=[job], **options)
        assert not answer.failed, answer.output
        listed = answer.result["jobs"]["list"]
        assert len(listed) == 1, answer.result
        return listed[0]

    def apply(self, *, whole: bool = False, **options: t.Any) -> Answer:
        """See in check mode what would be done, do it, and see that it was that; ``whole``: through Ansible."""
        change_jobs = self.module if whole else self.change
        planned = change_jobs(check=True, **options)
        assert not planned.failed, planned.output
        done = change_jobs(**options)
        assert not done.failed, done.output
        assert done.result["plan_id"] == planned.result["plan_id"]
        assert done.result["jobs"]["planned"] == planned.result["jobs"]["planned"]
        return done

    def wait(self, jobs: t.Iterable[str], status: str, within_s: float = WITHIN_S) -> None:
        """Wait until all of some jobs have a status."""
        wanted = list(jobs)
        until(lambda: {self.status(job) for job in wanted} == {status}, f"{wanted} are {status}", within_s)

    def idle(self) -> None:
        """Wait until no message waits and none is delivered."""
        with self.sandbox.broker() as client:
            until(lambda: not client.hlen("unacked") and not client.llen("default" + STEPS[1]), "all is quiet")

    @contextlib.contextmanager
    def stopped(self) -> t.Iterator[None]:
        """Stop the worker for as long as the context lasts."""
        with self.sandbox.broken(["stop", "-t", "5", self.worker], ["start", self.worker]):
            yield
        self.well()

    def well(self) -> None:
        """Wait until the service is well and its worker, that has just begun to listen, also answers."""
        self.sandbox.wait_until_well()
        until(lambda: not self.info(list_max=0).result["jobs"]["unsure"], "all workers answer")

    def start_long(self, seconds: int) -> str:
        """Submit a job of so many seconds and wait until a worker runs it."""
        job = self.sandbox.submit("--count", "1", "--seconds", str(seconds))[0]
        self.wait([job], "processing")
        return job

    def children(self) -> list[str]:
        """Return the process ids, as the host has them, of what runs a job in the worker, the encoders apart."""
        listing = docker("top", self.worker, "-eo", "pid,ppid,args").splitlines()[1:]
        found = [line.split(None, 2) for line in listing]
        workers = [(pid, ppid) for pid, ppid, command in found if "celery" in command and "ffmpeg" not in command]
        parents = {ppid for _pid, ppid in workers}
        return [pid for pid, _ppid in workers if pid not in parents]

    def encoders(self) -> list[str]:
        """Return the commands that encode in the worker."""
        listing = docker("top", self.worker, "-eo", "pid,args").splitlines()[1:]
        return [line.split(None, 1)[1] for line in listing if line.split()[1] == "ffmpeg"]


def message(job: str, queue: str = "default", priority: int = 5) -> bytes:
    """Return a message for a job as the api sends it."""
    identity = str(uuid.uuid4())
    return make_message(TASK, identity, job, queue, priority, identity)
