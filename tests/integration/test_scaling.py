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
import time
import typing as t
import uuid
from pathlib import Path

import pytest
from conftest import COLLECTIONS, Answer, Module, Sandbox, ansible, docker, run, until
from core_common import Core, core_broker

from ansible_collections.rendiff.ops.plugins.module_utils._census import Census
from ansible_collections.rendiff.ops.plugins.module_utils._queue import Keys
from ansible_collections.rendiff.ops.plugins.module_utils._queue_look import Look
from ansible_collections.rendiff.ops.plugins.module_utils._scale_info import SCALE_ARGUMENTS
from ansible_collections.rendiff.ops.plugins.module_utils._scale_info import look as look_at_scale
from ansible_collections.rendiff.ops.plugins.module_utils._unacked import parse_moment
from ansible_collections.rendiff.ops.plugins.module_utils._worker_change import WORKER_ARGUMENTS, change

SERVICE = "worker-cpu"
# Runs the core by itself, so that a kill hits it and not only what started it.
DRAIN = """
import json, os, signal, subprocess, sys
from ansible_collections.rendiff.ops.plugins.module_utils._container_control import Containers
from ansible_collections.rendiff.ops.plugins.module_utils._worker_change import WORKER_ARGUMENTS, change

def run_command(argv):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr

def die(*_arguments):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2:] == ["before it is removed"]:
    Containers.remove = die
options = {name: option.get("default") for name, option in WORKER_ARGUMENTS.options.items()}
change({**options, **json.loads(sys.argv[1])}, run_command, False)
"""


def scale_info(sandbox: Sandbox, **options: t.Any) -> Answer:
    return Module("rendiff_scale_info", project=sandbox.project)(**options)


def worker(sandbox: Sandbox) -> Module:
    return Module("rendiff_worker", project=sandbox.project, census_interval_s=1)


def core_worker(sandbox: Sandbox) -> Core:
    """Return the body of rendiff_worker."""
    return Core(change, WORKER_ARGUMENTS, changes=True, project=sandbox.project, census_interval_s=1)


def encode(sandbox: Sandbox, seconds: int) -> str:
    """Submit an encode and wait until it has begun."""
    job = sandbox.submit("--seconds", str(seconds))[0]
    until(lambda: sandbox.status(job) == "processing", "the encode begins")
    return job


def give_up(sandbox: Sandbox, job: str) -> None:
    """Leave nothing of a job that was ended."""
    with sandbox.broker() as client:
        client.delete("unacked", "unacked_index")
    sandbox.query("UPDATE jobs SET status = 'cancelled' WHERE id::text = %s", job)


def main_process(sandbox: Sandbox) -> int:
    return int(docker("inspect", "-f", "{{.State.Pid}}", sandbox.container(SERVICE)))


def census(sandbox: Sandbox) -> Census:
    """Ask all workers what they consume."""
    with core_broker(sandbox) as broker:
        return Look(broker, Keys(), {"census_timeout_s": 2.0}).census()


def started_at(container: str) -> float:
    """Return when a container was started, in seconds since the epoch."""
    return parse_moment(docker("inspect", "-f", "{{.State.StartedAt}}", container))


def consumers(sandbox: Sandbox) -> list[str]:
    return census(sandbox).consumers("default")


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

    def write(self, memory: str = "64m", **more: str) -> None:
        """Write the Compose file; each service has its own lines ``more``."""
        common = f"    image: {self._image}\n    command: [sleep, '300']\n    init: true\n    mem_limit: {memory}\n"
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


def test_memory_that_the_host_does_not_have_is_refused_with_the_arithmetic(one: Sandbox, tmp_path: Path) -> None:
    with small_project(one, tmp_path, memory="900g") as project:
        info = Core(look_at_scale, SCALE_ARGUMENTS, changes=False, project=project.name, service="other", replicas=3)
        (refusal,) = info().result["refusals"]
        begin = (
            "Cannot scale 'other' from 1 to 3: 2 more x 921600 MiB (the limit of each) = 1843200 MiB, and the host has "
        )
        assert refusal.startswith(begin) and refusal.split(begin)[1].split(" MiB of memory available. ")[0].isdigit()
        assert '-e \'{"scaling_force": ["memory"]}\'' in refusal
        forced = info(force=["memory"]).result
        assert forced["refusals"] == [] and f"Forced: {begin}" in " ".join(forced["warnings"])
        # What asks for no more is not refused.
        assert info(replicas=1).result["refusals"] == []


def test_a_graphics_card_that_the_engine_cannot_give_is_refused(one: Sandbox, tmp_path: Path) -> None:
    with small_project(one, tmp_path) as project:
        info = Module("rendiff_scale_info", project=project.name, service="other")
        assert info(replicas=2).result["scale"]["refusals"] == []
        # Not before it is up: the engine would not start it.
        project.write(other="    runtime: nvidia\n")
        (refusal,) = info(replicas=2).result["scale"]["refusals"]
        assert "it needs the runtime 'nvidia', and the Docker Engine has only " in refusal and "runc" in refusal
        assert refusal.endswith("Install the NVIDIA container toolkit on this host, or scale another service.")
        # What the runbook does: it is tried, and fails.
        assert project.compose("up", "-d", "--no-build", "--no-recreate", "--scale", "other=2").returncode != 0


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
        done = ansible(argv)
        assert done.returncode == 0, done.stdout
        assert len(project.ids("api")) == 2 and api < project.ids("api")
        assert project.ids("other") == other
        assert f"add below line 2 of '{project.file}' (api:): deploy: {{replicas: 2}}" in done.stdout
        # What the runbook does recreates it.
        assert project.compose("up", "-d", "--no-build", "--scale", "api=3").returncode == 0
        assert project.ids("other") != other


@contextlib.contextmanager
def second_worker(sandbox: Sandbox, **more: str) -> t.Iterator[str]:
    """Run a second container of the worker, and return its name; ``more``: options of docker run besides."""
    first = json.loads(docker("inspect", sandbox.container(SERVICE)))[0]
    name = sandbox.container(SERVICE, 2)
    labels = {**first["Config"]["Labels"], "com.docker.compose.container-number": "2"}
    argv = ["run", "-d", "--name", name, "--network", sorted(first["NetworkSettings"]["Networks"])[0]]
    argv += [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    argv += [word for setting in first["Config"]["Env"] for word in ("-e", setting)]
    argv += [word for bind in first["HostConfig"]["Binds"] for word in ("-v", bind)]
    argv += [f"--{option}={value}" for option, value in more.items()]
    docker(*argv, first["Config"]["Image"], *first["Config"]["Cmd"])
    try:
        yield name
    finally:
        run(["docker", "rm", "-f", name])
        until(lambda: len(census(sandbox).nodes) == census(sandbox).receivers == 1, "one worker is left")


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
        assert one.status(job) == "queued"
    finally:
        resumed = change(state="consumed")
    assert resumed.result["changed"] and consumers(one) == resumed.result["workers"]["nodes"]
    assert not change(state="consumed").result["changed"]
    until(lambda: one.status(job) == "completed", "what waited is done")


def begin_drain(sandbox: Sandbox, *how: str, **options: t.Any) -> subprocess.Popen[bytes]:
    """Begin a change of workers in a process of its own; ``how``: where it kills itself, if it does."""
    given = json.dumps({"project": sandbox.project, "service_roles": {}, "census_interval_s": 1, **options})
    environment = {**os.environ, "PYTHONPATH": str(COLLECTIONS)}
    return subprocess.Popen([sys.executable, "-c", DRAIN, given, *how], env=environment)


def kill_while_it_waits(sandbox: Sandbox, **options: t.Any) -> None:
    """Kill a change of workers while it waits for encodes to end.

    Not before, as what is killed while it changes something keeps others off for a minute.
    """
    with begin_drain(sandbox, **options) as process:
        with sandbox.broker() as client:
            until(
                lambda: list(client.scan_iter("rdops:drained:*")) and not client.exists("rdops:busy"),
                "it has stopped consuming, and that is remembered",
            )
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def test_what_was_killed_while_it_drained_can_be_undone(one: Sandbox) -> None:
    job = encode(one, 12)
    kill_while_it_waits(one, state="restarted")
    change = worker(one)
    assert change(state="consumed").result["changed"]
    assert consumers(one) and one.status(job) == "processing"
    until(lambda: one.status(job) == "completed", "the encode ends")


def test_a_removal_that_is_killed_is_undone_or_ended_by_a_second_run_and_loses_no_encode(one: Sandbox) -> None:
    first = one.container(SERVICE)
    core = core_worker(one)
    with second_worker(one) as second, one.broker() as client:
        node = f"celery@{docker('inspect', '-f', '{{.Config.Hostname}}', second)}"
        until(lambda: node in consumers(one), "the second worker consumes")
        queues = census(one).nodes[node]
        assert core(state="drained", names=[first]).result["workers"]["drained"]
        job = encode(one, 20)
        assert core(state="consumed", names=[first]).result["changed"]
        removal = {"state": "removed", "service": SERVICE, "names": [second], "keep": 0}
        kill_while_it_waits(one, **removal)
        assert census(one).nodes[node] == ()
        undone = core(state="consumed").result
        assert undone["workers"]["names"] == [second] and census(one).nodes[node] == queues
        assert not list(client.scan_iter("rdops:drained:*")) and one.status(job) == "processing"
        # Once more, and later: it has stopped, and is still there.
        with begin_drain(one, "before it is removed", **removal) as process:
            until(lambda: process.poll() is not None, "it kills itself")
        assert process.returncode == -signal.SIGKILL
        assert docker("inspect", "-f", "{{.State.Running}}", second) == "false"
        assert one.status(job) == "completed" and client.hlen("unacked") == 0
        assert core(**removal).result["workers"]["names"] == [second]
        assert run(["docker", "inspect", second]).returncode != 0
        assert not list(client.scan_iter("rdops:drained:*"))
        assert not core(state="removed", service=SERVICE, keep=1).result["changed"]
        assert docker("logs", first).count(job) == 0
    assert consumers(one)


def test_two_workers_of_one_name_are_not_told_apart(one: Sandbox) -> None:
    before = consumers(one)
    hostname = docker("inspect", "-f", "{{.Config.Hostname}}", one.container(SERVICE))
    with second_worker(one, hostname=hostname):
        until(lambda: census(one).duplicates, "both answer")
        told = worker(one)(state="drained").result["msg"]
        for wish in ({"state": "consumed"}, {"state": "restarted"}, {"state": "removed", "service": "cpu", "keep": 1}):
            refused = core_worker(one)(**wish)
            assert refused.failed and f"several answer to the name 'celery@{hostname}'" in refused.result["msg"]
        assert told.endswith(
            "what one of them holds may be hidden. Give each a host name or a node name (-n) of its own."
        )
        assert before == [f"celery@{hostname}"] == consumers(one)
    assert not core_worker(one)(check=True, state="restarted", unwell_only=True).result["changed"]


def test_a_deaf_worker_is_restarted_at_once_only_where_nothing_is_encoded(one: Sandbox) -> None:
    name = one.container(SERVICE)
    change = core_worker(one)
    # Another test may have started it a moment ago, and such a one is given its time.
    until(lambda: time.time() - started_at(name) > 61, "it counts as started")
    os.kill(main_process(one), signal.SIGSTOP)
    try:
        restarted = change(state="restarted", unwell_only=True, start_timeout_s=12, stop_grace_s=1).result
        assert restarted["workers"]["names"] == [name] and consumers(one)
        job = encode(one, 60)
        os.kill(main_process(one), signal.SIGSTOP)
        refused = change(state="restarted", start_timeout_s=1, stop_grace_s=1)
        assert refused.failed and "scaling_confirm=" in refused.result["msg"]
        assert one.status(job) == "processing"
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
        assert one.status(job) == "processing"
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


def test_the_runbooks_search_for_a_worker_finds_itself_where_there_is_none(one: Sandbox) -> None:
    api = one.container("api")
    assert "grep celery" in docker("exec", api, "sh", "-c", "ps aux | grep celery")
    looked = worker(one)(check=True, state="restarted", unwell_only=True).result["workers"]["before"]
    assert [each["container"] for each in looked] == [one.container(SERVICE)]


def test_more_workers_do_not_help_a_queue_that_none_of_them_reads(one: Sandbox) -> None:
    argv = Module("rendiff_stack_info", project=one.project)().result["stack"]["compose_command"].split()
    scale = [*argv, "up", "--detach", "--no-deps", "--no-recreate", "--no-build", "--scale"]
    with one.broker() as client:
        client.lpush("express", "{}")
        try:
            assert run([*scale, f"{SERVICE}=2", SERVICE]).returncode == 0
            until(lambda: len(consumers_of_any(one)) == 2, "there are two workers")
            assert client.llen("express") == 1
        finally:
            client.delete("express")
            assert run([*scale, f"{SERVICE}=1", SERVICE]).returncode == 0
            until(lambda: len(consumers_of_any(one)) == 1, "there is one worker")


def consumers_of_any(sandbox: Sandbox) -> list[str]:
    looked = Module("rendiff_queue_info", project=sandbox.project, scan=False)().result["queues"]["workers"]
    return [node for node, queues in looked["nodes"].items() if queues]
