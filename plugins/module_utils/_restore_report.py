# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the account of an exchange of databases, for a report over hosts. Pure."""

from __future__ import annotations

import json
import re
import shlex
import typing as t

from ._mitigation import format_time
from ._verdict import CRITICAL, OK, UNKNOWN, WARNING, Finding, verdict_of

Result = t.Mapping[str, t.Any]

_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")
_PLAY = "ansible-playbook rendiff.ops."
_PHASES = ("stop", "obtain", "load", "verify", "compare", "swap", "rest")


def report_exchange(facts: Result) -> dict[str, t.Any]:
    """Return what a report over hosts needs.

    ``facts``: the results of the steps, an empty mapping for one that was not made. ``planned``, ``beside``,
    ``swapped`` and ``undone`` are of rendiff_restore, ``jobs`` of rendiff_jobs, ``smoked`` of rendiff_smoke_test, and
    ``looked`` of rendiff_jobs_info at the end. ``failed``: sentences. ``began_at``, ``stopped_at`` and ``ended_at`` in
    seconds of the epoch: the beginning, when nothing wrote any more, and when the service went on.
    """
    planned, beside = facts["planned"]["restore"], facts["beside"].get("restore") or {}
    swapped, undone = facts["swapped"].get("restore") or {}, facts["undone"].get("restore") or {}
    database = str(planned["database"])
    stands = bool(facts["swapped"].get("changed")) and not undone and not _uncertain(facts)
    findings = [
        Finding(f"restore.failed.{number}", "backup", CRITICAL, database, str(said))
        for number, said in enumerate(facts["failed"], start=1)
    ]
    findings.append(_exchange(facts, database, stands=stands))
    if beside:
        findings += _proof(beside, database)
    findings += [
        Finding(f"restore.lost.{number}", "backup", WARNING, database, str(said))
        for number, said in enumerate(swapped.get("lost") or beside.get("lost") or (), start=1)
    ]
    findings += [
        Finding(f"restore.not_compared.{number}", "backup", UNKNOWN, database, str(said))
        for number, said in enumerate(swapped.get("not_compared") or beside.get("not_compared") or (), start=1)
    ]
    notes = [str(note) for each in (beside, swapped, undone) for note in each.get("notes") or ()]
    findings += [
        Finding(f"restore.note.{number}", "backup", WARNING, database, note)
        for number, note in enumerate(dict.fromkeys(notes), start=1)
    ]
    if facts["jobs"].get("msg"):
        findings.append(Finding("restore.jobs", "jobs", OK, "jobs", str(facts["jobs"]["msg"])))
    if facts["looked"].get("jobs"):
        findings += [
            Finding(
                f"restore.{each['id']}", "jobs", each["severity"], each["subject"], each["summary"], each["evidence"]
            )
            for each in facts["looked"]["jobs"]["findings"]
        ]
    if facts["smoked"].get("smoke"):
        smoke = facts["smoked"]["smoke"]
        findings.append(Finding("restore.smoke", "smoke", smoke["verdict"], "conversion", str(smoke["summary"])))
    kept = str(swapped.get("previous") or "") if stands else ""
    if kept:
        findings.append(_kept(kept, database, facts["state"]))
    return {
        "project": facts["planned"]["project"],
        "checked_at": format_time(float(facts["ended_at"])),
        "seconds": _between(facts, "began_at", "ended_at"),
        **verdict_of(findings),
        "summary": _summary(facts, database, kept, stands=stands),
        "measurements": {"phases": _phases(facts, beside, swapped), "restore": _merged(beside, swapped)},
        "causes": [],
        "done": _done(facts, kept),
    }


def _merged(beside: Result, swapped: Result) -> dict[str, t.Any]:
    """Return what both steps say; the second says nothing of what only the first looked at."""
    return {**beside, **{name: value for name, value in swapped.items() if value or name not in beside}}


def _done(facts: Result, kept: str) -> list[str]:
    """Return what was done, the steps as the plans named them, and how one goes on."""
    steps = [
        str(step) for each in (facts["beside"], facts["swapped"], facts["undone"]) for step in each.get("plan") or ()
    ]
    if not kept:
        return steps
    undo, *drop = _kept_commands(kept, str(facts["planned"]["restore"]["database"]), str(facts["state"]))
    told = [f"To go back: {undo}", *(f"To give its room back, once nobody needs it: {each}" for each in drop)]
    return steps + told


def _exchange(facts: Result, database: str, *, stands: bool) -> Finding:
    if stands:
        return Finding("restore.exchange", "backup", OK, database, str(facts["swapped"]["msg"]))
    if _uncertain(facts):
        return Finding("restore.exchange", "backup", UNKNOWN, database, _not_certain(database))
    if facts["undone"].get("restore"):
        said = f"'{database}' is again what it was before, as the service did not work with what was restored."
        return Finding("restore.exchange", "backup", WARNING, database, said)
    if _nothing_to_do(facts):
        return Finding("restore.exchange", "backup", OK, database, str(facts["planned"]["msg"]))
    return Finding("restore.exchange", "backup", WARNING, database, f"'{database}' is as it was.")


def _uncertain(facts: Result) -> bool:
    """Tell whether the last exchange failed, which it may have done after the server had made it."""
    return bool(facts["swapped"].get("failed") or facts["undone"].get("failed"))


def _not_certain(database: str) -> str:
    return (
        f"It is not certain what '{database}' is now: the exchange failed, perhaps after the server had made it. Look, "
        f"without a confirmation, which changes nothing: {_PLAY}restore"
    )


def _nothing_to_do(facts: Result) -> bool:
    """Tell whether it was so already, such as after a run that was killed when it had swapped."""
    planned, swapped = facts["planned"], facts["swapped"]
    if swapped.get("restore"):
        return not swapped.get("changed")
    return not planned.get("plan") and not planned["restore"].get("verified_at")


def _between(facts: Result, first: str, last: str) -> float:
    """Return the seconds between two moments; a clock that was set back makes none below zero."""
    return max(0.0, float(facts[last] - facts[first]))


def _proof(beside: Result, database: str) -> list[Finding]:
    rows = sum(beside["tables"].values())
    told = f"{len(beside['tables'])} tables with {rows} rows are as the backup tells"
    if beside.get("not_checked"):
        return [Finding("restore.proof", "backup", UNKNOWN, database, f"{told}. No index: {beside['not_checked']}.")]
    findings = []
    if beside["tables"]:
        said = f"{told}, and {beside['checked_indexes'] or 0} indexes agree with their tables."
        findings.append(Finding("restore.proof", "backup", OK, database, said))
    if beside["revoked_again"]:
        said = f"Revoked in it again: {', '.join(beside['revoked_again'])}."
        findings.append(Finding("restore.keys", "keys", OK, database, said))
    return findings


def _kept(kept: str, database: str, state: str) -> Finding:
    said = f"The old database is kept as '{kept}' until it is dropped by name."
    return Finding("restore.kept", "backup", OK, kept, said, {}, _kept_commands(kept, database, state))


def _kept_commands(kept: str, database: str, state: str) -> tuple[str, str]:
    """Return how one goes back, and how the old database is dropped."""
    back = {"disaster_recovery_previous": kept} if state == "undone" else {}
    back["disaster_recovery_confirm"] = database
    drop = {"disaster_recovery_previous": kept, "disaster_recovery_confirm": kept}
    return f"{_PLAY}restore_undo {_extra(back)}", f"{_PLAY}restore_drop {_extra(drop)}"


def _extra(variables: t.Mapping[str, str]) -> str:
    """Return variables as options to type: Ansible takes a value apart at its spaces, but not in JSON."""
    if all(_PLAIN.fullmatch(value) for value in variables.values()):
        return " ".join(f"-e {name}={value}" for name, value in variables.items())
    return f"-e {shlex.quote(json.dumps(variables))}"


def _phases(facts: Result, beside: Result, swapped: Result) -> dict[str, float]:
    """Return how many seconds each phase took, from the beginning until the service went on."""
    found = {"stop": _between(facts, "began_at", "stopped_at")}
    for each in (beside, swapped):
        for name, seconds in (each.get("phases") or {}).items():
            found[name] = round(found.get(name, 0.0) + float(seconds), 1)
    found["rest"] = max(0.0, round(_between(facts, "began_at", "ended_at") - sum(found.values()), 1))
    return {name: found[name] for name in _PHASES if name in found}


def _summary(facts: Result, database: str, kept: str, *, stands: bool) -> str:
    failed = " ".join(str(said) for said in facts["failed"])
    seconds = int(_between(facts, "stopped_at", "ended_at"))
    if not stands:
        if _uncertain(facts):
            # What is to be typed comes last.
            return f"{failed} {_not_certain(database)}".strip()
        undone, idle = facts["undone"].get("restore"), _nothing_to_do(facts)
        told = f"'{database}' is again what it was." if undone else f"'{database}' is as it was."
        return f"{str(facts['planned']['msg']) if idle and not undone else told} {failed}".strip()
    swapped = facts["swapped"]["restore"]
    if facts["state"] == "undone":
        told = f"'{database}' is again what it was before the restore."
    else:
        told = f"'{database}' is backup {swapped['backup']}, of {swapped['taken_at']}."
        lost = swapped.get("lost") or []
        told += f" Lost: {' '.join(lost)}" if lost else ""
    told += f" The old one is kept as '{kept}'." if kept else ""
    return f"{told} The service was away for {seconds} s. {failed}".strip()
