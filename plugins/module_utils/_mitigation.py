# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: entries of the mitigation ledger: temporary changes, and how each is undone. Pure."""

from __future__ import annotations

import calendar
import dataclasses
import re
import time
import typing as t

from ._errors import OpsError
from ._plan import Action, Plan
from ._redact import looks_secret

# Written before the change, after it was verified, after its undo was verified, after an undo that failed.
PLANNED, APPLIED, UNDONE, FAILED = "planned", "applied", "undone", "failed"
OPEN = (PLANNED, APPLIED, FAILED)

# Whose actions may undo something: roles of this collection. Which actions there are, the role's own spec says.
ROLES = (
    "database",
    "disaster_recovery",
    "incident",
    "maintenance",
    "scaling",
    "security_response",
    "storage",
)
_NAME = re.compile(r"^[a-z0-9][a-z0-9_.:-]{0,119}$")
_ACTION = re.compile(r"^[a-z][a-z0-9_]{0,63}$")
_PROJECT = re.compile(r"^[a-z0-9][a-z0-9_-]{0,119}$")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclasses.dataclass(frozen=True)
class Mitigation:
    """One temporary change. ``before`` and ``after`` are what was and what shall be; times are UTC, ISO 8601."""

    name: str
    what: str
    before: t.Mapping[str, t.Any]
    after: t.Mapping[str, t.Any]
    undo: t.Mapping[str, t.Any]
    status: str = PLANNED
    why: str = ""
    incident: str = ""
    until: str = ""
    created_at: str = ""
    changed_at: str = ""
    sequence: int = 0
    error: str = ""
    project: str = ""

    @property
    def open(self) -> bool:
        """Tell whether it still has to be undone."""
        return self.status in OPEN

    def expired(self, now: float) -> bool:
        """Tell whether its time is over; ``now`` in seconds since the epoch. One without a limit never is."""
        return bool(self.until) and calendar.timegm(time.strptime(self.until, _TIME)) <= now

    def describe(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return {
            name: dict(value) if isinstance(value, t.Mapping) else value
            for name, value in ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))
        }


def format_time(seconds: float) -> str:
    """Return a time of the epoch as the ledger writes it."""
    return time.strftime(_TIME, time.gmtime(seconds))


def read_entry(document: t.Any) -> Mitigation:
    """Return an entry that was read from a file, checked as if a stranger had written it."""
    if not isinstance(document, dict):
        raise OpsError("read an entry of the mitigation ledger", "it is not a JSON object")
    known = {field.name for field in dataclasses.fields(Mitigation)}
    try:
        entry = Mitigation(**{name: value for name, value in document.items() if name in known})
    except TypeError as error:
        raise OpsError("read an entry of the mitigation ledger", "fields are missing") from error
    check_entry(entry)
    return entry


def check_entry(entry: Mitigation) -> None:
    """Refuse an entry that could not be undone, or that could do something else than undo."""
    act = f"use the mitigation '{str(entry.name)[:60]}'"
    if not isinstance(entry.name, str) or not _NAME.match(entry.name):
        raise OpsError(act, "a name is small letters, digits and . _ : -, at most 120 of them")
    if entry.status not in (*OPEN, UNDONE):
        raise OpsError(act, f"'{entry.status}' is no status of an entry")
    if entry.project and not (isinstance(entry.project, str) and _PROJECT.match(entry.project)):
        raise OpsError(act, "its project is no name of a Compose project")
    if entry.until:
        try:
            time.strptime(entry.until, _TIME)
        except (ValueError, TypeError) as error:
            raise OpsError(act, f"'{entry.until}' is no time of the form 2026-11-23T03:12:45Z") from error
    role, action = str(entry.undo.get("role", "")), str(entry.undo.get("action", ""))
    if role not in ROLES or not _ACTION.match(action):
        raise OpsError(
            act, f"'{role}: {action}' is no action of a role of this collection", f"Use one of {', '.join(ROLES)}"
        )
    variables = entry.undo.get("variables", {})
    if not isinstance(variables, dict):
        raise OpsError(act, "its variables are not a mapping")
    for name, value in variables.items():
        if not str(name).startswith(f"{role}_") or not _ACTION.match(str(name)):
            raise OpsError(act, f"'{name}' is not a variable of role '{role}'")
        if not _plain(value):
            raise OpsError(act, f"'{name}' is neither text, number, truth value nor a list of them")
    _refuse_secrets(act, {"before": entry.before, "after": entry.after, "variables": variables})


def _plain(value: t.Any) -> bool:
    if isinstance(value, (str, int, float, bool)):
        return True
    return isinstance(value, list) and all(isinstance(element, (str, int, float, bool)) for element in value)


def _refuse_secrets(act: str, value: t.Any) -> None:
    if isinstance(value, t.Mapping):
        for name, inner in value.items():
            if looks_secret(str(name)) and inner not in (None, "", [], {}):
                raise OpsError(act, f"'{name}' looks like a secret, and the ledger is not the place for one")
            _refuse_secrets(act, inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _refuse_secrets(act, inner)


def plan_entry(current: Mitigation | None, wanted: Mitigation, late_at: float | None = None) -> tuple[Plan, Mitigation]:
    """Return what becomes of the ledger when ``wanted`` is written, and the entry that then stands in it.

    ``late_at``: the present time, where an open entry keeps its limit while at least half of that time is left.
    While a change under the same name is open, what was before the first one stays what its undo returns to: a second
    scale-up within an incident must not make the first one the new normal.
    """
    entry = wanted
    if current is not None and current.open:
        if current.project != wanted.project:
            raise OpsError(
                f"use the mitigation '{wanted.name}'",
                f"it is open for project '{current.project}', and not for '{wanted.project}'",
                "Undo that one first, with rendiff.ops.stand_down",
            )
        entry = dataclasses.replace(
            wanted,
            before=current.before,
            undo=_unite(current.undo, wanted.undo),
            created_at=current.created_at,
            sequence=current.sequence,
            until=current.until if late_at is not None and _half_left(current, wanted, late_at) else wanted.until,
            status=PLANNED if dict(current.after) != dict(wanted.after) else current.status,
            changed_at=current.changed_at,
            error=current.error,
        )
    return _transition(current, entry, "written"), entry


def _half_left(current: Mitigation, wanted: Mitigation, now: float) -> bool:
    if not current.until or not wanted.until:
        return current.until == wanted.until
    left, whole = (calendar.timegm(time.strptime(each.until, _TIME)) - now for each in (current, wanted))
    return 2 * left >= whole


def _unite(current: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Any]:
    """Return the undo of a first change that takes back a second one too: whom both name, it names."""
    if (current.get("role"), current.get("action")) != (wanted.get("role"), wanted.get("action")):
        return current
    more = wanted.get("variables") or {}
    variables = dict(current.get("variables") or {})
    for name, value in variables.items():
        other = more.get(name)
        # An empty list is no list of nobody: to most actions it means all.
        if isinstance(value, list) and isinstance(other, list) and value and other:
            variables[name] = [*value, *(each for each in other if each not in value)]
    return {**current, "variables": variables}


def plan_status(current: Mitigation | None, name: str, status: str, error: str = "") -> tuple[Plan, Mitigation]:
    """Return what becomes of the ledger when an entry has come to ``status``, and the entry."""
    if current is None:
        raise OpsError(
            f"mark the mitigation '{name}' as {status}", "there is no such entry", "Write it with state present"
        )
    if status == APPLIED and not current.open:
        raise OpsError(f"mark the mitigation '{name}' as {status}", "it is undone already", "Write it anew")
    entry = dataclasses.replace(current, status=status, error=error if status == FAILED else "")
    return _transition(current, entry, status), entry


def plan_removal(current: Mitigation | None, name: str) -> Plan:
    """Return what becomes of the ledger when an entry is dropped; one that is still to be undone may not be."""
    if current is None:
        return Plan({}, {})
    if current.open:
        raise OpsError(
            f"drop the mitigation '{name}'",
            f"it is {current.status} and not undone",
            "Run rendiff.ops.stand_down first",
        )
    return Plan(current.describe(), {}, (Action(name, "dropped"),))


def _transition(current: Mitigation | None, entry: Mitigation, word: str) -> Plan:
    check_entry(entry)
    before, after = (current.describe() if current else {}), entry.describe()
    # When it was changed is no reason to change it.
    same = {**before, "changed_at": ""} == {**after, "changed_at": ""} if current else False
    return Plan(before, after if not same else before, () if same else (Action(entry.name, word),))


def wanted_entry(options: t.Mapping[str, t.Any], now: float) -> Mitigation:
    """Return the entry that the options of the module describe; ``now`` in seconds since the epoch."""
    if options["expires_in_s"] < 0:
        raise OpsError(f"use the mitigation '{options['name']}'", "expires_in_s is below zero")
    return Mitigation(
        name=options["name"],
        what=options["what"],
        before=options["before"],
        after=options["after"],
        undo={
            "role": options["undo_role"],
            "action": options["undo_action"],
            "variables": options["undo_variables"],
        },
        why=options["why"],
        incident=options["incident"],
        project=options["project"],
        until=format_time(now + options["expires_in_s"]) if options["expires_in_s"] else "",
    )


def select(entries: t.Iterable[Mitigation], options: t.Mapping[str, t.Any], now: float) -> list[Mitigation]:
    """Return the entries that are asked for, newest first, which is the order of their undoing."""
    wanted = [
        entry
        for entry in entries
        if (entry.open or options["include_undone"])
        and (entry.expired(now) or not options["expired_only"])
        and options["incident"] in (None, "", entry.incident)
        and (options["project"] in (None, "", entry.project) or not entry.project)
    ]
    return sorted(wanted, key=lambda entry: -entry.sequence)


def summarize_stand_down(
    entries: t.Sequence[t.Mapping[str, t.Any]],
    left: t.Sequence[t.Mapping[str, t.Any]] | None,
    unreadable: t.Sequence[str] = (),
) -> list[str]:
    """Return what came of undoing ``entries``, in sentences; ``left`` is what is still open, None in check mode."""
    still = {entry["name"]: entry for entry in left or ()}
    said = []
    for entry in entries:
        what = str(entry["what"]).rstrip(".")
        if left is None:
            said.append(f"Would be undone: {what}.")
        elif entry["name"] not in still:
            said.append(f"Undone: {what}.")
        else:
            reason = str(still[entry["name"]]["error"] or "it is open still").rstrip(".")
            said.append(f"Not undone: {what}: {reason}. Mend that, then run rendiff.ops.stand_down again.")
    said += [f"Not read: {sentence}" for sentence in unreadable]
    return said or ["Nothing is changed for a time; there is nothing to undo."]
