# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._stuck_plan import expected_s, plan_stuck, report_stuck

CPU, GPU = "worker-cpu", "worker-gpu"
NODES = ("celery@a", "celery@b", "celery@g")
LINES = {CPU: "line 7 of 'compose.yml' (command: celery -Q default)"}


def worker(name="a", kind="live", queues=("default",), service=CPU, expected=("default",), processes=2, encoding=()):
    return {
        "container": name,
        "kind": kind,
        "node": f"celery@{name}" if kind == "live" else "",
        "queues": list(queues) if kind == "live" else [],
        "expected_queues": list(expected),
        "service": service,
        "processes": processes,
        "encoding": list(encoding),
    }


def queue(total=0, consumers=("celery@a",), unacked=0, paused=()):
    return {"total": total, "consumers": list(consumers), "unacked": {"count": unacked}, "paused_nodes": list(paused)}


def jobs(waiting=0, would=None, poison=0, send_to=None, average_s=None, moved=None):
    timed = [] if average_s is None else [{"operation": "transcode", "jobs": 3, "average_s": average_s}]
    return {
        "verdicts": {"waiting": waiting},
        "would": would or {},
        "would_send_to": send_to or {},
        "poison_messages": poison,
        "figures": {"by_operation": timed},
        "findings": [],
        "moved": moved,
        "project": "rendiff",
        "checked_at": "now",
        "seconds": 1.0,
        "measurements": {},
    }


def plan(queues=None, judged=None, workers=(), restart=(), backlog_max_s=3600, replicas_max=4):
    return plan_stuck(
        {"queues": queues or {"default": queue()}, "workers": {"nodes": dict.fromkeys(NODES, ["default"])}},
        judged or jobs(),
        {"before": list(workers or [worker()]), "names": list(restart), "started_at_line": LINES},
        backlog_max_s=backlog_max_s,
        replicas_max=replicas_max,
    )


def ids(made):
    return [finding.id for finding in made.findings]


def test_where_all_is_well_nothing_is_done():
    made = plan()
    assert made.findings == [] and made.steps() == ["Nothing is to be done."]
    assert not made.restart and not made.consume and not made.reconcile and not made.scale


@pytest.mark.parametrize("kind, says", [("dead", "does not run"), ("deaf", "runs and does not answer")])
def test_a_dead_worker_explains_the_queue_that_it_is_started_with(kind, says):
    made = plan({"default": queue(4, ())}, workers=[worker(kind=kind)], restart=["a"])
    assert ids(made) == ["stuck.worker.a", "stuck.queue.default"] and says in made.findings[0].summary
    assert made.findings[1].caused_by == "stuck.worker.a" and made.consume == []
    assert made.steps() == ["'a' is restarted."]


def test_what_stops_workers_is_put_aside_before_one_is_started():
    assert plan(judged=jobs(poison=1), workers=[worker(kind="dead")], restart=["a"]).park_first
    well = plan(judged=jobs(poison=1))
    assert not well.park_first and well.reconcile


def test_a_queue_that_nobody_consumes_is_given_to_the_workers_and_the_line_is_named():
    made = plan({"default": queue(), "express": queue(1, ())})
    assert [(each["queue"], each["nodes"]) for each in made.consume] == [("express", ["celery@a"])]
    assert "add 'express' after -Q in line 7 of 'compose.yml'" in made.consume[0]["said"]
    assert made.findings[0].summary == "1 message is for queue 'express', which no worker consumes."


def test_jobs_that_are_about_to_be_sent_count_as_well():
    made = plan({"low": queue(0, ())}, jobs(would={"send": 2}, send_to={"low": 2}))
    assert [each["queue"] for each in made.consume] == ["low"] and made.reconcile


def test_an_empty_queue_needs_nobody():
    assert plan({"low": queue(0, ())}).consume == []


@pytest.mark.parametrize(
    "name, workers, nodes",
    [
        ("gpu", [worker("a"), worker("g", queues=("other",), service=GPU)], ["celery@g"]),
        ("express", [worker("a"), worker("g", queues=("gpu",), service=GPU)], ["celery@a"]),
        ("gpu", [worker("a")], None),
        ("express", [worker("g", service=GPU)], None),
    ],
)
def test_a_graphics_card_takes_its_own_jobs_and_no_others(name, workers, nodes):
    made = plan({name: queue(1, ())}, workers=workers)
    assert [each["nodes"] for each in made.consume] == ([] if nodes is None else [nodes])
    assert (f"stuck.queue.{name}.nobody" in ids(made)) == (nodes is None)


def test_what_was_done_on_purpose_is_left_and_the_way_out_is_named():
    made = plan({"low": queue(1, (), paused=["celery@a"])}, workers=[worker(), worker("b", queues=())])
    assert made.consume == [] and made.restart == [] and made.held == 1
    assert [(finding.id, finding.severity) for finding in made.findings] == [
        ("stuck.worker.b", "warning"),
        ("stuck.queue.low", "warning"),
    ]
    assert all(finding.commands[0] == "ansible-playbook rendiff.ops.stand_down" for finding in made.findings)
    assert '"queue": "low", "state": "consumed"' in made.findings[1].commands[1]
    frozen = plan(workers=[worker(kind="frozen")])
    assert frozen.findings[0].commands == ("docker unpause a",)


def test_a_pause_of_workers_that_are_gone_or_consume_again_is_none():
    gone = plan({"low": queue(1, (), paused=["celery@gone"])})
    assert [each["queue"] for each in gone.consume] == ["low"] and gone.held == 0
    again = plan({"default": queue(1, paused=["celery@a"])})
    assert again.findings == [] and again.held == 0


@pytest.mark.parametrize(
    "own, severity",
    [
        (worker("b", kind="starting"), "critical"),
        (worker("b", kind="frozen"), "critical"),
        (worker("b", queues=()), "warning"),
        (worker("b", kind="dead"), "warning"),
    ],
)
def test_a_queue_waits_for_its_own_worker_and_is_given_to_no_other(own, severity):
    own = {**own, "expected_queues": ["high"]}
    made = plan({"high": queue(3, ())}, workers=[worker(), own])
    told = next(finding for finding in made.findings if finding.id == "stuck.queue.high")
    assert made.consume == [] and (told.severity, told.caused_by) == (severity, "stuck.worker.b")


def test_poison_is_put_aside_before_a_queue_is_taken_over():
    assert plan({"express": queue(1, ())}, jobs(poison=1)).park_first


def test_more_workers_would_consume_what_was_paused_so_there_are_none():
    queues = {"default": queue(500, ("celery@a",), paused=["celery@b"]), "low": queue(500)}
    made = plan(queues, jobs(waiting=1000, average_s=60), workers=[worker(), worker("b", queues=("low",))])
    assert made.scale == {} and ids(made) == ["stuck.backlog"] and made.held == 500
    assert made.findings[0].summary.startswith("500 jobs wait")


def test_too_much_waits_where_it_takes_longer_than_is_allowed():
    busy = jobs(waiting=1000, average_s=60)
    assert expected_s(busy, 1000, 2) == 30_000
    made = plan(judged=busy)
    assert made.scale["service"] == CPU and made.scale["replicas"] == 4 and made.scale["current"] == 1
    assert "takes about 500 min; 60 min is allowed" in made.scale["why"]
    assert plan(judged=busy, backlog_max_s=40_000).scale == {}
    few = plan(judged=busy, replicas_max=0)
    assert few.scale == {} and ids(few) == ["stuck.backlog"]
    # What is brought back waits then, too; and nothing is decided before the workers are well.
    assert plan(judged=jobs(would={"send": 1000}, average_s=60)).scale
    assert plan(judged=busy, workers=[worker(), worker("b", kind="dead")], restart=["b"]).scale == {}


def test_without_any_job_that_ended_nothing_is_known_of_how_long_it_takes():
    assert expected_s(jobs(waiting=5), 5, 2) is None and plan(judged=jobs(waiting=5)).scale == {}


def test_no_worker_at_all_is_told():
    made = plan_stuck(
        {"queues": {}, "workers": {"nodes": {}}},
        jobs(),
        {"before": [], "names": [], "started_at_line": {}},
        backlog_max_s=1,
        replicas_max=1,
    )
    assert ids(made) == ["stuck.workers.none"]


def test_the_report_tells_what_was_wrong_what_was_done_and_whether_jobs_move():
    first = plan({"default": queue(4, ())}, workers=[worker(kind="dead")], restart=["a"]).describe()
    last = plan().describe()
    error = {"component": "logs", "severity": "warning", "id": "logs.a", "subject": "a", "summary": "ERROR twice."}
    other = {**error, "id": "api", "component": "api"}
    health = {"findings": [{**each, "evidence": {}, "commands": [], "caused_by": "x"} for each in (error, other)]}
    well = report_stuck(first, last, jobs(moved=True), health, ["Restarted: a."])
    assert well["verdict"] == "warning" and well["root_causes"] == ["logs.a"]
    assert well["causes"][0] == "Worker 'a' does not run." and well["done"] == ["Restarted: a."]
    still = report_stuck(first, last, jobs(moved=False))
    assert still["verdict"] == "critical" and still["root_causes"] == ["stuck.still"]
    # Jobs behind others that take their time are none that are stuck.
    busy = plan(workers=[worker(encoding=[{}, {}])]).describe()
    assert report_stuck(first, busy, jobs(moved=False))["verdict"] == "ok"
    failed = report_stuck(first, last, jobs(moved=True), None, [], ["Cannot restart worker 'a': it encodes."])
    assert failed["verdict"] == "critical" and failed["summary"] == "Cannot restart worker 'a': it encodes."
