# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requeue of a million stuck jobs, against its bare parts, and against a loop that sends job by job.

``bare`` are the parts that no requeue can do without: the same rows set in batches, the same messages pushed in
pipelines. Memory is that of the process, once with 10,000 jobs and once with all of them.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import typing as t
import uuid

import requeue
from killed_requeue import options
from queue_scan import own_redis

from ansible_collections.rendiff.ops.plugins.module_utils import _postgres, _redis
from ansible_collections.rendiff.ops.plugins.module_utils._credentials import (
    PostgresLogin,
    RedisLogin,
)
from ansible_collections.rendiff.ops.plugins.module_utils._job_change import JobChange
from ansible_collections.rendiff.ops.plugins.module_utils._job_look import Site
from ansible_collections.rendiff.ops.plugins.module_utils._message import TASK, make_message
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys

NAME = "bench-jobs"
JOBS = int(os.environ.get("BENCH_JOBS", "1000000"))
FEW = 10_000
SANDBOX = os.environ.get("BENCH_SANDBOX", "main")
BATCH = 1000
GOAL, LOOP_GOAL, MEMORY_GOAL, MEMORY_MAX_KIB = 1.5, 30, 1.3, 150 * 1024
LOOP = """
import os, sys, time
import psycopg2
from celery import Celery
app = Celery("worker", broker=os.environ["REDIS_URL"])
rows = psycopg2.connect(os.environ["DATABASE_URL"])
begin = time.perf_counter()
cursor = rows.cursor()
cursor.execute("SELECT id FROM jobs WHERE status = 'processing'")
for (job,) in cursor.fetchall():
    cursor.execute("UPDATE jobs SET status = 'queued', retry_count = coalesce(retry_count, 0) + 1 WHERE id = %s", [job])
    rows.commit()
    app.send_task("worker.process_job", args=[job], queue="default", priority=5)
print(time.perf_counter() - begin)
"""


def make_ground() -> requeue.Ground:
    """Return a database in a sandbox, and the Redis that was started for this."""
    ground = requeue.Ground(SANDBOX)
    ground.redis, ground.secrets["REDIS_PASSWORD"] = os.environ["BENCH_REDIS"], ""
    return ground


def connections(ground: requeue.Ground) -> tuple[t.Any, t.Any]:
    """Return how the database and the broker are opened."""
    postgres = PostgresLogin(
        ground.postgres, 5432, "rendiff_user", requeue.DATABASE, ground.secrets["POSTGRES_PASSWORD"]
    )
    login = RedisLogin(ground.redis, 6379, requeue.DB, password=ground.secrets["REDIS_PASSWORD"])
    return _postgres.connect(postgres, 600, read_only=False), _redis.connect(login, Keys(), 60)


def ours(ground: requeue.Ground, jobs: int) -> float:
    """Requeue everything as the module does; return the seconds."""
    opened, broker_opened = connections(ground)
    with opened as rows, broker_opened as broker:
        begin = time.perf_counter()
        given = options(
            state="queued", max_jobs=0, older_than_s=1000, census_interval_s=0, allow_unconsumed=True, state_dir="/tmp"
        )
        done = JobChange(Site("bench", "bench", rows, broker, Keys(), ()), given).run(False)
        seconds = time.perf_counter() - begin
    if done["jobs"]["done"] != {"send": jobs}:
        raise RuntimeError(f"not all were sent: {done['jobs']['done']}")
    return seconds


def bare(ground: requeue.Ground, jobs: int) -> float:
    """Set the rows in batches and push the messages in pipelines, with nothing looked at; return the seconds."""
    opened, _broker_opened = connections(ground)
    client = ground.broker()
    begin = time.perf_counter()
    done = 0
    with opened as rows:
        while done < jobs:
            found = rows.query(
                "UPDATE jobs SET status = 'queued', retry_count = coalesce(retry_count, 0) + 1 WHERE id IN"
                " (SELECT id FROM jobs WHERE status = 'processing' LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id",
                [BATCH],
            )
            rows.commit()
            with client.pipeline(transaction=False) as pipeline:
                for (job,) in found:
                    identity = str(uuid.uuid4())
                    pipeline.lpush(requeue.KEY, make_message(TASK, identity, job, "default", 5, identity))
                pipeline.execute()
            done += len(found)
    client.close()
    return time.perf_counter() - begin


def loop(ground: requeue.Ground) -> float:
    """Set and send job by job with Celery itself; return the seconds."""
    environment = {
        "REDIS_URL": f"redis://:{ground.secrets['REDIS_PASSWORD']}@{ground.redis}:6379/{requeue.DB}",
        "DATABASE_URL": f"postgresql://rendiff_user:{ground.secrets['POSTGRES_PASSWORD']}@{ground.postgres}"
        f"/{requeue.DATABASE}",
    }
    worker = f"{ground.project}-worker-cpu-1"
    argv = ["docker", "exec", "--interactive", "--env", "REDIS_URL", "--env", "DATABASE_URL", worker, "python3", "-"]
    done = subprocess.run(
        argv,
        input=LOOP,
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
        env={**os.environ, **environment},
    )
    return float(done.stdout)


def in_child(work: str, jobs: int) -> dict[str, float]:
    """Run one turn in a process of its own; return its seconds and its peak memory in KiB."""
    argv = [sys.executable, __file__, work, str(jobs)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=1500, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-800:])
    return json.loads(done.stdout.splitlines()[-1])


def turn(work: str, jobs: int) -> None:
    """Do one turn, and print its figures."""
    ground = make_ground()
    seconds = (ours if work == "ours" else bare)(ground, jobs)
    print(json.dumps({"seconds": seconds, "kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


def measure(ground: requeue.Ground) -> tuple[list[dict[str, float]], list[float], dict[str, float], dict[str, float]]:
    """Return the figures of ours and of the loop with few jobs, and of the bare parts and of ours with all."""
    few, loops = [], []
    for number in range(1, 4):
        ground.fill(FEW)
        few.append(in_child("ours", FEW))
        ground.fill(FEW)
        loops.append(loop(ground))
        print(f"turn {number}, {FEW} jobs: loop {loops[-1]:.2f} s, ours {few[-1]['seconds']:.2f} s", flush=True)
    all_jobs = {}
    for work in ("bare", "ours"):
        ground.fill(JOBS)
        all_jobs[work] = in_child(work, JOBS)
        seconds, kib = all_jobs[work]["seconds"], all_jobs[work]["kib"]
        print(f"{JOBS} jobs: {work} {seconds:.1f} s, {kib:.0f} KiB", flush=True)
    return few, loops, all_jobs["bare"], all_jobs["ours"]


def main() -> int:
    """Run the benchmark; 0 when it meets its goals."""
    if len(sys.argv) == 3:
        turn(sys.argv[1], int(sys.argv[2]))
        return 0
    with own_redis(SANDBOX) as address:
        os.environ["BENCH_REDIS"] = address
        ground = make_ground()
        ground.make()
        try:
            few, loops, peer, mine = measure(ground)
        finally:
            ground.drop()
    ratio = mine["seconds"] / peer["seconds"]
    faster = sorted(loops)[1] / sorted(each["seconds"] for each in few)[1]
    memory = mine["kib"] / max(each["kib"] for each in few)
    for name, value, goal, good in (
        ("loop", faster, f">={LOOP_GOAL}", faster >= LOOP_GOAL),
        ("memory", memory, f"<={MEMORY_GOAL}", memory <= MEMORY_GOAL and mine["kib"] <= MEMORY_MAX_KIB),
    ):
        print(f"{NAME}-{name} ratio={value:.2f} goal{goal} {'PASS' if good else 'MISS'}")
    met = ratio <= GOAL and faster >= LOOP_GOAL and memory <= MEMORY_GOAL and mine["kib"] <= MEMORY_MAX_KIB
    print(f"{NAME} ratio={ratio:.2f} goal<={GOAL} {'PASS' if ratio <= GOAL else 'MISS'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
