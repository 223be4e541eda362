# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what a change of jobs did, or would do, as plain data and as a sentence. Pure."""

from __future__ import annotations

import typing as t

from ._job_apply import Done
from ._job_evidence import Evidence
from ._job_plan import PARK_MESSAGE, Judged, Order
from ._job_verdict import CANCEL, MARK, PARK, RESTORE, SEND, STOP, SWEEP, THIN

_SAID = {
    SEND: "sent anew",
    RESTORE: "put back from workers that are gone",
    MARK: "marked as queued, as their messages wait",
    CANCEL: "cancelled",
    STOP: "cancelled while they ran",
    PARK: "failed for good after too many tries",
    THIN: "freed of messages that would run them twice",
    SWEEP: "freed of messages that would run them again",
    PARK_MESSAGE: "put aside, as a worker would stop at them",
}
_BECOMES = {
    MARK: "queued",
    RESTORE: "queued",
    SEND: "queued",
    PARK: "failed",
    CANCEL: "cancelled",
    STOP: "cancelled",
}


def describe(
    state: str, judged: Judged, order: Order, done: Done, evidence: Evidence, check_mode: bool
) -> dict[str, t.Any]:
    """Return the result of the module."""
    totals = order.stream.totals
    counts = dict(totals) if check_mode else {action: count for action, count in done.done.items() if count}
    return {
        "changed": order.stream.changed if check_mode else bool(counts),
        "plan_id": order.stream.plan_id,
        "plan": [f"{action.target}: {_SAID[action.transition]}" for action in order.stream.sample],
        "diff": {"before": _before(judged, order), "after": _after(judged, order, counts)},
        "jobs": {
            "state": state,
            "verdicts": dict(sorted(judged.verdicts.items())),
            "planned": dict(sorted(totals.items())),
            "done": {} if check_mode else dict(sorted(counts.items())),
            "moved_on": dict(sorted(done.moved_on.items())),
            "sent_before": done.sent_before,
            "still_running": done.still_running,
            "encoders_ended": done.ended,
            "encoders_going_on": [each._asdict() for each in done.going_on],
            "encoders_unseen": done.unseen,
            "refused": judged.refused,
            "refused_sample": judged.refused_sample,
            "over_limit": order.over,
            "unapproved": order.unapproved,
            "unapproved_sample": order.unapproved_sample,
            "no_longer_valid": order.invalid,
            "messages": evidence.messages,
            "workers": evidence.census.describe(),
            "unsure": evidence.unsure,
        },
        "msg": sentence(judged, order, done, counts, check_mode),
    }


def _before(judged: Judged, order: Order) -> dict[str, t.Any]:
    return {"jobs": dict(sorted(judged.statuses.items())) if order.stream.changed else {}}


def _after(judged: Judged, order: Order, counts: t.Mapping[str, int]) -> dict[str, t.Any]:
    changed: dict[str, int] = {}
    for action, count in counts.items():
        name = f"{_BECOMES.get(action, 'as before')}, {_SAID[action]}"
        changed[name] = changed.get(name, 0) + count
    return {"jobs": changed if order.stream.changed else {}}


def sentence(judged: Judged, order: Order, done: Done, counts: t.Mapping[str, int], check_mode: bool) -> str:
    """Return what was done, or would be, for a tired person."""
    parts = [f"{count} {_SAID[action]}" for action, count in sorted(counts.items()) if count]
    would = "Would be: " if check_mode and parts else ""
    said = f"{would}{', '.join(parts)}." if parts else "Nothing is to be done."
    if sum(done.moved_on.values()):
        said += f" {sum(done.moved_on.values())} had moved on by themselves."
    if done.still_running:
        said += f" {len(done.still_running)} still run, although they were told to stop."
    said += said_of_encoders(done)
    if judged.refused:
        said += f" {judged.refused} left alone: {judged.refused_sample[0]['why'] if judged.refused_sample else ''}"
        said = said.rstrip(" .:") + "."
    if order.over:
        said += f" {order.over} are left by max_jobs: run this again."
    if order.unapproved:
        said += f" {order.unapproved} are not in the approved plan and were refused."
    if order.invalid:
        said += f" {order.invalid} of the approved plan are no longer valid."
    return said


def said_of_encoders(done: Done) -> str:
    """Return what became of encoders that their workers left alone, as sentences. Pure."""
    said = ""
    if done.ended:
        said += f" The encoders of {len(done.ended)} went on, and were ended."
    for each in done.going_on:
        said += f" The encoder of job {each.job} goes on in '{each.container}' and holds its place there: {each.why}."
    if done.unseen:
        said += f" {len(done.unseen)} ran where their encoders cannot be seen from here: they may go on."
    return said
