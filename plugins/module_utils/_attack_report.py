# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: an attack, what was done against it, and how it is now, for a report. Pure."""

from __future__ import annotations

import typing as t

from ._attack_plan import BAN, LIMIT, counted
from ._verdict import CRITICAL, OK, UNKNOWN, WARNING, Finding, verdict_of

Result = t.Mapping[str, t.Any]
RESPONSE = "ansible-playbook rendiff.ops.ddos_response"
STAND_DOWN = "ansible-playbook rendiff.ops.stand_down"
# The finding that the others of an attack belong to.
_PLAN = "attack"
_SHOWN = 5
# A share of the answers to those who are not banned that may be bad.
_SERVED = 0.99
# A share of them that may be above the limit, or come without a key where one is asked for.
_REFUSED_MAX = 0.05
_REFUSALS = ("429", "403")


def report_attack(
    traffic: Result,
    plan: Result,
    project: str,
    limit: Result | None = None,
    bans: Result | None = None,
    after: Result | None = None,
    done: t.Sequence[str] = (),
    failed: t.Sequence[str] = (),
) -> dict[str, t.Any]:
    """Return what a report over hosts needs.

    ``traffic``, ``plan``: as before anything was done. ``limit``, ``bans``: of rendiff_rate_limit and rendiff_ban_info.
    ``after``: ``access_log`` of the seconds after it, None where nothing was done. ``failed``: why steps failed.
    """
    before = [_of_plan(plan)]
    before += [_of_candidate(each) for each in plan["candidates"] if each["decision"] in (BAN, LIMIT)][:_SHOWN]
    if plan["hurt"]:
        touched = [f"{each['address']} ({counted(each['keys'])}, by {each['by']})" for each in plan["hurt"][:_SHOWN]]
        said = f"Touched by it: {'; '.join(touched)}."
        before.append(Finding("attack.hurt", "entrance", WARNING, "clients", said, caused_by=_PLAN))
    now = _now(limit, bans, failed)
    if after is not None:
        now.append(_of_after(traffic, after, plan))
    if traffic["log_holds_keys"]:
        said = "The access log holds API keys: whoever reads it has them."
        now.append(Finding("attack.log_keys", "entrance", WARNING, "log", said))
    findings = now if after is not None else before + now
    return {
        "project": project,
        "checked_at": traffic["checked_at"],
        "seconds": traffic["seconds"],
        **verdict_of(findings),
        "measurements": {"traffic": traffic, "plan": plan, "after": after, "bans": bans},
        "causes": [finding.summary for finding in before] if after is not None else [],
        "done": list(done),
    }


def _now(limit: Result | None, bans: Result | None, failed: t.Sequence[str]) -> list[Finding]:
    found = [
        Finding(f"attack.step.{number}", "entrance", CRITICAL, "response", said) for number, said in enumerate(failed)
    ]
    if limit is not None and limit.get("proof"):
        proof = limit["proof"]
        severity = OK if proof["proven"] else WARNING if proof["proven"] is None else CRITICAL
        found.append(Finding("attack.limit", "entrance", severity, "limit", f"The limit: {proof['said']}", dict(proof)))
    if bans is not None:
        healthy = bool(bans["table"]["healthy"]) or not bans["list"]
        said = (
            f"{len(bans['list']) + bans['list_cut']} are banned, and {bans['packets']} packets of theirs were dropped."
        )
        if not healthy:
            said = f"The bans are not in force: {bans['table']['why']}."
        found.append(Finding("attack.bans", "entrance", OK if healthy else CRITICAL, "bans", said))
    return found


def _of_plan(plan: Result) -> Finding:
    calm = OK if plan["complete"] else UNKNOWN
    severity = CRITICAL if plan["blind"] else WARNING if plan["attack"] else calm
    commands = (f"{RESPONSE} --check",) if plan["attack"] else ()
    return Finding(_PLAN, "entrance", severity, "traffic", plan["summary"], {}, commands)


def _of_candidate(each: Result) -> Finding:
    said = (
        f"{each['address']} sent {each['requests']} requests, {each['rps']:g} a second, {each['peak']} in the worst:"
        f" {each['decision']}, as {each['why']}."
    )
    identity, evidence = f"attack.from.{each['address']}", {"keys": each["keys"]}
    return Finding(identity, "entrance", WARNING, each["address"], said, evidence, caused_by=_PLAN)


def _others(traffic: Result, plan: Result) -> t.Iterator[Result]:
    """Yield what came from those who are neither banned nor called too busy."""
    busy = {each["address"] for each in plan["candidates"] if each["decision"] in (BAN, LIMIT)}
    banned = {*plan["bans"]}
    return (
        each for each in traffic["addresses"] if each["address"] not in busy | banned and each["network"] not in banned
    )


def _of_after(traffic: Result, after: Result, plan: Result) -> Finding:
    served = failed = refused = 0
    for each in _others(after, plan):
        for status, count in each["statuses"].items():
            served += count
            refused += count if status in _REFUSALS else 0
            failed += count if status.startswith("5") else 0
    came = sum(each["requests"] for each in _others(traffic, plan))
    through = [each["address"] for each in after["addresses"] if each["address"] in plan["bans"]]
    said = f"Of {served} requests of others since then {failed} failed, and {refused} were refused."
    good = not served or (failed <= (1 - _SERVED) * served and refused <= _REFUSED_MAX * served)
    if not served and came:
        good, said = False, f"None of the others, who sent {came} requests before, has come since then."
    if through:
        good, said = False, f"{said} {', '.join(through[:_SHOWN])} still come through although banned."
    return Finding("attack.after", "entrance", OK if good else WARNING, "clients", said, {}, (STAND_DOWN,))
