# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._writers import (
    Memory,
    Writer,
    Writers,
    choose_writers,
    is_back,
    plan_start,
    plan_stop,
    remember,
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
    assert not plan_start([API, WORKER], {"i1": "", "i2": "restarting"}).changed


def test_what_was_stopped_is_remembered_until_it_is_forgotten(tmp_path):
    memory = Memory(str(tmp_path), "p")
    assert memory.read() == []
    memory.write([WORKER._replace(well=False), API])
    assert Memory(str(tmp_path), "p").read() == [API, WORKER._replace(well=False)]
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


def test_one_of_an_older_version_is_taken_to_have_been_well(tmp_path):
    memory = Memory(str(tmp_path), "p")
    memory.write([API])
    path = next((tmp_path / "writers").iterdir())
    path.write_text(json.dumps([{"name": "api-1", "id": "i1", "service": "api"}]), encoding="utf-8")
    assert memory.read() == [API]


@pytest.mark.parametrize(
    ("state", "health", "expected"),
    [
        ("running", None, True),
        ("running", "healthy", True),
        ("running", "starting", True),
        ("running", "unhealthy", False),
        ("paused", "healthy", True),
        ("restarting", None, False),
        ("exited", None, None),
        ("created", None, None),
        ("dead", None, None),
    ],
)
def test_what_writes_or_will_is_stopped_and_it_is_known_whether_it_was_well(state, health, expected):
    state = {"Status": state, "Paused": state == "paused", **({"Health": {"Status": health}} if health else {})}
    found = choose_writers(stack(replica("api", state=state)), [])
    assert [writer.well for writer in found] == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("well", "state", "health", "expected"),
    [
        (True, "running", "healthy", True),
        (True, "running", "", True),
        (True, "running", "none", True),
        (True, "running", "starting", False),
        (True, "running", "unhealthy", False),
        (True, "restarting", "", False),
        (False, "running", "unhealthy", True),
        (False, "running", "starting", True),
        (False, "restarting", "", True),
        (False, "exited", "", False),
    ],
)
def test_only_what_was_well_must_be_well_again(well, state, health, expected):
    assert is_back(API._replace(well=well), state, health) == expected


def test_what_was_well_before_a_run_that_was_killed_must_be_well_again():
    ill = API._replace(id="new", well=False)
    assert remember([API], [ill, WORKER]) == [API._replace(id="new"), WORKER]
    assert remember([ill], [ill]) == [ill]
    assert remember([ill], [API]) == [API]


class Engine:
    """Stops containers, and brings up some others whenever it did."""

    def __init__(self, comes_up):
        self.up = ["api"]
        self.stopped = []
        self._comes_up = list(comes_up)

    def look(self):
        return stack(*(replica(name) for name in self.up), replica("postgres", image="postgres:15"))

    def call(self, method, path, **_parts):
        self.stopped.append(path.split("/")[2])
        self.up = [self._comes_up.pop(0)] if self._comes_up else []
        return 204, b""


def test_what_comes_up_meanwhile_is_stopped_too_but_not_for_ever(tmp_path):
    options = {"state_dir": str(tmp_path), "services": [], "stop_grace_s": 0}
    engine = Engine(["worker-cpu"])
    assert Writers(engine, engine.look, options).stop(True)["writers"] == ["rendiff-prod-api-1"]
    assert engine.stopped == []
    done = Writers(engine, engine.look, options).stop(False)
    assert done["writers"] == ["rendiff-prod-api-1", "rendiff-prod-worker-cpu-1"]
    assert engine.stopped == ["api-1-id", "worker-cpu-1-id"]
    assert {writer.service for writer in Memory(str(tmp_path), "rendiff-prod").read()} == {"api", "worker-cpu"}
    stubborn = Engine(["api"] * 50)
    with pytest.raises(OpsError, match="rendiff-prod-api-1 came up again each time"):
        Writers(stubborn, stubborn.look, options).stop(False)
    assert 1 < len(stubborn.stopped) < 10
