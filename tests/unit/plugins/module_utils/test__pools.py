# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._pools import load_of, option_of, processes_of, queues_of

CELERY = ("celery", "-A", "worker.main:app", "worker")


@pytest.mark.parametrize(
    ("command", "environment", "processes", "assumed"),
    [
        ((*CELERY, "--concurrency", "4"), {}, 4, False),
        ((*CELERY, "--concurrency=4"), {}, 4, False),
        ((*CELERY, "-c", "4"), {}, 4, False),
        ((*CELERY, "-c4"), {}, 4, False),
        (("sh", "-c", "celery -A a worker -c 3"), {}, 3, False),
        ((*CELERY, "--autoscale=10,3"), {}, 10, False),
        ((*CELERY, "-P", "threads", "-c", "50"), {}, 1, False),
        ((*CELERY,), {"WORKER_CONCURRENCY": "6"}, 6, False),
        (("sh", "-c", "run-worker"), {}, 8, True),
    ],
)
def test_the_processes_of_a_worker(command, environment, processes, assumed):
    found, why = processes_of("worker", command, environment, 8)
    assert (found, bool(why)) == (processes, assumed)


@pytest.mark.parametrize(
    ("command", "environment", "processes"),
    [
        (("uvicorn", "api.main:app"), {}, 1),
        (("uvicorn", "api.main:app", "--workers", "4"), {}, 4),
        (("gunicorn", "-w", "3", "api.main:app"), {}, 3),
        (("entrypoint.sh",), {"API_WORKERS": "4"}, 4),
        (("entrypoint.sh",), {"API_WORKERS": "many"}, 1),
    ],
)
def test_the_processes_of_the_api(command, environment, processes):
    assert processes_of("api", command, environment, 8) == (processes, "")


def test_the_production_default_is_240_for_one_container():
    environment = {"API_WORKERS": "4", "DATABASE_POOL_SIZE": "20", "DATABASE_MAX_OVERFLOW": "40"}
    load = load_of("api", "api", 1, ("entrypoint.sh",), environment, cpus=8)
    assert (load.connections, load.assumed) == (240, ())
    assert load.arithmetic() == "api 1 x 4 x (20 + 40) = 240"


def test_a_pool_that_nobody_tells_is_assumed_and_said():
    load = load_of("api", "api", 2, ("uvicorn",), {"DATABASE_POOL_SIZE": "20"}, cpus=8)
    assert load.connections == 2 * (20 + 10)
    assert "SQLAlchemy's default, 20 + 10, was taken" in load.assumed[0]


def test_what_a_person_tells_wins():
    load = load_of("api", "api", 2, (), {"DATABASE_POOL_SIZE": "20"}, cpus=8, pool=1, overflow=0)
    assert (load.connections, load.assumed) == (2, ())


def test_the_queues_a_worker_is_started_with():
    assert queues_of((*CELERY, "-Q", "high,default")) == ("high", "default")
    assert queues_of((*CELERY, "--queues=gpu")) == ("gpu",)
    assert queues_of(("sh", "-c", "exec celery -A a worker -Q a,b -c 2")) == ("a", "b")
    assert queues_of(CELERY) == ()
    assert option_of((*CELERY, "-n", "w1@%h"), "-n", value=r"\S+@\S+") == "w1@%h"
    assert option_of(("sh", "it's"), "-n") == ""
