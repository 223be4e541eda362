# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_scale_info and rendiff_worker on real containers and workers, also on workers that are dead, deaf or busy."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import typing as t
import uuid
from pathlib import Path

import pytest
from conftest import COLLECTIONS, ROOT, Answer, Module, Sandbox, docker, run

from ansible_collections.rendiff.ops.plugins.module_utils._credentials import RedisLogin
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys
from ansible_collections.rendiff.ops.plugins.module_utils._queue_look import Look
from ansible_collections.rendiff.ops.plugins.module_utils._redis import connect

WITHIN_S = 60
SERVICE = "worker-cpu"
# Runs the core by itself, so that a kill hits it and not only what started it.
DRAIN = """
import json, subprocess, sys
from ansible_collections.rendiff.ops.plugins.module_utils._worker_change import WORKER_ARGUMENTS, change

def run_command(argv):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr

options = {name: option.get("default") for name, option in WORKER_ARGUMENTS.options.items()}
change({**options, **json.loads(sys.argv[1])}, run_command, False)
"""


def scale_info(sandbox: Sandbox, **options: t.Any) -> Answer:
    return Module("rendiff_scale_info", project=sandbox.project)(**options)


def worker(sandbox: Sandbox) -> Module:
    return Module("rendiff_worker", project=sandbox.project, census_interval_s=1)


def until(seen: t.Callable[[], t.Any], what: str) -> t.Any:
    """Wait, within a bound, until something is so, and return it."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        value = seen()
        if value:
            return value
        threading.Event().wait(0.3)
    raise AssertionError(f"not within {WITHIN_S} s: {what}")


def status(sandbox: Sandbox, job: str) -> str:
    return str(sandbox.query("SELECT status FROM jobs WHERE id::text = %s", job)[0][0])


def encode(sandbox: Sandbox, seconds: int) -> str:
    """Submit an encode and wait until it has begun."""
    job = sandbox.submit("--seconds", str(seconds))[0]
    until(lambda: status(sandbox, job) == "processing", "the encode begins")
    return job


def give_up(sandbox: Sandbox, job: str) -> None:
    """Leave nothing of a job that was ended."""
    with sandbox.broker() as client:
        client.delete("unacked", "unacked_index")
    sandbox.query("UPDATE jobs SET status = 'cancelled' WHERE id::text = %s", job)


def main_process(sandbox: Sandbox) -> int:
    return int(docker("inspect", "-f", "{{.State.Pid}}", sandbox.container(SERVICE)))


def consumers(sandbox: Sandbox) -> list[str]:
    login = RedisLogin(sandbox.address("redis"), 6379, 0, password=sandbox.secrets["REDIS_PASSWORD"])
    with connect(login, Keys(), 10) as broker:
        return Look(broker, Keys(), {"census_timeout_s": 2.0}).census().consumers("default")


def test_the_connections_are_counted_before_there_are_more_containers(one: Sandbox) -> None:
    answer = scale_info(one, service="cpu", replicas=6)
    (refusal,) = answer.result["scale"]["refusals"]
    assert "api 2 x 1 x (5 + 10) = 30, worker-cpu 6 x 2 x (5 + 10) = 180; together 210" in refusal
    assert "100 - 3 reserved - " in refusal and "At most 2 fit" in refusal
    told = scale_info(one, service="cpu", replicas=6, pool_size=1, max_overflow=1).result["scale"]
    assert told["refusals"] == [] and "together 28 of 100" in told["budget"]
    assert told["current"] == 1 and not told["ready"]
    for secret in [*one.secrets.values(), one.api_key]:
        assert secret not in answer.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"service": "workers", "replicas": 2},
            "no such service. It has api, postgres, prometheus, redis, s3, traefik",
        ),
        ({"service": "postgres", "replicas": 2}, "it is a database"),
    ],
)
def test_what_cannot_be_scaled_is_refused_by_name(one: Sandbox, options: dict, words: str) -> None:
    answer = scale_info(one, **options)
    assert words in (answer.result["msg"] if answer.failed else answer.result["scale"]["refusals"][0])


class SmallProject:
    """An api, a worker and what the api depends on, none of which does anything."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.name = f"rdops-scale-{uuid.uuid4().hex[:8]}"
        self.file = folder / "compose.yml"
        self._image = docker("inspect", "-f", "{{.Config.Image}}", sandbox.container("api"))

    def write(self, **more: str) -> None:
        """Write the Compose file; each service has its own lines ``more``."""
        common = f"    image: {self._image}\n    command: [sleep, '300']\n    init: true\n    mem_limit: 64m\n"
        services = {"api": "    depends_on: [other]\n", "worker": "", "other": ""}
        text = "".join(f"  {name}:\n{common}{lines}{more.get(name, '')}" for name, lines in services.items())
        self.file.write_text(f"services:\n{text}", encoding="utf-8")

    def compose(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run compose on it."""
        return run(["docker", "compose", "-p", self.name, "-f", str(self.file), *arguments])

    def ids(self, service: str) -> set[str]:
        """Return the ids of a service's containers."""
        return set(self.compose("ps", "-q", service).stdout.split())


@contextlib.contextmanager
def small_project(sandbox: Sandbox, folder: Path, **more: str) -> t.Iterator[SmallProject]:
    """Start a small project, and remove it."""
    project = SmallProject(sandbox, folder)
    project.write(**more)
    try:
        assert project.compose("up", "-d", "--no-build").returncode == 0
        yield project
    finally:
        project.compose("down", "--timeout", "1")


def test_a_fixed_name_and_a_fixed_port_are_refused_with_the_line(one: Sandbox, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    name = f"rdops-fixed-{uuid.uuid4().hex[:8]}"
    lines = {
        "api": f"    container_name: {name}\n",
        "worker": f"    ports:\n      - 127.0.0.1:{port}:9000\n",
    }
    with small_project(one, tmp_path, **lines) as project:
        info = Module("rendiff_scale_info", project=project.name)
        said = " ".join(info(service="api", replicas=3).result["scale"]["refusals"])
        assert f"Remove line 8 of '{project.file}' (container_name: {name})." in said
        said = " ".join(info(service="worker", replicas=2).result["scale"]["refusals"])
        assert f"it publishes port {port} of the host, which one container can have" in said
        assert f"line 15 of '{project.file}' (- 127.0.0.1:{port}:9000)" in said
        # What the runbook does: it is tried, and fails.
        assert project.compose("up", "-d", "--no-build", "--scale", "api=3").returncode != 0


def test_what_has_drifted_is_not_recreated_by_scaling_something_else(one: Sandbox, tmp_path: Path) -> None:
    with small_project(one, tmp_path) as project:
        other, api = project.ids("other"), project.ids("api")
        project.write(other="    environment: {CHANGED: since}\n")
        play = tmp_path / "play.yml"
        role = {"name": "rendiff.ops.scaling", "tasks_from": "set_replicas"}
        tasks = [{"ansible.builtin.include_role": role}]
        play.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
        wishes = {
            "ansible_python_interpreter": sys.executable,
            "rendiff_project": project.name,
            "scaling_service": "api",
            "scaling_replicas": 2,
            # Neither a ledger nor a database belongs to it.
            "scaling_persist": True,
            "scaling_force": ["connections"],
        }
        argv = ["ansible-playbook", "-i", "target,", "-c", "local", "-e", json.dumps(wishes), str(play)]
        done = run(argv, env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")})
        assert done.returncode == 0, done.stdout
        assert len(project.ids("api")) == 2 and api < project.ids("api")
        assert project.ids("other") == other
        assert f"add below line 2 of '{project.file}' (api:): deploy: {{replicas: 2}}" in done.stdout
        # What the runbook does recreates it.
        assert project.compose("up", "-d", "--no-build", "--scale", "api=3").returncode == 0
        assert project.ids("other") != other


def test_workers_are_drained_and_resumed_and_each_step_is_taken_once(one: Sandbox) -> None:
    change = worker(one)
    try:
        checked = change(check=True, state="drained")
        assert checked.result["changed"] and consumers(one)
        drained = change(state="drained", drain_timeout_s=20)
        assert drained.result["plan_id"] == checked.result["plan_id"]
        assert drained.result["workers"]["drained"] and consumers(one) == []
        job = one.submit()[0]
        assert not change(state="drained").result["changed"]
        # Who was made to consume nothing is not taken for ill.
        assert not change(check=True, state="restarted", unwell_only=True).result["changed"]
        assert status(one, job) == "queued"
    finally:
        resumed = change(state="consumed")
    assert resumed.result["changed"] and consumers(one) == resumed.result["workers"]["nodes"]
    assert not change(state="consumed").result["changed"]
    until(lambda: status(one, job) == "completed", "what waited is done")


def test_what_was_killed_while_it_drained_can_be_undone(one: Sandbox) -> None:
    job = encode(one, 12)
    options = json.dumps({"project": one.project, "state": "restarted", "service_roles": {}})
    environment = {**os.environ, "PYTHONPATH": str(COLLECTIONS)}
    with subprocess.Popen([sys.executable, "-c", DRAIN, options], env=environment) as process:
        with one.broker() as client:
            # Killed while it waits, as what is killed while it changes keeps others off for a minute.
            until(
                lambda: list(client.scan_iter("rdops:drained:*")) and not client.exists("rdops:busy"),
                "it has stopped consuming, and that is remembered",
            )
        process.send_signal(signal.SIGKILL)
    change = worker(one)
    assert change(state="consumed").result["changed"]
    assert consumers(one) and status(one, job) == "processing"
    until(lambda: status(one, job) == "completed", "the encode ends")


def test_a_deaf_worker_is_restarted_at_once_only_where_nothing_is_encoded(one: Sandbox) -> None:
    name = one.container(SERVICE)
    change = worker(one)
    os.kill(main_process(one), signal.SIGSTOP)
    restarted = change(state="restarted", unwell_only=True, start_timeout_s=12, stop_grace_s=1).result
    assert restarted["workers"]["names"] == [name] and consumers(one)
    job = encode(one, 60)
    os.kill(main_process(one), signal.SIGSTOP)
    try:
        refused = change(state="restarted", start_timeout_s=1, stop_grace_s=1)
        assert refused.failed and "scaling_confirm=" in refused.result["msg"]
        assert status(one, job) == "processing"
    finally:
        os.kill(main_process(one), signal.SIGCONT)
    # It answers again: now what it encodes is known by name, and only that name ends it.
    until(lambda: consumers(one), "it answers again")
    for wish in (
        {"state": "restarted", "confirm": str(uuid.uuid4())},
        {"state": "removed", "service": "cpu", "keep": 0},
    ):
        refused = change(drain_timeout_s=0, **wish)
        assert refused.failed and f"scaling_confirm={job}" in refused.result["msg"]
        assert "It takes jobs again." in refused.result["msg"] and consumers(one)
        assert status(one, job) == "processing"
    ended = change(state="restarted", drain_timeout_s=0, confirm=job, stop_grace_s=1).result
    assert ended["workers"]["ended_jobs"] == [job]
    with one.broker() as client:
        assert client.hlen("unacked") == 1
    give_up(one, job)


def test_a_dead_worker_is_started_and_one_that_is_well_is_left(one: Sandbox) -> None:
    name = one.container(SERVICE)
    docker("kill", name)
    until(lambda: docker("inspect", "-f", "{{.State.Running}}", name) == "false", "it is dead")
    change = worker(one)
    started = change(state="restarted", unwell_only=True).result
    assert started["changed"] and started["workers"]["names"] == [name]
    assert started["workers"]["before"][0]["kind"] == "dead" and consumers(one)
    assert not change(state="restarted", unwell_only=True).result["changed"]
