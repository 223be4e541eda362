# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_smoke_test on real services: a conversion that works, one that cannot, and what is left of either."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from conftest import ROOT, Sandbox, docker, run, smoke_test

NAMES = "rendiff-ops-smoke-%"


def traces(sandbox: Sandbox) -> dict[str, int]:
    """Count what a smoke test could leave: keys, jobs, files, and the broker's notes about jobs."""
    with sandbox.broker() as broker:
        notes = len(broker.keys("job:*"))
    return {
        "keys": sandbox.query("SELECT count(*) FROM api_keys WHERE name LIKE %s", NAMES)[0][0],
        "jobs": sandbox.query("SELECT count(*) FROM jobs WHERE input_path LIKE %s", f"%/{NAMES}")[0][0],
        "files": len(docker("exec", sandbox.container("api"), "find", "/storage", "-name", "*smoke*").split()),
        "notes": notes,
    }


def descendants(pid: int) -> list[int]:
    """Return the processes below one, parents before their children."""
    found: list[int] = []
    for line in run(["ps", "-o", "pid=", "--ppid", str(pid)]).stdout.split():
        found += [int(line), *descendants(int(line))]
    return found


def stages(answer) -> dict[str, str]:
    """Return how each stage ended."""
    return {finding["id"]: finding["severity"] for finding in answer.result["smoke"]["findings"]}


def test_a_video_is_converted_and_nothing_stays(sandbox: Sandbox) -> None:
    before = traces(sandbox)
    answer = smoke_test(sandbox)()
    assert not answer.failed and answer.result["smoke"]["verdict"] == "ok", answer.output
    assert answer.result["changed"] is False and answer.result["left_behind"] == []
    names = ["key", "input", "submit", "convert", "output", "cleanup"]
    assert stages(answer) == {f"smoke.{name}": "ok" for name in names}
    assert all(finding["evidence"]["seconds"] >= 0 for finding in answer.result["smoke"]["findings"])
    assert traces(sandbox) == before
    for secret in [*sandbox.secrets.values(), sandbox.api_key]:
        assert secret not in answer.output


def test_check_mode_shows_the_plan_and_makes_nothing(one: Sandbox) -> None:
    before = traces(one)
    answer = smoke_test(one)(check=True)
    assert answer.result["changed"] is False and len(answer.result["plan"]) == 3
    assert answer.result["job_id"] == ""
    assert traces(one) == before


def test_a_conversion_that_nobody_takes_is_told_cancelled_and_cleaned_up(one: Sandbox) -> None:
    before = traces(one)
    worker = one.container("worker-cpu")
    with one.broken(["stop", "-t", "2", worker], ["start", worker]):
        answer = smoke_test(one)(timeout_s=2)
        after = traces(one)
        status = one.query("SELECT status FROM jobs WHERE id::text = %s", answer.result["job_id"])
    assert answer.result["smoke"]["verdict"] == "critical"
    found = stages(answer)
    assert found["smoke.submit"] == "ok" and found["smoke.convert"] == "critical" and "smoke.output" not in found
    assert "is still queued after 2 s" in answer.output
    assert status == [("cancelled",)]
    assert answer.result["changed"] is True and "cancelled" in answer.result["left_behind"][0]
    assert (after["keys"], after["files"]) == (before["keys"], before["files"])
    one.query("DELETE FROM jobs WHERE id::text = %s", answer.result["job_id"])


def test_a_run_that_was_killed_leaves_a_key_that_the_next_one_removes(one: Sandbox) -> None:
    worker = one.container("worker-cpu")
    before = traces(one)["keys"]
    with one.broken(["stop", "-t", "2", worker], ["start", worker]):
        argv = ["ansible", "all", "-i", "target,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
        argv += [
            "-m",
            "rendiff.ops.rendiff_smoke_test",
            "-a",
            f"project={one.project} timeout_s=60 validate_certs=false",
        ]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL) as running:
            deadline = time.monotonic() + 60
            while traces(one)["keys"] == before and time.monotonic() < deadline:
                assert running.poll() is None
            # The module is a process of its own below Ansible's; whatever supervises it must not clean up after it.
            for process in reversed([running.pid, *descendants(running.pid)]):
                os.kill(process, signal.SIGKILL)
    assert traces(one)["keys"] == before + 1
    # A young key could be another run's. As one that is old, it is removed.
    one.query("UPDATE api_keys SET name = 'rendiff-ops-smoke-1' WHERE name LIKE %s", NAMES)
    answer = smoke_test(one)()
    assert answer.result["smoke"]["verdict"] == "ok", answer.output
    assert traces(one)["keys"] == before
    one.query("DELETE FROM jobs WHERE input_path LIKE %s", f"%/{NAMES}")
    docker("exec", one.container("api"), "find", "/storage", "-name", "*smoke*", "-delete")


def test_a_service_without_containers_is_refused_before_anything_is_made(one: Sandbox) -> None:
    answer = smoke_test(one)(project="nowhere")
    assert answer.failed and answer.result["msg"].startswith("Cannot find the Compose project 'nowhere'")


def test_a_folder_that_is_not_there_is_told_and_the_key_removed(one: Sandbox) -> None:
    before = traces(one)
    answer = smoke_test(one)(input_dir="/storage/nowhere")
    assert stages(answer)["smoke.input"] == "critical"
    assert "the container has no such folder. Set input_dir" in answer.output
    assert traces(one) == before


def test_a_host_without_drivers_is_told(one: Sandbox, bare_python: str) -> None:
    answer = smoke_test(one)(python=bare_python)
    assert stages(answer)["smoke.key"] == "critical"
    assert "Run the playbook rendiff.ops.prepare" in answer.output
