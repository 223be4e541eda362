# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what a restore would do to the databases of a server, from what they are. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._databases import Held
from ._errors import OpsError
from ._mitigation import format_time
from ._plan import Action, Plan
from ._restore_marker import (
    BEFORE,
    BESIDE,
    KEPT,
    LIVE,
    UNDONE,
    Marker,
    is_kept_name,
    kept_name,
    of_people,
    option_matches,
    parse_marker,
    staging_name,
)

Databases = t.Mapping[str, Held]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A backup that is wanted, by its name, and by what is in it. ``source`` is the option that means it again."""

    backup: str
    sha256: str
    source: str = ""


@dataclasses.dataclass(frozen=True)
class Exchange:
    """Which database takes the place of the live one, and what becomes of that. ``old`` is None where there is none.

    ``kept`` is its name from then on; ``old_comment`` and ``new_comment`` are what both are told to be.
    """

    live: str
    new: Held
    new_comment: str | None
    old: Held | None = None
    kept: str = ""
    old_comment: str | None = None


def marker_of(held: Held | None) -> Marker | None:
    """Return what a database is told to be, None for one without a marker."""
    return parse_marker(held.comment) if held is not None else None


def whole(held: Held | None, live: str) -> Marker | None:
    """Return the marker of a staging database that was proven and can be used, None for any other."""
    marker = marker_of(held)
    usable = held is not None and held.connectable and marker is not None and marker.of == live
    return marker if usable and marker is not None and marker.state == BESIDE else None


def plan_beside(
    live: str, wanted: Wanted, databases: Databases, *, again: bool, pending: int, staging_empty: bool
) -> Plan:
    """Plan to have a backup beside the live database.

    ``pending``: how many keys that are revoked are active in the staging database. ``staging_empty``: it has no tables.
    """
    staging = staging_name(live)
    held, current = databases.get(staging), marker_of(databases.get(live))
    before = {staging: describe(held), live: describe(databases.get(live))}
    if current is not None and current.state == LIVE and current.holds(wanted.backup, wanted.sha256) and not again:
        return Plan(before, before)
    proven = whole(held, live)
    after = {**before, staging: f"backup {wanted.backup}, {BESIDE}"}
    if proven is not None and proven.holds(wanted.backup, wanted.sha256):
        actions = (Action(staging, revoking(pending)),) if pending else ()
        return Plan(before, {**after, staging: f"{after[staging]}, {revoking(pending)}"} if pending else after, actions)
    found = [Action(staging, f"backup {wanted.backup} is loaded and proven")]
    if held is not None:
        if marker_of(held) is None and not staging_empty:
            raise OpsError(
                f"load backup '{wanted.backup}'",
                f"there is a database '{staging}' that is not from here",
                "Rename or drop it by hand",
            )
        found.insert(0, Action(staging, f"{describe(held)}, is dropped"))
    return Plan(before, after, tuple(found))


def plan_swap(live: str, backup: str, databases: Databases, *, again: bool, now: float) -> tuple[Plan, Exchange | None]:
    """Plan to let the backup beside take the place of the live database. ``backup`` is the option."""
    staging = staging_name(live)
    old, new = databases.get(live), databases.get(staging)
    current, proven = marker_of(old), whole(new, live)
    before = {live: describe(old), staging: describe(new)}
    if proven is not None and not option_matches(backup, proven):
        proven = None
    if current is not None and current.state == LIVE and option_matches(backup, current):
        same = proven is None or proven.holds(current.backup, current.sha256)
        if same and (proven is None or not again):
            return Plan(before, before), None
    if proven is None or new is None:
        raise OpsError(
            f"swap database '{live}'",
            f"backup '{backup}' is not beside it, whole and proven: '{staging}' is {describe(new)}",
            "Run this with state=beside first",
        )
    moment = format_time(now)
    kept = kept_name(live, BEFORE, now) if old is not None else ""
    became = dataclasses.replace(
        proven, state=LIVE, since=moment, previous=kept, comment=of_people(old.comment if old is not None else None)
    )
    told = Marker(BEFORE, live, backup=proven.backup, since=moment, comment=old.comment if old is not None else None)
    exchange = Exchange(live, new, became.text(), old, kept, told.text())
    after = {live: f"backup {proven.backup}, {LIVE}", staging: "absent"}
    actions = [Action(staging, f"becomes {live}")]
    if old is not None:
        after[_kept_shown(live, BEFORE)] = f"what {live} was"
        actions.insert(0, Action(live, f"is kept as {_kept_shown(live, BEFORE)}"))
    return Plan(before, after, tuple(actions)), exchange


def plan_undo(
    live: str, previous: str | None, databases: Databases, *, now: float
) -> tuple[Plan, Exchange | None, str]:
    """Plan to give the live database's place back to what was there before; the last is why there is nothing to do."""
    act = f"undo the restore of database '{live}'"
    old = databases.get(live)
    current = marker_of(old)
    restored = current is not None and current.state == LIVE
    name = previous or (current.previous if restored and current is not None else "")
    if previous and not is_kept_name(previous, live):
        raise OpsError(act, f"'{previous}' is no database that a restore of '{live}' kept", "Pass another previous")
    new = databases.get(name) if name else None
    told = marker_of(new)
    before = {live: describe(old), **({name: describe(new)} if name else {})}
    if new is None and not restored:
        return Plan(before, before), None, f"'{live}' did not come from a backup, so there is nothing to undo."
    if not name:
        return (
            Plan(before, before),
            None,
            f"There was no database '{live}' before the restore, so nothing to go back to.",
        )
    if new is None or told is None or told.state not in KEPT or told.of != live:
        raise OpsError(act, f"'{name}', which it took the place of, is {describe(new)}", "Pass another previous")
    moment = format_time(now)
    kept = kept_name(live, UNDONE, now) if old is not None else ""
    mark = Marker(
        UNDONE, live, backup=current.backup if current else "", since=moment, comment=old.comment if old else None
    )
    after = {live: f"what {name} is", name: "absent"}
    actions = [Action(name, f"becomes {live}")]
    if old is not None:
        after[_kept_shown(live, UNDONE)] = f"what {live} was"
        actions.insert(0, Action(live, f"is kept as {_kept_shown(live, UNDONE)}"))
    return Plan(before, after, tuple(actions)), Exchange(live, new, told.comment, old, kept, mark.text()), ""


def plan_drop(live: str, name: str, databases: Databases) -> Plan:
    """Plan to remove a database that a restore kept, or that it left beside."""
    act = f"drop database '{name}'"
    held = databases.get(name)
    if name == live or not (is_kept_name(name, live) or name == staging_name(live)):
        raise OpsError(act, f"it is none that a restore of '{live}' keeps", "Pass a previous that rendiff_restore told")
    if held is None:
        return Plan({name: "absent"}, {name: "absent"})
    marker = marker_of(held)
    if marker is None or marker.of != live or marker.state == LIVE:
        raise OpsError(act, "its comment does not say that a restore made it", "Drop it by hand if it may go")
    return Plan({name: describe(held)}, {name: "absent"}, (Action(name, "is dropped for good"),))


def revoking(count: int) -> str:
    """Return what becomes of a database in which keys are active that were revoked."""
    return f"revokes {count} key{'' if count == 1 else 's'} again"


def check_confirm(act: str, confirm: str | None, name: str) -> None:
    """Refuse what may not be done by accident."""
    if confirm != name:
        given = f"confirm is '{confirm}'" if confirm else "confirm is not given"
        raise OpsError(act, f"{given}, and it changes '{name}'", f"Pass confirm={name}")


def kept_of(live: str, databases: Databases) -> list[str]:
    """Return the names of what restores of a database kept."""
    found = [name for name in databases if is_kept_name(name, live)]
    return sorted(name for name in found if (marker_of(databases[name]) or Marker("", "")).of == live)


def describe(held: Held | None) -> str:
    """Return what a database is, in words without times."""
    if held is None:
        return "absent"
    marker = marker_of(held)
    if marker is None:
        return "no backup"
    states = {BEFORE: f"what backup {marker.backup} took the place of", UNDONE: f"backup {marker.backup}, undone"}
    return states.get(marker.state, f"backup {marker.backup}, {marker.state}")


def _kept_shown(live: str, state: str) -> str:
    """Return the name under which it is kept as a plan has it, which knows no times."""
    return f"{live}_{state}_TIME"
