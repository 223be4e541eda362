# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what a backup says of itself, in the file that makes it one. Pure."""

from __future__ import annotations

import calendar
import dataclasses
import json
import re
import time
import typing as t

from ._errors import OpsError

FORMAT = 1
MANIFEST = "manifest.json"
DUMP, GLOBALS = "database.dump", "globals.sql"
SUFFIXES = {"none": "", "age": ".age", "gpg": ".gpg"}

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}-[0-9]{8}T[0-9]{6}Z")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


@dataclasses.dataclass(frozen=True)
class StoredFile:
    """One file of a backup: as it is stored, and as it is once it is decrypted."""

    name: str
    bytes: int
    sha256: str
    plain_bytes: int
    plain_sha256: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Everything that a restore needs to know of a backup.

    ``host``: where it was taken, so that two hosts whose projects have the same name are not mixed up.
    ``taken_at``: UTC, when the snapshot was taken, by the server's clock. ``tables``: rows of each table, by
    ``schema.table``, counted in the snapshot. ``newest``: the latest time in each column of times of the table of
    jobs. ``database_bytes``: its size on the server. ``locale_provider``: c for libc, i for ICU, b for the server's
    own; ``locale`` and ``icu_rules`` are what the last two sort by, empty where they are not set.
    """

    name: str
    database: str
    taken_at: str
    project: str
    server_version: str
    image: str
    encryption: str
    files: tuple[StoredFile, ...]
    tables: t.Mapping[str, int]
    newest: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    schema_head: tuple[str, ...] = ()
    extensions: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    owner: str = ""
    encoding: str = "UTF8"
    collate: str = "C"
    ctype: str = "C"
    locale_provider: str = "c"
    locale: str = ""
    icu_rules: str = ""
    settings: tuple[t.Mapping[str, t.Any], ...] = ()
    roles: tuple[str, ...] = ()
    database_bytes: int = 0
    raw_keys: bool = False
    host: str = ""
    format: int = FORMAT

    def file(self, plain_name: str) -> StoredFile | None:
        """Return the file that is ``plain_name`` once it is decrypted."""
        wanted = plain_name + SUFFIXES[self.encryption]
        return next((each for each in self.files if each.name == wanted), None)

    @property
    def stored_bytes(self) -> int:
        """Return how much the whole backup takes where it is stored."""
        return sum(each.bytes for each in self.files)

    def text(self) -> str:
        """Return it as it is written."""
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True) + "\n"


def backup_name(database: str, taken_at: str) -> str:
    """Return the name of a backup: what a path, an object's key and a shell all bear."""
    return f"{_UNSAFE.sub('_', database)[:63] or 'database'}-{taken_at.replace('-', '').replace(':', '')}"


def check_name(name: str, act: str) -> str:
    """Return the name of a backup; anything else, such as a path, is an error."""
    if not _NAME.fullmatch(name):
        raise OpsError(
            act, f"'{name[:100]}' is no name of a backup", "Take one from the list of rendiff.ops.backup_list"
        )
    return name


def parse_manifest(text: str, where: str) -> Manifest:
    """Read a manifest; one that is not whole, or that names files outside of its folder, is an error."""
    act = f"read the manifest of backup '{where}'"
    try:
        told = json.loads(text)
        if told["format"] != FORMAT:
            raise OpsError(act, f"its format is {told['format']}, known is {FORMAT}", "Use a newer rendiff.ops")
        known = {field.name for field in dataclasses.fields(Manifest)}
        told = {name: value for name, value in told.items() if name in known}
        told["files"] = tuple(StoredFile(**each) for each in told["files"])
        told.update({name: tuple(told.get(name, ())) for name in ("schema_head", "settings", "roles")})
        manifest = Manifest(**told)
        calendar.timegm(time.strptime(manifest.taken_at, "%Y-%m-%dT%H:%M:%SZ"))
        allowed = {name + SUFFIXES[manifest.encryption] for name in (DUMP, GLOBALS)}
        whole = _NAME.fullmatch(manifest.name) and {each.name for each in manifest.files} <= allowed
        whole = whole and manifest.file(DUMP) is not None and all(int(rows) >= 0 for rows in manifest.tables.values())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise OpsError(act, "it is not whole", "Use another backup") from error
    if not whole:
        raise OpsError(act, "it does not describe a backup", "Use another backup")
    return manifest
