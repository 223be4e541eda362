# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The body of rendiff_ban or rendiff_ban_info, in the network namespace and with the PATH that it is started in.

Reads ``{"name": ..., "options": {...}, "check": bool, "files": {...}, "stop_at": "..."}`` from standard input and
prints the result as JSON. ``stop_at`` names a step at which it kills itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".ansible" / "collections"))

from ansible_collections.rendiff.ops.plugins.module_utils._ban_change import BAN_ARGUMENTS, change
from ansible_collections.rendiff.ops.plugins.module_utils._ban_info import BAN_INFO_ARGUMENTS, look
from ansible_collections.rendiff.ops.plugins.module_utils._ban_nft import Nft
from ansible_collections.rendiff.ops.plugins.module_utils._ban_store import BanFiles
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError


def run_command(args: t.Sequence[str], *, data: str | None = None) -> tuple[int, str, str]:
    """Run a command as a module does."""
    done = subprocess.run(args, input=data or "", capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def main() -> int:
    """Run it, and return the exit status."""
    asked = json.load(sys.stdin)
    spec = BAN_ARGUMENTS if asked["name"] == "rendiff_ban" else BAN_INFO_ARGUMENTS
    options = {name: option.get("default") for name, option in spec.options.items()} | asked["options"]
    files = BanFiles(options["state_dir"], **asked["files"])

    def die(*_arguments: t.Any, **_options: t.Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if asked.get("stop_at"):
        setattr(BanFiles if hasattr(BanFiles, asked["stop_at"]) else Nft, asked["stop_at"], die)
    try:
        if asked["name"] == "rendiff_ban":
            result = change(options, run_command, asked["check"], files)
        else:
            result = look(options, run_command, files)
    except OpsError as error:
        result = {"failed": True, "msg": str(error)}
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
