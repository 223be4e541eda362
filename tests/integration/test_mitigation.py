# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_mitigation and its twin: check, run, run again, check again; and what is refused before it is written."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from conftest import Answer, Module

ENTRY = {
    "name": "scaling.set_replicas.api",
    "what": "Four api containers in place of two",
    "before": {"replicas": 2},
    "after": {"replicas": 4},
    "undo_role": "scaling",
    "undo_action": "set_replicas",
    "undo_variables": {"scaling_service": "api", "scaling_replicas": 2},
    "expires_in_s": 3600,
}


@pytest.fixture(name="mitigation")
def fixture_mitigation(tmp_path: Path) -> Module:
    """Return the module on a ledger of its own."""
    return Module("rendiff_mitigation", state_dir=str(tmp_path / "state"))


@pytest.fixture(name="info")
def fixture_info(tmp_path: Path) -> Module:
    """Return its twin on the same ledger."""
    return Module("rendiff_mitigation_info", state_dir=str(tmp_path / "state"))


def changed(answer: Answer) -> bool:
    assert not answer.failed, answer.output
    return bool(answer.result["changed"])


def test_an_entry_goes_from_planned_to_undone_and_each_step_is_taken_once(
    mitigation: Module, info: Module, tmp_path: Path
) -> None:
    assert changed(mitigation(check=True, **ENTRY)) and not (tmp_path / "state").exists()
    assert changed(mitigation(**ENTRY))
    # Without a limit, which moves on from run to run, the same entry is the same.
    lasting = {**ENTRY, "name": "other", "expires_in_s": 0}
    assert changed(mitigation(**lasting)) and not changed(mitigation(**lasting))
    written = tmp_path / "state" / "mitigations" / "scaling.set_replicas.api.json"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    for state in ("applied", "undone"):
        name = ENTRY["name"]
        assert changed(mitigation(check=True, name=name, state=state))
        assert changed(mitigation(name=name, state=state))
        assert not changed(mitigation(name=name, state=state))
        assert not changed(mitigation(check=True, name=name, state=state))
    names = [entry["name"] for entry in info(include_undone=True).result["mitigations"]]
    assert names == ["other", "scaling.set_replicas.api"]
    assert [entry["name"] for entry in info().result["mitigations"]] == ["other"]


def test_only_what_is_over_is_listed_for_a_schedule(mitigation: Module, info: Module, tmp_path: Path) -> None:
    changed(mitigation(**ENTRY))
    assert info(expired_only=True).result["mitigations"] == []
    path = tmp_path / "state" / "mitigations" / "scaling.set_replicas.api.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, "until": "2001-01-01T00:00:00Z"}), encoding="utf-8")
    assert [entry["name"] for entry in info(expired_only=True).result["mitigations"]] == [ENTRY["name"]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "../../x"}, "a name is small letters"),
        ({"undo_role": "shell", "undo_action": "command"}, "is no action of a role of this collection"),
        ({"undo_variables": {"ansible_connection": "ssh"}}, "is not a variable of role"),
        ({"before": {"login_password": "n0t-for-the-ledger"}}, "looks like a secret"),
        ({"undo_role": None}, "undo_role"),
        ({"expires_in_s": -1}, "below zero"),
    ],
)
def test_what_could_do_more_than_undo_is_refused_and_nothing_is_written(
    mitigation: Module, tmp_path: Path, options: dict, words: str
) -> None:
    answer = mitigation(**{**ENTRY, **options})
    assert answer.failed and words in answer.result["msg"]
    assert not list(tmp_path.rglob("*.json"))


def test_what_is_open_is_not_dropped_and_what_is_missing_is_not_marked(mitigation: Module) -> None:
    changed(mitigation(**ENTRY))
    assert "Run rendiff.ops.stand_down first" in mitigation(name=ENTRY["name"], state="absent").result["msg"]
    assert "there is no such entry" in mitigation(name="nothing", state="applied").result["msg"]
    assert not changed(mitigation(name="nothing", state="absent"))
