# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: API keys as the service stores them. Pure, but for the random source."""

from __future__ import annotations

import datetime
import hashlib
import secrets
import typing as t
import uuid

from ._errors import OpsError
from ._schema import Table

_KEY_BYTES = 32
PREFIX_LENGTH = 8


def make_key() -> str:
    """Return a new raw key: 256 random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(_KEY_BYTES)


def hash_key(raw: str) -> str:
    """Return what the service stores of a raw key: SHA-256 in hexadecimal."""
    return hashlib.sha256(raw.encode("utf-8")).hexdigest()


def plan_row(table: Table, raw: str, name: str, user_id: str, now: datetime.datetime) -> dict[str, t.Any]:
    """Return the row by which the service accepts ``raw``, in the columns that this site has.

    ``now`` is an aware time. The expiry stays empty on purpose: the service compares it with a naive time and crashes
    on every key that has one. A column that must have a value we cannot know is an error that names it.
    """
    offered = {
        "id": str(uuid.uuid4()),
        "hash": hash_key(raw),
        "prefix": raw[:PREFIX_LENGTH],
        "name": name,
        "user_id": user_id,
        "is_active": True,
        "is_admin": False,
        "requests": 0,
        "concurrent_jobs": 2,
        "monthly_minutes": 60,
        "description": "Made by rendiff.ops; removed when the run ends.",
        "created_by": "rendiff.ops",
        "created_at": now if "with time zone" in _type(table, "created_at") else now.replace(tzinfo=None),
    }
    table.column("hash")
    row = {table.known[ours].name: value for ours, value in offered.items() if table.has(ours)}
    for column in table.columns.values():
        if column.name not in row and not column.nullable and not column.has_default:
            raise OpsError(
                "make an API key", f"column '{column.name}' of {table.name} needs a value that is not known here"
            )
    return row


def _type(table: Table, name: str) -> str:
    return table.known[name].type if table.has(name) else ""
