# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_access_log_info on the access log that the Traefik of a sandbox really writes."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import ipaddress
import json
import re
import sys
import time
import typing as t
import uuid
from pathlib import Path

import pytest
from conftest import COLLECTIONS, Module, Sandbox, docker, run, until

from ansible_collections.rendiff.ops.plugins.module_utils._access_extract import extract
from ansible_collections.rendiff.ops.plugins.module_utils._access_log import ACCESS_LOG_ARGUMENTS, make_settings, read
from ansible_collections.rendiff.ops.plugins.module_utils._access_source import CONTAINER_FILE, from_paths, locate
from ansible_collections.rendiff.ops.plugins.module_utils._docker import DockerClient
from ansible_collections.rendiff.ops.plugins.module_utils._stack import discover

LOG = "/var/log/traefik/access.log"
MEASURED = """
import json, resource, sys
from ansible_collections.rendiff.ops.plugins.module_utils._access_log import ACCESS_LOG_ARGUMENTS, look
options = {name: option.get("default") for name, option in ACCESS_LOG_ARGUMENTS.options.items()}
options.update(json.loads(sys.argv[1]))
result = look(options, None)
memory = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps({"result": result, "kib": memory}))
"""


def ask(sandbox: Sandbox, path: str, agent: str = "rdops-test") -> int:
    """Send one request through Traefik and return its status."""
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.facts["http_port"], timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": sandbox.facts["host"], "User-Agent": agent})
        return connection.getresponse().status


def own_path() -> str:
    """Return a path that nobody else asks for."""
    # No part of it is taken for an id.
    return f"/api/v1/rdops-{uuid.uuid4().hex[:12]}-x"


def counted(result: dict[str, t.Any], path: str) -> int:
    """Return how often a path was asked for."""
    return sum(found["requests"] for found in result["routes"] if found["route"] == f"GET {path}")


def told(module: Module, **options: t.Any) -> dict[str, t.Any]:
    """Return what the module tells."""
    answer = module(top=1000, **options)
    assert not answer.failed, answer.output
    assert answer.result["changed"] is False
    return t.cast("dict[str, t.Any]", answer.result["access_log"])


@pytest.fixture(name="info")
def fixture_info(sandbox: Sandbox) -> Module:
    """Return the module on each sandbox."""
    return Module("rendiff_access_log_info", project=sandbox.project)


@pytest.fixture(name="one_info")
def fixture_one_info(one: Sandbox) -> Module:
    """Return the module on one sandbox."""
    return Module("rendiff_access_log_info", project=one.project)


def settings_of(**changes: t.Any) -> tuple[dict[str, t.Any], t.Any]:
    options = {name: option.get("default") for name, option in ACCESS_LOG_ARGUMENTS.options.items()}
    options.update(changes)
    return options, make_settings(options, time.time())


def run_command(argv: list[str]) -> tuple[int, str, str]:
    done = run(argv)
    return done.returncode, done.stdout, done.stderr


def test_requests_through_the_proxy_are_counted_with_where_they_came_from(sandbox: Sandbox, info: Module):
    path = own_path()
    statuses = [ask(sandbox, f"{path}?key=secret-{index}") for index in range(7)]
    result = until(lambda: next((r for r in [told(info)] if counted(r, path) == 7), None), "all 7 are in the log")
    assert result["source"]["kind"] == "volume" and result["source"]["places"][0].endswith("/access.log")
    assert (result["source"]["service"], result["source"]["said_by"]) == ("traefik", "its command line")
    assert set(result["formats"]) == {"json"} and result["statuses"][str(statuses[0])] >= 7
    assert all(ipaddress.ip_address(found["address"]) for found in result["addresses"])
    assert result["log_holds_keys"] is False
    assert "secret-" not in json.dumps(result)
    # The window: what came just now, and nothing of it in a window before.
    assert counted(told(info, since_s=120, baseline_s=600), path) == 7
    assert counted(told(info, until=result["first_seen"]), path) == 0
    assert not info(check=True).failed


def test_the_user_agent_is_told(one: Sandbox, one_info: Module):
    agent = f"rdops-agent/{uuid.uuid4().hex[:8]}"
    ask(one, own_path(), agent)
    until(lambda: agent in {found["user_agent"] for found in told(one_info)["user_agents"]}, f"{agent} is told")


def test_the_file_in_the_container_a_copy_and_a_compressed_copy_tell_the_same(one: Sandbox, one_info: Module, tmp_path):
    path = own_path()
    for _index in range(4):
        ask(one, path)
    until(lambda: counted(told(one_info), path) == 4, "all 4 are in the log")
    plain = tmp_path / "access.log"
    docker("cp", f"{one.container('traefik')}:{LOG}", str(plain))
    packed = tmp_path / "access.log.1.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    once = told(one_info, path=str(plain))
    again = told(one_info, path=str(packed))
    both = told(one_info, paths=[str(plain), str(packed)])
    assert once["source"]["kind"] == "file" and counted(once, path) == 4
    assert (again["addresses"], again["routes"], again["rates"]) == (once["addresses"], once["routes"], once["rates"])
    assert both["requests"] == 2 * once["requests"] and counted(both, path) == 8
    # The same through Docker's own interface, as where the volume is not to be had.
    client = DockerClient()
    stack = discover(client, run_command, one.project)
    options, settings = settings_of(top=1000)
    source = locate(client, stack, "proxy", None, time.time(), host_files=False)
    through = read(source, settings, options, time.time())
    assert source.kind == CONTAINER_FILE and counted(through, path) == 4
    assert through["requests"] >= once["requests"]


def test_what_the_api_prints_is_read_where_it_is_asked_for(one: Sandbox, one_info: Module):
    path = own_path()
    for _index in range(6):
        ask(one, path)
    result = until(
        lambda: next((r for r in [told(one_info, role="api", since_s=300)] if counted(r, path) == 6), None),
        "all 6 are printed by the replicas together",
    )
    assert result["source"]["kind"] == "container_log" and len(result["source"]["places"]) == 2
    assert result["without_time"] == result["requests"] and result["rates"]["mean"] is None
    assert "have no time" in result["summary"]


@contextlib.contextmanager
def traefik_of_its_own(sandbox: Sandbox, *flags: str) -> t.Iterator[tuple[str, str]]:
    """Start a Traefik that is the only container of a Compose project; yield the project and its address."""
    project = f"rdops-{uuid.uuid4().hex[:8]}"
    image = docker("inspect", "-f", "{{.Config.Image}}", sandbox.container("traefik"))
    labels = {"project": project, "service": "traefik", "oneoff": "False", "container-number": "1", "config-hash": "x"}
    argv = ["run", "--detach", "--name", f"{project}-traefik-1", "--network", f"{sandbox.project}_edge"]
    for name, value in labels.items():
        argv += ["--label", f"com.docker.compose.{name}={value}"]
    container = docker(*argv, image, "--entryPoints.web.address=:80", *flags)
    try:
        yield project, docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container)
    finally:
        docker("rm", "--force", "--volumes", container)


def printed(project: str, address: str, path: str) -> dict[str, t.Any]:
    """Ask a Traefik of its own for a path, and return what the module tells of what it prints.

    While it starts it answers already and logs nothing yet.
    """
    info = Module("rendiff_access_log_info", project=project)

    def seen() -> dict[str, t.Any] | None:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection(address, 80, timeout=5)
            with contextlib.closing(connection):
                connection.request("GET", path)
                connection.getresponse().read()
        result = told(info)
        return result if counted(result, path) else None

    return t.cast("dict[str, t.Any]", until(seen, "the request is printed"))


def test_the_runbooks_command_counts_prefixes_where_addresses_are_meant(one: Sandbox, one_info: Module):
    def literally(project: str) -> list[str]:
        literal = "docker compose -p {} logs traefik | awk '{{print $1}}' | sort | uniq -c | sort -rn | head -20"
        return run(["bash", "-c", literal.format(project)]).stdout.split()

    path = own_path()
    for _index in range(3):
        ask(one, path)
    result = until(lambda: next((r for r in [told(one_info)] if counted(r, path) == 3), None), "all 3 are in the log")
    assert result["addresses"] and all(ipaddress.ip_address(found["address"]) for found in result["addresses"])
    # Where the log is a file there is no address in what the command counts,
    address = result["addresses"][0]["address"]
    assert address not in literally(one.project)
    # and where it is printed, it counts what stands before each line.
    with traefik_of_its_own(one, "--accesslog=true") as (project, where):
        own = printed(project, where, own_path())
        counts = literally(project)
        assert {word for word in counts if not word.isdigit()} == {"traefik-1"}
        assert int(counts[0]) >= own["requests"] and own["addresses"][0]["address"] not in counts


def test_a_log_that_is_off_is_said_to_be_with_how_to_turn_it_on(one: Sandbox):
    with traefik_of_its_own(one) as (project, _address):
        answer = Module("rendiff_access_log_info", project=project)()
        assert answer.failed
        assert "is off, says its command line. Add '--accesslog=true'" in answer.result["msg"]


@pytest.mark.parametrize("form", ["json", "common"])
def test_without_a_file_it_is_what_the_proxy_prints(one: Sandbox, form: str):
    with traefik_of_its_own(one, "--accesslog=true", f"--accesslog.format={form}") as (project, address):
        result = printed(project, address, own_path())
        assert result["source"]["kind"] == "container_log"
        assert list(result["formats"]) == [{"json": "json", "common": "clf"}[form]]
        assert result["statuses"]["404"] >= 1 and result["first_seen"]


def test_what_is_hostile_is_counted_and_shown_harmless(one_info: Module, tmp_path):
    lines = [
        b'203.0.113.7 - - [23/Nov/2026:03:12:45 +0000] "GET /{{ 7*7 }}/\x1b[2J HTTP/1.1" 200 5 "-" "{{ 6*7 }}"',
        b'203.0.113.7 - - [23/Nov/2026:03:12:45 +0000] "GET /$(touch /tmp/rdops-owned) HTTP/1.1" 200 5 "-" "\xff\x00"',
        b"x" * 11_000_000,
        b'{"x":' * 12_000,
        b'traefik-1  | {"ClientHost":"$(id)","DownstreamStatus":200}',
    ]
    path = tmp_path / "log"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    answer = one_info(path=str(path))
    assert not answer.failed, answer.output
    result = answer.result["access_log"]
    assert result["skipped"] == {"no_address": 1, "too_deep": 1, "too_long": 1}
    assert {found["route"] for found in result["routes"]} == {
        "GET /{{ 7*7 }}/\\x1b[2J",
        "GET /$(touch /tmp/rdops-owned)",
    }
    assert "{{ 6*7 }}" in {found["user_agent"] for found in result["user_agents"]}
    assert "\x1b" not in answer.output and not Path("/tmp/rdops-owned").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": "/nonexistent/log"}, "Cannot read the access log '/nonexistent/log': No such file or directory"),
        ({"path": "/etc"}, "it is no regular file"),
        ({"baseline_s": 60}, "baseline_s needs a window that it comes before. Give since_s or since"),
        ({"addresses": ["x; id"]}, "'x; id' in addresses is no IP address"),
        ({"project": "rdops-none"}, "Cannot find the Compose project 'rdops-none'"),
    ],
)
def test_what_cannot_be_is_said(one_info: Module, options: dict[str, t.Any], said: str):
    answer = one_info(**options)
    assert answer.failed and said in answer.result["msg"]


def test_a_million_different_clients_take_no_more_memory(tmp_path):
    path = tmp_path / "log"
    total = 400_000
    with path.open("w", encoding="ascii", buffering=1 << 20) as stream:
        for index in range(total):
            address = f"{1 + (index >> 16)}.{index >> 8 & 255}.{index & 255}.9"
            when = f"23/Nov/2026:03:12:{index % 60:02d} +0000"
            stream.write(f'{address} - - [{when}] "GET /{index:x}z HTTP/1.1" 200 5 "-" "a{index}"\n')
            if index % 100 == 0:
                stream.write('203.0.113.7 - - [23/Nov/2026:03:12:45 +0000] "GET /x HTTP/1.1" 200 5 "-" "curl"\n')
    options = json.dumps({"path": str(path), "max_tracked": 10_000})
    done = run([sys.executable, "-c", MEASURED, options], env={"PYTHONPATH": str(COLLECTIONS), "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    result = measured["result"]
    assert measured["kib"] < 200 * 1024
    assert result["requests"] == total + total // 100
    best, tracked = result["addresses"][0], result["tracked"]["addresses"]
    assert best["address"] == "203.0.113.7" and best["requests"] - best["error"] <= total // 100 <= best["requests"]
    assert not tracked["exact"] and 0 < tracked["max_error"] <= result["requests"] / 10_000
    assert re.search(r"from more than \d+ addresses", result["summary"])


def test_the_lines_of_an_address_can_be_kept_as_evidence(one: Sandbox, one_info: Module, tmp_path):
    path = own_path()
    ask(one, f"{path}?api_key=Zk3vTq1bX9sL0pQw7eRt5yUi2oAs4dFg")
    result = until(lambda: next((r for r in [told(one_info)] if counted(r, path)), None), "the request is in the log")
    address = result["addresses"][0]["address"]
    _options, settings = settings_of(addresses=[address], since_s=300)
    kept = tmp_path / "evidence.log"
    evidence = extract(from_paths(result["source"]["places"]), settings, str(kept), 60)
    content = kept.read_bytes()
    assert path.encode() in content and b"X9sL0pQw7eRt" not in content
    assert evidence["lines"] == len(content.splitlines()) and evidence["cut"] == 0
    assert evidence["sha256"] == hashlib.sha256(content).hexdigest()
    assert kept.stat().st_mode & 0o777 == 0o600
    other_options, nobody = settings_of(addresses=["192.0.2.77"])
    assert extract(from_paths(result["source"]["places"]), nobody, str(tmp_path / "none"), 60)["lines"] == 0
    assert other_options["top"] == 10
