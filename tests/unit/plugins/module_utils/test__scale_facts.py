# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._compose import Service
from ansible_collections.rendiff.ops.plugins.module_utils._scale_facts import (
    cpus_wanted,
    described,
    lasting,
    memory_available,
    must_stay,
    not_ready,
    runtimes,
)
from ansible_collections.rendiff.ops.plugins.module_utils._workers import DEAF, Worker

from .builders import replica, stack

COMPOSE = "services:\n  worker-cpu:\n    deploy:\n      replicas: {}\n  api:\n    image: api\n"


def test_what_runs_describes_a_service_and_else_its_definition():
    running = Service("api", "api", (replica("api", args=["--workers", "4"], env=["A=1"]),))
    assert described(running, {"command": "other"}) == (("run", "--workers", "4"), {"A": "1"})
    waiting = Service("gpu", "worker", ())
    assert described(waiting, {"command": "celery -c 2", "environment": ["A=1", "B"]}) == (
        ("celery", "-c", "2"),
        {"A": "1", "B": ""},
    )
    assert described(waiting, {"command": ["celery"], "environment": {"A": 1, "B": None}}) == (("celery",), {"A": "1"})
    assert described(waiting, {}) == ((), {})


def test_the_memory_that_is_available_is_not_that_which_is_free():
    assert memory_available("MemTotal: 9 kB\nMemFree: 1 kB\nMemAvailable:    23554128 kB\n") == 23554128 * 1024
    assert memory_available(None) is None


def test_the_names_of_runtimes():
    assert runtimes({"Runtimes": {"io.containerd.runc.v2": {}, "runc": {}, "nvidia": {}}}) == ("nvidia", "runc")
    assert runtimes({}) == ()


def test_the_limits_of_all_are_summed():
    found = stack(
        replica("api", host={"NanoCpus": 500000000}),
        replica("worker-cpu", host={"NanoCpus": 2000000000}),
        replica("redis"),
    )
    worker = next(service for service in found.services if service.name == "worker-cpu")
    assert cpus_wanted(found, worker, 3) == 6.5


def test_what_must_stay_is_all_when_more_are_added_and_all_others_when_some_go():
    found = stack(replica("api"), replica("worker-cpu"), replica("worker-cpu", number=2))
    worker = next(service for service in found.services if service.name == "worker-cpu")
    assert set(must_stay(found, worker, 3)) == {
        "rendiff-prod-api-1",
        "rendiff-prod-worker-cpu-1",
        "rendiff-prod-worker-cpu-2",
    }
    assert must_stay(found, worker, 1) == {"rendiff-prod-api-1": "api-1-id"}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, []),
        ({"Status": "exited"}, ["'rendiff-prod-api-1' is exited."]),
        ({"Health": {"Status": "starting"}}, ["'rendiff-prod-api-1' is starting."]),
        ({"Health": {"Status": "healthy"}}, []),
    ],
)
def test_what_is_not_yet_as_it_shall_be(state, said):
    assert not_ready(Service("api", "api", (replica("api", state=state),)), (), 1) == said


def test_a_missing_container_and_a_deaf_worker_are_not_ready():
    service = Service("worker-cpu", "worker", (replica("worker-cpu"),))
    assert not_ready(service, (), 2) == ["'worker-cpu' has 1 of 2 containers."]
    deaf = Worker("rendiff-prod-worker-cpu-1", "id", "worker-cpu", 1, DEAF, "")
    assert not_ready(service, (deaf,), 1) == ["'rendiff-prod-worker-cpu-1' does not answer."]


def test_the_line_that_makes_it_last():
    assert lasting({"/c": COMPOSE.format(2)}, "worker-cpu", 2, 2) == "The Compose files say 2 for 'worker-cpu' too."
    assert "write 'replicas: 4' in line 4 of '/c' (replicas: 2)." in lasting(
        {"/c": COMPOSE.format(2)}, "worker-cpu", 4, 2
    )
    variable = lasting({"/c": COMPOSE.format("${CPU_WORKERS:-2}")}, "worker-cpu", 4, 2)
    assert "set CPU_WORKERS=4 in the environment file" in variable
    assert lasting({"/c": COMPOSE.format(2)}, "api", 4, 1).endswith(
        "add below line 5 of '/c' (api:): deploy: {replicas: 4}"
    )
    assert lasting({}, "api", 4, 1).endswith("add to service 'api': deploy: {replicas: 4}")
