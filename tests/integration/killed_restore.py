# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores as the module does, and is killed by SIGKILL right before one of its calls to PostgreSQL or Docker.

Usage: killed_restore.py NTH OPTIONS, where the options are JSON; ends with 0 and prints how many calls it made when it
came through, else by the signal. NTH 0 kills never.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from ansible_collections.rendiff.ops.plugins.module_utils import _one_off, _postgres
from ansible_collections.rendiff.ops.plugins.module_utils._restore import RESTORE_ARGUMENTS, restore

made = 0


def mortal(owner, name, nth):
    """Let a method be what the process dies before."""
    method = getattr(owner, name)

    def replacement(*arguments, **options):
        global made
        made += 1
        if made == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*arguments, **options)

    setattr(owner, name, replacement)


def no_command(_argv, **_options):
    """Answer as a host without the Compose command does: what runs is read from its containers alone, and faster."""
    return 127, "", ""


def main(nth, given):
    for name in ("query", "execute", "commit"):
        mortal(_postgres.Database, name, int(nth))
    # With _wait the client has just been started, and goes on without us.
    for name in ("_create", "_wait", "_remove"):
        mortal(_one_off.OneOff, name, int(nth))
    spec = RESTORE_ARGUMENTS.to_kwargs()["argument_spec"]
    defaults = {name: option.get("default") for name, option in spec.items()}
    restore({**defaults, **json.loads(given)}, no_command, False)
    print(made)


if __name__ == "__main__":
    main(*sys.argv[1:])
