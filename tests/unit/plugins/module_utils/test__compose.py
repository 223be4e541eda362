# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._compose import (
    build_services,
    compose_argv,
    role_of,
    shell_line,
)

from .builders import replica

SECRET = "s3cret-in-env"


@pytest.mark.parametrize(
    ("name", "image", "role"),
    [
        ("api", "x", "api"),
        ("worker-gpu", "x", "worker"),
        ("worker", "x", "worker"),
        ("db", "registry.example.com:5000/library/postgres:15@sha256:1", "postgres"),
        ("store", "postgres:15-alpine", "postgres"),
        ("queue", "valkey:8", "redis"),
        ("edge", "docker.io/library/traefik:v3", "proxy"),
        ("mystery", "x", "other"),
    ],
)
def test_a_role_is_told_by_name_then_by_image(name, image, role):
    assert role_of(name, image) == role


def test_a_role_that_is_said_wins():
    assert role_of("redis", "redis", {"redis": "other"}) == "other"


def test_the_description_holds_no_environment_and_no_command():
    described = replica(
        "api", env=[f"DATABASE_URL=postgresql://u:{SECRET}@db/x"], args=["--password", SECRET]
    ).describe()
    assert SECRET not in str(described)
    assert described["state"] == "running"


def test_limits_and_ports_are_read():
    limited = replica(
        "api",
        host={"Memory": 1024, "CpuQuota": 150000, "CpuPeriod": 100000},
        ports={"8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "18000"}], "53/udp": [{"HostIp": "", "HostPort": "53"}]},
        exposed=[8000],
    )
    assert (limited.memory_limit_bytes, limited.cpu_limit) == (1024, 1.5)
    assert limited.addresses(8000) == [("127.0.0.1", 18000), ("10.0.0.1", 8000)]
    assert limited.addresses(9000) == [("10.0.0.1", 9000)]


def test_a_container_without_an_address_has_none():
    assert replica("api", address="").addresses(8000) == []


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ([{}, {}], "running"),
        ([{}, {"Status": "exited"}], "partial"),
        ([{"Status": "exited"}], "stopped"),
        ([{"Paused": True}], "stopped"),
    ],
)
def test_the_status_of_a_service(state, status):
    (service,) = build_services([replica("api", number=n, state=s) for n, s in enumerate(state, 1)], None)
    assert service.status == status


def test_a_service_that_is_defined_and_never_made_says_what_it_waits_for():
    services = build_services([], {"worker-gpu": {"profiles": ["gpu"]}, "api": {"deploy": {"replicas": 4}}})
    assert [(s.name, s.status, s.desired) for s in services] == [
        ("api", "not created", 4),
        ("worker-gpu", "not created (profile gpu)", 1),
    ]


def test_a_container_of_compose_run_is_no_replica():
    oneoff = replica("api", number=2, labels={"com.docker.compose.oneoff": "True"})
    (service,) = build_services([replica("api"), oneoff], None)
    assert [found.number for found in service.replicas] == [1]


def test_the_compose_command_names_everything_and_is_quoted():
    argv = compose_argv("p", "/opt/my app", ["/a.yml", "/b.yml"], ["/e.env"])
    assert shell_line([*argv, "ps"]) == (
        "docker compose -p p --project-directory '/opt/my app' -f /a.yml -f /b.yml --env-file /e.env ps"
    )
