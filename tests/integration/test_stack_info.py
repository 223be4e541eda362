# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_stack_info on real deployments: the sandboxes, and small projects in the shapes that sites have."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from conftest import CommandModule, Module, Sandbox, docker, run, stack_info

COMPOSE_SHAPES = """
x-idle: &idle
  image: {image}
  entrypoint: [tail, -f, /dev/null]
  init: true
  stop_grace_period: 1s
services:
  api:
    <<: *idle
    container_name: {project}-fixed
    environment: {{DATABASE_URL: "postgresql://u:{secret}@db/x"}}
  worker-cpu:
    <<: *idle
    deploy: {{replicas: 2}}
    volumes: ["shapes:/storage"]
  worker-gpu:
    <<: *idle
    profiles: [gpu]
  db:
    <<: *idle
    environment: {{POSTGRES_INITDB_WALDIR: /var/lib/postgresql/waldir, POSTGRES_PASSWORD: {secret}}}
volumes: {{shapes: {{}}}}
"""
COMPOSE_OVERRIDE = """
services:
  api: {labels: {shape: override}}
"""
SECRET = "sh4pes-secret-value"


def service(answer: t.Any, name: str) -> dict[str, t.Any]:
    """Return a service of a discovered stack."""
    return {found["name"]: found for found in answer.result["stack"]["services"]}[name]


def test_a_sandbox_is_found_whole(sandbox: Sandbox) -> None:
    answer = stack_info(sandbox)()
    stack = answer.result["stack"]
    assert not answer.failed and answer.result["changed"] is False
    assert stack["project"] == sandbox.project
    roles = {found["name"]: (found["role"], found["status"]) for found in stack["services"]}
    assert roles == {
        "api": ("api", "running"),
        "postgres": ("postgres", "running"),
        "prometheus": ("prometheus", "running"),
        "redis": ("redis", "running"),
        "s3": ("s3", "running"),
        "traefik": ("proxy", "running"),
        "worker-cpu": ("worker", "running"),
        "worker-gpu": ("worker", "not created (profile gpu)"),
    }
    api = service(answer, "api")
    assert (api["running"], api["desired"]) == (2, 2)
    assert {replica["health"] for replica in api["replicas"]} == {"healthy"}
    assert all(replica["memory_limit_bytes"] > 0 for replica in api["replicas"])
    assert [port["host_port"] for port in service(answer, "traefik")["replicas"][0]["published"]] == [
        sandbox.facts["http_port"],
        sandbox.facts["https_port"],
    ]
    assert stack["storage"]["path"] == "/storage"
    assert stack["storage"]["source"] == sandbox.facts["storage_dir"] or stack["storage"]["type"] == "volume"
    assert stack["hazards"] == []
    assert stack["definition_error"] is None


def test_a_command_that_is_forked_says_what_one_that_is_started_says(one: Sandbox) -> None:
    name = "rendiff_stack_info"
    forked, started = (kind(name, project=one.project)(check=True) for kind in (Module, CommandModule))
    assert forked.result["stack"].keys() == started.result["stack"].keys() and not forked.failed and not started.failed
    assert forked.output.split("{", 1)[0] == started.output.split("{", 1)[0] == "target | SUCCESS => "
    refused, refused_too = (kind(name, nonsense=1)() for kind in (Module, CommandModule))
    assert refused == refused_too and refused.failed and "Unsupported parameters" in refused.result["msg"]


def test_the_compose_command_addresses_exactly_this_project(sandbox: Sandbox) -> None:
    command = stack_info(sandbox)().result["stack"]["compose_command"]
    listed = run(["sh", "-c", f"cd / && {command} ps --format json"])
    assert listed.returncode == 0, listed.stderr
    names = {json.loads(line)["Name"] for line in listed.stdout.splitlines()}
    assert sandbox.container("api", 2) in names
    assert all(name.startswith(sandbox.project) for name in names)


def test_no_credential_leaves_the_host(sandbox: Sandbox) -> None:
    output = stack_info(sandbox)().output
    for secret in [*sandbox.secrets.values(), sandbox.api_key]:
        assert len(secret) > 12
        assert secret not in output


def test_two_projects_are_an_error_that_lists_both() -> None:
    answer = Module("rendiff_stack_info")()
    assert answer.failed
    for name in ("main", "rb"):
        assert f"'{Sandbox(name).project}'" in answer.result["msg"]
    assert "Pass one as project" in answer.result["msg"]


def test_a_project_that_is_not_there_is_an_error_that_lists_what_is(one: Sandbox) -> None:
    answer = Module("rendiff_stack_info", project="nowhere")()
    assert answer.failed
    assert answer.result["msg"].startswith("Cannot find the Compose project 'nowhere': ")
    assert f"'{one.project}'" in answer.result["msg"]


@pytest.mark.parametrize(
    ("host", "words"),
    [("unix:///does/not/exist.sock", "there is no such socket"), ("ssh://host", "only unix:///path and tcp://")],
)
def test_an_engine_that_cannot_be_reached_is_a_clear_error(host: str, words: str) -> None:
    answer = Module("rendiff_stack_info", docker_host=host)()
    assert answer.failed and words in answer.result["msg"]


def test_a_worker_that_was_killed_is_told_with_its_exit_code(one: Sandbox) -> None:
    worker = one.container("worker-cpu")
    with one.broken(["kill", "-s", "KILL", worker], ["start", worker]):
        found = service(stack_info(one)(), "worker-cpu")
    assert (found["status"], found["replicas"][0]["exit_code"]) == ("stopped", 137)


@pytest.fixture(scope="module", name="shapes")
def fixture_shapes(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[tuple[str, Path]]:
    """Start a project of other shapes: two files, a fixed name, a database whose log is outside every volume."""
    folder = tmp_path_factory.mktemp("shapes")
    sandbox = Sandbox("rb")
    project = f"{sandbox.project}-shapes"
    image = f"{project}:test"
    current = docker("inspect", "-f", "{{.Config.Image}}", sandbox.container("api"))
    docker("tag", current, image)
    text = COMPOSE_SHAPES.format(image=image, project=project, secret=SECRET)
    (folder / "compose.yml").write_text(text, encoding="utf-8")
    (folder / "compose.override.yml").write_text(COMPOSE_OVERRIDE, encoding="utf-8")
    compose = ["compose", "-p", project, "--project-directory", str(folder)]
    try:
        docker(*compose, "up", "-d", "--quiet-pull")
        # The name of the image now stands for another one, as after a rebuild.
        docker("tag", docker("inspect", "-f", "{{.Config.Image}}", sandbox.container("redis")), image)
        yield project, folder
    finally:
        docker(*compose, "down", "-v", "-t", "1")
        docker("rmi", image)


def test_other_shapes_are_found_with_their_dangers(shapes: tuple[str, Path]) -> None:
    project, _folder = shapes
    answer = Module("rendiff_stack_info", project=project)()
    stack = answer.result["stack"]
    assert [Path(path).name for path in stack["config_files"]] == ["compose.yml", "compose.override.yml"]
    assert service(answer, "api")["replicas"][0]["name"] == f"{project}-fixed"
    assert service(answer, "worker-cpu")["running"] == 2
    assert service(answer, "db")["role"] == "postgres"
    assert service(answer, "worker-gpu")["status"] == "not created (profile gpu)"
    dangers = {(hazard["id"], hazard["subject"]) for hazard in stack["hazards"]}
    assert {
        ("override_merged", stack["config_files"][1]),
        ("wal_outside_volume", f"{project}-db-1"),
        ("storage_not_mounted", f"{project}-fixed"),
        ("image_drifted", f"{project}-worker-cpu-2"),
    } <= dangers
    assert stack["storage"]["type"] == "volume"
    assert SECRET not in answer.output


def test_compose_files_that_went_away_are_told_and_the_rest_goes_on(shapes: tuple[str, Path]) -> None:
    project, folder = shapes
    (folder / "compose.yml").rename(folder / "hidden.yml")
    try:
        answer = Module("rendiff_stack_info", project=project)()
    finally:
        (folder / "hidden.yml").rename(folder / "compose.yml")
    assert not answer.failed
    assert "is not on this host" in answer.result["stack"]["definition_error"]
    assert service(answer, "api")["status"] == "running"
