# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what is true of a job: its row, the lists, what is delivered, and the workers. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._census import Census
from ._job_rows import CANCELLED, COMPLETED, FAILED, RUNNING, WAITING
from ._unacked import Holder, proof_of_death

VERDICTS = (
    "waiting",
    "running",
    "lost",
    "orphan",
    "ghost",
    "duplicate",
    "hung",
    "poison",
    "unknown",
    "ended",
)
FORCE = ("unknown_census", "foreign_owner", "unreadable")
STATES = ("queued", "cancelled", "reconciled")
# What is done to a job, in the order in which it is done to many.
THIN, SWEEP, MARK, PARK, RESTORE, SEND, CANCEL, STOP = ACTIONS = (
    "thin",
    "sweep",
    "mark",
    "park",
    "restore",
    "send",
    "cancel",
    "stop",
)


class Row(t.NamedTuple):
    """One job: its row, and how many messages and workers have it. Ages in seconds, None where no time is known.

    ``lists``: messages that wait in a queue; ``aside``: in a list where this collection put them; ``foreign``: in a
    list that no configured worker reads; ``orphan``: delivered to a worker that is gone; ``unclear``: delivered to one
    that may not be; ``active`` and ``reserved``: workers that run it, or took it and have not begun. ``place``: a
    word about where.
    """

    job: str
    status: str
    version: str
    moved_s: float | None
    created_s: float | None
    attempts: int
    priority: str
    worker: str
    lists: int = 0
    aside: int = 0
    foreign: int = 0
    orphan: int = 0
    unclear: int = 0
    active: int = 0
    reserved: int = 0
    place: str = ""

    @property
    def copies(self) -> int:
        """Return how many messages for it there are, those that a worker at work has not counted."""
        return self.lists + self.aside + self.foreign + self.orphan + self.unclear


@dataclasses.dataclass(frozen=True)
class Limits:
    """From when on something counts, in seconds; ``max_attempts`` 0 for no limit."""

    min_age_s: float = 60
    stuck_after_s: float = 22_500
    hung_after_s: float = 22_500
    max_attempts: int = 3


@dataclasses.dataclass(frozen=True)
class Scene:
    """What is known beside the single job.

    ``unsure``: why not every worker is known to have answered, empty where all have. ``blind``: why a message may be
    there that was not seen. ``now``: seconds since the epoch.
    """

    census: Census
    holders: t.Sequence[Holder]
    now: float
    limits: Limits
    unsure: str = ""
    blind: str = ""
    force: frozenset[str] = frozenset()


class Verdict(t.NamedTuple):
    """What is true of a job, one of ``VERDICTS``, and why, in a few words."""

    kind: str
    why: str


def judge(row: Row, scene: Scene) -> Verdict:
    """Tell what is true of a job. What is not proven is unknown, and says what is missing."""
    if row.active or row.reserved:
        return _judge_held(row, scene)
    if row.status in WAITING or row.status in RUNNING:
        return _judge_open(row, scene)
    if row.copies == row.aside:
        # What is put aside runs nothing until it is put back.
        limit = scene.limits.max_attempts
        if row.status in FAILED and limit and row.attempts >= limit:
            return Verdict("poison", f"it is {row.status}, and it was tried {row.attempts} times before")
        return Verdict("ended", f"it is {row.status}")
    if row.unclear:
        return Verdict("unknown", row.place or "a worker may have a message for it")
    doubt = _doubt(row, scene)
    if doubt:
        return Verdict("unknown", doubt)
    return Verdict("ghost", f"it is {row.status}, and a message would run it again")


def _judge_held(row: Row, scene: Scene) -> Verdict:
    others = row.lists + row.orphan
    if row.active + row.reserved > 1:
        return Verdict("duplicate", f"{row.active + row.reserved} tasks of workers are for it")
    if others:
        return Verdict("duplicate", f"{row.place} has it, and {others} more message{'s' * (others > 1)} would run it")
    if not row.active:
        return Verdict("waiting", f"{row.place} took it and has not begun")
    if row.status not in WAITING and row.status not in RUNNING:
        if (row.moved_s or 0) > scene.limits.min_age_s:
            return Verdict("ghost", f"it is {row.status}, and {row.place} runs it")
        return Verdict("running", f"{row.place} is ending it")
    if row.status in RUNNING and row.moved_s is not None and row.moved_s > scene.limits.hung_after_s:
        return Verdict("hung", f"{row.place} runs it, and its row has not moved for {row.moved_s:.0f} s")
    return Verdict("running", f"{row.place} runs it")


def _judge_open(row: Row, scene: Scene) -> Verdict:
    if row.aside:
        return Verdict("unknown", _aside(row))
    if row.foreign:
        return Verdict("unknown", f"its message lies in {row.place}, outside the configured priority steps")
    if row.unclear:
        return Verdict("unknown", row.place or "a worker may have its message")
    if row.lists + row.orphan > 1:
        return Verdict("duplicate", f"{row.lists + row.orphan} messages would run it")
    if row.orphan:
        limit = scene.limits.max_attempts
        if limit and row.attempts >= limit:
            return Verdict("poison", f"the worker that had it is gone, and it was tried {row.attempts} times before")
        return Verdict("orphan", row.place)
    if row.lists:
        if row.status in WAITING:
            return Verdict("waiting", f"its message waits in {row.place}")
        doubt = _doubt(row, scene)
        if doubt:
            return Verdict("unknown", doubt)
        return Verdict("waiting", f"its row says {row.status}, and its message waits in {row.place}")
    return _judge_absent(row, scene)


def _aside(row: Row) -> str:
    return f"its message is put aside in {row.place}: put that back, or drop it, first"


def _judge_absent(row: Row, scene: Scene) -> Verdict:
    doubt = _doubt(row, scene) or (scene.blind if "unreadable" not in scene.force else "")
    if doubt:
        return Verdict("unknown", doubt)
    why = "no queue and no worker has it"
    if row.status in RUNNING:
        gone = _owner_is_gone(row, scene)
        if not gone:
            owner = row.worker or "the worker"
            told = "" if row.moved_s is None else f", and its row moved {row.moved_s:.0f} s ago"
            return Verdict("unknown", f"nothing proves that {owner} no longer works on it{told}")
        why = f"{why}: {gone}"
    limit = scene.limits.max_attempts
    if limit and row.attempts >= limit:
        return Verdict("poison", f"{why}, and it was tried {row.attempts} times")
    return Verdict("lost", why)


def _doubt(row: Row, scene: Scene) -> str:
    """Tell why absence and age prove nothing here, empty where they do."""
    if scene.unsure and "unknown_census" not in scene.force:
        return scene.unsure
    if row.moved_s is not None and row.moved_s < scene.limits.min_age_s:
        return f"it moved {row.moved_s:.0f} s ago, less than {scene.limits.min_age_s:.0f} s"
    return ""


def _owner_is_gone(row: Row, scene: Scene) -> str:
    if row.moved_s is None:
        return "its row has no time"
    if row.moved_s >= scene.limits.stuck_after_s:
        return f"its row has not moved for {row.moved_s:.0f} s"
    proof = proof_of_death(row.worker, scene.now - row.moved_s, scene.census, scene.holders) if row.worker else ""
    if not proof and "foreign_owner" in scene.force:
        return "forced"
    return proof


def decide(state: str, row: Row, verdict: Verdict, scene: Scene, *, terminate: bool = False) -> tuple[str, str]:
    """Return (action, refusal) for a job; both empty where nothing is to be done."""
    if state == "cancelled":
        return _decide_cancel(row, verdict, terminate)
    kind = verdict.kind
    if kind == "lost":
        return SEND, ""
    if kind == "orphan":
        return RESTORE, ""
    if kind == "poison":
        return ("", verdict.why) if row.status in FAILED else (PARK, "")
    if kind == "waiting" and row.status in RUNNING and row.lists:
        return MARK, ""
    if state == "queued":
        if kind == "ended" and row.status in FAILED:
            doubt = "" if "unknown_census" in scene.force else scene.unsure
            doubt = doubt or ("" if "unreadable" in scene.force else scene.blind)
            if row.aside:
                doubt = _aside(row)
            return ("", doubt) if doubt else (SEND, "")
        refused = "" if kind == "waiting" else verdict.why
        return "", refused
    if kind == "ghost" and not row.active and row.status in (*CANCELLED, *COMPLETED):
        # One that failed may have been sent again by somebody a moment ago.
        return SWEEP, ""
    if kind == "duplicate" and row.lists and row.copies + row.active + row.reserved > 1:
        return THIN, ""
    return "", verdict.why if kind in ("unknown", "ghost", "duplicate", "hung") else ""


def _decide_cancel(row: Row, verdict: Verdict, terminate: bool) -> tuple[str, str]:
    if row.active:
        if terminate:
            return STOP, ""
        cancelled = row.status in CANCELLED
        return "", "" if cancelled else f"{verdict.why}: pass terminate=true to stop it"
    if row.status in CANCELLED:
        return (SWEEP, "") if verdict.kind == "ghost" else ("", "")
    if row.status in COMPLETED or row.status in FAILED:
        return "", f"it is {row.status}"
    if verdict.kind == "unknown":
        return "", verdict.why
    return CANCEL, ""
