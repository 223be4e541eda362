# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: which clients are banned, for how long still, and what that has stopped."""

from __future__ import annotations

import os
import time
import typing as t

from ._argspec import ArgumentSpec
from ._ban_address import SpanIndex
from ._ban_nft import Nft, RunWithInput, find_nft
from ._ban_plan import Kept
from ._ban_store import BanFiles
from ._ban_table import ACT, Table
from ._errors import OpsError
from ._state import STATE_ARGUMENTS

BAN_INFO_ARGUMENTS = ArgumentSpec({"list_max": {"type": "int", "default": 100}}).merge(STATE_ARGUMENTS)


def describe_bans(table: Table, kept: t.Sequence[Kept], no_start: str, list_max: int, now: float) -> dict[str, t.Any]:
    """Return the bans, those that stopped most first; ``no_start`` is why none outlives a start of the host. Pure."""
    lasting = [each for each in kept if each.until > now]
    in_file = {each.span for each in lasting}
    listed = [
        {
            "address": str(each.span),
            "seconds_left": each.seconds_left,
            "packets": each.packets,
            "bytes": each.bytes,
            "confirmed": not each.trial,
            "survives_reboot": not each.trial and not no_start and each.span in in_file,
        }
        for each in sorted(table.elements, key=lambda element: (-(element.packets or 0), element))
    ]
    confirmed = SpanIndex(each.span for each in table.elements if not each.trial)
    missing = [str(each.span) for each in lasting if confirmed.without(each.span)]
    return {
        "list": listed[:list_max],
        "list_cut": max(0, len(listed) - list_max),
        "confirmed": sum(bool(each["confirmed"]) for each in listed),
        "on_trial": sum(not each["confirmed"] for each in listed),
        "packets": table.packets,
        "bytes": table.bytes,
        "missing": missing[:list_max],
        "missing_count": len(missing),
        "table": {"present": table.present, "healthy": table.healthy, "why": table.why},
        "why_no_reboot": no_start if listed else "",
    }


def sentence(bans: t.Mapping[str, t.Any]) -> str:
    """Return what a tired person has to know of the bans."""
    table = bans["table"]
    if not table["present"]:
        said = ["Nobody is banned."]
    elif table["why"]:
        said = [f"The bans do not work: {table['why']}. Run rendiff_ban again; it makes the table anew."]
    else:
        number = bans["confirmed"] + bans["on_trial"]
        trial = f", {bans['on_trial']} of them on trial" if bans["on_trial"] else ""
        said = [f"{number} banned{trial}; {bans['packets']} packets were stopped since the table was made."]
    if bans["missing_count"]:
        said.append(
            f"{bans['missing_count']} that are to last are not in force, because the table was emptied by somebody; "
            "rendiff_ban with state present puts them back."
        )
    if bans["why_no_reboot"]:
        said.append(f"None outlives a start of the host: {bans['why_no_reboot']}.")
    return " ".join(said)


def look(options: t.Mapping[str, t.Any], run_command: RunWithInput, files: BanFiles | None = None) -> dict[str, t.Any]:
    """Read the table and the file, and return the result of the module."""
    if options["list_max"] < 0:
        raise OpsError(ACT, f"list_max is {options['list_max']}, below 0")
    if os.geteuid() != 0:
        raise OpsError(ACT, "only root may", "Run with become")
    store = files or BanFiles(options["state_dir"])
    table = Nft(run_command, find_nft()).read()
    kept = store.read()
    prepared = "" if store.current(kept) else "the service that puts them back is not as it has to be"
    bans = describe_bans(table, kept, store.no_start() or prepared, options["list_max"], time.time())
    return {"bans": bans, "msg": sentence(bans)}
