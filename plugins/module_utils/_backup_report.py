# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: a backup in words and figures. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._backup_crypt import NONE
from ._backup_manifest import Manifest
from ._backup_store import Store
from ._plan import Plan


def describe(manifest: Manifest, places: t.Sequence[str], seconds: float) -> dict[str, t.Any]:
    """Return what a backup is, for people and programs. Pure."""
    return {
        "name": manifest.name or None,
        "database": manifest.database,
        "taken_at": manifest.taken_at,
        "bytes": manifest.stored_bytes,
        "encryption": manifest.encryption,
        "places": list(places),
        "tables": dict(manifest.tables),
        "rows": sum(manifest.tables.values()),
        "newest": dict(manifest.newest),
        "schema_head": list(manifest.schema_head),
        "files": [dataclasses.asdict(each) for each in manifest.files],
        "seconds": seconds,
    }


def warnings_of(manifest: Manifest) -> list[str]:
    """Return what people must know of a backup. Pure."""
    if manifest.raw_keys and manifest.encryption == NONE:
        return [
            f"Database '{manifest.database}' holds API keys as they are, and this backup is not encrypted: "
            "whoever reads it can use them. Set encryption to age or gpg."
        ]
    return []


def say(manifest: Manifest, targets: t.Sequence[Store], plan: Plan, *, check_mode: bool) -> str:
    """Return what was done, in sentences. Pure."""
    places = " and ".join(store.where for store in targets)
    if not plan.changed:
        return f"Backup '{manifest.name}' of {manifest.taken_at} is new enough, nothing was done."
    if check_mode:
        return f"A backup of database '{manifest.database}' would be taken into {places}."
    gone = sum("name" in action.detail for action in plan.actions)
    removed = f" {gone} older ones were removed." if gone else ""
    return (
        f"Backup '{manifest.name}': {len(manifest.tables)} tables, {sum(manifest.tables.values())} rows, "
        f"{manifest.stored_bytes} bytes, in {places}. It was read as a whole.{removed}"
    )
