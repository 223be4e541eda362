# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: artifacts of a run on the controller: private, whole or absent, the newest linked."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ._errors import OpsError
from ._state import whole_file


def write_artifacts(root: str, playbook: str, files: t.Mapping[str, str], when: time.struct_time) -> str:
    """Write files into ``<root>/<playbook>/<UTC time>/``, point ``latest`` there, and return the folder's full path.

    Folders are 0700 and files 0600. Two runs in one second get folders of their own.
    """
    base = os.path.join(os.path.abspath(os.path.expanduser(root)), playbook)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", when)
    try:
        os.makedirs(base, mode=0o700, exist_ok=True)
        directory = _make_folder(base, stamp)
        for name, content in files.items():
            with whole_file(os.path.join(directory, name)) as stream:
                stream.write(content.encode())
        _link(os.path.basename(directory), os.path.join(base, "latest"))
    except OSError as error:
        cause = f"{error.strerror or error}"
        raise OpsError(
            f"write the report below '{base}'", cause, "Set rendiff_artifacts_dir to a folder you may write"
        ) from error
    return directory


def _make_folder(base: str, stamp: str) -> str:
    for attempt in range(100):
        directory = os.path.join(base, stamp if attempt == 0 else f"{stamp}-{attempt}")
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)
            return directory
    raise OSError(f"a hundred runs in the same second below '{base}'")


def _link(target: str, path: str) -> None:
    temporary = f"{path}.{os.getpid()}"
    os.symlink(target, temporary)
    os.replace(temporary, path)
