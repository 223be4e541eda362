# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the backups as a list for people and programs."""

from __future__ import annotations

import time
import typing as t

from ._argspec import ArgumentSpec
from ._backup_choice import LOCAL, OURS, rows_of
from ._backup_ledger import DRILLS, drilled_of, gather
from ._backup_store import STORE_ARGUMENTS, look_everywhere, open_stores, whose_backups
from ._credentials import POSTGRES_ARGUMENTS
from ._rclone import Run
from ._stack import STACK_ARGUMENTS
from ._state import STATE_ARGUMENTS
from ._summary import printable

INFO_ARGUMENTS = ArgumentSpec().merge(STACK_ARGUMENTS, POSTGRES_ARGUMENTS, STATE_ARGUMENTS, STORE_ARGUMENTS)

_HEAD = ("time", "age", "size", "kind", "encrypted", "verified", "drill", "where", "name")
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def list_backups(options: t.Mapping[str, t.Any], run: Run) -> dict[str, t.Any]:
    """Return the module's result. ``options`` are those of ``INFO_ARGUMENTS``."""
    project = whose_backups(options, run)
    stores = open_stores(run, options, project)
    look = look_everywhere(stores)
    broken = look.down + look.broken
    rows = rows_of(look.found, drilled_of(gather(options["state_dir"], look.reached, DRILLS)), time.time())
    return {
        "changed": False,
        "backups": rows,
        "table": table_of(rows),
        "broken": broken,
        "places": [store.where for store in look.reached],
        "msg": say(rows, broken, on_host_only=all(store.place == LOCAL for store in stores)),
        "project": project,
    }


def say(rows: t.Sequence[t.Mapping[str, t.Any]], broken: t.Sequence[str], *, on_host_only: bool) -> str:
    """Return what matters most about the backups, in sentences. Pure."""
    damaged = f" Besides: {' '.join(broken)}" if broken else ""
    if not rows:
        return f"There is no backup.{damaged} Take one: ansible-playbook rendiff.ops.backup"
    newest = rows[0]
    told = f"The newest of {len(rows)} backups is {newest['name']}, {age_of(newest['age_s'])} old."
    if on_host_only:
        told += " All that is known of is on this host and would be lost with it: set s3_bucket."
    elif newest["places"] == [LOCAL]:
        told += " It is on this host only."
    if newest["kind"] != OURS:
        told += " The service's own script made it, so what it holds is not known before it is restored."
    return told + damaged


def table_of(rows: t.Sequence[t.Mapping[str, t.Any]]) -> list[str]:
    """Return the list as lines with columns, the newest first. Pure."""
    cells = [_HEAD] + [
        (
            row["taken_at"],
            age_of(row["age_s"]),
            size_of(row["bytes"]),
            row["kind"],
            row["encryption"] if row["encryption"] != "none" else "no",
            "yes" if row["verified"] else "unknown",
            "passed" if row["drill_passed"] else "-",
            ", ".join(row["places"]),
            printable(row["name"]),
        )
        for row in rows
    ]
    widths = [max(len(line[at]) for line in cells) for at in range(len(_HEAD))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]


def age_of(seconds: int) -> str:
    """Return an age in its largest unit. Pure."""
    return next((f"{seconds // length} {unit}" for length, unit in _UNITS if seconds >= length), f"{seconds} s")


def size_of(count: float) -> str:
    """Return a number of bytes for people. Pure."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
