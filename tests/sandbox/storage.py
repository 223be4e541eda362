# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sized storage: a small xfs in a loop-mounted file, so that a test can fill it and grow it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from names import Sandbox
from shell import SandboxError, run, say

SIZE = 512 * 1024 * 1024
APP_UID = 1000
FOLDERS = ("input", "output", "temp")


def possible() -> bool:
    """Tell whether this user and machine can loop-mount; otherwise the stack takes a tmpfs volume of the same size."""
    return (
        os.geteuid() == 0
        and Path("/dev/loop-control").exists()
        and all(shutil.which(program) for program in ("mkfs.xfs", "mount", "losetup"))
    )


def ensure(sandbox: Sandbox) -> None:
    """Make the file system if it is absent and mount it if it is not mounted."""
    image, folder = sandbox.storage_image, sandbox.storage_dir
    folder.mkdir(exist_ok=True)
    if os.path.ismount(folder):
        return
    if not image.exists():
        fresh = image.with_suffix(".new")
        with fresh.open("wb") as handle:
            handle.truncate(SIZE)
        run(["mkfs.xfs", "-q", "-f", str(fresh)], timeout=60)
        fresh.replace(image)
    say("mounting the 512 MB storage")
    run(["mount", "-o", "loop", str(image), str(folder)], timeout=30)
    for path in (folder, *(folder / name for name in FOLDERS)):
        path.mkdir(exist_ok=True)
        os.chown(path, APP_UID, APP_UID)


def _loops(image: Path) -> list[str]:
    """List the loop devices that still hold the image, also after the file itself was deleted."""
    done = run(["losetup", "--json", "--list", "--output", "NAME,BACK-FILE"], timeout=30)
    rows = json.loads(done.stdout or "{}").get("loopdevices", [])
    names = {str(image), f"{image} (deleted)"}
    return [row["name"] for row in rows if row.get("back-file") in names]


def remove(sandbox: Sandbox) -> None:
    """Unmount, free the loop device and delete the image, whatever of these is left."""
    image, folder = sandbox.storage_image, sandbox.storage_dir
    if possible():
        # A mount may be stacked when an earlier run was killed between its check and its mount.
        while os.path.ismount(folder):
            run(["umount", str(folder)], timeout=60)
        for device in _loops(image):
            run(["losetup", "-d", device], timeout=30)
        left = _loops(image)
        if left:
            raise SandboxError(f"Cannot free {', '.join(left)}: something still uses {image}")
    image.unlink(missing_ok=True)
