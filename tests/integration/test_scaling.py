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
from conftest import COLLECTIONS, Answer, Module, Sandbox, docker

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
    return Module("rendiff_worker", project=sandbox.project)


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
    answer = Module("rendiff_queue_info", project=sandbox.project)(scan=False)
    return list(answer.result["queues"]["queues"]["default"]["consumers"])


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


@contextlib.contextmanager
def small_project(sandbox: Sandbox, folder: Path) -> t.Iterator[tuple[str, int]]:
    """Start an api with a fixed name and a worker with a fixed port, and remove them."""
    project = f"rdops-scale-{uuid.uuid4().hex[:8]}"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    image = docker("inspect", "-f", "{{.Config.Image}}", sandbox.container("api"))
    common = f"    image: {image}\n    command: [sleep, '300']\n    init: true\n    mem_limit: 64m\n"
    text = f"services:\n  api:\n{common}    container_name: {project}-fixed\n"
    text += f"  worker:\n{common}    ports:\n      - 127.0.0.1:{port}:9000\n"
    (folder / "compose.yml").write_text(text, encoding="utf-8")
    compose = ["compose", "-p", project, "-f", str(folder / "compose.yml")]
    try:
        docker(*compose, "up", "-d", "--no-build")
        yield project, port
    finally:
        docker(*compose, "down", "--timeout", "1")


def test_a_fixed_name_and_a_fixed_port_are_refused_with_the_line(one: Sandbox, tmp_path: Path) -> None:
    with small_project(one, tmp_path) as (project, port):
        info = Module("rendiff_scale_info", project=project)
        said = " ".join(info(service="api", replicas=3).result["scale"]["refusals"])
        where = tmp_path / "compose.yml"
        assert f"Remove line 7 of '{where}' (container_name: {project}-fixed)." in said
        said = " ".join(info(service="worker", replicas=2).result["scale"]["refusals"])
        assert f"it publishes port {port} of the host, which one container can have" in said
        assert f"line 14 of '{where}' (- 127.0.0.1:{port}:9000)" in said
        # What the runbook does instead: it is tried, and fails.
        command = ["docker", "compose", "-p", project, "-f", str(where), "up", "-d", "--no-build", "--scale", "api=3"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0


def test_workers_are_drained_and_resumed_and_each_step_is_taken_once(sandbox: Sandbox) -> None:
    change = worker(sandbox)
    try:
        checked = change(check=True, state="drained")
        assert checked.result["changed"] and consumers(sandbox)
        drained = change(state="drained", drain_timeout_s=20)
        assert drained.result["plan_id"] == checked.result["plan_id"]
        assert drained.result["workers"]["drained"] and consumers(sandbox) == []
        job = sandbox.submit()[0]
        assert not change(state="drained").result["changed"]
        assert status(sandbox, job) == "queued"
    finally:
        resumed = change(state="consumed")
    assert resumed.result["changed"] and consumers(sandbox) == resumed.result["workers"]["nodes"]
    assert not change(state="consumed").result["changed"]
    until(lambda: status(sandbox, job) == "completed", "what waited is done")


def test_what_was_killed_while_it_drained_can_be_undone(one: Sandbox) -> None:
    job = encode(one, 12)
    options = json.dumps({"project": one.project, "state": "restarted", "service_roles": {}})
    environment = {**os.environ, "PYTHONPATH": str(COLLECTIONS)}
    with subprocess.Popen([sys.executable, "-c", DRAIN, options], env=environment) as process:
        with one.broker() as client:
            until(lambda: list(client.scan_iter("rdops:drained:*")), "the drain is remembered")
        process.send_signal(signal.SIGKILL)
    change = worker(one)
    assert change(state="consumed").result["changed"]
    assert consumers(one) and status(one, job) == "processing"
    until(lambda: status(one, job) == "completed", "the encode ends")


def test_a_deaf_worker_is_restarted_at_once_only_where_nothing_is_encoded(one: Sandbox) -> None:
    name = one.container(SERVICE)
    change = worker(one)
    os.kill(main_process(one), signal.SIGSTOP)
    restarted = change(state="restarted", unwell_only=True, start_timeout_s=20, stop_grace_s=1).result
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
    refused = change(state="restarted", drain_timeout_s=0, confirm=str(uuid.uuid4()))
    assert refused.failed and f"scaling_confirm={job}" in refused.result["msg"]
    assert "It takes jobs again." in refused.result["msg"] and consumers(one)
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
