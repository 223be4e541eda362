# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._verdict import (
    CRITICAL,
    OK,
    UNKNOWN,
    WARNING,
    Finding,
    consequences,
    fails,
    link_causes,
    overall,
    root_causes,
    summarize,
)


def finding(component, severity, blames=()):
    return Finding(component, component, severity, component, f"{component} is {severity}.", blames=blames)


def causes(*findings):
    return {linked.id: linked.caused_by for linked in link_causes(findings)}


def test_a_stopped_database_explains_the_api_and_the_way_in():
    found = causes(
        finding("postgres.container", CRITICAL),
        finding("postgres", CRITICAL),
        finding("api", CRITICAL, blames=("postgres",)),
        finding("entrance", CRITICAL),
        finding("redis", OK),
    )
    assert found == {
        "postgres.container": "",
        "postgres": "postgres.container",
        "api": "postgres",
        "entrance": "api",
        "redis": "",
    }


def test_the_cause_is_found_through_a_part_that_was_not_looked_at():
    assert causes(finding("redis.container", CRITICAL), finding("queues", UNKNOWN))["queues"] == "redis.container"


def test_what_blames_a_healthy_part_stands_for_itself():
    found = causes(finding("redis", CRITICAL), finding("postgres", OK), finding("api", CRITICAL, ("postgres", "redis")))
    assert found["api"] == ""


def test_a_warning_explains_no_failure():
    assert causes(finding("redis", WARNING), finding("workers", CRITICAL))["workers"] == ""


def test_what_is_well_has_no_cause():
    assert causes(finding("redis", CRITICAL), finding("workers", OK))["workers"] == ""


def test_the_worse_of_two_causes_is_named():
    found = causes(finding("postgres", UNKNOWN), finding("redis", CRITICAL), finding("api", CRITICAL))
    assert found["api"] == "redis"


@pytest.mark.parametrize(
    ("severities", "verdict"),
    [
        ([OK, OK], OK),
        ([OK, WARNING], WARNING),
        ([WARNING, UNKNOWN], UNKNOWN),
        ([UNKNOWN, CRITICAL, OK], CRITICAL),
        ([], UNKNOWN),
    ],
)
def test_the_verdict_is_the_worst_and_nothing_is_unknown(severities, verdict):
    assert overall(finding(f"c{number}", severity) for number, severity in enumerate(severities)) == verdict


def test_roots_come_worst_first_and_the_one_that_explains_most_first():
    linked = link_causes(
        [
            finding("proxy.container", CRITICAL),
            finding("redis", CRITICAL),
            finding("workers", CRITICAL),
            finding("queues", CRITICAL),
            finding("prometheus", WARNING),
        ]
    )
    assert [root.id for root in root_causes(linked)] == ["redis", "proxy.container", "prometheus"]
    assert {found.id for found in consequences(linked, "redis")} == {"workers", "queues"}
    assert (
        summarize(linked)
        == "redis is critical. It explains 2 other findings. Besides it: 2 more that stand for themselves."
    )


def test_summaries_of_nothing_and_of_health():
    assert summarize([]) == "Nothing was looked at."
    assert summarize([finding("redis", OK)]) == "redis is ok."
    assert summarize([finding("redis", OK), finding("api", OK)]) == "All 2 checks are well."


@pytest.mark.parametrize(
    ("verdict", "fail_on", "expected"),
    [
        (CRITICAL, "never", False),
        (WARNING, "warning", True),
        (UNKNOWN, "warning", True),
        (UNKNOWN, "unknown", True),
        (WARNING, "unknown", False),
        (UNKNOWN, "critical", False),
        (CRITICAL, "critical", True),
        (OK, "warning", False),
    ],
)
def test_fails(verdict, fail_on, expected):
    assert fails(verdict, fail_on) is expected


def test_what_does_not_stop_its_part_explains_nothing():
    evicts = Finding("redis.policy", "redis", CRITICAL, "redis", "It evicts.", stops=False)
    assert causes(evicts, finding("workers", CRITICAL))["workers"] == ""


def test_a_cause_that_is_given_stands_when_it_was_found_and_not_otherwise():
    evicts = Finding("redis.policy", "redis", CRITICAL, "redis", "It evicts.", stops=False)
    lost = Finding("jobs.lost", "jobs", CRITICAL, "jobs", "Lost.", caused_by="redis.policy")
    assert causes(evicts, lost)["jobs.lost"] == "redis.policy"
    assert causes(lost)["jobs.lost"] == ""
