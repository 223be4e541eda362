# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what was found out about a key, and what was done about it, for a report. Pure."""

from __future__ import annotations

import shlex
import typing as t

from ._verdict import CRITICAL, OK, UNKNOWN, WARNING, Finding, verdict_of

Result = t.Mapping[str, t.Any]
COMPROMISE = "ansible-playbook rendiff.ops.api_key_compromise -e security_response_key_id="


def report_key(
    investigation: Result,
    refusals: t.Sequence[Result] = (),
    watched: t.Sequence[Result] = (),
    open_jobs: int | None = None,
    done: t.Sequence[str] = (),
    failed: t.Sequence[str] = (),
) -> dict[str, t.Any]:
    """Return what a report over hosts needs.

    ``investigation``: of rendiff_api_key_info, as it was before anything was done; where there is none, ``key``,
    ``project`` and ``checked_at``. ``failed``: which steps failed, in sentences. ``refusals``: of rendiff_api_key.
    ``watched``: of rendiff_api_key_info at the end. ``open_jobs``: how many of its jobs wait or run at the end, None
    where nothing was done, or the database does not tell. ``done``: what was done, in sentences.
    """
    identity = str(investigation["key"]["id"])
    findings = [
        _of_answer(number, each, identity) for number, each in enumerate(investigation.get("answers", ()), start=1)
    ]
    findings += [
        Finding(f"key.failed.{number}", "keys", CRITICAL, identity, said) for number, said in enumerate(failed, start=1)
    ]
    again = (f"{COMPROMISE}{identity}",)
    for refusal in refusals:
        severity = OK if refusal["proven"] else CRITICAL
        evidence = {"targets": list(refusal["targets"])}
        commands = () if refusal["proven"] else again
        findings.append(
            Finding(f"key.refused.{refusal['key_id']}", "keys", severity, identity, refusal["said"], evidence, commands)
        )
    for each in watched:
        severity = CRITICAL if each["came_back"] else WARNING if each["attempts"] else OK
        commands = (f"{COMPROMISE}{each['key_id']}",) if each["came_back"] else ()
        evidence = {"addresses": list(each["addresses"])}
        findings.append(
            Finding(
                f"key.watched.{each['key_id']}", "keys", severity, each["key_id"], each["summary"], evidence, commands
            )
        )
    if open_jobs is not None or refusals or done:
        said = _left(open_jobs)
        left = UNKNOWN if open_jobs is None else WARNING if open_jobs else OK
        findings.append(Finding("key.open_jobs", "keys", left, identity, said, {}, again if open_jobs else ()))
    return {
        **{name: investigation[name] for name in ("project", "checked_at")},
        "seconds": investigation.get("seconds", 0.0),
        **verdict_of(findings),
        "summary": " ".join([_summary(investigation, refusals, open_jobs, done), *failed]).strip(),
        "measurements": {
            name: investigation[name]
            for name in ("addresses", "jobs", "destinations", "events", "open_jobs", "keys_made")
            if name in investigation
        },
        "causes": [],
        "done": list(done),
    }


def _of_answer(number: int, each: Result, identity: str) -> Finding:
    severity = WARNING if each["suspicious"] else OK
    said = f"{each['question']} {each['answer']}"
    made = [str(other) for other in each.get("api_keys", ())]
    commands = tuple(f"{COMPROMISE}{shlex.quote(other)}" for other in made)
    return Finding(
        f"key.question.{number}", "keys", severity, identity, said, {"api_keys": made} if made else {}, commands
    )


def _left(open_jobs: int | None) -> str:
    if open_jobs is None:
        return "Whether any of its jobs waits or runs, the database does not tell."
    return f"{open_jobs} of its jobs still wait or run." if open_jobs else "None of its jobs waits or runs."


def _summary(investigation: Result, refusals: t.Sequence[Result], open_jobs: int | None, done: t.Sequence[str]) -> str:
    if open_jobs is None and not refusals and not done:
        return str(investigation.get("summary", ""))
    bad = [refusal["said"] for refusal in refusals if not refusal["proven"]]
    if bad:
        return f"The key is revoked. {bad[0]}"
    # Nobody was asked with prove_s=0, nor in check mode.
    refused = "The key is refused everywhere." if refusals else "The key is revoked."
    return f"{refused} {_left(open_jobs)} {investigation.get('summary', '')}".strip()
