# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._compose import Service
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._pools import Load
from ansible_collections.rendiff.ops.plugins.module_utils._scale_plan import (
    Facts,
    Host,
    Room,
    choose_service,
    decide,
    fits,
    needs_nvidia,
)

from .builders import replica

GIB = 1024**3
HOST = Host(cpus=8, memory_available_bytes=4 * GIB, runtimes=("runc",))


def facts(**changes):
    wanted = changes.pop("wanted", 2)
    usual = Facts(
        service="worker-cpu",
        role="worker",
        current=1,
        wanted=wanted,
        definition={},
        lines={},
        loads=(Load("api", 2, 1, 5, 10), Load("worker-cpu", wanted, 2, 5, 10)),
        room=Room(max_connections=100, reserved=3, other=5),
        host=HOST,
        memory_bytes=GIB,
        memory_basis="the limit of each",
        cpus_wanted=4.0,
    )
    return dataclasses.replace(usual, **changes)


def refusals(given, **options):
    return decide(given, **options).refusals


def test_what_fits_is_not_refused_and_the_sum_is_told():
    decision = decide(facts())
    assert decision.refusals == () and decision.warnings == ()
    assert decision.budget == (
        "api 2 x 1 x (5 + 10) = 30, worker-cpu 2 x 2 x (5 + 10) = 60; together 90 of 100 - 3 reserved - 5 used by "
        "others = 92."
    )


def test_too_many_connections_are_refused_with_the_sum_and_what_fits():
    (said,) = refusals(facts(wanted=4, host=dataclasses.replace(HOST, memory_available_bytes=64 * GIB)))
    assert said == (
        "Cannot scale 'worker-cpu' from 1 to 4: the database has too few connections: api 2 x 1 x (5 + 10) = 30, "
        "worker-cpu 4 x 2 x (5 + 10) = 120; together 150, and there are 100 - 3 reserved - 5 used by others = 92. "
        "At most 2 fit. Lower the pools, or raise max_connections."
    )
    forced = decide(facts(wanted=4), force=["connections"])
    assert forced.refusals == () and forced.warnings[0].startswith("Forced: Cannot scale")


def test_an_assumed_pool_is_named_where_it_decides():
    load = Load("worker-cpu", 4, 2, 5, 10, ("worker-cpu: its pool is not known; 5 + 10 was taken",))
    decision = decide(facts(wanted=4, loads=(load,), room=Room(50, 3, 0)))
    assert decision.refusals[0].endswith(
        "At most 1 fit. Tell the real pool by scaling_pool_size and scaling_max_overflow."
    )
    assert decision.warnings == ("Assumed of worker-cpu: its pool is not known; 5 + 10 was taken.",)


def test_a_database_that_does_not_answer_is_no_reason_to_go_on():
    given = facts(room=Room(problem="Cannot query PostgreSQL: nothing listens there."))
    assert "is not known: Cannot query PostgreSQL: nothing listens there. Mend that" in refusals(given)[0]
    assert refusals(given, force=["connections"]) == ()


def test_the_budget_never_stands_against_fewer():
    assert refusals(facts(current=9, wanted=8, room=Room(10, 3, 5), memory_bytes=None)) == ()


def test_memory_that_is_not_there_is_refused():
    (said,) = refusals(facts(current=1, wanted=2, memory_bytes=5 * GIB))
    assert "1 more x 5120 MiB (the limit of each) = 5120 MiB, and the host has 4096 MiB of memory available" in said
    assert refusals(facts(memory_bytes=5 * GIB), force=["memory"]) == ()
    unknown = decide(facts(memory_bytes=None))
    assert unknown.refusals == () and "is not known" in unknown.warnings[0]


def test_more_cpus_than_there_are_is_a_warning():
    assert decide(facts(cpus_wanted=12.0)).warnings[0].startswith("All containers together may then use 12 CPUs")


def test_a_fixed_name_is_refused_with_its_line():
    given = facts(
        definition={"container_name": "rendiff_worker"},
        lines={"container_name": "line 7 of '/c.yml' (container_name: x)"},
    )
    assert refusals(given) == (
        "Cannot scale 'worker-cpu' from 1 to 2: its container has the fixed name 'rendiff_worker', and only one can "
        "have it. Remove line 7 of '/c.yml' (container_name: x).",
    )
    assert (
        "Remove the Compose file ('container_name: rendiff_worker')"
        in refusals(dataclasses.replace(given, lines={}))[0]
    )
    assert refusals(dataclasses.replace(given, current=2, wanted=1)) == ()


@pytest.mark.parametrize(
    ("ports", "refused"),
    [
        ([{"target": 8000, "published": "8000"}], "it publishes port 8000 of the host, which one container can have"),
        ([{"target": 8000, "published": "8000-8001"}], "port 8000-8001 of the host, which 2 can have"),
        ([{"target": 8000, "published": "8000-8002"}], ""),
        ([{"target": 8000}], ""),
        ([{"target": 8000, "published": "0"}], ""),
        (["odd"], ""),
        (None, ""),
    ],
)
def test_a_fixed_port_is_refused_where_it_is_too_few(ports, refused):
    said = refusals(facts(wanted=3, definition={"ports": ports}, lines={"ports": "line 9"}, room=Room(900)))
    assert bool(said) == bool(refused)
    assert not said or (refused in said[0] and "Remove or change line 9" in said[0])


def test_a_graphics_card_needs_its_runtime():
    given = facts(definition={"runtime": "nvidia"})
    assert "needs the runtime 'nvidia', and the Docker Engine has only runc" in refusals(given)[0]
    able = dataclasses.replace(given, host=dataclasses.replace(HOST, runtimes=("nvidia", "runc")))
    assert refusals(able) == ()


@pytest.mark.parametrize(
    ("definition", "needs"),
    [
        ({}, False),
        ({"runtime": "runc"}, False),
        ({"deploy": {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}}}, True),
        ({"gpus": [{"driver": "nvidia"}]}, True),
        ({"deploy": {"resources": {"reservations": None}}}, False),
    ],
)
def test_what_asks_for_a_graphics_card(definition, needs):
    assert needs_nvidia(definition) is needs


def test_what_is_one_stays_one_and_none_needs_its_name():
    assert "it is a database" in refusals(facts(service="postgres", role="postgres"))[0]
    none = facts(wanted=0)
    assert "pass -e scaling_confirm=worker-cpu" in refusals(none)[0]
    assert refusals(none, confirm=["worker-cpu"]) == ()
    assert "below zero" in refusals(facts(wanted=-1))[0]


def test_an_image_that_is_missing_or_has_changed_is_told():
    assert "the image 'x:1' is not on this host" in refusals(facts(image_missing="x:1"))[0]
    assert "another version beside the old ones" in decide(facts(image_drifted=True)).warnings[0]


def service(name, role, *, running=True, profiles=()):
    return Service(name, role, (replica(name),) if running else (), 1, profiles)


PROJECT = (
    service("api", "api"),
    service("worker-cpu", "worker"),
    service("worker-gpu", "worker", running=False, profiles=("gpu",)),
    service("db", "postgres"),
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("worker-cpu", "worker-cpu"),
        ("cpu", "worker-cpu"),
        ("gpu", "worker-gpu"),
        ("worker", "worker-cpu"),
        ("api", "api"),
    ],
)
def test_a_service_is_found_by_name_or_part(name, found):
    assert choose_service(name, PROJECT).name == found


def test_where_the_source_calls_it_worker_cpu_means_that():
    assert choose_service("cpu", [service("worker", "worker"), service("api", "api")]).name == "worker"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody", "the project has no such service. It has api, db, worker-cpu, worker-gpu"),
        ("", "none is named. Pass its name; the project has api, db"),
    ],
)
def test_a_service_that_is_not_there_is_told_with_those_that_are(name, words):
    with pytest.raises(OpsError, match=words):
        choose_service(name, PROJECT)


def test_several_that_may_be_meant_are_named():
    with pytest.raises(OpsError, match="it may mean worker-a, worker-b"):
        choose_service("worker", [service("worker-a", "worker"), service("worker-b", "worker")])


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"wanted": 2}, 2),
        # 97 - 5 - 30 of the api leave two containers of 30 connections each.
        ({"wanted": 6}, 2),
        ({"wanted": 6, "room": Room(max_connections=1000), "cpus_wanted": 14.0, "cpus_each": 2.0}, 3),
        ({"wanted": 6, "room": Room(max_connections=1000), "memory_bytes": 2 * GIB}, 3),
        ({"wanted": 6, "room": Room(problem="no answer.")}, 1),
        ({"wanted": 1}, 1),
        ({"wanted": 0}, 0),
    ],
)
def test_the_number_that_fits_is_the_one_nearest_to_what_is_wished_for(changes, expected):
    assert fits(facts(**changes)) == expected
