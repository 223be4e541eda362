# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the ledger of keys that were revoked. It outlives the database, and a restore of it."""

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from ._errors import OpsError
from ._state import append_lines

FILE = "revocations.jsonl"
_ACT = "write the ledger of revocations"


def read_revocations(state_dir: str) -> list[dict[str, t.Any]]:
    """Return every entry, the oldest first. A line that was cut by a crash is passed over."""
    found = []
    try:
        with open(os.path.join(state_dir, FILE), encoding="utf-8") as stream:
            for line in stream:
                with contextlib.suppress(ValueError):
                    entry = json.loads(line)
                    if isinstance(entry, dict) and entry.get("key_hash"):
                        found.append(entry)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OpsError("read the ledger of revocations", str(error.strerror)) from error
    return found


def add_revocations(state_dir: str, entries: t.Sequence[t.Mapping[str, t.Any]]) -> int:
    """Add those that are not there yet; return how many. They outlive a crash of the host from then on."""
    known = {entry["key_hash"] for entry in read_revocations(state_dir)}
    new = [entry for entry in entries if entry["key_hash"] not in known]
    if not new:
        return 0
    try:
        append_lines(state_dir, FILE, [json.dumps(entry, sort_keys=True) for entry in new])
    except OSError as error:
        raise OpsError(_ACT, str(error.strerror), "Pass another state_dir") from error
    return len(new)
