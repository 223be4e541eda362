# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the encoders of jobs, as processes in the containers of their workers.

A worker that is told to stop a task forgets it at once, and its process that ran it waits for its encoder all the same:
what encodes is told only by the processes.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ._census import HeldTask
from ._compose import Replica
from ._container_control import is_encoder
from ._docker import DockerClient
from ._errors import OpsError
from ._workers import node_of

# One line a process: what the kernel says of it, and its arguments. Its worker tells ids as its container has them.
_LIST = (
    'for d in /proc/[0-9]*; do tr "\\n" " " < "$d/stat" && printf "\\036" && tr "\\000\\n" "\\037 " < "$d/cmdline"'
    " && echo; done 2>/dev/null; true"
)
# Only the process that was seen: another that has its id began at another time.
_SIGNAL = (
    's=$(cat "/proc/$1/stat") || exit 3; set -- "$1" "$2" "$3" ${s##*) }; [ "${23}" = "$2" ] || exit 3;'
    ' kill -s "$3" "$1"'
)
_GONE = 3
_TIMEOUT_S = 10.0
# A shorter id might stand in any command.
_ID_MIN = 8
# Of what follows the name in /proc/PID/stat.
_PARENT, _STARTED = 1, 19


@dataclasses.dataclass(frozen=True)
class Process:
    """One process of a container. ``started``: when, in the ticks of the kernel."""

    pid: int
    parent: int
    started: str
    argv: tuple[str, ...]


def parse_processes(text: str) -> dict[int, Process]:
    """Read the list of processes of a container, by their ids; what ended meanwhile is left out. Pure."""
    found = {}
    # Not splitlines(), to which the separators end a line too.
    for line in text.split("\n"):
        stat, _separator, command = line.partition("\x1e")
        fields = stat.rpartition(")")[2].split()
        number = stat.split(" ", 1)[0]
        if number.isdigit() and len(fields) > _STARTED and command:
            argv = tuple(command.rstrip("\x1f").split("\x1f"))
            found[int(number)] = Process(int(number), int(fields[_PARENT]), fields[_STARTED], argv)
    return found


def names_job(job: str, argv: t.Iterable[str]) -> bool:
    """Tell whether a command names a job. Pure."""
    word = re.compile(rf"(?<![0-9A-Za-z]){re.escape(job)}(?![0-9A-Za-z])", re.IGNORECASE)
    return len(job) >= _ID_MIN and any(word.search(argument) for argument in argv)


def descends(process: Process, ancestor: Process, processes: t.Mapping[int, Process]) -> bool:
    """Tell whether a process was begun by another that is still there, or by what that began. Pure."""
    now = processes.get(ancestor.pid)
    if now is None or now.started != ancestor.started:
        return False
    seen: set[int] = set()
    at = process.parent
    while at in processes and at not in seen:
        if at == ancestor.pid:
            return True
        seen.add(at)
        at = processes[at].parent
    return False


@dataclasses.dataclass(frozen=True)
class Watched:
    """A task that a worker ran: where, in which of its processes, and by which encoders when it was last seen to run.

    ``child`` is None where that process runs other tasks too, and so tells nothing.
    """

    task: HeldTask
    container: str
    id: str
    child: Process | None = None
    encoders: tuple[Process, ...] = ()

    @property
    def seen(self) -> bool:
        """Tell whether it can be known what encodes for it."""
        return self.child is not None or bool(self.encoders)

    @property
    def job(self) -> str:
        """Return the job, as it is compared."""
        return self.task.job_id.lower()

    def still(self, processes: t.Mapping[int, Process], busy: t.Container[tuple[str, int]] = ()) -> list[Process]:
        """Return the encoders of the task among the processes of its container. Pure.

        ``busy``: processes, by their nodes, that run another task by now: what these begin is that one's.
        """
        child = None if (self.task.node, self.task.pid) in busy else self.child
        known = {(process.pid, process.started) for process in self.encoders}
        return [
            process
            for process in processes.values()
            if is_encoder(" ".join(process.argv[:1]))
            and (
                (process.pid, process.started) in known
                or (child is not None and descends(process, child, processes))
                or names_job(self.job, process.argv)
            )
        ]


def watch(
    tasks: t.Iterable[HeldTask],
    workers: t.Mapping[str, Replica],
    processes: t.Mapping[str, t.Mapping[int, Process] | None],
    beside: t.Iterable[HeldTask],
) -> list[Watched]:
    """Return what is to be watched of tasks that run, those left out whose worker is in none of the containers. Pure.

    ``workers``: containers by node; ``processes``: those of each container, by its id; ``beside``: all tasks that run.
    """
    pids = [(task.node, task.pid) for task in beside]
    found = []
    for task in tasks:
        replica = workers.get(task.node)
        if replica is not None:
            own = processes.get(replica.id) or {}
            child = own.get(task.pid) if pids.count((task.node, task.pid)) == 1 else None
            watched = Watched(task, replica.name, replica.id, child)
            found.append(dataclasses.replace(watched, encoders=tuple(watched.still(own))))
    return found


class Encoders:
    """Looks at the processes in containers of workers, and ends an encoder."""

    def __init__(self, client: DockerClient, replicas: t.Sequence[Replica]) -> None:
        self._client = client
        self._replicas = replicas

    def watch(self, tasks: t.Collection[HeldTask], beside: t.Collection[HeldTask]) -> list[Watched]:
        """Look at what runs some tasks; see ``watch()``."""
        nodes = {task.node for task in tasks}
        workers = {node_of(replica, nodes): replica for replica in self._replicas if replica.running}
        workers.pop("", None)
        return watch(tasks, workers, self.processes({replica.id for replica in workers.values()}), beside)

    def processes(self, containers: t.Iterable[str]) -> dict[str, dict[int, Process] | None]:
        """Return the processes of containers by their ids, None where they cannot be seen."""
        return {identity: self._processes(identity) for identity in containers}

    def signal(self, watched: Watched, process: Process, name: str) -> str:
        """Send a signal to one encoder, if it still is that process; return why that cannot be done, if so."""
        argv = ["sh", "-c", _SIGNAL, "sh", str(process.pid), process.started, name]
        try:
            done = self._client.execute(watched.id, argv, _TIMEOUT_S)
        except OpsError as error:
            return str(error)
        if done.exit_code in (0, _GONE):
            return ""
        return done.stderr.decode("utf-8", "replace").strip()[:200] or f"kill ended with {done.exit_code}"

    def _processes(self, identity: str) -> dict[int, Process] | None:
        """Return the processes of a container; none where it does not run any more, None where they cannot be seen."""
        try:
            state = (self._client.inspect(identity) or {}).get("State") or {}
            if not state.get("Running"):
                return {}
            done = self._client.execute(identity, ["sh", "-c", _LIST], _TIMEOUT_S)
        except OpsError:
            return None
        return None if done.exit_code else parse_processes(done.stdout.decode("utf-8", "replace"))
