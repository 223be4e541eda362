# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: stop the containers that write into the database, and start exactly those again."""

from __future__ import annotations

import json
import os
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ._argspec import ArgumentSpec
from ._compose import Replica
from ._container_control import Containers
from ._docker import DockerClient, RunCommand
from ._errors import OpsError
from ._plan import Action, Plan
from ._stack import STACK_ARGUMENTS, Stack, discover
from ._state import STATE_ARGUMENTS, make_folder, whole_file

STOPPED, STARTED = "stopped", "started"
ROLES = ("api", "worker")

WRITERS_ARGUMENTS = ArgumentSpec(
    {
        "state": {"type": "str", "choices": [STOPPED, STARTED], "required": True},
        "services": {"type": "list", "elements": "str", "default": []},
        "stop_grace_s": {"type": "int", "default": 30},
        "start_timeout_s": {"type": "int", "default": 180},
    }
).merge(STACK_ARGUMENTS, STATE_ARGUMENTS)

_FOLDER = "writers"
_POLL_S = 0.5
_AT_ONCE = 8
# How often it is looked whether something came up while the others were stopped.
_ROUNDS = 4
# In these it writes, or goes on to write without anybody's doing.
_ACTIVE = ("running", "restarting", "paused")
_NO_CHECK = ("", "none")


class Writer(t.NamedTuple):
    """One container that writes into the database. ``well``: it was so when it was stopped, and must be again."""

    name: str
    id: str
    service: str
    well: bool = True


class Memory:
    """Which containers were stopped here, in a file of the state folder; it outlives the run and the host."""

    def __init__(self, state_dir: str, project: str) -> None:
        self._state_dir = state_dir
        self._name = f"{project}.json"

    def read(self) -> list[Writer]:
        """Return those that were stopped and are not known to be back."""
        path = os.path.join(self._state_dir, _FOLDER, self._name)
        try:
            with open(path, encoding="utf-8") as stream:
                return [
                    Writer(str(one["name"]), str(one["id"]), str(one["service"]), bool(one.get("well", True)))
                    for one in json.load(stream)
                ]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            remedy = "Start the containers by hand, then remove the file"
            raise OpsError(f"read which containers were stopped in '{path}'", "it is not whole", remedy) from error

    def write(self, writers: t.Iterable[Writer]) -> None:
        """Remember them, before the first of them is stopped."""
        try:
            folder = make_folder(self._state_dir, _FOLDER)
            with whole_file(os.path.join(folder, self._name), durable=True) as stream:
                stream.write(json.dumps([writer._asdict() for writer in sorted(writers)], indent=1).encode())
        except OSError as error:
            raise OpsError("remember which containers are stopped", str(error.strerror), "Run with become") from error

    def forget(self) -> None:
        """Forget them, since they run again."""
        os.unlink(os.path.join(self._state_dir, _FOLDER, self._name))


def choose_writers(stack: Stack, services: t.Sequence[str]) -> list[Writer]:
    """Return the containers that write into the database, or will: those of the api, of workers, of ``services``."""
    known = {service.name for service in stack.services}
    unknown = sorted(set(services) - known)
    if unknown:
        cause = f"the project has no service {', '.join(unknown)}, only {', '.join(sorted(known))}"
        raise OpsError("stop what writes into the database", cause, "Correct services")
    return [
        Writer(replica.name, replica.id, service.name, was_well(replica))
        for service in stack.services
        if service.role in ROLES or service.name in services
        for replica in service.replicas
        if replica.state in _ACTIVE
    ]


def was_well(replica: Replica) -> bool:
    """Tell whether a container is well, as far as it tells, or has not had the time to be. Pure."""
    return replica.state != "restarting" and replica.health in ("healthy", "starting", *_NO_CHECK)


def is_back(writer: Writer, state: str, health: str) -> bool:
    """Tell whether a container is again what it was before it was stopped. Pure."""
    if not writer.well:
        # It was not before either; waiting for what it never was would be in vain.
        return state in ("running", "restarting")
    return state == "running" and health in ("healthy", *_NO_CHECK)


def remember(remembered: t.Iterable[Writer], fresh: t.Iterable[Writer]) -> list[Writer]:
    """Return all that were stopped, as they are now; one that was well before its first stop stays so. Pure."""
    known = {writer.name: writer for writer in remembered}
    for writer in fresh:
        before = known.get(writer.name)
        known[writer.name] = writer._replace(well=writer.well or (before is not None and before.well))
    return list(known.values())


def plan_stop(running: t.Sequence[Writer]) -> Plan:
    """Return which containers stop. Pure."""
    return Plan(
        {writer.name: "runs" for writer in running},
        {writer.name: STOPPED for writer in running},
        tuple(Action(writer.name, "is stopped", writer._asdict()) for writer in running),
    )


def plan_start(remembered: t.Sequence[Writer], states: t.Mapping[str, str]) -> Plan:
    """Return which containers start: those that were stopped, are still there, and do not run. Pure."""
    idle = [writer for writer in remembered if states.get(writer.id) not in (None, "", "running", "restarting")]
    return Plan(
        {writer.name: states[writer.id] for writer in idle},
        {writer.name: "runs" for writer in idle},
        tuple(Action(writer.name, "is started", writer._asdict()) for writer in idle),
    )


class Writers:
    """The containers of one project that write into its database. ``options`` are those of ``WRITERS_ARGUMENTS``.

    ``look`` returns the stack as it is at this moment.
    """

    def __init__(self, client: DockerClient, look: t.Callable[[], Stack], options: t.Mapping[str, t.Any]) -> None:
        self._client = client
        self._containers = Containers(client)
        self._look = look
        self._stack = stack = look()
        self._options = options
        self._memory = Memory(options["state_dir"], stack.project)

    def stop(self, check_mode: bool) -> dict[str, t.Any]:
        """Stop those that run, all at the same time, and what comes up meanwhile; return the module's result."""
        services = self._options["services"]
        active = choose_writers(self._stack, services)
        stopped: dict[str, Writer] = {}
        for _round in range(_ROUNDS):
            stopped.update({writer.name: writer for writer in active})
            if check_mode or not active:
                break
            self._stop(active)
            active = choose_writers(self._look(), services)
        plan = plan_stop(list(stopped.values()))
        if active and not check_mode:
            names = ", ".join(writer.name for writer in active)
            remedy = "Find out what starts them and stop that, then run this again"
            raise OpsError("stop what writes into the database", f"{names} came up again each time", remedy)
        done = "would be stopped" if check_mode else "were stopped"
        names = ", ".join(action.target for action in plan.actions)
        return self._result(plan, f"{names} {done}." if names else "Nothing that writes into the database runs.", [])

    def _stop(self, writers: t.Sequence[Writer]) -> None:
        grace_s = int(self._options["stop_grace_s"])
        self._memory.write(remember(self._memory.read(), writers))
        self._each(plan_stop(writers), lambda writer: self._containers.stop(writer.id, writer.name, grace_s))

    def start(self, check_mode: bool) -> dict[str, t.Any]:
        """Start those that were stopped, and wait until they are well; return the module's result."""
        remembered = self._memory.read()
        states = {writer.id: self._state(writer)[0] for writer in remembered}
        plan = plan_start(remembered, states)
        gone = [writer.name for writer in remembered if not states[writer.id]]
        if remembered and not check_mode:
            self._each(plan, lambda writer: self._containers.start(writer.id, writer.name))
            self._wait([writer for writer in remembered if states[writer.id]])
            self._memory.forget()
        done = "would be started" if check_mode else "run again"
        told = [f"{', '.join(action.target for action in plan.actions)} {done}."] if plan.changed else []
        if gone:
            told.append(f"{', '.join(gone)} are not there any more: {self._stack.compose('up', '-d', '--no-recreate')}")
        return self._result(plan, " ".join(told) or "Nothing was stopped here that does not run.", gone)

    def _each(self, plan: Plan, act: t.Callable[[Writer], None]) -> None:
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            list(pool.map(act, [Writer(**action.detail) for action in plan.actions]))

    def _state(self, writer: Writer) -> tuple[str, str]:
        """Return a container's state and health, empty where there is none."""
        state = (self._client.inspect(writer.id) or {}).get("State") or {}
        return str(state.get("Status") or ""), str((state.get("Health") or {}).get("Status") or "")

    def _wait(self, writers: t.Sequence[Writer]) -> None:
        timeout_s = int(self._options["start_timeout_s"])
        deadline = time.monotonic() + timeout_s
        unwell = list(writers)
        while unwell:
            unwell = [writer for writer in unwell if not is_back(writer, *self._state(writer))]
            if unwell and time.monotonic() > deadline:
                names = ", ".join(writer.name for writer in unwell)
                cause = f"{names} are not well after {timeout_s} s"
                raise OpsError("start what writes into the database", cause, "Look at their logs, then run this again")
            time.sleep(_POLL_S if unwell else 0)

    def _result(self, plan: Plan, msg: str, gone: t.Sequence[str]) -> dict[str, t.Any]:
        return {
            "changed": plan.changed,
            "plan_id": plan.plan_id,
            "plan": [f"{action.target}: {action.transition}" for action in plan.actions],
            "diff": plan.diff(),
            "writers": [action.target for action in plan.actions],
            "missing": list(gone),
            "msg": msg,
            "project": self._stack.project,
        }


def change_writers(options: t.Mapping[str, t.Any], run_command: RunCommand, check_mode: bool) -> dict[str, t.Any]:
    """Stop or start them, or only plan it; return the module's result."""
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    writers = Writers(
        client, lambda: discover(client, run_command, options["project"], options["service_roles"]), options
    )
    return writers.stop(check_mode) if options["state"] == STOPPED else writers.start(check_mode)
