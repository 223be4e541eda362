# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: backups as a list: which there are, which one is meant, and which may go. Pure."""

from __future__ import annotations

import calendar
import dataclasses
import re
import time
import typing as t

from ._backup_manifest import SUFFIXES, Manifest
from ._errors import OpsError
from ._mitigation import format_time

LOCAL, S3 = "local", "s3"
OURS, SERVICE, FILE = "rendiff.ops", "service", "file"
LATEST = "latest"

_ISO = "%Y-%m-%dT%H:%M:%SZ"
# As the service's own scripts name what they leave: the one that uploads, and the one that keeps it on the host.
_UPLOADED = re.compile(r"(?P<name>[A-Za-z0-9_-]+_backup_(?P<time>[0-9]{8}_[0-9]{6}))\.dump\.gz(?P<end>|\.gpg)")
_KEPT = re.compile(r"(?P<name>[A-Za-z0-9_.-]+_(?P<time>[0-9]{8}_[0-9]{6}))\.sql(?P<end>)")
_WANTED_TIMES = ("%Y%m%d_%H%M%S", "%Y%m%dT%H%M%SZ", _ISO, "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One backup in one place. ``path`` is where its dump is, below that place; ``database`` is empty if unknown."""

    name: str
    taken_at: str
    place: str
    kind: str
    bytes: int
    encryption: str
    path: str
    database: str = ""
    manifest: Manifest | None = None

    @property
    def host(self) -> str:
        """Return the host on which it was taken, empty where that is not known."""
        return self.manifest.host if self.manifest is not None else ""

    @property
    def seconds(self) -> float:
        """Return when it was taken, in seconds of the epoch."""
        return float(calendar.timegm(time.strptime(self.taken_at, _ISO)))


def entry_of(manifest: Manifest, place: str) -> Entry:
    """Return the entry of a backup that this collection made."""
    dump = next(each.name for each in manifest.files if each.name.startswith("database.dump"))
    return Entry(
        name=manifest.name,
        taken_at=manifest.taken_at,
        place=place,
        kind=OURS,
        bytes=manifest.stored_bytes,
        encryption=manifest.encryption,
        path=f"{manifest.name}/{dump}",
        database=manifest.database,
        manifest=manifest,
    )


def service_entry(path: str, size: int, place: str, database: str = "") -> Entry | None:
    """Return the entry of a file that one of the service's own scripts left, None for any other file."""
    file_name = path.rsplit("/", 1)[-1]
    for pattern in (_UPLOADED, _KEPT):
        found = pattern.fullmatch(file_name)
        if found:
            try:
                taken = time.strptime(found["time"], "%Y%m%d_%H%M%S")
            except ValueError:
                return None
            encryption = "gpg" if found["end"] == SUFFIXES["gpg"] else "none"
            taken_at = format_time(calendar.timegm(taken))
            return Entry(found["name"], taken_at, place, SERVICE, size, encryption, path, database)
    return None


def choose(entries: t.Sequence[Entry], wanted: str, database: str, host: str = "") -> list[Entry]:
    """Return the backup that is meant, once for each place where it is, the near one first.

    The latest is the newest of this database that this host took, or the only other host that took any. What the
    service's own scripts left is meant only where there is nothing else, and where their manifest tells its database:
    nobody knows what it holds.
    """
    act = f"take backup '{wanted[:100]}'"
    ours = [entry for entry in entries if entry.database in ("", database)]
    if wanted == LATEST:
        found = _latest([entry for entry in ours if entry.database == database], host, act)
    else:
        times = {format_time(moment) for moment in _moments(wanted)}
        # By name it is clear which one is meant, whatever database it was of.
        found = [entry for entry in entries if entry.name == wanted] or [
            entry for entry in ours if entry.taken_at in times
        ]
    if not found:
        newest = sorted({entry.name for entry in ours}, reverse=True)[:5]
        cause = f"there is none; there are {', '.join(newest)}" if newest else "there is no backup at all"
        raise OpsError(act, cause, "See them all: ansible-playbook rendiff.ops.backup_list")
    if len({entry.name for entry in found}) > 1:
        names = sorted({entry.name for entry in found})
        raise OpsError(act, f"several were taken then: {', '.join(names)}", "Pass the name of one")
    return sorted(found, key=lambda entry: (entry.kind != OURS, entry.place != LOCAL))


def _latest(ours: t.Sequence[Entry], host: str, act: str) -> list[Entry]:
    proven = [entry for entry in ours if entry.kind == OURS]
    hosts = {entry.host for entry in proven}
    if host in hosts:
        proven = [entry for entry in proven if entry.host in ("", host)]
    elif len(hosts) > 1:
        cause = f"this host, '{host}', took none, and several others did: {', '.join(sorted(hosts))}"
        raise OpsError(act, cause, "Pass the name of one, of the list of rendiff.ops.backup_list")
    newest = max(proven or ours, key=lambda entry: entry.taken_at, default=None)
    return [entry for entry in proven or ours if newest is not None and entry.name == newest.name]


def _moments(wanted: str) -> t.Iterator[float]:
    for form in _WANTED_TIMES:
        try:
            yield calendar.timegm(time.strptime(wanted, form))
        except ValueError:
            continue


def surplus(
    entries: t.Sequence[Entry], *, keep: int, keep_days: int, drilled: t.Collection[str], now: float, host: str = ""
) -> list[Entry]:
    """Return the backups of one place that may go: beyond the ``keep`` newest, and too old.

    Only those that this collection made on this host, and never the newest that passed a drill.
    """
    own = (entry for entry in entries if entry.kind == OURS and entry.host in ("", host))
    ours = sorted(own, key=lambda entry: entry.seconds, reverse=True)
    proven = next((entry.name for entry in ours if entry.name in drilled), "")
    return [
        entry for entry in ours[max(1, keep) :] if entry.name != proven and now - entry.seconds > keep_days * 86_400
    ]


def rows_of(entries: t.Sequence[Entry], drilled: t.Collection[str], now: float) -> list[dict[str, t.Any]]:
    """Return one row a backup, the newest first, with all places where it is."""
    rows: dict[tuple[str, str], dict[str, t.Any]] = {}
    for entry in sorted(entries, key=lambda each: (each.seconds, each.name), reverse=True):
        row = rows.setdefault(
            (entry.name, entry.kind),
            {
                "name": entry.name,
                "taken_at": entry.taken_at,
                "age_s": max(0, int(now - entry.seconds)),
                "bytes": entry.bytes,
                "kind": entry.kind,
                "database": entry.database or None,
                "host": entry.host or None,
                "encryption": entry.encryption,
                # What it holds was read as a whole, and counted, when it was taken; of the others nobody knows.
                "verified": entry.manifest is not None,
                "drill_passed": entry.name in drilled,
                "places": [],
            },
        )
        row["places"].append(entry.place)
    for row in rows.values():
        row["places"].sort()
    return list(rows.values())
