# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Campaigns of a requeue that is killed by SIGKILL again and again until a run comes through: none lost, none doubled.

Half of them with real Celery workers that consume meanwhile. In each, all jobs are stuck at first. Afterwards every job
has exactly one message, or was run exactly once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import psycopg2
import redis

from ansible_collections.rendiff.ops.plugins.module_utils._credentials import RedisLogin
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys
from ansible_collections.rendiff.ops.plugins.module_utils._redis import connect

ROOT = Path(__file__).resolve().parents[2]
DATABASE, DB = "rdops_chaos", 11
KEY = "default\x06\x163"
NAME = "chaos-requeue"
RUNS_MAX = 200
DRAINED_WITHIN_S = 120


def command(*argv: str, **more: t.Any) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed, within a bound."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, **more)
    if done.returncode:
        raise RuntimeError(f"{argv[:3]} failed: {done.stderr[-500:]}")
    return done


class Ground:
    """A database and a broker of its own in a sandbox."""

    def __init__(self, sandbox: str) -> None:
        described = command(sys.executable, str(ROOT / "tests/sandbox/sandbox"), "env", "--name", sandbox)
        facts = json.loads(described.stdout)
        self.project = facts["project"]
        lines = Path(facts["secrets_file"]).read_text(encoding="utf-8").split()
        self.secrets = dict(line.split("=", 1) for line in lines)
        self.postgres, self.redis = (self._address(service) for service in ("postgres", "redis"))

    def _address(self, service: str) -> str:
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
        return command("docker", "inspect", "-f", template, f"{self.project}-{service}-1").stdout.split()[0]

    def query(self, statement: str, *parameters: t.Any, database: str = DATABASE) -> list[tuple[t.Any, ...]]:
        """Run a statement and return its rows."""
        connection = psycopg2.connect(
            host=self.postgres, user="rendiff_user", dbname=database, password=self.secrets["POSTGRES_PASSWORD"]
        )
        connection.autocommit = True
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def broker(self) -> redis.Redis:
        """Return a client of the broker."""
        return redis.Redis(self.redis, db=DB, password=self.secrets["REDIS_PASSWORD"], socket_timeout=10)

    def make(self) -> None:
        """Make the database, of upstream's shape."""
        self.drop()
        self.query(f"CREATE DATABASE {DATABASE}", database="postgres")
        self.query((ROOT / "tests/sandbox/postgres/upstream.sql").read_text(encoding="utf-8"))

    def drop(self) -> None:
        """Drop it, whoever uses it."""
        self.query(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)", database="postgres")
        with contextlib.closing(self.broker()) as client:
            client.flushdb()

    def fill(self, jobs: int) -> None:
        """Put jobs there that are all stuck."""
        with contextlib.closing(self.broker()) as client:
            client.delete(KEY, "default", "chaos:runs", "rdops:sent", "rdops:busy", "unacked", "unacked_index")
        self.query("TRUNCATE jobs")
        self.query(
            "INSERT INTO jobs (id, status, priority, input_path, output_path, created_at) SELECT gen_random_uuid(),"
            " 'processing', 'normal', 'a', 'b', now() - interval '9 hours' FROM generate_series(1, %s)",
            jobs,
        )

    @contextlib.contextmanager
    def consumer(self) -> t.Iterator[None]:
        """Let a Celery worker consume while the block runs."""
        image = command("docker", "inspect", "-f", "{{.Config.Image}}", f"{self.project}-worker-cpu-1").stdout.strip()
        environment = {
            "REDIS_URL": f"redis://:{self.secrets['REDIS_PASSWORD']}@{self.redis}:6379/{DB}",
            "DATABASE_URL": f"postgresql://rendiff_user:{self.secrets['POSTGRES_PASSWORD']}@{self.postgres}/{DATABASE}",
        }
        argv = ["docker", "run", "--detach", "--rm", "--network", f"{self.project}_backend", "--entrypoint", "celery"]
        # The image says which project it was built for; a container that inherits that would be taken for a part of it.
        argv += ["--label", f"com.docker.compose.project={NAME}", "--env", "REDIS_URL", "--env", "DATABASE_URL"]
        argv += ["--volume", f"{ROOT / 'tests/chaos'}:/chaos:ro", "--workdir", "/chaos", image]
        argv += ["-A", "consumer", "worker", "-Q", "default", "--concurrency", "2", "--loglevel", "WARNING"]
        container = command(*argv, env={**os.environ, **environment}).stdout.strip()
        try:
            deadline = time.monotonic() + 60
            login = RedisLogin(self.redis, 6379, DB, password=self.secrets["REDIS_PASSWORD"])
            with connect(login, Keys(), 10) as broker:
                while not broker.broadcast("ping", 1).replies:
                    if time.monotonic() > deadline:
                        raise RuntimeError("the worker does not listen")
                    threading.Event().wait(0.2)
            yield
        finally:
            command("docker", "rm", "--force", container)

    def run_until_done(self, chance: random.Random, killed_in: int) -> int:
        """Requeue until a run comes through; return how often one was killed."""
        secrets = {name: self.secrets[name] for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD")}
        script = str(ROOT / "tests/chaos/killed_requeue.py")
        for kills in range(RUNS_MAX):
            argv = [sys.executable, script, str(chance.randrange(10**9)), str(killed_in)]
            argv += [self.postgres, DATABASE, self.redis, str(DB)]
            process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env={**os.environ, **secrets})
            # Also between its calls, at any moment of the work.
            bound = 0.3 + chance.random() * 1.2 if chance.random() < 0.2 else 60.0
            try:
                _out, said = process.communicate(timeout=bound)
            except subprocess.TimeoutExpired:
                process.kill()
                _out, said = process.communicate()
            if process.returncode == 0:
                return kills
            if process.returncode != -9:
                raise RuntimeError(f"it ended by itself: {said[-800:]}")
        raise RuntimeError(f"none of {RUNS_MAX} runs came through")


def count_waiting(ground: Ground, jobs: int) -> tuple[int, int]:
    """Return how many jobs have no message, and how many more messages than one a job there are."""
    with contextlib.closing(ground.broker()) as client:
        raws = [*client.lrange(KEY, 0, -1), *client.lrange("default", 0, -1)]
    found = [json.loads(raw)["headers"]["argsrepr"] for raw in raws]
    rows = ground.query("SELECT count(*) FROM jobs WHERE status = 'queued' AND retry_count = 1")[0][0]
    return max(jobs - len(set(found)), jobs - rows), len(found) - len(set(found))


def count_run(ground: Ground, jobs: int) -> tuple[int, int]:
    """Wait until nothing waits; return how many jobs were never run, and how many runs there were beyond the first."""
    deadline = time.monotonic() + DRAINED_WITHIN_S
    with contextlib.closing(ground.broker()) as client:
        while time.monotonic() < deadline:
            if not client.llen(KEY) and not client.llen("default") and not client.hlen("unacked"):
                break
            threading.Event().wait(0.2)
        runs = [int(count) for count in client.hvals("chaos:runs")]
    return jobs - len(runs), sum(runs) - len(runs)


def campaigns(ground: Ground, chance: random.Random, count: int, jobs: int, killed_in: int, *, consumed: bool) -> list:
    """Run some campaigns, and return (kills, lost, doubled) of each."""
    found = []
    for number in range(1, count + 1):
        ground.fill(jobs)
        begin = time.monotonic()
        with ground.consumer() if consumed else contextlib.nullcontext():
            kills = ground.run_until_done(chance, killed_in)
            lost, doubled = (count_run if consumed else count_waiting)(ground, jobs)
        found.append((kills, lost, doubled))
        kind = "consumed" if consumed else "alone"
        seconds = time.monotonic() - begin
        print(f"{kind:9}{number:5}{jobs:8}{kills:7}{lost:6}{doubled:9}{seconds:9.1f}", flush=True)
    return found


def main() -> int:
    """Run the campaigns; 0 when none was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sandbox", default="main")
    parser.add_argument("--campaigns", type=int, default=50, help="without consumers")
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--consumed-campaigns", type=int, default=50, help="with a Celery worker that consumes")
    parser.add_argument("--consumed-jobs", type=int, default=5000)
    parser.add_argument("--killed-in", type=int, default=150, help="a call in so many is the last")
    parser.add_argument("--seed", type=int, default=0, help="0 for another one each time")
    given = parser.parse_args()
    seed = given.seed or random.randrange(1, 10**6)
    chance = random.Random(seed)
    ground = Ground(given.sandbox)
    begin = time.monotonic()
    print(f"seed {seed}")
    print(f"{'':9}{'':>5}{'jobs':>8}{'kills':>7}{'lost':>6}{'doubled':>9}{'seconds':>9}")
    ground.make()
    try:
        found = campaigns(ground, chance, given.campaigns, given.jobs, given.killed_in, consumed=False)
        found += campaigns(
            ground, chance, given.consumed_campaigns, given.consumed_jobs, given.killed_in, consumed=True
        )
    finally:
        ground.drop()
    kills, lost, doubled = (sum(each[at] for each in found) for at in range(3))
    met = not lost and not doubled and kills > 0
    print(f"{kills} kills in {time.monotonic() - begin:.0f} s")
    print(f"{NAME} runs={len(found)} lost={lost} doubled={doubled} {'PASS' if met else 'MISS'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
