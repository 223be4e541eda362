# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the integration tests share: the two sandboxes, and the modules run as Ansible runs them."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import functools
import json
import os
import subprocess
import sys
import threading
import time
import typing as t
import urllib.request
from pathlib import Path

import psycopg2
import pytest
import redis
from ansible_fork import Forker

ROOT = Path(__file__).resolve().parents[2]
# The link made by `make` gives this checkout its name, so that tests may also call the core by itself.
COLLECTIONS = ROOT / ".ansible" / "collections"
sys.path.insert(0, str(COLLECTIONS))
SANDBOX = [sys.executable, str(ROOT / "tests" / "sandbox" / "sandbox")]
ENVIRONMENT = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
COMMAND_TIMEOUT_S = 120
WELL_WITHIN_S = 150
WITHIN_S = 90
DEAF_AFTER_S = 20
# What follows a queue's name in the names of its lists, those of urgent messages first.
STEPS = ("", "\x06\x163", "\x06\x166", "\x06\x169")


def run(argv: t.Sequence[str], **options: t.Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, within a bound."""
    return subprocess.run(argv, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False, **options)


@functools.lru_cache(maxsize=1)
def forker() -> Forker:
    """Return the process that has imported Ansible, started by the first that asks for it."""
    started = Forker(ENVIRONMENT)
    atexit.register(started.close)
    return started


def ansible(argv: t.Sequence[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of Ansible to its end, within a bound; see ``ansible_fork``."""
    return forker().run(argv, str(cwd or Path.cwd()), COMMAND_TIMEOUT_S)


def docker(*arguments: str) -> str:
    """Run a docker command that must succeed, and return what it printed."""
    done = run(["docker", *arguments])
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def until(seen: t.Callable[[], t.Any], what: str, within_s: float = WITHIN_S) -> t.Any:
    """Wait, within a bound, until something is so, and return it."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        value = seen()
        if value:
            return value
        threading.Event().wait(0.2)
    raise AssertionError(f"not within {within_s} s: {what}")


@dataclasses.dataclass(frozen=True)
class Answer:
    """How a module ended: its result, and everything that Ansible printed."""

    failed: bool
    result: dict[str, t.Any]
    output: str

    def finding(self, identity: str) -> dict[str, t.Any]:
        """Return a finding of a health check by its id."""
        found = {finding["id"]: finding for finding in self.result["health"]["findings"]}
        assert identity in found, f"{identity} is not among {sorted(found)}"
        return found[identity]


class Module:
    """Runs one module against this host, with the options that its tests have in common."""

    def __init__(self, name: str, **common: t.Any) -> None:
        self.name = name
        self.common = common

    def __call__(self, *, check: bool = False, python: str = sys.executable, **options: t.Any) -> Answer:
        given = {**self.common, **options}
        arguments = {name: value for name, value in given.items() if value is not None}
        argv = ["ansible", "all", "-i", "target,", "-c", "local", "-e", f"ansible_python_interpreter={python}"]
        argv += ["-m", f"rendiff.ops.{self.name}", *(["-a", json.dumps(arguments)] if arguments else [])]
        argv += ["--check"] if check else []
        done = self.run(argv)
        output = done.stdout + done.stderr
        assert "Traceback" not in output, output
        assert " => {" in done.stdout, output
        result = json.JSONDecoder().raw_decode(done.stdout.split(" => ", 1)[1])[0]
        return Answer(done.returncode != 0, result, output)

    def run(self, argv: t.Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run Ansible."""
        return ansible(argv)


class CommandModule(Module):
    """Runs one module by a command that is started anew, as a person starts it: it takes three times as long."""

    def run(self, argv: t.Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run Ansible."""
        return run(argv, env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"})


class Sandbox:
    """One of the sandboxes, and the ways to look into it and to break it."""

    def __init__(self, name: str) -> None:
        described = run([*SANDBOX, "env", "--name", name])
        assert described.returncode == 0, described.stderr
        self.name = name
        self.facts: dict[str, t.Any] = json.loads(described.stdout)
        self.project: str = self.facts["project"]
        lines = Path(self.facts["secrets_file"]).read_text(encoding="utf-8").split()
        self.secrets = dict(line.split("=", 1) for line in lines)
        self.api_key = Path(self.facts["api_key_file"]).read_text(encoding="utf-8").strip()

    def container(self, service: str, number: int = 1) -> str:
        """Return the name of a service's container."""
        return f"{self.project}-{service}-{number}"

    def address(self, service: str) -> str:
        """Return the address of a service's first container as this host reaches it."""
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
        return docker("inspect", "-f", template, self.container(service)).split()[0]

    def submit(self, *arguments: str) -> list[str]:
        """Submit conversions and return their ids."""
        done = run([*SANDBOX, "submit", "--name", self.name, *arguments])
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def broker(self) -> t.Iterator[redis.Redis]:
        """Open the broker."""
        client = redis.Redis(host=self.address("redis"), password=self.secrets["REDIS_PASSWORD"], socket_timeout=10)
        with contextlib.closing(client):
            yield client

    def status(self, job: str) -> str:
        """Return the status of a job's row."""
        return str(self.query("SELECT status FROM jobs WHERE id::text = %s", job)[0][0])

    def query(self, statement: str, *parameters: t.Any) -> list[tuple[t.Any, ...]]:
        """Run a statement in the database, keep what it did, and return its rows."""
        connection = psycopg2.connect(
            host=self.address("postgres"),
            user="rendiff_user",
            dbname="rendiff",
            password=self.secrets["POSTGRES_PASSWORD"],
            connect_timeout=10,
        )
        with contextlib.closing(connection), connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def broken(self, breaking: t.Sequence[str], mending: t.Sequence[str]) -> t.ContextManager[None]:
        """Break something by a docker command for as long as the context lasts, and see that it is well after."""

        @contextlib.contextmanager
        def context() -> t.Iterator[None]:
            docker(*breaking)
            try:
                yield
            finally:
                docker(*mending)
                self.wait_until_well()

        return context()

    def wait_until_well(self) -> None:
        """Wait, within a bound, until every container is healthy, a request gets through, and a worker listens.

        A worker of the oldest Celery whose broker came back may say that it is connected and never listen again: it is
        healthy all the while, and only a restart helps.
        """
        listing = [
            "ps",
            "-a",
            "--filter",
            f"label=com.docker.compose.project={self.project}",
            "--format",
            "{{.Status}}",
        ]
        request = urllib.request.Request(f"http://127.0.0.1:{self.facts['http_port']}/api/v1/health")
        request.add_header("Host", self.facts["host"])
        deadline = time.monotonic() + WELL_WITHIN_S
        deaf_since = time.monotonic()
        while time.monotonic() < deadline:
            states = docker(*listing).splitlines()
            if states and all(state.endswith("(healthy)") for state in states):
                with contextlib.suppress(OSError, redis.RedisError), self.broker() as broker:
                    urllib.request.urlopen(request, timeout=5).close()
                    if broker.pubsub_numpat() > 0:
                        return
                    if time.monotonic() - deaf_since > DEAF_AFTER_S:
                        docker("restart", "--time", "3", self.container("worker-cpu"))
                        deaf_since = time.monotonic()
            threading.Event().wait(0.5)
        raise AssertionError(f"{self.project} is not well after {WELL_WITHIN_S} s: {docker(*listing)}")


@pytest.fixture(scope="session", params=["main", "rb"], name="sandbox")
def fixture_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Return each sandbox in turn: upstream's schema with the newest Celery, the runbook's with the oldest."""
    return Sandbox(request.param)


@pytest.fixture(scope="session", name="one")
def fixture_one() -> Sandbox:
    """Return one sandbox, for what does not depend on schema or Celery; another one for what runs beside the others."""
    return Sandbox(os.environ.get("INTEGRATION_ONE", "rb"))


def stack_info(sandbox: Sandbox) -> Module:
    """Return the module that discovers a sandbox."""
    return Module("rendiff_stack_info", project=sandbox.project)


def health_info(sandbox: Sandbox) -> Module:
    """Return the module that looks at a sandbox."""
    return Module("rendiff_health_info", project=sandbox.project, ca_path=sandbox.facts["ca_file"])


def smoke_test(sandbox: Sandbox) -> Module:
    """Return the module that converts a video in a sandbox."""
    return Module("rendiff_smoke_test", project=sandbox.project, ca_path=sandbox.facts["ca_file"], timeout_s=60)


@pytest.fixture(scope="session", name="bare_python")
def fixture_bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a Python that has none of the drivers, as a host has before it is prepared."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    done = run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    assert done.returncode == 0, done.stderr
    return str(folder / "bin" / "python")
