# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The deep health check as a person runs it, against the runbook's quick and deep commands one after another.

Both on the sandbox 'main', which must be up and well; interleaved, and compared by their medians.

    health.py [--runs N]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOAL = 0.8
TIMEOUT_S = 120


def sandbox() -> dict[str, str]:
    """Return how to reach the sandbox."""
    argv = [sys.executable, str(ROOT / "tests" / "sandbox" / "sandbox"), "env"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def commands(facts: dict[str, str]) -> list[list[str]]:
    """Return the runbook's "Quick Health Check" and "Deep Health Check", addressed to the sandbox."""
    compose = ["docker", "compose", "-p", facts["project"]]
    execute = [*compose, "exec", "-T"]
    url = f"http://127.0.0.1:{facts['http_port']}/api/v1/health"
    host = ["-H", f"Host: {facts['host']}"]
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'rendiff';"
    return [
        ["curl", "-s", *host, url],
        [*compose, "ps"],
        [*execute, "api", "curl", "-s", "localhost:8000/api/v1/health"],
        [*execute, "postgres", "pg_isready"],
        [*execute, "redis", "redis-cli", "ping"],
        ["curl", "-w", "%{time_total}", "-o", os.devnull, "-s", *host, url],
        [*execute, "postgres", "psql", "-U", "rendiff_user", "-d", "rendiff", "-c", count],
        [*execute, "redis", "redis-cli", "llen", "celery"],
        [*execute, "worker-cpu", "celery", "-A", "worker.main", "inspect", "active"],
    ]


def run(argv: list[str], environment: dict[str, str]) -> None:
    """Run one command, which must end well."""
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(argv[:8])} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def main() -> int:
    """Measure, print every figure, and return the exit status."""
    parser = argparse.ArgumentParser(description="Time health_deep against the runbook's commands.")
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    facts = sandbox()
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    peer = commands(facts)
    with tempfile.TemporaryDirectory() as folder:
        ours = ["ansible-playbook", "-i", str(ROOT / "inventories" / "sandbox"), "rendiff.ops.health_deep"]
        ours += ["-e", f"rendiff_artifacts_dir={folder}"]
        run(ours, environment)
        times: dict[str, list[float]] = {"ours": [], "peer": []}
        for number in range(runs):
            begin = time.monotonic()
            run(ours, environment)
            times["ours"].append(time.monotonic() - begin)
            begin = time.monotonic()
            for argv in peer:
                run(argv, environment)
            times["peer"].append(time.monotonic() - begin)
            print(
                f"run {number + 1}: health_deep {times['ours'][-1]:.2f} s, runbook {times['peer'][-1]:.2f} s",
                flush=True,
            )
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"medians: health_deep {medians['ours']:.2f} s, the runbook's {len(peer)} commands {medians['peer']:.2f} s")
    ratio = medians["ours"] / medians["peer"]
    passed = ratio <= GOAL
    print(f"bench-health ratio={ratio:.2f} goal<={GOAL} {'PASS' if passed else 'MISS'}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
