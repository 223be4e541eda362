# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: containers' memory and CPU against their limits, and processes killed for memory."""

from __future__ import annotations

import functools
import threading
import time
import typing as t

from ._cgroup import Usage, read_usage
from ._compose import Replica
from ._docker import DockerClient
from ._probe import run_probes
from ._stack import Stack
from ._verdict import OK, WARNING, Finding

_INTERVAL_S = 0.4


def usage_of_stats(stats: t.Mapping[str, t.Any]) -> Usage | None:
    """Return the engine's own figures in the form of a control group's, without the kills, which it does not tell."""
    memory, cpu = stats.get("memory_stats") or {}, (stats.get("cpu_stats") or {}).get("cpu_usage") or {}
    if "usage" not in memory:
        return None
    inner = memory.get("stats") or {}
    cache = int(inner.get("total_inactive_file") or inner.get("inactive_file") or 0)
    return Usage(max(0, int(memory["usage"]) - cache), None, None, float(cpu.get("total_usage") or 0) / 1e9)


class ContainerLoad:
    """Measures every running container twice, ``_INTERVAL_S`` seconds apart."""

    def __init__(self, client: DockerClient, stack: Stack, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._replicas = [replica for service in stack.services for replica in service.running]
        self._stack = stack

    def measure(self) -> list[dict[str, t.Any]]:
        """Return a row for each running container: memory in bytes, CPU in cores, limits, kills for memory."""
        begun = time.monotonic()
        first = self._look()
        threading.Event().wait(_INTERVAL_S)
        between = time.monotonic()
        second = self._look()
        # From the middle of one look to that of the other: on a busy machine the looks themselves take their time.
        seconds = (between - begun + time.monotonic() - begun) / 2
        rows = []
        for replica in self._replicas:
            usage = second.get(replica.name)
            if usage is None:
                continue
            earlier = first.get(replica.name)
            rows.append(describe_load(replica, earlier, usage, seconds))
        return rows

    def _look(self) -> dict[str, Usage]:
        found: dict[str, Usage] = {}
        left: list[Replica] = []
        for replica in self._replicas:
            usage = read_usage(replica.pid, replica.id)
            if usage is None:
                left.append(replica)
            else:
                found[replica.name] = usage
        # Not on this host's own kernel: the engine must be asked, and it takes its time.
        probes = {replica.name: functools.partial(self._client.stats, replica.id) for replica in left}
        for name, result in run_probes(probes, self._timeout_s).items() if probes else ():
            usage = usage_of_stats(result.value or {})
            if usage is not None:
                found[name] = usage
        return found


def describe_load(replica: Replica, earlier: Usage | None, usage: Usage, seconds: float) -> dict[str, t.Any]:
    """Return one container's row. Pure."""
    cores = (usage.cpu_s - earlier.cpu_s) / seconds if earlier is not None else 0.0
    return {
        "name": replica.name,
        "memory_bytes": usage.memory_bytes,
        "memory_limit_bytes": replica.memory_limit_bytes or usage.memory_limit_bytes,
        "cpu_cores": round(max(0.0, cores), 3),
        "cpu_limit": replica.cpu_limit or None,
        "oom_kills": usage.oom_kills,
        "restarts": replica.restart_count,
    }


def judge_load(stack: Stack, rows: t.Sequence[t.Mapping[str, t.Any]], limits: t.Mapping[str, t.Any]) -> list[Finding]:
    """Judge what the containers use against what they may, and tell of processes that were killed for memory. Pure."""
    roles = {replica.name: service.role for service in stack.services for replica in service.replicas}
    found: list[Finding] = []
    for row in rows:
        name, component = str(row["name"]), f"{roles.get(str(row['name']), 'other')}.container"
        logs = f"docker logs --tail 100 {name}"
        if row["oom_kills"]:
            times = "once" if row["oom_kills"] == 1 else f"{row['oom_kills']} times"
            limit = f"; its limit is {row['memory_limit_bytes'] // 2**20} MiB" if row["memory_limit_bytes"] else ""
            summary = f"The kernel killed a process in '{name}' for memory, {times} since it started{limit}."
            found.append(Finding(f"{name}.oom", component, WARNING, name, summary, dict(row), (logs,), stops=False))
        if row["memory_limit_bytes"] and row["memory_bytes"] > limits["container_memory"] * row["memory_limit_bytes"]:
            share = row["memory_bytes"] * 100 // row["memory_limit_bytes"]
            summary = f"'{name}' uses {share} % of the memory it may have: above it, the kernel kills."
            found.append(Finding(f"{name}.memory", component, WARNING, name, summary, dict(row), (logs,), stops=False))
        # A worker is there to use what it may; of anything else it says that requests wait.
        busy = row["cpu_limit"] and component != "worker.container"
        if busy and row["cpu_cores"] > limits["container_cpu"] * row["cpu_limit"]:
            summary = f"'{name}' uses all of the {row['cpu_limit']:g} CPUs that it may have."
            found.append(Finding(f"{name}.cpu", component, WARNING, name, summary, dict(row), (), stops=False))
    if rows and not found:
        summary = f"All {len(rows)} containers stay below their limits, and none lost a process to memory."
        found.append(Finding("load", "load", OK, "containers", summary, {"containers": len(rows)}))
    return found


def judge_images(stack: Stack) -> list[Finding]:
    """Tell of services whose running containers are made from different images. Pure."""
    found = []
    for service in stack.services:
        digests = {replica.name: replica.image_id for replica in service.running}
        if len(set(digests.values())) > 1:
            images = len(set(digests.values()))
            summary = f"The {len(digests)} running containers of '{service.name}' are of {images} different images."
            if service.role == "worker":
                summary += " Making the older ones anew ends what they work on: drain them first."
            command = stack.compose("--dry-run", "up", "-d", "--no-deps", "--no-build", service.name)
            found.append(
                Finding(
                    f"{service.name}.images",
                    f"{service.role}.container",
                    WARNING,
                    service.name,
                    summary,
                    {"image_ids": digests},
                    (command,),
                    stops=False,
                )
            )
    return found
