# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._writers import (
    Memory,
    Writer,
    choose_writers,
    plan_start,
    plan_stop,
)

from .builders import replica, stack

API = Writer("api-1", "i1", "api")
WORKER = Writer("worker-1", "i2", "worker-cpu")


def test_the_api_and_workers_write_and_others_only_when_named():
    found = stack(
        replica("api"),
        replica("worker-cpu"),
        replica("postgres", image="postgres:15"),
        replica("flower", image="flower:1"),
        replica("worker-gpu", state={"Status": "exited"}),
    )
    assert {writer.service for writer in choose_writers(found, [])} == {"api", "worker-cpu"}
    assert {writer.service for writer in choose_writers(found, ["flower"])} == {"api", "worker-cpu", "flower"}
    with pytest.raises(OpsError, match="the project has no service nope"):
        choose_writers(found, ["nope"])


def test_only_those_start_that_were_stopped_are_there_and_do_not_run():
    assert not plan_stop([]).changed
    assert [action.target for action in plan_stop([API, WORKER]).actions] == ["api-1", "worker-1"]
    plan = plan_start([API, WORKER, Writer("gone", "i3", "api")], {"i1": "running", "i2": "exited"})
    assert [action.target for action in plan.actions] == ["worker-1"]


def test_what_was_stopped_is_remembered_until_it_is_forgotten(tmp_path):
    memory = Memory(str(tmp_path), "p")
    assert memory.read() == []
    memory.write([WORKER, API])
    assert Memory(str(tmp_path), "p").read() == [API, WORKER]
    assert Memory(str(tmp_path), "other").read() == []
    memory.forget()
    assert memory.read() == []


def test_a_memory_that_is_damaged_is_never_taken_for_none(tmp_path):
    memory = Memory(str(tmp_path), "p")
    memory.write([API])
    path = next((tmp_path / "writers").iterdir())
    path.write_text(path.read_text(encoding="utf-8")[:-5], encoding="utf-8")
    with pytest.raises(OpsError, match="it is not whole"):
        memory.read()
