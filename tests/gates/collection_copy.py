# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a command in a real copy of this collection, at .../ansible_collections/rendiff/ops in a temporary folder.

Some tools refuse a link, or would walk through .venv and the sandbox's storage. The copy holds what git would take:
tracked files and new ones that are not ignored.

    collection_copy.py COMMAND...
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def git(*argv: str, cwd: Path) -> str:
    """Return what git prints."""
    return subprocess.run(["git", *argv], cwd=cwd, check=True, capture_output=True, text=True, timeout=60).stdout


@contextlib.contextmanager
def collection_copy() -> t.Iterator[Path]:
    """Yield the folder of a fresh copy that is a git repository of its own; ansible-test lists files through git."""
    with tempfile.TemporaryDirectory(prefix="rendiff-ops-") as base:
        copy = Path(base, "ansible_collections", "rendiff", "ops")
        listed = git("ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT).split("\0")
        for name in filter(None, listed):
            source = ROOT / name
            if source.is_file():
                target = copy / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        git("init", "--quiet", cwd=copy)
        git("add", "--all", cwd=copy)
        yield copy


if __name__ == "__main__":
    with collection_copy() as folder:
        sys.exit(subprocess.run(sys.argv[1:], cwd=folder, check=False).returncode)
