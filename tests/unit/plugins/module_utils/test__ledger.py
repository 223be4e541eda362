# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import stat

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils import _ledger
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._ledger import Ledger

from .test__mitigation import ENTRY


def write(ledger, name="a", check_mode=False):
    return ledger.write(dataclasses.replace(ENTRY, name=name), check_mode=check_mode)


def test_an_entry_is_a_private_file_and_is_read_back(tmp_path):
    ledger = Ledger(str(tmp_path / "state"))
    plan, entry = write(ledger)
    assert plan.changed and ledger.entries() == ([entry], [])
    path = os.path.join(ledger.folder, "a.json")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600 and stat.S_IMODE(os.stat(ledger.folder).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(tmp_path / "state").st_mode) == 0o700
    assert entry.sequence == 1 and entry.created_at


def test_check_mode_writes_nothing_and_says_the_same(tmp_path):
    ledger = Ledger(str(tmp_path / "state"))
    assert write(ledger, check_mode=True)[0].changed
    assert not (tmp_path / "state").exists()


def test_a_second_time_changes_nothing(tmp_path):
    ledger = Ledger(str(tmp_path))
    write(ledger)
    assert not write(ledger)[0].changed
    assert ledger.mark("a", "applied", "", check_mode=False)[0].changed
    assert not ledger.mark("a", "applied", "", check_mode=False)[0].changed


def test_a_broken_file_is_told_and_the_others_are_read(tmp_path):
    ledger = Ledger(str(tmp_path))
    write(ledger)
    (tmp_path / "mitigations" / "b.json").write_text("{half", encoding="utf-8")
    (tmp_path / "mitigations" / "c.json").write_text(
        (tmp_path / "mitigations" / "a.json").read_text(), encoding="utf-8"
    )
    entries, broken = ledger.entries()
    assert [entry.name for entry in entries] == ["a"]
    assert "not a whole JSON file" in broken[0] and "it holds the entry 'a'" in broken[1]


def test_a_writer_killed_before_the_rename_leaves_the_old_entry(tmp_path, monkeypatch):
    ledger = Ledger(str(tmp_path))
    _plan, before = write(ledger)

    def killed(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(_ledger.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        ledger.mark("a", "applied", "", check_mode=False)
    monkeypatch.undo()
    assert ledger.entries() == ([before], [])


def test_writers_at_once_wait_for_each_other_and_lose_nothing(tmp_path):
    ledger = Ledger(str(tmp_path))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write(ledger, f"e{number}"), range(24)))
    entries, broken = ledger.entries()
    assert broken == [] and [entry.sequence for entry in entries] == list(range(1, 25))


def test_a_ledger_that_is_held_for_too_long_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(_ledger, "_LOCK_WAIT_S", 0)
    ledger = Ledger(str(tmp_path))
    with ledger._locked(False), pytest.raises(OpsError, match="another run held it"):
        write(ledger)


def test_only_an_undone_entry_is_dropped(tmp_path):
    ledger = Ledger(str(tmp_path))
    write(ledger)
    ledger.mark("a", "undone", "", check_mode=False)
    assert ledger.drop("a", check_mode=True).changed and ledger.entries()[0]
    assert ledger.drop("a", check_mode=False).changed and not ledger.drop("a", check_mode=False).changed
