# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._census import Census
from ansible_collections.rendiff.ops.plugins.module_utils._job_verdict import (
    CANCEL,
    MARK,
    PARK,
    RESTORE,
    SEND,
    STOP,
    SWEEP,
    THIN,
    Limits,
    Row,
    Scene,
    decide,
    judge,
)
from ansible_collections.rendiff.ops.plugins.module_utils._unacked import Holder

NODE = "celery@box"
CENSUS = Census(1, {NODE: ("default",)}, (), 1)


def row(status="processing", **more):
    given = {"version": "v", "moved_s": 600.0, "created_s": 700.0, "attempts": 0, "priority": "normal", "worker": ""}
    return Row("job", status, **{**given, **more})


def scene(**more):
    given = {"census": CENSUS, "holders": (Holder("box", True, 1.0),), "now": 10_000.0, "limits": Limits()}
    return Scene(**{**given, **more})


@pytest.mark.parametrize(
    "found, around, kind, action",
    [
        (row("queued", lists=1), {}, "waiting", ""),
        (row("queued", reserved=1, place=NODE), {}, "waiting", ""),
        (row(lists=1), {}, "waiting", MARK),
        (row(lists=1, moved_s=5.0), {}, "unknown", ""),
        (row(lists=1), {"unsure": "silent"}, "unknown", ""),
        (row(active=1, place=NODE), {}, "running", ""),
        (row(active=1, place=NODE, moved_s=30_000.0), {}, "hung", ""),
        (row("completed", active=1, place=NODE, moved_s=5.0), {}, "running", ""),
        (row("cancelled", active=1, place=NODE), {}, "ghost", ""),
        (row(active=1, lists=1, place=NODE), {}, "duplicate", THIN),
        (row(active=2, place=NODE), {}, "duplicate", ""),
        (row("queued", lists=2), {}, "duplicate", THIN),
        (row("queued", lists=1, orphan=1), {}, "duplicate", THIN),
        (row("queued"), {}, "lost", SEND),
        (row("queued", moved_s=5.0), {}, "unknown", ""),
        (row("queued", moved_s=None), {}, "lost", SEND),
        (row("queued"), {"unsure": "silent"}, "unknown", ""),
        (row("queued"), {"unsure": "silent", "force": frozenset({"unknown_census"})}, "lost", SEND),
        (row("queued"), {"blind": "pickle"}, "unknown", ""),
        (row("queued"), {"blind": "pickle", "force": frozenset({"unreadable"})}, "lost", SEND),
        (row("queued", aside=1), {}, "unknown", ""),
        (row("queued", foreign=1), {}, "unknown", ""),
        (row("queued", unclear=1), {}, "unknown", ""),
        (row("queued", attempts=3), {}, "poison", PARK),
        (row(), {}, "unknown", ""),
        (row(worker=NODE), {}, "lost", SEND),
        (row(worker=NODE), {"holders": (Holder("box", False, 1.0),), "census": Census(0, {}, (), 0)}, "lost", SEND),
        (row(worker=NODE), {"holders": (), "census": Census(0, {}, (), 0)}, "unknown", ""),
        (row(worker=NODE), {"census": Census(0, {}, (), 0)}, "unknown", ""),
        (row(), {"force": frozenset({"foreign_owner"})}, "lost", SEND),
        (row(moved_s=30_000.0), {}, "lost", SEND),
        (row(orphan=1), {}, "orphan", RESTORE),
        (row(orphan=1, attempts=3), {}, "poison", PARK),
        (row(orphan=1, attempts=3), {"limits": Limits(max_attempts=0)}, "orphan", RESTORE),
        (row("completed"), {}, "ended", ""),
        (row("completed", aside=1), {}, "ended", ""),
        (row("completed", lists=1), {}, "ghost", SWEEP),
        (row("cancelled", lists=1, moved_s=5.0), {}, "unknown", ""),
        (row("failed", lists=1), {}, "ghost", ""),
        (row("completed", unclear=1), {}, "unknown", ""),
    ],
)
def test_a_job_is_judged_and_dealt_with(found, around, kind, action):
    verdict = judge(found, scene(**around))
    assert verdict.kind == kind and verdict.why is not None
    assert decide("reconciled", found, verdict, scene(**around))[0] == action


@pytest.mark.parametrize(
    "found, around, action, words",
    [
        (row("failed"), {}, SEND, ""),
        (row("failed"), {"unsure": "silent"}, "", "silent"),
        (row("failed"), {"blind": "pickle"}, "", "pickle"),
        (row("failed", aside=1, place="the trash"), {}, "", "put aside in the trash"),
        (row("failed", attempts=3), {}, "", "tried 3 times"),
        (row("completed"), {}, "", "it is completed"),
        (row("completed", lists=1), {}, "", "would run it again"),
        (row("queued", lists=2), {}, "", "2 messages"),
        (row("queued", lists=1), {}, "", ""),
    ],
)
def test_what_is_sent_again_on_request_is_only_what_runs_nowhere(found, around, action, words):
    done, refused = decide("queued", found, judge(found, scene(**around)), scene(**around))
    assert done == action and words in refused and bool(words) == bool(refused)


@pytest.mark.parametrize(
    "found, terminate, action, words",
    [
        (row("queued", lists=1), False, CANCEL, ""),
        (row("queued", lists=2), False, CANCEL, ""),
        (row("queued"), False, CANCEL, ""),
        (row("queued", moved_s=1.0), False, "", "less than 60 s"),
        (row(active=1, place=NODE), False, "", "terminate=true"),
        (row(active=1, place=NODE), True, STOP, ""),
        (row("cancelled", active=1, place=NODE), False, "", ""),
        (row("cancelled", lists=1), False, SWEEP, ""),
        (row("cancelled"), False, "", ""),
        (row("completed"), False, "", "it is completed"),
    ],
)
def test_a_cancel_takes_what_waits_and_stops_what_runs_only_on_request(found, terminate, action, words):
    done, refused = decide("cancelled", found, judge(found, scene()), scene(), terminate=terminate)
    assert done == action and words in refused and bool(words) == bool(refused)
