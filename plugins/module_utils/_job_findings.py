# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what the verdicts on jobs mean to a person, in sentences. Pure."""

from __future__ import annotations

import typing as t

from ._verdict import CRITICAL, OK, UNKNOWN, WARNING, Finding, verdict_of

RECONCILE = "ansible-playbook rendiff.ops.reconcile"
_EXAMPLES = 5
# By verdict: how bad it is, and what it says of one job and of several.
_MEANING: t.Mapping[str, tuple[str, str, str]] = {
    "lost": (
        CRITICAL,
        "job is in no queue and with no worker: nobody will ever run it",
        "jobs are in no queue and with no worker: nobody will ever run them",
    ),
    "orphan": (
        CRITICAL,
        "job was taken by a worker that is gone, and waits for nobody",
        "jobs were taken by workers that are gone, and wait for nobody",
    ),
    "hung": (
        CRITICAL,
        "job is run by a worker, and its row has not moved for hours",
        "jobs are run by workers, and their rows have not moved for hours",
    ),
    "unknown": (
        UNKNOWN,
        "job may be stuck, and what would prove it is missing",
        "jobs may be stuck, and what would prove it is missing",
    ),
    "poison": (
        WARNING,
        "job was tried as often as is allowed, and is not tried again",
        "jobs were tried as often as is allowed, and are not tried again",
    ),
    "duplicate": (
        WARNING,
        "job has more than one message, and would run more than once",
        "jobs have more than one message each, and would run more than once",
    ),
    "ghost": (
        WARNING,
        "job has ended, and a message would run it again",
        "jobs have ended, and messages would run them again",
    ),
}


def findings_of(jobs: t.Mapping[str, t.Any], project: str) -> list[Finding]:
    """Return what is wrong with the jobs of a report, and one finding for what is well."""
    found = []
    for verdict, (severity, one, several) in _MEANING.items():
        count = jobs["verdicts"].get(verdict, 0)
        if not count:
            continue
        listed = [job for job in jobs["list"] if job["verdict"] == verdict][:_EXAMPLES]
        said = f"{count} {one if count == 1 else several}"
        evidence = {"jobs": [f"{job['job_id']}: {job['why']}" for job in listed]}
        commands = _commands(verdict, listed, project)
        found.append(Finding(f"jobs.{verdict}", "jobs", severity, "jobs", f"{said}.", evidence, commands))
    marked = jobs["would"].get("mark", 0)
    if marked:
        said = (
            "1 row says that its job is processed while its message waits."
            if marked == 1
            else f"{marked} rows say that their jobs are processed while their messages wait."
        )
        found.append(Finding("jobs.marked", "jobs", WARNING, "jobs", said, {}, (RECONCILE,)))
    if jobs["poison_messages"]:
        count = jobs["poison_messages"]
        said = f"{count} message{'s' * (count > 1)} in the queues would stop a worker, or be thrown away by it."
        found.append(Finding("jobs.poison_messages", "queues", CRITICAL, "queues", said, {}, (RECONCILE,)))
    found += _of_files(jobs.get("files"))
    for name, component in (("unsure", "workers"), ("blind", "queues")):
        if jobs[name]:
            said = f"What is missing to judge every job: {jobs[name]}."
            found.append(Finding(f"jobs.{name}", component, UNKNOWN, component, said))
    waiting, running = (jobs["verdicts"].get(verdict, 0) for verdict in ("waiting", "running"))
    waits = "1 job waits, with its message" if waiting == 1 else f"{waiting} jobs wait, each with its message"
    said = f"{waits}, and {running} {'is' if running == 1 else 'are'} run."
    return [*found, Finding("jobs.well", "jobs", OK, "jobs", said)]


def _of_files(files: t.Mapping[str, t.Any] | None) -> list[Finding]:
    """Return what jobs and files say of each other."""
    if files is None:
        return []
    found, without = [], files["without_row"]
    if files["missing"]:
        said = f"{files['missing']} of {files['checked']} jobs that are done have no output in the storage."
        found.append(
            Finding("jobs.files_missing", "storage", WARNING, "outputs", said, {"jobs": files["missing_sample"]})
        )
    if without["count"]:
        least = "At least " * without["cut"]
        said = f"{least}{without['count']} files ({without['bytes']} bytes) in the folders of outputs belong to no job."
        found.append(Finding("jobs.files_unknown", "storage", WARNING, "outputs", said, {"files": without["sample"]}))
    return found


def _commands(verdict: str, listed: t.Sequence[t.Mapping[str, t.Any]], project: str) -> tuple[str, ...]:
    if not listed:
        return ()
    if verdict == "hung":
        ids = ",".join(f'"{job["job_id"]}"' for job in listed)
        arguments = f'{{"project": "{project}", "state": "cancelled", "terminate": true, "job_ids": [{ids}]}}'
        return (f"ansible rendiff -m rendiff.ops.rendiff_jobs -a '{arguments}'",)
    return (RECONCILE,) if any(job["would"] for job in listed) else ()


def for_report(jobs: t.Mapping[str, t.Any], project: str) -> dict[str, t.Any]:
    """Return what a report over hosts needs of the jobs besides: the verdict, and what stands for itself."""
    return {**verdict_of(findings_of(jobs, project)), "measurements": {"verdicts": dict(jobs["verdicts"])}}
