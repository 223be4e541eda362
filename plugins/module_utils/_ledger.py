# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the mitigation ledger on disk: a file an entry, whole or absent, one writer at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
import typing as t

from ._argspec import ArgumentSpec
from ._errors import OpsError
from ._mitigation import (
    Mitigation,
    format_time,
    plan_entry,
    plan_removal,
    plan_status,
    read_entry,
)
from ._plan import Plan
from ._state import STATE_ARGUMENTS, STATE_DIR, lock, make_folder, whole_file

MITIGATION_ARGUMENTS = ArgumentSpec(
    {
        "name": {"type": "str", "required": True},
        "state": {
            "type": "str",
            "choices": ["planned", "applied", "undone", "failed", "absent"],
            "default": "planned",
        },
        "what": {"type": "str"},
        "before": {"type": "dict", "default": {}},
        "after": {"type": "dict", "default": {}},
        "undo_role": {"type": "str"},
        "undo_action": {"type": "str"},
        "undo_variables": {"type": "dict", "default": {}},
        "expires_in_s": {"type": "int", "default": 0},
        "why": {"type": "str", "default": ""},
        "incident": {"type": "str", "default": ""},
        "error": {"type": "str", "default": ""},
        "renew": {"type": "str", "choices": ["always", "late"], "default": "always"},
        "project": {"type": "str", "default": ""},
    },
    required_if=[("state", "planned", ["what", "undo_role", "undo_action"])],
).merge(STATE_ARGUMENTS)
MITIGATION_INFO_ARGUMENTS = ArgumentSpec(
    {
        "expired_only": {"type": "bool", "default": False},
        "include_undone": {"type": "bool", "default": False},
        "incident": {"type": "str"},
        "project": {"type": "str"},
    }
).merge(STATE_ARGUMENTS)

FOLDER = "mitigations"
_LOCK_WAIT_S = 20


class Ledger:
    """The entries below ``<state_dir>/mitigations``. Folders are 0700 and files 0600."""

    def __init__(self, state_dir: str = STATE_DIR) -> None:
        self.folder = os.path.join(state_dir, FOLDER)

    def entries(self) -> tuple[list[Mitigation], list[str]]:
        """Return the entries in the order in which they were made, and what could not be read, a sentence each."""
        found: list[Mitigation] = []
        broken: list[str] = []
        try:
            names = sorted(name for name in os.listdir(self.folder) if name.endswith(".json"))
        except FileNotFoundError:
            return [], []
        except OSError as error:
            raise OpsError(f"read the mitigation ledger in '{self.folder}'", str(error.strerror)) from error
        for name in names:
            try:
                found.append(self._read(name))
            except OpsError as error:
                broken.append(f"{name}: {error}")
        return sorted(found, key=lambda entry: entry.sequence), broken

    def get(self, name: str) -> Mitigation | None:
        """Return the entry of this name, or None."""
        try:
            return self._read(f"{name}.json")
        except FileNotFoundError:
            return None

    def write(self, wanted: Mitigation, *, check_mode: bool, renew: str = "always") -> tuple[Plan, Mitigation]:
        """Write an entry before its change is made; ``sequence`` and times are set here.

        ``renew``: ``late`` leaves an open entry its limit while at least half of the time is left.
        """
        moment = time.time()
        now = format_time(moment)
        with self._locked(check_mode):
            current = self.get(wanted.name)
            numbers = [entry.sequence for entry in self.entries()[0]]
            fresh = dataclasses.replace(
                wanted, sequence=max(numbers, default=0) + 1, created_at=now, changed_at=now, error=""
            )
            plan, entry = plan_entry(current, fresh, moment if renew == "late" else None)
            self._store(entry, plan, check_mode)
        return plan, entry

    def mark(self, name: str, status: str, error: str, *, check_mode: bool) -> tuple[Plan, Mitigation]:
        """Note what became of an entry."""
        with self._locked(check_mode):
            plan, entry = plan_status(self.get(name), name, status, error)
            self._store(dataclasses.replace(entry, changed_at=format_time(time.time())), plan, check_mode)
        return plan, entry

    def drop(self, name: str, *, check_mode: bool) -> Plan:
        """Remove an entry that is undone."""
        with self._locked(check_mode):
            plan = plan_removal(self.get(name), name)
            if plan.changed and not check_mode:
                os.unlink(os.path.join(self.folder, f"{name}.json"))
        return plan

    def _read(self, name: str) -> Mitigation:
        path = os.path.join(self.folder, name)
        try:
            with open(path, encoding="utf-8") as stream:
                document = json.load(stream)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise OpsError(f"read '{path}'", "it is not a whole JSON file that this user may read") from error
        entry = read_entry(document)
        if f"{entry.name}.json" != name:
            raise OpsError(f"read '{path}'", f"it holds the entry '{entry.name}'")
        return entry

    def _store(self, entry: Mitigation, plan: Plan, check_mode: bool) -> None:
        if not plan.changed or check_mode:
            return
        # The entry must outlive the host's crash: the change comes after it.
        with whole_file(os.path.join(self.folder, f"{entry.name}.json"), durable=True) as stream:
            stream.write(json.dumps(entry.describe(), indent=1, sort_keys=True).encode())

    @contextlib.contextmanager
    def _locked(self, check_mode: bool) -> t.Iterator[None]:
        """Hold the ledger against a second writer; a reader in check mode makes no file."""
        if check_mode:
            yield
            return
        try:
            make_folder(os.path.dirname(self.folder), FOLDER)
            descriptor = os.open(os.path.join(self.folder, ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            cause = str(error.strerror)
            raise OpsError(f"write the mitigation ledger in '{self.folder}'", cause, "Run with become") from error
        try:
            if not lock(descriptor, _LOCK_WAIT_S):
                cause = f"another run held it for {_LOCK_WAIT_S} s"
                raise OpsError(f"write the mitigation ledger in '{self.folder}'", cause)
            yield
        finally:
            os.close(descriptor)
