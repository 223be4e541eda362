# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what the host itself tells: space, connections of containers, our own ledgers."""

from __future__ import annotations

import calendar
import json
import os
import shlex
import time
import typing as t

from ._compose import Replica
from ._docker import DockerClient
from ._errors import NotKnownError
from ._stack import Stack
from ._state import STATE_DIR
from ._verdict import CRITICAL, OK, WARNING, Finding

_ESTABLISHED = "01"


def read_storage(stack: Stack, client: DockerClient, timeout_s: float) -> dict[str, t.Any]:
    """Return the space behind ``/storage`` in bytes and inodes, as the host sees it or else as a container does."""
    storage = stack.storage()
    if storage is None:
        raise NotKnownError("look at the storage", "no api or worker container mounts '/storage'")
    source = str(storage["source"] or "")
    if source and os.path.isdir(source):
        try:
            return {**space(os.statvfs(source)), "path": source, "seen_from": "host"}
        except OSError:
            pass
    for role in ("api", "worker"):
        for replica in stack.running(role):
            return {**_ask_container(client, replica, timeout_s), "path": "/storage", "seen_from": replica.name}
    raise NotKnownError("look at the storage", f"'{source}' is not on this host and no container that mounts it runs")


def space(figures: os.statvfs_result) -> dict[str, int]:
    """Return the figures of a file system; what only root may use counts as used. Pure."""
    size, free = figures.f_blocks * figures.f_frsize, figures.f_bavail * figures.f_frsize
    return {
        "size_bytes": size,
        "used_bytes": size - free,
        "free_bytes": free,
        "inodes": figures.f_files,
        "inodes_used": figures.f_files - figures.f_favail,
    }


def _ask_container(client: DockerClient, replica: Replica, timeout_s: float) -> dict[str, int]:
    done = client.execute(replica.id, ["stat", "-f", "-c", "%S %b %a %c %d", "/storage"], timeout_s)
    words = done.stdout.decode("ascii", "replace").split()
    if done.exit_code != 0 or len(words) != 5:
        raise NotKnownError("look at the storage", f"'stat' in '{replica.name}' did not answer")
    unit, blocks, available, inodes, free = (int(word) for word in words)
    return {
        "size_bytes": unit * blocks,
        "used_bytes": unit * (blocks - available),
        "free_bytes": unit * available,
        "inodes": inodes,
        "inodes_used": inodes - free,
    }


def judge_storage(facts: t.Mapping[str, t.Any], limits: t.Mapping[str, t.Any]) -> list[Finding]:
    """Judge the storage by bytes and by inodes: either one full means that nothing more can be written. Pure."""
    used = facts["used_bytes"] / max(1, facts["size_bytes"])
    # Some file systems have no fixed number of inodes and say zero.
    entries = facts["inodes_used"] / facts["inodes"] if facts["inodes"] else 0.0
    share, what = max((used, "space"), (entries, "inodes"))
    free = (
        f"{facts['free_bytes'] / 2**30:.1f} GiB"
        if facts["free_bytes"] > 2**30
        else f"{facts['free_bytes'] // 2**20} MiB"
    )
    evidence = {**facts, "used_share": round(used, 4), "inodes_share": round(entries, 4)}
    if share >= limits["storage_warning"]:
        severity = CRITICAL if share >= limits["storage_critical"] else WARNING
        summary = f"The storage is {share * 100:.0f} % full ({what}): {free} are left in {facts['path']}."
        commands = (largest_command(facts),)
        return [Finding("storage.full", "storage", severity, facts["path"], summary, evidence, commands)]
    summary = f"The storage is {used * 100:.0f} % full; {free} are left."
    return [Finding("storage", "storage", OK, facts["path"], summary, evidence)]


def largest_command(facts: t.Mapping[str, t.Any]) -> str:
    """Return the command that shows what fills the storage, from where its path means something. Pure."""
    inside = [] if facts["seen_from"] == "host" else ["docker", "exec", str(facts["seen_from"])]
    return f"{shlex.join([*inside, 'du', '-xh', '--max-depth=2', str(facts['path'])])} | sort -h | tail -20"


def count_established(text: str) -> int:
    """Return how many TCP connections a ``/proc/.../net/tcp`` table shows as established. Pure."""
    return sum(line.split()[3] == _ESTABLISHED for line in text.splitlines()[1:] if len(line.split()) > 3)


def read_connections(stack: Stack) -> dict[str, int]:
    """Return the established TCP connections in each running container's network, both IP versions."""
    found = {}
    for service in stack.services:
        for replica in service.running:
            total = None
            for table in ("tcp", "tcp6"):
                try:
                    with open(f"/proc/{replica.pid}/cgroup", encoding="ascii", errors="replace") as stream:
                        if replica.id not in stream.read():
                            break
                    with open(f"/proc/{replica.pid}/net/{table}", encoding="ascii") as stream:
                        total = (total or 0) + count_established(stream.read())
                except OSError:
                    continue
            if total is not None:
                found[replica.name] = total
    return found


def judge_connections(counts: t.Mapping[str, int]) -> list[Finding]:
    """Tell of the connections; their number alone is neither good nor bad. Pure."""
    if not counts:
        return []
    summary = f"{sum(counts.values())} TCP connections are established in {len(counts)} containers."
    return [Finding("connections", "connections", OK, "connections", summary, {"by_container": dict(counts)})]


def read_drills(state_dir: str = STATE_DIR) -> dict[str, t.Any] | None:
    """Return the newest entry of the drill ledger, or None where there is none or it cannot be read."""
    try:
        with open(os.path.join(state_dir, "drills.jsonl"), encoding="utf-8") as stream:
            lines = [line for line in stream if line.strip()]
        entry = json.loads(lines[-1])
    except (OSError, ValueError, IndexError):
        return None
    return entry if isinstance(entry, dict) else None


def judge_drill(entry: t.Mapping[str, t.Any] | None, now: float, limits: t.Mapping[str, t.Any]) -> list[Finding]:
    """Judge the last restore drill by its result and its age; without a ledger nothing is known and nothing said."""
    if entry is None:
        return []
    try:
        parsed = time.strptime(str(entry["at"])[:19], "%Y-%m-%dT%H:%M:%S")
    except (KeyError, ValueError):
        return []
    age_s = now - calendar.timegm(parsed)
    days = f"{age_s / 86400:.1f} days"
    evidence = {"at": entry["at"], "passed": bool(entry.get("passed"))}
    command = ("ansible-playbook rendiff.ops.restore_drill",)
    if not entry.get("passed"):
        summary = f"The last restore drill, {days} ago, failed: the backup may not be usable."
        return [Finding("drill", "backup", CRITICAL, "restore drill", summary, evidence, command)]
    if age_s > limits["drill_age_s"]:
        summary = f"The last restore drill is {days} old."
        return [Finding("drill", "backup", WARNING, "restore drill", summary, evidence, command)]
    return [Finding("drill", "backup", OK, "restore drill", f"The last restore drill passed {days} ago.", evidence)]
