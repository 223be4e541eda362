# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks as a person runs them: what is printed, what is written, how they end, and what never appears."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from conftest import ENVIRONMENT, ROOT, Sandbox, ansible, run


def asked(sandbox: Sandbox, name: str, *arguments: str) -> list[str]:
    """Return the command that runs a playbook by its FQCN."""
    argv = ["ansible-playbook", "-i", str(ROOT / "inventories" / "sandbox"), f"rendiff.ops.{name}"]
    argv += ["-e", f"rendiff_project={sandbox.project}", "-e", f"health_check_ca_path={sandbox.facts['ca_file']}"]
    return [*argv, *arguments]


def play(sandbox: Sandbox, folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook from a folder of its own."""
    return ansible(asked(sandbox, name, *arguments), cwd=folder)


@pytest.mark.parametrize("name", ["health_quick", "health_deep", "monitor", "smoke_test"])
def test_no_secret_is_printed_or_written_even_at_the_highest_verbosity(
    sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    done = run(asked(sandbox, name, "-vvv", "--diff"), cwd=tmp_path, env=ENVIRONMENT)
    assert done.returncode == 0, done.stdout
    written = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert {path.name for path in written} == {"report.json", "report.html", "status.txt"}
    texts = [done.stdout, done.stderr, *(path.read_text(encoding="utf-8") for path in written)]
    for secret in [*sandbox.secrets.values(), sandbox.api_key]:
        assert not [text for text in texts if secret in text]
    assert sandbox.project in done.stdout
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    latest = json.loads((tmp_path / "rendiff-artifacts" / name / "latest" / "report.json").read_text(encoding="utf-8"))
    assert latest["verdict"] == "ok"


@pytest.mark.parametrize(("fail_on", "status"), [("never", 0), ("critical", 0), ("unknown", 2), ("warning", 2)])
def test_the_exit_status_is_what_was_asked_for_and_comes_after_the_report(
    one: Sandbox, tmp_path: Path, fail_on: str, status: int
) -> None:
    done = play(one, tmp_path, "health_quick", "-e", "rendiff_project=nowhere", "-e", f"health_check_fail_on={fail_on}")
    assert done.returncode == status, done.stdout
    assert "Rendiff health: UNKNOWN" in done.stdout
    assert (tmp_path / "rendiff-artifacts" / "health_quick" / "latest" / "report.html").exists()


def test_a_wrong_choice_is_refused_before_anything_is_looked_at(one: Sandbox, tmp_path: Path) -> None:
    done = play(one, tmp_path, "health_quick", "-e", "health_check_fail_on=sometimes")
    assert done.returncode == 2 and "value of health_check_fail_on must be one of" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_no_host_is_an_error_and_not_a_good_end(one: Sandbox, tmp_path: Path) -> None:
    done = play(one, tmp_path, "health_quick", "-e", "rendiff_hosts=nobody")
    assert done.returncode == 2 and "Cannot find the hosts: 'nobody' matches none" in done.stdout


def test_a_host_that_cannot_be_reached_is_in_the_report_as_unknown(one: Sandbox, tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    lost = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    here = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    inventory.write_text(json.dumps({"rendiff": {"hosts": {"here": here, "lost": lost}}}), encoding="utf-8")
    done = play(one, tmp_path, "health_quick", "-i", str(inventory), "-e", "rendiff_hosts=here:lost")
    assert done.returncode == 2
    assert "Nothing is known of host 'lost'" in done.stdout
    report = json.loads(
        (tmp_path / "rendiff-artifacts" / "health_quick" / "latest" / "report.json").read_text(encoding="utf-8")
    )
    assert {name: health["verdict"] for name, health in report["hosts"].items()} == {"here": "ok", "lost": "unknown"}


def test_a_server_outside_the_project_is_set_once_for_the_procedure(one: Sandbox, tmp_path: Path) -> None:
    done = play(one, tmp_path, "health_quick", "-e", "stack_login_port=1", "-e", "stack_login_host=127.0.0.1")
    assert done.returncode == 2 and "Cannot query PostgreSQL at 127.0.0.1:1" in done.stdout


def test_check_mode_says_the_same_and_writes_nothing(one: Sandbox, tmp_path: Path) -> None:
    done = play(one, tmp_path, "health_quick", "--check")
    assert done.returncode == 0 and "Rendiff health: OK" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_artifacts_folder_that_cannot_be_made_is_named(one: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = play(one, tmp_path, "health_quick", "-e", f"rendiff_artifacts_dir={tmp_path / 'file'}")
    assert done.returncode == 2 and "Set rendiff_artifacts_dir to a folder you may write" in done.stdout


@pytest.mark.parametrize("configured", [True, False])
def test_the_timeline_of_an_incident_is_written_once_with_and_without_a_configuration(
    one: Sandbox, tmp_path: Path, configured: bool
) -> None:
    argv = ["ansible-playbook", "-i", str(ROOT / "inventories" / "sandbox"), "rendiff.ops.health_quick", "-vvv"]
    argv += ["-e", f"rendiff_project={one.project}", "-e", f"health_check_ca_path={one.facts['ca_file']}"]
    argv += ["-e", "incident_id=INC-7", "-e", f"rendiff_artifacts_dir={tmp_path / 'artifacts'}"]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    where = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections")}
    enabled = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_CALLBACKS_ENABLED": "rendiff.ops.timeline"}
    done = run(argv, cwd=tmp_path, env={**bare, **(enabled if configured else where)})
    assert done.returncode == 0, done.stdout
    path = tmp_path / "artifacts" / "incidents" / "INC-7" / "timeline.jsonl"
    text = path.read_text(encoding="utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    looked = [event for event in events if event.get("action") == "rendiff.ops.rendiff_health_info"]
    assert len(looked) == 1 and looked[0]["status"] == "ok" and looked[0]["seconds"] > 0
    assert [event["event"] for event in events].count("start") == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for secret in [*one.secrets.values(), one.api_key]:
        assert secret not in text


def test_without_an_incident_there_is_no_timeline_and_an_odd_id_is_told(one: Sandbox, tmp_path: Path) -> None:
    done = play(one, tmp_path, "stand_down", "--check", "-e", "incident_id=../out")
    assert done.returncode == 0 and "is no plain name" in done.stdout + done.stderr
    assert play(one, tmp_path, "stand_down", "--check").returncode == 0
    assert list(tmp_path.iterdir()) == []
