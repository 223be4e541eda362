# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what a restore says of itself, for programs and for people. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._plan import Plan
from ._restore_compare import Comparison, plural
from ._restore_marker import Marker, say_time, staging_name
from ._restore_plan import Wanted
from ._restore_verify import Proof

_SAID = 3


@dataclasses.dataclass
class Done:
    """What a run found and did. ``marker`` is of the backup that it was about; ``kept`` of the database given away."""

    plan: Plan
    marker: Marker | None = None
    kept: str = ""
    why_not: str = ""
    wanted: Wanted | None = None
    taken_at: str = ""
    proof: Proof | None = None
    comparison: Comparison | None = None
    revoked: list[str] = dataclasses.field(default_factory=list)
    sessions: int = 0
    notes: list[str] = dataclasses.field(default_factory=list)


def result_of(
    options: t.Mapping[str, t.Any],
    live: str,
    done: Done,
    phases: t.Mapping[str, float],
    kept: t.Sequence[str],
    *,
    check_mode: bool,
) -> dict[str, t.Any]:
    """Return the module's result. ``kept``: the databases that restores kept, as they are now."""
    marker, proof, comparison = done.marker, done.proof, done.comparison
    backup = marker.backup if marker is not None else done.wanted.backup if done.wanted is not None else ""
    source = done.wanted.source if done.wanted is not None else marker.source if marker is not None else ""
    taken_at = done.taken_at or (marker.taken_at if marker is not None else "")
    return {
        "changed": done.plan.changed,
        "plan_id": done.plan.plan_id,
        "plan": [f"{action.target}: {action.transition}" for action in done.plan.actions],
        "diff": done.plan.diff(),
        "restore": {
            "database": live,
            "staging": staging_name(live),
            "previous": (done.kept or (marker.previous if marker is not None else "")) or None,
            "backup": backup or None,
            "source": source or None,
            "taken_at": taken_at or None,
            "verified_at": (marker.verified_at if marker is not None else "") or None,
            "phases": dict(phases),
            "tables": dict(proof.tables) if proof is not None else {},
            "jobs": dict(proof.jobs) if proof is not None else {},
            "keys_active": proof.keys_active if proof is not None else None,
            "checked_indexes": proof.indexes if proof is not None else None,
            "not_checked": (proof.unchecked if proof is not None else "") or None,
            "revoked_again": list(done.revoked),
            "compared": comparison.figures if comparison is not None else {},
            "not_compared": comparison.not_compared if comparison is not None else [],
            "lost": comparison.lost if comparison is not None else [],
            "notes": list(done.notes),
            "sessions_ended": done.sessions,
            "may_be_dropped": list(kept),
        },
        "msg": " ".join(_sentences(options, live, done, backup, taken_at, check_mode)),
    }


def _sentences(
    options: t.Mapping[str, t.Any], live: str, done: Done, backup: str, taken_at: str, check_mode: bool
) -> list[str]:
    state = str(options["state"])
    told = {"beside": _say_beside, "swapped": _say_swapped, "undone": _say_undone, "dropped": _say_dropped}[state]
    of = f"Backup {backup} of {say_time(taken_at)}" if taken_at else f"Backup {backup}"
    found = [told(live, of, done, check_mode)]
    if done.proof is not None and done.proof.unchecked:
        found.append(f"Its indexes were not checked: {done.proof.unchecked}.")
    if done.revoked:
        found.append(f"Revoked in it again: {plural(len(done.revoked), 'API key')}.")
    if done.comparison is not None and state in ("beside", "swapped"):
        lost = done.comparison.lost
        found += _capped(lost, "lost") or (
            [] if done.comparison.not_compared else ["Nothing is in the live database that is not in it."]
        )
        found += done.comparison.not_compared[:_SAID]
    found += _capped(done.notes, "notes")
    return [*found, *_next(live, state, done, check_mode)]


def _capped(sentences: t.Sequence[str], where: str) -> list[str]:
    """Return the first of some sentences, and where the others are."""
    more = len(sentences) - _SAID
    return [*sentences[:_SAID], *([f"And {more} more, see restore.{where}."] if more > 0 else [])]


def _say_beside(live: str, of: str, done: Done, check_mode: bool) -> str:
    if not done.plan.changed and done.marker is None:
        return f"'{live}' is this backup already; pass again=true to restore it once more."
    if check_mode and done.plan.changed:
        return f"{of} would be made ready in '{staging_name(live)}', beside '{live}'."
    return f"{of} is whole in '{staging_name(live)}', proven, beside '{live}', which is as it was."


def _say_swapped(live: str, of: str, done: Done, check_mode: bool) -> str:
    if not done.plan.changed:
        return f"'{live}' is {of[0].lower()}{of[1:]} since {say_time(done.marker.since if done.marker else '')}."
    kept = f", and what it was is kept as '{done.kept}'" if done.kept else ""
    if check_mode:
        return f"{of} would become '{live}'{', which would be kept' if done.kept else ''}."
    return f"{of} is now '{live}'{kept}. Ended: {plural(done.sessions, 'session')}."


def _say_undone(live: str, _of: str, done: Done, check_mode: bool) -> str:
    if not done.plan.changed:
        return done.why_not
    if check_mode:
        return f"'{live}' would be again what it was before the restore."
    kept = f" What was restored is kept as '{done.kept}'." if done.kept else ""
    return f"'{live}' is again what it was before the restore.{kept} Ended: {plural(done.sessions, 'session')}."


def _say_dropped(_live: str, _of: str, done: Done, check_mode: bool) -> str:
    if not done.plan.changed:
        return f"There is no database '{done.kept}'."
    return f"'{done.kept}' {'would be' if check_mode else 'is'} dropped for good."


def _next(live: str, state: str, done: Done, check_mode: bool) -> list[str]:
    """Return what can be run next."""
    if check_mode:
        return []
    if state == "beside" and done.marker is not None:
        return [f"Next: state=swapped confirm={live}."]
    if state == "swapped" and done.plan.changed and done.kept:
        return [
            f"To undo: state=undone confirm={live}. To drop it: state=dropped previous={done.kept} confirm={done.kept}."
        ]
    return []
