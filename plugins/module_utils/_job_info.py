# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: tell what is true of jobs, with the evidence, and what would be done to them."""

from __future__ import annotations

import threading
import time
import typing as t

from . import _postgres
from ._argspec import ArgumentSpec
from ._docker import RunCommand
from ._errors import OpsError
from ._job_figures import read_figures, read_pulse
from ._job_files import compare_files
from ._job_findings import for_report
from ._job_look import JOB_ARGUMENTS, JobLook, Site, check_options, filter_of, of_key, open_site
from ._job_plan import read_rows, with_owners
from ._job_rows import RUNNING, WAITING
from ._job_verdict import SEND, VERDICTS, Row, Verdict, decide, judge

INFO_ARGUMENTS = ArgumentSpec(
    {
        "verdicts": {"type": "list", "elements": "str", "choices": list(VERDICTS), "default": []},
        "list_max": {"type": "int", "default": 100},
        "window_s": {"type": "int", "default": 86_400},
        "move_timeout_s": {"type": "int", "default": 0},
        "files": {"type": "bool", "default": False},
    }
).merge(JOB_ARGUMENTS)

_ACT = "look at the jobs"
_POLL_S = 0.5
_EVIDENCE = ("lists", "orphan", "unclear", "aside", "foreign", "active", "reserved")


class JobInfo:
    """One look at the jobs. ``options`` are those of ``INFO_ARGUMENTS``."""

    def __init__(self, site: Site, options: t.Mapping[str, t.Any]) -> None:
        self._site = site
        self._options = options
        self._routes = check_options(_ACT, options)
        for name in ("list_max", "window_s", "move_timeout_s"):
            if options[name] < (name == "window_s"):
                raise OpsError(_ACT, f"{name} is {options[name]}, below {int(name == 'window_s')}")
        wanted = filter_of(_ACT, options, self._routes, ())
        self._wanted = of_key(site.database, _ACT, wanted, options["api_key_id"])

    def look(self) -> dict[str, t.Any]:
        """Return the report."""
        options, database = self._options, self._site.database
        begin = time.monotonic()
        look = JobLook(self._site, options)
        look.read_only()
        evidence, scene = look.gather()
        seen_or = () if self._wanted.statuses or self._wanted.job_ids else (*WAITING, *RUNNING)
        counts: dict[str, int] = {}
        would: dict[str, int] = {}
        queues: dict[str, int] = {}
        listed: list[dict[str, t.Any]] = []
        matched = 0
        for rows in read_rows(database, look.table, self._wanted, seen_or=seen_or):
            for row in with_owners(rows, scene, RUNNING, look.owners):
                verdict = judge(row, scene)
                counts[verdict.kind] = counts.get(verdict.kind, 0) + 1
                state = "queued" if row.status not in (*WAITING, *RUNNING) and verdict.kind == "ended" else "reconciled"
                action, refusal = decide(state, row, verdict, scene)
                if action and state == "reconciled":
                    would[action] = would.get(action, 0) + 1
                    if action == SEND and row.priority in self._routes:
                        queue = self._routes[row.priority][0]
                        queues[queue] = queues.get(queue, 0) + 1
                if not options["verdicts"] or verdict.kind in options["verdicts"]:
                    matched += 1
                    if len(listed) < options["list_max"]:
                        listed.append(describe(row, verdict, action, refusal))
        without, sample = self._without_row(look)
        found = {
            "verdicts": dict(sorted(counts.items())),
            "would": dict(sorted(would.items())),
            "would_send_to": dict(sorted(queues.items())),
            "list": listed,
            "list_cut": matched - len(listed),
            "without_row": without,
            "without_row_sample": sample,
            "poison_messages": evidence.poison,
            "messages": evidence.messages,
            "unsure": evidence.unsure,
            "blind": evidence.blind,
            "workers": evidence.census.describe(),
            "figures": read_figures(database, look.table, options["window_s"]),
            "files": compare_files(database, look.table, self._site.storage) if options["files"] else None,
            "moved": self._moved(look, counts.get("waiting", 0)),
        }
        return {**found, **for_report(found, self._site.project), "seconds": round(time.monotonic() - begin, 3)}

    def _moved(self, look: JobLook, waiting: int) -> bool | None:
        """Wait until a job begins or ends; return whether one did, None where none waits or nobody asked."""
        if not self._options["move_timeout_s"] or not waiting:
            return None
        deadline = time.monotonic() + self._options["move_timeout_s"]
        before = read_pulse(self._site.database, look.table)
        while read_pulse(self._site.database, look.table) == before:
            if time.monotonic() > deadline:
                return False
            threading.Event().wait(_POLL_S)
        return True

    def _without_row(self, look: JobLook) -> tuple[int, list[str]]:
        """Return how many jobs have a message and no row, and some: their rows may not be kept yet, or be gone."""
        statement = _postgres.sql.SQL(
            "SELECT e.job, count(*) OVER () FROM rdops_evidence AS e"
            " WHERE NOT EXISTS (SELECT FROM {} AS j WHERE lower({}) = e.job) ORDER BY 1 LIMIT %s"
        ).format(look.table.name, look.table.identity)
        rows = self._site.database.query(statement, [max(1, self._options["sample_size"])])
        return (int(rows[0][1]) if rows else 0), [str(row[0])[:80] for row in rows]


def describe(row: Row, verdict: Verdict, action: str, refusal: str) -> dict[str, t.Any]:
    """Return one job as plain data. Pure."""
    return {
        "job_id": row.job[:80],
        "status": row.status,
        "verdict": verdict.kind,
        "why": verdict.why,
        "would": action or None,
        "refused": refusal or None,
        "attempts": row.attempts,
        "priority": row.priority,
        "moved_s": None if row.moved_s is None else round(row.moved_s, 1),
        "worker": row.worker or None,
        "evidence": {name: getattr(row, name) for name in _EVIDENCE if getattr(row, name)},
    }


def look(options: t.Mapping[str, t.Any], run_command: RunCommand) -> dict[str, t.Any]:
    """Find the service and look at its jobs."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with open_site(options, run_command) as site:
        found = JobInfo(site, options).look()
        return {
            "jobs": {**found, "project": site.project, "checked_at": now},
            "project": site.project,
            "checked_at": now,
        }
