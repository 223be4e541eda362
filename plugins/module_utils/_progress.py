# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: how far a long change is, in a small file that whoever waits may read at any time."""

from __future__ import annotations

import json
import os
import time
import types

from ._errors import OpsError
from ._state import whole_file

_EVERY_S = 0.5


def progress_line(raw: str) -> str:
    """Return the content of the file as a line for people, empty where it is none. Pure."""
    try:
        told = json.loads(raw)
        step, done, total, seconds = str(told["step"]), int(told["done"]), int(told["total"]), float(told["seconds"])
    except (ValueError, TypeError, KeyError):
        return ""
    if total <= 0:
        return f"{step}, {seconds:.0f} s"
    return f"{step}: {done:,} of {total:,} ({done * 100 // total} %), {seconds:.0f} s"


class Progress:
    """Keep a file up to date while the block runs, and remove it; without a path, do nothing."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._begin = time.monotonic()
        self._last = 0.0

    def __enter__(self) -> Progress:
        """See that the file can be written, before anything is changed."""
        self.note("look", 0, 0)
        return self

    def note(self, step: str, done: int, total: int) -> None:
        """Say how far it is; at most every half second, but for the end of a step."""
        now = time.monotonic()
        if self._path is None or (now - self._last < _EVERY_S and done < total):
            return
        self._last = now
        told = {"step": step, "done": done, "total": total, "seconds": round(now - self._begin, 1)}
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            with whole_file(self._path) as stream:
                stream.write(json.dumps(told).encode())
        except OSError as error:
            raise OpsError(f"write '{self._path}'", str(error.strerror), "Pass another progress_path") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        """Remove the file."""
        if self._path is not None and os.path.exists(self._path):
            os.unlink(self._path)
