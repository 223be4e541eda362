# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: ban clients for a time, confirm bans, lift them."""

from __future__ import annotations

import os
import time
import typing as t

from ._argspec import ArgumentSpec
from ._ban_address import Span, parse_spans
from ._ban_boot import MAX_TTL_S
from ._ban_guard import ACT, ALWAYS, Protected, left_out, refuse_protected, refuse_wide
from ._ban_host import protected_here
from ._ban_nft import CHANGE, LostRaceError, Nft, RunWithInput, find_nft
from ._ban_plan import ABSENT, CLEARED, CONFIRMED, OF_THE_WHOLE, PRESENT, SAMPLE, BanPlan, Wanted, plan_bans
from ._ban_store import BanFiles
from ._ban_table import Table
from ._docker import DOCKER_ARGUMENTS
from ._errors import OpsError
from ._state import STATE_ARGUMENTS

BAN_ARGUMENTS = ArgumentSpec(
    {
        "addresses": {"type": "list", "elements": "str", "default": []},
        "state": {"type": "str", "choices": [PRESENT, CONFIRMED, ABSENT, CLEARED], "default": PRESENT},
        "ttl_s": {"type": "int"},
        "probation_s": {"type": "int", "default": 0},
        "allow": {"type": "list", "elements": "str", "default": []},
        "controller_addresses": {"type": "list", "elements": "str", "default": []},
        "private_targets": {"type": "list", "elements": "str", "default": []},
        "wide": {"type": "bool", "default": False},
        "skip_protected": {"type": "bool", "default": False},
    },
    required_if=[("state", PRESENT, ["ttl_s"]), ("state", CONFIRMED, ["ttl_s"])],
).merge(STATE_ARGUMENTS, DOCKER_ARGUMENTS)

MAX_ADDRESSES = 100_000
_ATTEMPTS = 3


def read_wanted(options: t.Mapping[str, t.Any]) -> Wanted:
    """Return what the options ask for, checked. Pure."""
    state, ttl_s, probation_s = options["state"], options["ttl_s"] or 0, options["probation_s"]
    lifting = state in (ABSENT, CLEARED)
    act = "lift these bans" if lifting else ACT
    if len(options["addresses"]) > MAX_ADDRESSES:
        raise OpsError(act, f"{len(options['addresses'])} addresses at once are more than {MAX_ADDRESSES}")
    if state == CLEARED and options["addresses"]:
        raise OpsError(act, "state cleared lifts every ban and takes no addresses", "Use state absent for some")
    if not lifting and not 1 <= ttl_s <= MAX_TTL_S:
        raise OpsError(act, f"ttl_s is {ttl_s}, and every ban ends: 1 to {MAX_TTL_S} seconds")
    if not 0 <= probation_s <= max(ttl_s, 0) and not lifting:
        raise OpsError(act, f"probation_s is {probation_s}, and not from 0 to the {ttl_s} of ttl_s")
    spans = parse_spans(options["addresses"], act)
    targets = parse_spans(options["private_targets"], "use private_targets")
    if not lifting:
        refuse_wide(spans, options["wide"])
    return Wanted(state, tuple(spans), ttl_s, probation_s, tuple(targets), options["skip_protected"])


def protected_by(options: t.Mapping[str, t.Any]) -> tuple[list[Protected], list[str]]:
    """Return everything that must not be banned, and what could not be looked at."""
    here, unknown = protected_here(options["docker_host"], options["docker_timeout_s"])
    named = [Protected(span, "in allow") for span in parse_spans(options["allow"], "use allow")]
    controllers = parse_spans(options["controller_addresses"], "use controller_addresses")
    named += [Protected(span, "the controller of this run") for span in controllers]
    return [*named, *here, *ALWAYS], unknown


def change(
    options: t.Mapping[str, t.Any],
    run_command: RunWithInput,
    check_mode: bool,
    files: BanFiles | None = None,
) -> dict[str, t.Any]:
    """Ban, confirm or lift what is asked for, and return the result of the module."""
    wanted = read_wanted(options)
    if os.geteuid() != 0:
        raise OpsError(CHANGE, "only root may", "Run with become")
    nft = Nft(run_command, find_nft())
    lifting = wanted.state in (ABSENT, CLEARED)
    protected, unknown = ([], []) if lifting else protected_by(options)
    store = files or BanFiles(options["state_dir"])
    if check_mode:
        plan, _counters = _plan(nft, store, wanted, protected)
        return report(wanted, plan, unknown, store)
    if not wanted.skip:
        refuse_protected(wanted.asked, protected, wanted.targets)
    with store.locked(create=not lifting and bool(wanted.spans)):
        for attempt in range(_ATTEMPTS):
            plan, counters = _plan(nft, store, wanted, protected)
            try:
                _carry_out(plan, counters, nft, store, lifting)
                break
            except LostRaceError:
                if attempt == _ATTEMPTS - 1:
                    raise
    return report(wanted, plan, unknown, store)


def _plan(nft: Nft, store: BanFiles, wanted: Wanted, protected: t.Sequence[Protected]) -> tuple[BanPlan, bool]:
    """Return the plan, and whether elements are counted each."""
    table: Table = nft.read()
    plan = plan_bans(table, wanted, protected, store.read(), time.time(), store.current)
    return plan, nft.counts_elements() if plan.rebuild else table.counters


def _carry_out(plan: BanPlan, counters: bool, nft: Nft, store: BanFiles, lifting: bool) -> None:
    """Change table and files. A run that is killed in between leaves no ban that was lifted to come back at a start."""
    if not plan.plan.changed:
        return
    if lifting:
        store.write(plan.kept, counters, nft.run)
    if plan.changes_table:
        nft.apply(plan, counters)
    if not lifting:
        store.write(plan.kept, counters, nft.run)


def report(wanted: Wanted, plan: BanPlan, unknown: t.Sequence[str], store: BanFiles) -> dict[str, t.Any]:
    """Return the result of the module for a plan. Pure, but for whether systemd runs."""
    counts: dict[str, int] = {}
    also, touched = [], []
    for action in plan.plan.actions:
        if action.target in OF_THE_WHOLE:
            also.append(f"{action.target} {action.transition}")
        else:
            touched.append(action.target)
            counts[action.transition] = counts.get(action.transition, 0) + 1
    on_trial = wanted.state == PRESENT and wanted.probation_s > 0
    why = "they are on trial until they are confirmed" if on_trial else store.no_start()
    lapsed = [str(span) for span in plan.lapsed]
    bans = {
        "state": wanted.state,
        "addresses": _texts(wanted.spans),
        "touched": touched,
        "counts": counts,
        "also": also,
        "refused": [{"address": str(each.span), "why": each.why} for each in plan.refused],
        "lapsed": lapsed,
        "not_restored": list(plan.not_restored),
        "not_known": list(unknown),
        "total": plan.total,
        "survives_reboot": bool(plan.kept) and not why,
        "why_not": why if plan.total else "",
    }
    listed = [f"{action.target}: {action.transition}" for action in plan.plan.actions[:SAMPLE]]
    return {
        "changed": plan.plan.changed,
        "diff": plan.plan.diff(),
        "bans": bans,
        "plan": listed,
        "plan_id": plan.plan.plan_id,
        "msg": " ".join(_sentences(wanted, bans, left_out(plan.refused))),
    }


def _texts(spans: t.Sequence[Span]) -> list[str]:
    return [str(span) for span in spans]


def _sentences(wanted: Wanted, bans: t.Mapping[str, t.Any], not_banned: str) -> list[str]:
    done = [f"{count} {word}" for word, count in bans["counts"].items()] + list(bans["also"])
    said = [
        f"Bans: {', '.join(done)}; {bans['total']} in force." if done else f"Nothing to do; {bans['total']} in force."
    ]
    if wanted.state == PRESENT and wanted.probation_s and wanted.spans:
        said.append(f"Those on trial end by themselves after {wanted.probation_s} s unless they are confirmed.")
    elif bans["why_not"]:
        said.append(f"They do not outlive a start of the host: {bans['why_not']}.")
    if not_banned:
        said.append(f"Left out: {not_banned}.")
    if bans["lapsed"]:
        more = f" and {len(bans['lapsed']) - 5} more" if len(bans["lapsed"]) > 5 else ""
        said.append(f"Over already, so not confirmed: {', '.join(bans['lapsed'][:5])}{more}.")
    return [*said, *bans["not_known"]]
