# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the ledgers that must outlive the host, kept beside the backups and merged."""

from __future__ import annotations

import json
import os
import typing as t

from ._backup_store import Store
from ._errors import OpsError
from ._revocations import FILE as REVOCATIONS
from ._state import append_lines

DRILLS = "drills.jsonl"
NAMES = (REVOCATIONS, DRILLS)


def merge_lines(*texts: str) -> str:
    """Return every entry of all texts once, in the order in which they come; a line that is cut is left out. Pure."""
    seen: dict[str, None] = {}
    for text in texts:
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                seen[json.dumps(entry, sort_keys=True)] = None
    return "".join(f"{line}\n" for line in seen)


def read_entries(text: str) -> list[dict[str, t.Any]]:
    """Return the entries of a ledger. Pure."""
    return [json.loads(line) for line in merge_lines(text).splitlines()]


def drilled_of(text: str) -> frozenset[str]:
    """Return the names of the backups that passed a drill. Pure."""
    return frozenset(str(entry.get("backup")) for entry in read_entries(text) if entry.get("passed") is True)


def read_ledger(state_dir: str, name: str) -> str:
    """Return a ledger of this host, empty where there is none."""
    try:
        with open(os.path.join(state_dir, name), encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise OpsError(f"read the ledger '{name}'", str(error.strerror), "Run with become") from error


def gather(state_dir: str, stores: t.Sequence[Store], name: str) -> str:
    """Return what this host and all places know, merged."""
    return merge_lines(*(store.ledger(name) for store in stores), read_ledger(state_dir, name))


def keep_ledgers(state_dir: str, stores: t.Sequence[Store], *, check_mode: bool) -> list[str]:
    """Let this host and every place have all entries; return what was, or would be, brought up to date."""
    changed = []
    for name in NAMES:
        own = read_ledger(state_dir, name)
        kept = {store.where: store.ledger(name) for store in stores}
        whole = merge_lines(*kept.values(), own)
        entries = set(whole.splitlines())
        for store in stores:
            if entries - set(merge_lines(kept[store.where]).splitlines()):
                changed.append(f"{name} in {store.where}")
                if not check_mode:
                    store.keep_ledger(name, whole)
        missing = entries - set(merge_lines(own).splitlines())
        if missing:
            changed.append(f"{name} on this host")
            if not check_mode:
                try:
                    append_lines(state_dir, name, [line for line in whole.splitlines() if line in missing])
                except OSError as error:
                    raise OpsError(f"write the ledger '{name}'", str(error.strerror), "Run with become") from error
    return changed
