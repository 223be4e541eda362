# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: how the databases of a restore are named, and what their comments say of them. Pure."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
import time

# LOADING: not proven, BESIDE: proven, LIVE: took the place of another, BEFORE and UNDONE: what gave its place.
LOADING, BESIDE, LIVE, BEFORE, UNDONE = "loading", "beside", "live", "before", "undone"
KEPT = (BEFORE, UNDONE)
_OURS = "rendiff_ops"
_NAME_BYTES = 63
_STAMP = "%Y%m%dT%H%M%SZ"
_HASH_LENGTH = 8


@dataclasses.dataclass(frozen=True)
class Marker:
    """What a comment says of its database. ``of`` is the name of the live one; ``since`` when it got this state.

    ``asked`` is how the backup was named; ``previous`` what a live one took the place of; ``comment`` what stood there
    before this marker.
    """

    state: str
    of: str
    backup: str = ""
    asked: str = ""
    sha256: str = ""
    taken_at: str = ""
    verified_at: str = ""
    since: str = ""
    previous: str = ""
    comment: str | None = None

    def text(self) -> str:
        """Return it as the comment of a database."""
        told = {name: value for name, value in dataclasses.asdict(self).items() if value and name != "comment"}
        kept = {} if self.comment is None else {"comment": self.comment}
        return json.dumps({_OURS: told, **kept}, sort_keys=True)

    @property
    def source(self) -> str:
        """Return the option ``backup`` that means the same one again: a file's path, else the name."""
        return self.asked if self.asked.startswith("/") else self.backup

    def holds(self, backup: str, sha256: str) -> bool:
        """Tell whether it is of this very backup."""
        return (self.backup, self.sha256) == (backup, sha256)


def parse_marker(comment: str | None) -> Marker | None:
    """Return what a comment says, None where it is not one of ours."""
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
        told = json.loads(comment or "")
        fields = {field.name for field in dataclasses.fields(Marker)} - {"comment"}
        ours = {str(name): str(value) for name, value in told[_OURS].items() if name in fields}
        before = told.get("comment")
        return Marker(**ours, comment=None if before is None else str(before))
    return None


def of_people(comment: str | None) -> str | None:
    """Return what people wrote there, below any number of markers."""
    marker = parse_marker(comment)
    while marker is not None:
        comment = marker.comment
        marker = parse_marker(comment)
    return comment


def staging_name(database: str) -> str:
    """Return the name of the database into which a backup is loaded."""
    return _with_suffix(database, "_restore")


def kept_name(database: str, state: str, now: float) -> str:
    """Return the name under which a database is kept that gives its place to another."""
    return _with_suffix(database, f"_{state}_{time.strftime(_STAMP, time.gmtime(now))}")


def is_kept_name(name: str, database: str) -> bool:
    """Tell whether a name is one that ``kept_name`` gives."""
    stem, separator, stamp = name.rpartition("_")
    state = stem.rpartition("_")[2]
    known = bool(separator) and state in KEPT and re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", stamp) is not None
    return known and name == _with_suffix(database, f"_{state}_{stamp}")


def _with_suffix(database: str, suffix: str) -> str:
    """Return a name of at most 63 bytes; the server would cut the suffix, and two long names may begin alike."""
    room = _NAME_BYTES - len(suffix)
    raw = database.encode()
    if len(raw) <= room:
        return database + suffix
    digest = hashlib.sha256(raw).hexdigest()[:_HASH_LENGTH]
    return f"{raw[: room - _HASH_LENGTH - 1].decode('utf-8', 'ignore')}_{digest}{suffix}"


def say_time(text: str) -> str:
    """Return a time of a marker for a sentence."""
    return text.replace("T", " ").replace("Z", " UTC")


def option_matches(wanted: str, marker: Marker) -> bool:
    """Tell whether the option ``backup`` means the one of a marker, without looking where backups are."""
    return wanted in ("latest", marker.backup, marker.asked)
