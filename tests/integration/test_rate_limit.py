# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_rate_limit at the sandbox's Traefik, seen by clients with addresses of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from conftest import COLLECTIONS, SANDBOX, Module, Sandbox, docker, run, until
from core_common import Core

from ansible_collections.rendiff.ops.plugins.module_utils._limit_change import RATE_LIMIT_ARGUMENTS, change_limit

HEALTH = "/api/v1/health"
# Runs the core by itself, and dies as it has written its file.
KILLED = """
import json, os, signal, subprocess, sys
from ansible_collections.rendiff.ops.plugins.module_utils import _limit_change
def run(argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr
real = _limit_change.LimitChange._write
def write(self, text):
    real(self, text)
    os.kill(os.getpid(), signal.SIGKILL)
_limit_change.LimitChange._write = write
usual = {name: spec.get("default") for name, spec in _limit_change.RATE_LIMIT_ARGUMENTS.options.items()}
_limit_change.change_limit({**usual, **json.loads(sys.argv[1])}, run, False)
"""


class Clients:
    """Clients outside of the host."""

    def __init__(self) -> None:
        described = run([*SANDBOX, "env"])
        assert described.returncode == 0, described.stderr
        self.facts = json.loads(described.stdout)["outside"]

    def visit(self, client: str, rate: float, seconds: float, path: str = HEALTH) -> None:
        """Let a client send requests in the background."""
        options = [f"--client={client}", f"--rate={rate}", f"--seconds={seconds}", f"--path={path}"]
        done = run([*SANDBOX, "visit", *options])
        assert done.returncode == 0, done.stderr

    def statuses(self, client: str) -> list[int]:
        """Return what a client was answered so far."""
        try:
            text = (Path(self.facts["reports"]) / f"{client}.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [status for _at, status in json.loads(text)]


@pytest.fixture(name="clients", scope="module")
def fixture_clients() -> t.Iterator[Clients]:
    """Return them; they go with the tests of this file."""
    made = run([*SANDBOX, "outside-up"])
    assert made.returncode == 0, made.stderr
    yield Clients()
    run([*SANDBOX, "outside-down"])


@pytest.fixture(name="limit")
def fixture_limit() -> t.Iterator[Module]:
    """Return the module on the main sandbox, whose limit is taken away after each test."""
    sandbox = Sandbox("main")
    yield Module("rendiff_rate_limit", project=sandbox.project)
    core_limit(sandbox)(state="absent", prove_s=0)


def core_limit(sandbox: Sandbox) -> Core:
    """Return the body of the module."""
    return Core(change_limit, RATE_LIMIT_ARGUMENTS, changes=True, project=sandbox.project)


@pytest.fixture(name="site")
def fixture_site() -> Sandbox:
    """Return the main sandbox."""
    return Sandbox("main")


def folder(site: Sandbox) -> Path:
    """Return where the sandbox's Traefik reads its files."""
    return Path(site.facts["state_dir"]) / "traefik"


def test_a_limit_holds_for_who_exceeds_it_and_for_nobody_else(limit: Module, site: Sandbox, clients: Clients) -> None:
    before = {path.name: path.read_bytes() for path in folder(site).iterdir()}
    checked = limit(check=True, average=20)
    assert checked.result["changed"] and {path.name for path in folder(site).iterdir()} == set(before)
    done = limit(average=20)
    assert done.result["changed"] and done.result["plan_id"] == checked.result["plan_id"]
    proof = done.result["limit"]["proof"]
    assert proof["proven"] and int(proof["answers"]["429"]) >= 1 and proof["calm_status"] == 200
    assert done.result["limit"]["routers"] == ["api", "api-tls"]
    again = limit(average=20)
    assert not again.result["changed"] and again.result["limit"]["proof"]["proven"]
    clients.visit("attacker-1", 200, 6)
    clients.visit("bystander", 5, 6)
    time.sleep(7)
    loud, calm = clients.statuses("attacker-1"), clients.statuses("bystander")
    assert loud.count(429) > loud.count(200) > 0
    assert len(calm) >= 20 and set(calm) == {200}
    # It stands in a file of its own; nothing of the site was touched, and nothing was restarted.
    kept = {path.name: path.read_bytes() for path in folder(site).iterdir() if path.name in before}
    assert kept == before
    gone = limit(state="absent")
    assert gone.result["changed"] and gone.result["limit"]["proof"]["proven"]
    assert {path.name for path in folder(site).iterdir()} == set(before)
    assert not limit(state="absent").result["changed"]


def test_the_runbooks_key_in_redis_limits_nobody(limit: Module, site: Sandbox) -> None:
    literal = run(["docker", "exec", site.container("traefik"), "redis-cli", "set", "ratelimit:global", "100"])
    assert literal.returncode != 0
    with site.broker() as broker:
        broker.set("ratelimit:global", "2")
        try:
            assert limit(state="absent", prove_s=0).result["changed"] is False
            told = limit(check=True, average=2)
            assert told.result["limit"]["proof"] is None
            served = [client_status(site) for _request in range(40)]
            assert set(served) == {200}
        finally:
            broker.delete("ratelimit:global")
    assert limit(average=2, burst=4).result["limit"]["proof"]["proven"]
    assert 429 in [client_status(site) for _request in range(40)]


def client_status(site: Sandbox, path: str = HEALTH) -> int:
    """Return the status of one request from this host."""
    url = f"http://127.0.0.1:{site.facts['http_port']}{path}"
    argv = [
        "curl",
        "--silent",
        "--noproxy",
        "*",
        "--max-time",
        "10",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
    ]
    done = run([*argv, "--header", f"Host: {site.facts['host']}", url])
    return int(done.stdout)


def test_the_runbooks_switch_changes_nothing_and_a_key_can_really_be_asked_for(limit: Module, site: Sandbox) -> None:
    program = "from api.config import settings\nsettings.ENABLE_DDOS_PROTECTION = True"
    literal = run(["docker", "exec", site.container("api"), "python", "-c", program])
    assert literal.returncode != 0 and client_status(site, "/api/v1/jobs") == 401
    asked = limit(key_only=True)
    assert asked.result["limit"]["proof"]["proven"] and "403" in asked.result["limit"]["proof"]["answers"]
    assert client_status(site, "/api/v1/jobs") == 403 and client_status(site) == 200


def test_one_bucket_for_all_as_the_site_may_have_it_cuts_everybody_off_and_ours_does_not(
    limit: Module, site: Sandbox, clients: Clients
) -> None:
    # What the deployed service's own limit does where no proxy stands in front: X-Forwarded-For is empty, one bucket.
    criterion = {"sourceCriterion": {"ipStrategy": {"depth": 1}}}
    shared = {"rateLimit": {"average": 2, "burst": 4, "period": "1s", **criterion}}
    router = {
        "rule": f"Host(`{site.facts['host']}`)",
        "entryPoints": ["web"],
        "priority": 900_000,
        "service": "api@docker",
        "middlewares": ["shared-bucket"],
    }
    path = folder(site) / "shared-bucket.yml"
    path.write_text(json.dumps({"http": {"middlewares": {"shared-bucket": shared}, "routers": {"one": router}}}))
    try:
        until(lambda: client_status(site) == 429, "the shared bucket is empty", 20)
        clients.visit("attacker-1", 100, 5)
        clients.visit("bystander", 2, 5)
        time.sleep(6)
        cut = clients.statuses("bystander")
        assert cut.count(429) >= 0.5 * len(cut)
    finally:
        path.unlink()
    until(lambda: client_status(site) == 200, "it is gone", 20)
    assert limit(average=2, burst=4).result["limit"]["proof"]["proven"]
    clients.visit("attacker-1", 100, 5)
    clients.visit("bystander", 1, 5)
    time.sleep(6)
    assert clients.statuses("attacker-1").count(429) > 100
    assert set(clients.statuses("bystander")) == {200}


def test_a_path_that_costs_more_and_who_is_exempt(limit: Module, site: Sandbox, clients: Clients) -> None:
    admin = clients.facts["clients"]["admin"]
    strict = [{"path_prefix": "/api/v1/convert", "average": 1, "burst": 2}]
    done = limit(average=30, burst=30, strict=strict, exempt=[admin])
    assert done.result["limit"]["proof"]["proven"]
    clients.visit("admin", 100, 4)
    clients.visit("bystander", 5, 4, "/api/v1/convert")
    clients.visit("attacker-2", 5, 4)
    time.sleep(5)
    assert set(clients.statuses("admin")) == {200}
    # A GET of it is answered 405 by the api, if it comes so far.
    assert {405, 429} == set(clients.statuses("bystander")) and set(clients.statuses("attacker-2")) == {200}


def test_a_limit_that_does_not_hold_is_told(limit: Module) -> None:
    done = limit(average=5, exempt=["0.0.0.0/0"], prove_s=4)
    proof = done.result["limit"]["proof"]
    assert not proof["proven"] and "never answered 429" in proof["said"] and "429" not in proof["answers"]


def test_killed_behind_the_writing_a_second_run_finds_it_done(limit: Module, site: Sandbox) -> None:
    environment = {**os.environ, "PYTHONPATH": str(COLLECTIONS)}
    argv = [sys.executable, "-c", KILLED, json.dumps({"project": site.project, "average": 20})]
    ended = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    again = limit(average=20)
    assert not again.result["changed"] and again.result["limit"]["proof"]["proven"]
    assert not [path for path in folder(site).iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    "wish, words",
    [
        ({}, "no limit is given"),
        ({"average": -3}, "below 0"),
        ({"average": 5, "exempt": ["`) || PathPrefix(`/"]}, "no address and no network"),
        ({"strict": [{"path_prefix": "/x`) || Host(`y", "average": 1}]}, "is no path"),
        ({"average": 5, "dynamic_dir": "/nowhere"}, "is not mounted from the host"),
        ({"average": 5, "public_url": "ftp://x"}, "it is not an http or https URL"),
    ],
    ids=range(6),
)
def test_what_makes_no_sense_is_refused_before_anything_is_touched(
    site: Sandbox, wish: dict[str, t.Any], words: str
) -> None:
    refused = core_limit(site)(**wish)
    assert refused.failed and words in refused.result["msg"] and refused.result["msg"].startswith("Cannot ")
    assert not (folder(site) / "rendiff-ops.yml").exists()


def test_a_limit_is_taken_away_while_the_proxy_is_down(limit: Module, site: Sandbox) -> None:
    assert limit(average=20).result["changed"]
    docker("stop", site.container("traefik"))
    try:
        gone = limit(state="absent")
        assert gone.result["changed"] and not (folder(site) / "rendiff-ops.yml").exists()
    finally:
        docker("start", site.container("traefik"))
    with contextlib.suppress(AssertionError):
        until(lambda: client_status(site) == 200, "the proxy serves again", 30)
    assert client_status(site) == 200
