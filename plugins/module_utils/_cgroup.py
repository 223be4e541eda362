# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what the kernel's control groups say of a container, in their versions 1 and 2."""

from __future__ import annotations

import dataclasses
import os
import typing as t

ROOT = "/sys/fs/cgroup"
# A limit above this is version 1's way to say that there is none.
_NO_LIMIT = 1 << 60


@dataclasses.dataclass(frozen=True)
class Usage:
    """One look at a control group. ``memory_bytes`` is without reclaimable file cache, as ``docker stats`` counts.

    ``memory_limit_bytes`` and ``oom_kills`` are None where the kernel does not say; ``cpu_s`` is time used so far.
    """

    memory_bytes: int
    memory_limit_bytes: int | None
    oom_kills: int | None
    cpu_s: float
    throttled: int = 0


ReadText = t.Callable[[str], t.Optional[str]]


def read_text(path: str) -> str | None:
    """Return the content of a small file, or None where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return None


def read_usage(pid: int, container: str, read: ReadText = read_text) -> Usage | None:
    """Return the usage of the control group of a container's process, or None where it cannot be told.

    Where the engine runs in a machine of its own, the same number here is a stranger's process: its group must carry
    the container's id.
    """
    membership = read(f"/proc/{pid}/cgroup") if pid else None
    if not membership or container not in membership:
        return None
    paths = {}
    for line in membership.splitlines():
        _number, _colon, rest = line.partition(":")
        controllers, _colon, path = rest.partition(":")
        for controller in controllers.split(","):
            paths[controller] = path.lstrip("/")
    return _version_1(paths, read) if "memory" in paths else _version_2(paths.get("", ""), read)


def _version_1(paths: t.Mapping[str, str], read: ReadText) -> Usage | None:
    memory = os.path.join(ROOT, "memory", paths["memory"])
    cpu = os.path.join(ROOT, "cpuacct", paths.get("cpuacct", ""))
    used = read(os.path.join(memory, "memory.usage_in_bytes"))
    spent = read(os.path.join(cpu, "cpuacct.usage"))
    if used is None or spent is None:
        return None
    stat = parse_pairs(read(os.path.join(memory, "memory.stat")))
    limit = int(read(os.path.join(memory, "memory.limit_in_bytes")) or _NO_LIMIT)
    kills = parse_pairs(read(os.path.join(memory, "memory.oom_control"))).get("oom_kill")
    throttling = parse_pairs(read(os.path.join(ROOT, "cpu", paths.get("cpu", ""), "cpu.stat")))
    return Usage(
        memory_bytes=max(0, int(used) - stat.get("total_inactive_file", 0)),
        memory_limit_bytes=limit if limit < _NO_LIMIT else None,
        oom_kills=kills,
        cpu_s=int(spent) / 1e9,
        throttled=throttling.get("nr_throttled", 0),
    )


def _version_2(path: str, read: ReadText) -> Usage | None:
    group = os.path.join(ROOT, path)
    used = read(os.path.join(group, "memory.current"))
    cpu = parse_pairs(read(os.path.join(group, "cpu.stat")))
    if used is None or "usage_usec" not in cpu:
        return None
    limit = (read(os.path.join(group, "memory.max")) or "max").strip()
    return Usage(
        memory_bytes=max(0, int(used) - parse_pairs(read(os.path.join(group, "memory.stat"))).get("inactive_file", 0)),
        memory_limit_bytes=int(limit) if limit.isdigit() else None,
        oom_kills=parse_pairs(read(os.path.join(group, "memory.events"))).get("oom_kill"),
        cpu_s=cpu["usage_usec"] / 1e6,
        throttled=cpu.get("nr_throttled", 0),
    )


def parse_pairs(text: str | None) -> dict[str, int]:
    """Return the ``name number`` lines of a control file."""
    pairs = (line.split() for line in (text or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
