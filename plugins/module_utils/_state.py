# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the folder on a managed host in which this collection keeps what it must remember."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
import typing as t

from ._argspec import ArgumentSpec
from ._errors import OpsError

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


def append_lines(state_dir: str, name: str, lines: t.Sequence[str]) -> None:
    """Add lines to a file of the state folder, 0600. They outlive a crash of the host from then on."""
    os.makedirs(state_dir, mode=0o700, exist_ok=True)
    descriptor = os.open(os.path.join(state_dir, name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        # Behind a line that was cut, so that it does not spoil the first of these as well.
        stream.write("".join(f"\n{line}" for line in lines) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def lock(descriptor: int, wait_s: float) -> bool:
    """Hold an open file or folder against every other run until it is closed; tell whether that came within a bound."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.1)


def check_free(state_dir: str, name: str, act: str) -> None:
    """See that no other run does so now, without keeping any from it; for check mode, which writes nothing."""
    try:
        descriptor = os.open(os.path.join(state_dir, "locks", name), os.O_RDONLY)
    except OSError:
        return
    try:
        if not lock(descriptor, 0.5):
            raise OpsError(act, "another run does so now", "Wait for its end, then run this again")
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def hold(state_dir: str, name: str, act: str, wait_s: float = 5.0) -> t.Iterator[None]:
    """Keep others from the same at the same time, for as long as the block runs; a run that dies lets go of it."""
    try:
        path = os.path.join(make_folder(state_dir, "locks"), name)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OpsError(act, f"{error.strerror}: '{state_dir}'", "Run with become, or pass another state_dir") from error
    try:
        if not lock(descriptor, wait_s):
            raise OpsError(act, "another run does so now", "Wait for its end, then run this again")
        yield
    finally:
        os.close(descriptor)
