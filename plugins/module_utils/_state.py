# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the folder on a managed host in which this collection keeps what it must remember."""

from __future__ import annotations

import contextlib
import os
import tempfile
import typing as t

from ._argspec import ArgumentSpec

STATE_DIR = "/var/lib/rendiff-ops"
STATE_ARGUMENTS = ArgumentSpec({"state_dir": {"type": "path", "default": STATE_DIR}})


def make_folder(state_dir: str, name: str) -> str:
    """Make a folder below the state folder, both 0700, and return its path."""
    folder = os.path.join(state_dir, name)
    # Only the last folder of a path gets the mode, so each is made by itself.
    for each in (state_dir, folder):
        os.makedirs(each, mode=0o700, exist_ok=True)
    return folder


@contextlib.contextmanager
def whole_file(path: str, *, durable: bool = False) -> t.Iterator[t.BinaryIO]:
    """Give a file to write to that is at ``path`` when the block has ended, and nowhere when it fails; mode 0600.

    ``durable``: it outlives a crash of the host from then on.
    """
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
