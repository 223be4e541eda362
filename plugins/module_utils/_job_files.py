# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: jobs against the files of the storage: what a job promises and what nobody knows of."""

from __future__ import annotations

import os
import posixpath
import typing as t

from . import _postgres
from ._job_rows import COMPLETED, JobTable

# More is not walked: a storage may hold any number, and what matters is whether there are some.
FILES_MAX = 1_000_000
_SAMPLE = 20
_ROWS = 5000

Storage = t.Mapping[str, t.Any]


def relative_path(path: str, storage: str) -> str:
    """Return a path of a job below the storage, empty for one that is elsewhere, such as a URL. Pure."""
    whole = posixpath.normpath(path) if path.startswith("/") else ""
    root = storage.rstrip("/") + "/"
    return whole[len(root) :] if whole.startswith(root) else ""


class JobFiles:
    """Compares the files of the storage with the paths that jobs name. ``storage``: ``path`` and ``source``."""

    def __init__(self, storage: Storage) -> None:
        self._path = str(storage["path"])
        self._source = str(storage["source"])
        self._known: set[int] = set()
        self._tops: set[str] = set()
        self.checked = self.missing = self.elsewhere = 0
        self.missing_sample: list[str] = []

    def add(self, job: str, status: str, output: str, given: str) -> None:
        """Look at one job: whether its output is there, if it is done; its paths are known from now on."""
        relative = relative_path(output, self._path)
        for known in (relative, relative_path(given, self._path)):
            if known:
                # The number instead of the text: a million paths then take a fraction of the memory.
                self._known.add(hash(known))
        if relative and "/" in relative:
            self._tops.add(relative.split("/", 1)[0])
        if status not in COMPLETED:
            return
        if not relative:
            self.elsewhere += 1
            return
        self.checked += 1
        if not os.path.lexists(os.path.join(self._source, relative)):
            self.missing += 1
            if len(self.missing_sample) < _SAMPLE:
                self.missing_sample.append(job[:80])

    def unknown(self) -> dict[str, t.Any]:
        """Return what is in the folders of outputs and in no row; no link is followed."""
        found: dict[str, t.Any] = {"count": 0, "bytes": 0, "sample": [], "cut": False}
        seen = 0
        for top in sorted(self._tops or {"output"}):
            for folder, _folders, names in os.walk(os.path.join(self._source, top)):
                for name in names:
                    seen += 1
                    if seen > FILES_MAX:
                        return {**found, "cut": True}
                    path = os.path.join(folder, name)
                    relative = os.path.relpath(path, self._source)
                    if hash(relative) not in self._known:
                        found["count"] += 1
                        found["bytes"] += _size(path)
                        if len(found["sample"]) < _SAMPLE:
                            found["sample"].append(relative[:200])
        return found


def compare_files(database: _postgres.Database, table: JobTable, storage: Storage | None) -> dict[str, t.Any] | None:
    """Return what jobs and files say of each other, None where the host does not see the storage."""
    if storage is None or not os.path.isdir(str(storage["source"])) or not table.has("output_path"):
        return None
    sql, files = _postgres.sql, JobFiles(storage)
    given = table.text("input_path") if table.has("input_path") else sql.SQL("''")
    statement = sql.SQL("SELECT {}, {}, coalesce({}, ''), coalesce({}, '') FROM {} AS j").format(
        table.identity, table.status, table.text("output_path"), given, table.name
    )
    for rows in database.stream(statement, size=_ROWS):
        for row in rows:
            files.add(*map(str, row))
    return {
        "checked": files.checked,
        "elsewhere": files.elsewhere,
        "missing": files.missing,
        "missing_sample": files.missing_sample,
        "without_row": files.unknown(),
    }


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
