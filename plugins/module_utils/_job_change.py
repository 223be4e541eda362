# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: make jobs run again, cancel them, or bring rows and messages into agreement."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

from ._argspec import ArgumentSpec
from ._busy import Busy
from ._docker import RunCommand
from ._errors import OpsError
from ._job_apply import Applier, Done, Spellings
from ._job_evidence import Evidence
from ._job_find import Found, find_poison
from ._job_look import JOB_ARGUMENTS, JobLook, Site, check_options, filter_of, of_key, open_site
from ._job_plan import Order, Planner, make_tables, read_rows, with_owners
from ._job_result import describe
from ._job_rows import CANCELLED, FAILED, RUNNING, WAITING, spelling
from ._job_send import Sender
from ._job_stop import Stopper
from ._job_verdict import CANCEL, MARK, PARK, RESTORE, SEND, STATES, STOP, Scene
from ._message import TASK
from ._plan_file import load_plan, save_plan
from ._progress import Progress
from ._queue_look import Look
from ._queue_plan import require_consumer, require_memory
from ._state import STATE_ARGUMENTS

CHANGE_ARGUMENTS = ArgumentSpec(
    {
        "state": {"type": "str", "required": True, "choices": list(STATES)},
        "max_jobs": {"type": "int", "default": 10_000},
        "confirm": {"type": "str"},
        "plan": {"type": "str"},
        "terminate": {"type": "bool", "default": False},
        "terminate_timeout_s": {"type": "int", "default": 30},
        "task": {"type": "str", "default": TASK},
        "allow_unconsumed": {"type": "bool", "default": False},
        "progress_path": {"type": "path"},
        # The action plugin's.
        "progress_interval_s": {"type": "float", "default": 0.0},
    }
).merge(JOB_ARGUMENTS, STATE_ARGUMENTS)

_OPEN = (*WAITING, *RUNNING)
_USUAL = {"queued": _OPEN, "cancelled": (*_OPEN, *CANCELLED), "reconciled": ()}
_VERBS = {"queued": "requeue jobs", "cancelled": "cancel jobs", "reconciled": "reconcile jobs"}
# Two runs of this on one database exclude each other by it, also when one was killed: it ends with the connection.
_LOCK = (0x72646F70, 1)
# The server ends the statement of a run that was killed before it lets go of its connection.
_LOCKED_WITHIN_S = 10.0
# What a message takes in Redis, in bytes, with what is written beside it.
_MESSAGE_BYTES = 1_300


class JobChange:
    """One change of jobs. ``options`` are those of ``CHANGE_ARGUMENTS``."""

    def __init__(self, site: Site, options: t.Mapping[str, t.Any]) -> None:
        self._site = site
        self._options = options
        self._state: str = options["state"]
        self._act = _VERBS[self._state]
        self._routes = check_options(self._act, options)
        wanted = filter_of(self._act, options, self._routes, _USUAL[self._state])
        self._wanted = of_key(site.database, self._act, wanted, options["api_key_id"])

    def run(self, check_mode: bool) -> dict[str, t.Any]:
        """Carry it out, or only plan it; return the module's result."""
        begin = time.monotonic()
        self._require_limit(check_mode)
        require_memory(self._act, self._site.broker.info())
        with contextlib.ExitStack() as stack:
            progress = stack.enter_context(Progress(self._options["progress_path"]))
            beat = self._hold(stack) if not check_mode else _nothing
            look = JobLook(self._site, self._options)
            make_tables(self._site.database, look.table)
            evidence, scene = look.gather(beat)
            planner = Planner(
                self._site.database,
                scene,
                self._state,
                terminate=self._options["terminate"],
                sample_size=self._options["sample_size"],
            )
            absent = self._judge(look, scene, planner)
            poison = self._find_poison(evidence, planner, beat)
            order = self._order(planner, evidence)
            done = Done()
            if check_mode and order.stream.changed:
                save_plan(self._options["state_dir"], order.stream.plan_id, planner.pairs())
            elif order.stream.changed:
                totals = order.stream.totals
                done = self._applier(look, evidence, poison, totals, beat, progress).run(totals)
        result = describe(self._state, planner.judged, order, done, evidence, check_mode)
        result["jobs"].update(unknown_ids=absent, seconds=round(time.monotonic() - begin, 3))
        result["project"] = self._site.project
        return result

    def _require_limit(self, check_mode: bool) -> None:
        options = self._options
        if options["max_jobs"] < 0:
            raise OpsError(self._act, f"max_jobs is {options['max_jobs']}, below 0")
        # What takes work away is confirmed even when it is limited; what brings it back only without any limit.
        bound = self._wanted.narrow or (options["max_jobs"] > 0 and self._state != "cancelled")
        if check_mode or bound or options["plan"] or options["confirm"] == self._site.project:
            return
        given = f"confirm is '{options['confirm']}'" if options["confirm"] else "it is not confirmed"
        raise OpsError(
            self._act, f"neither a filter nor a limit is given, and {given}", f"Pass confirm={self._site.project}"
        )

    def _hold(self, stack: contextlib.ExitStack) -> t.Callable[[], None]:
        """Keep every other change of queues and jobs off until the stack ends; return what is to be called often."""
        database = self._site.database
        deadline = time.monotonic() + _LOCKED_WITHIN_S
        while not database.query("SELECT pg_try_advisory_lock(%s, %s)", _LOCK)[0][0]:
            database.rollback()
            if time.monotonic() > deadline:
                raise OpsError(self._act, "another run of this is at work on the same database", "Wait for it")
            threading.Event().wait(0.2)
        database.commit()
        busy = Busy(self._site.broker, self._site.keys, self._act, heir=f"jobs of {self._site.database_name}")
        return stack.enter_context(busy).refresh

    def _judge(self, look: JobLook, scene: Scene, planner: Planner) -> list[str]:
        """Judge every row that is meant; return the ids that were asked for and do not exist."""
        seen_or = _OPEN if self._state == "reconciled" and not self._wanted.statuses else ()
        missing = {job.lower(): job for job in self._wanted.job_ids}
        for rows in read_rows(self._site.database, look.table, self._wanted, seen_or=seen_or):
            planner.add(with_owners(rows, scene, RUNNING, look.owners))
            if missing:
                for row in rows:
                    missing.pop(row.job.lower(), None)
        for job, status in look.statuses_of(missing) if missing else ():
            planner.refuse(missing.pop(job.lower()), "ended", f"it is {status}, and other jobs are meant")
        return sorted(missing.values())

    def _find_poison(self, evidence: Evidence, planner: Planner, beat: t.Callable[[], None]) -> dict[str, Found]:
        if self._state != "reconciled" or self._wanted.narrow or not evidence.poison:
            return {}
        poison = find_poison(self._site.broker, evidence.places, evidence.known_tasks, beat)
        planner.add_messages(sorted(poison))
        return poison

    def _order(self, planner: Planner, evidence: Evidence) -> Order:
        options, database = self._options, self._site.database
        approved = load_plan(options["state_dir"], options["plan"]) if options["plan"] else None
        order = planner.order(options["max_jobs"], approved)
        count = order.stream.totals.get(SEND, 0)
        if not count:
            return order
        rows = database.query(
            "SELECT DISTINCT priority FROM rdops_order WHERE action = %s ORDER BY 1 LIMIT 100", [SEND]
        )
        database.commit()
        for (priority,) in rows:
            if priority not in self._routes:
                raise OpsError(
                    self._act, f"job_routes does not say where jobs of priority '{priority}' go", "Add it to job_routes"
                )
            require_consumer(self._act, self._routes[priority][0], evidence.census, options["allow_unconsumed"])
        if evidence.known_tasks and options["task"] not in evidence.known_tasks:
            raise OpsError(self._act, f"no worker knows the task '{options['task']}'", "Pass the right one as task")
        require_room(self._act, self._site.broker.info(), count)
        return order

    def _spellings(self, look: JobLook, totals: t.Mapping[str, int]) -> Spellings:
        """Return how statuses are written here; refuse, before anything is touched, what has no word."""
        labels, counts = look.labels(), look.counts()
        queued, failed, cancelled = (spelling(kind, labels, counts) for kind in (WAITING, FAILED, CANCELLED))
        for word, kind, actions in (
            (queued, "queued", (SEND, RESTORE, MARK)),
            (failed, "failed", (PARK,)),
            (cancelled, "cancelled", (CANCEL, STOP)),
        ):
            if not word and any(totals.get(action) for action in actions):
                allowed = ", ".join(labels)
                raise OpsError(self._act, f"a row cannot be {kind}: its status is one of {allowed}")
        return Spellings(queued, failed, cancelled)

    def _applier(
        self,
        look: JobLook,
        evidence: Evidence,
        poison: t.Mapping[str, Found],
        totals: t.Mapping[str, int],
        beat: t.Callable[[], None],
        progress: Progress,
    ) -> Applier:
        site, options = self._site, self._options
        spellings = self._spellings(look, totals)
        stopper = Stopper(
            site.broker,
            Look(site.broker, site.keys, options),
            options["census_timeout_s"],
            options["terminate_timeout_s"],
            site.encoders,
            beat,
        )
        return Applier(
            site.database,
            look.table,
            site.broker,
            site.keys,
            Sender(site.broker, site.keys, options["task"], self._routes),
            stopper,
            evidence,
            spellings,
            poison,
            beat,
            progress.note,
        )


def _nothing() -> None:
    """Do nothing."""


def require_room(act: str, info: t.Mapping[str, t.Any], count: int) -> None:
    """Refuse to send more than fits into Redis: it would refuse half way, or throw something away. Pure."""
    limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    need = count * _MESSAGE_BYTES
    if limit and used + need > limit:
        raise OpsError(
            act,
            f"{count} messages need about {need} bytes, and Redis uses {used} of {limit}",
            "Raise maxmemory, or lower max_jobs",
        )


def change(options: t.Mapping[str, t.Any], run_command: RunCommand, check_mode: bool) -> dict[str, t.Any]:
    """Find the service, and change its jobs."""
    with open_site(options, run_command) as site:
        return JobChange(site, options).run(check_mode)
