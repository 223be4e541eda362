# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and judging a queue of a million messages, against only fetching it from Redis.

Three turns of each, one after the other, on a Redis of its own. Every message is a well one as the api sends it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
import typing as t
import uuid
from pathlib import Path

import redis

from ansible_collections.rendiff.ops.plugins.module_utils._credentials import RedisLogin
from ansible_collections.rendiff.ops.plugins.module_utils._message import TASK, make_message
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys
from ansible_collections.rendiff.ops.plugins.module_utils._queue_scan import CHUNK, QueueScanner
from ansible_collections.rendiff.ops.plugins.module_utils._redis import connect

ROOT = Path(__file__).resolve().parents[2]
NAME = "bench-queue-scan"
GOAL = 2.0
SLOW_US = 20_000
TURNS = 3
MESSAGES = int(os.environ.get("BENCH_MESSAGES", "1000000"))
KEY = "default\x06\x163"


def docker(*arguments: str) -> str:
    """Run a docker command that must succeed, and return what it printed."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60, check=True).stdout.strip()


@contextlib.contextmanager
def own_redis(sandbox: str = "main") -> t.Iterator[str]:
    """Start a Redis from the image of a sandbox, without its limit of memory, and remove it; yield its address."""
    described = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "sandbox" / "sandbox"), "env", "--name", sandbox],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    project = json.loads(described.stdout)["project"]
    image = docker("inspect", "-f", "{{.Config.Image}}", f"{project}-redis-1")
    server = ["redis-server", "--bind", "* -::*", "--protected-mode", "no", "--save", "", "--dir", "/tmp"]
    # The image says which project it was built for; a container that inherits that would be taken for a part of it.
    label = f"com.docker.compose.project={NAME}"
    network = f"{project}_backend"
    container = docker("run", "--detach", "--rm", "--network", network, "--label", label, image, *server)
    try:
        yield docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container)
    finally:
        docker("rm", "--force", container)


def fill(client: redis.Redis) -> None:
    """Push the messages."""
    job, task, tag = (str(uuid.uuid4()) for _index in range(3))
    sent = 0
    while sent < MESSAGES:
        batch = []
        for _index in range(min(CHUNK, MESSAGES - sent)):
            job, task, tag = (str(uuid.uuid4()) for _part in range(3))
            raw = make_message(TASK, task, job, "default", 5, tag)
            # Two replicas of the api send in turn.
            batch.append(raw if len(batch) % 2 else raw.replace(b'"rendiff.ops"', b'"another.api"'))
        client.lpush(KEY, *batch)
        sent += len(batch)


def bare(client: redis.Redis) -> float:
    """Fetch the whole list in chunks; return the seconds."""
    begin = time.perf_counter()
    place = 0
    while True:
        chunk = client.lrange(KEY, place, place + CHUNK - 1)
        place += len(chunk)
        if len(chunk) < CHUNK:
            break
    assert place == MESSAGES
    return time.perf_counter() - begin


def ours(address: str) -> float:
    """Read and judge the same; return the seconds."""
    with connect(RedisLogin(address, 6379, 0), Keys(), 10) as broker:
        begin = time.perf_counter()
        scanner = QueueScanner("default", {TASK})
        scanner.read(broker, 3, KEY)
        seconds = time.perf_counter() - begin
    assert (scanner.scan.read, scanner.scan.poison) == (MESSAGES, 0)
    return seconds


def main() -> int:
    """Run the benchmark; 0 when it meets its goal."""
    with own_redis() as address, redis.Redis(address, socket_timeout=30) as client:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(redis.exceptions.ConnectionError):
                client.ping()
                break
            threading.Event().wait(0.1)
        begin = time.perf_counter()
        fill(client)
        print(
            f"{MESSAGES} messages of {client.memory_usage(KEY, samples=100) // MESSAGES} bytes in {CHUNK}-chunks, "
            f"pushed in {time.perf_counter() - begin:.1f} s"
        )
        client.config_set("slowlog-log-slower-than", SLOW_US)
        peers, mine, slow = [], [], []
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for turn in range(1, TURNS + 1):
            peers.append(bare(client))
            client.slowlog_reset()
            mine.append(ours(address))
            slow.append(client.slowlog_len())
            print(
                f"turn {turn}: bare LRANGE {peers[-1]:.2f} s, read and judged {mine[-1]:.2f} s, "
                f"calls over {SLOW_US // 1000} ms: {slow[-1]}"
            )
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    peer, own = statistics.median(peers), statistics.median(mine)
    print(
        f"median of {TURNS}: bare LRANGE {peer:.2f} s, read and judged {own:.2f} s; memory grew by {grown} KiB; "
        f"fewest calls over {SLOW_US // 1000} ms in a turn: {min(slow)}"
    )
    ratio = own / peer
    met = ratio <= GOAL and min(slow) == 0
    print(f"{NAME} ratio={ratio:.2f} goal<={GOAL} {'PASS' if met else 'MISS'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
