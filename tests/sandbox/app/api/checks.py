# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real checks behind /api/v1/health/detailed, at the same time and each within two seconds."""

from __future__ import annotations

import concurrent.futures
import os
import tempfile
import time
from pathlib import Path

import redis
from service import broker, database

TIMEOUT_S = 2
STORAGE = Path("/storage")
# More than a file system keeps back: a few bytes can still be written to a full one.
PROBE_BYTES = 2 * 1024 * 1024

# Kept for good: a thread that hangs in name resolution must not hold up the answer.
_pool = concurrent.futures.ThreadPoolExecutor(max_workers=24, thread_name_prefix="check")


def _database() -> None:
    with database.cursor(timeout_s=TIMEOUT_S) as cur:
        cur.execute("SELECT 1 FROM jobs LIMIT 1")


def _redis() -> None:
    with redis.Redis.from_url(broker.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S) as client:
        client.ping()


def _storage() -> None:
    with tempfile.TemporaryFile(dir=STORAGE / "temp") as probe:
        probe.write(bytes(PROBE_BYTES))
        probe.flush()
        os.fsync(probe.fileno())


def detailed() -> dict[str, object]:
    """Return the state of every component and of the whole."""
    checks = {"database": _database, "redis": _redis, "storage": _storage}
    started = time.monotonic()
    running = {name: _pool.submit(check) for name, check in checks.items()}
    components: dict[str, dict[str, object]] = {}
    for name, future in running.items():
        try:
            future.result(timeout=max(0.0, TIMEOUT_S + 0.5 - (time.monotonic() - started)))
        except concurrent.futures.TimeoutError:
            components[name] = {"status": "unhealthy", "error": f"no answer within {TIMEOUT_S} s"}
        except (OSError, redis.RedisError, database.Error) as error:
            # The kind only: a driver's text may hold addresses and user names.
            components[name] = {"status": "unhealthy", "error": type(error).__name__}
        else:
            components[name] = {"status": "healthy"}
    healthy = all(component["status"] == "healthy" for component in components.values())
    return {"status": "healthy" if healthy else "unhealthy", "components": components}
