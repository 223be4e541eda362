# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._census import Census, HeldTask
from ansible_collections.rendiff.ops.plugins.module_utils._container_control import Containers, is_encoder
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._message import TASK, make_message, parse_message
from ansible_collections.rendiff.ops.plugins.module_utils._unacked import Unacked
from ansible_collections.rendiff.ops.plugins.module_utils._worker_change import select, tokens_of
from ansible_collections.rendiff.ops.plugins.module_utils._workers import (
    DEAD,
    DEAF,
    FROZEN,
    LIVE,
    STARTING,
    Worker,
    choose_victims,
    classify,
    node_of,
    ready,
    require_confirm,
    strangers,
    unwell,
)

from .builders import replica

STARTED, NOW = "2026-11-23T03:00:00Z", 1795404600.0  # half an hour later
BEFORE, AFTER = NOW - 3600, NOW - 60
ARGS = ["-A", "worker.main:app", "worker", "-Q", "high,default"]


def task(job="job-1", *, node="celery@worker-cpu1", identity="task-1"):
    return HeldTask(identity, TASK, job, "active", NOW - 41, node)


def census(*held, queues=("default", "high")):
    return Census(1, {"celery@worker-cpu1": tuple(queues)}, (), 1, held)


NOBODY = Census(0, {}, (), 0)


def container(**changes):
    state = {"StartedAt": STARTED, **changes.pop("state", {})}
    return replica("worker-cpu", args=ARGS, state=state, **changes)


def look(found, counted, entries=(), encoders=None):
    return classify(found, "worker-cpu", counted, entries, NOW, encoders)


def entry(job, *, delivered_at, owner="celery@worker-cpu1", identity="task-1"):
    message = parse_message(make_message(TASK, identity, job, "default", 5, "tag"))
    return Unacked("tag", b"", delivered_at, message, owner=owner)


def test_a_worker_that_answers_and_consumes_is_ready():
    found = look(container(), census())
    assert (found.kind, found.node, found.busy, ready(found)) == (LIVE, "celery@worker-cpu1", False, "")
    assert not unwell(found)


@pytest.mark.parametrize(
    ("state", "counted", "kind", "why"),
    [
        ({"Status": "exited"}, NOBODY, DEAD, "does not run"),
        ({"Paused": True}, NOBODY, FROZEN, "is paused"),
        ({}, NOBODY, DEAF, "does not answer"),
        ({"StartedAt": "2026-11-23T03:29:40Z"}, NOBODY, STARTING, "does not answer yet"),
        ({"Health": {"Status": "starting"}}, NOBODY, STARTING, "does not answer yet"),
        ({}, census(queues=()), LIVE, "does not consume default, high"),
        ({}, census(queues=("default",)), LIVE, "does not consume high"),
        ({"Health": {"Status": "unhealthy"}}, census(), LIVE, "is unhealthy"),
    ],
)
def test_what_a_worker_lacks_is_told(state, counted, kind, why):
    found = look(container(state=state), counted)
    assert (found.kind, ready(found)) == (kind, why)


def test_one_that_consumes_nothing_is_helped_by_a_restart_and_one_that_starts_is_not():
    assert unwell(look(container(), census(queues=())))
    assert unwell(look(container(), NOBODY)) and unwell(look(container(state={"Status": "exited"}), NOBODY))
    assert not unwell(look(container(state={"StartedAt": "2026-11-23T03:29:40Z"}), NOBODY))
    assert not unwell(look(container(state={"Paused": True}), NOBODY))


def test_what_it_encodes_is_told_with_the_time():
    found = look(container(), census(task()))
    assert found.busy and found.tokens == ("job-1",)
    assert found.holds(NOW) == "'rendiff-prod-worker-cpu-1' encodes job job-1 since 41 s"
    assert found.describe(NOW)["encoding"] == [
        {"job_id": "job-1", "task_id": "task-1", "state": "active", "since_s": 41}
    ]


def test_a_message_of_its_present_life_is_its_own_and_one_of_an_earlier_life_is_not():
    assert look(container(), census(), [entry("job-2", delivered_at=AFTER)]).unacked == ("job-2",)
    assert look(container(), census(), [entry("job-2", delivered_at=BEFORE)]).unacked == ()
    assert look(container(), census(), [entry("job-2", delivered_at=AFTER, owner="celery@other")]).unacked == ()
    assert look(container(), census(task()), [entry("job-1", delivered_at=AFTER)]).unacked == ()
    assert look(container(), NOBODY, [entry("job-2", delivered_at=AFTER)]).tokens == ("job-2",)


def test_one_that_does_not_answer_is_busy_unless_no_encoder_is_seen_in_it():
    assert look(container(), NOBODY).busy
    assert look(container(), NOBODY, encoders=2).busy
    assert not look(container(), NOBODY, encoders=0).busy
    assert look(container(), NOBODY, encoders=2).tokens == ("rendiff-prod-worker-cpu-1",)
    unacked = [entry("job-2", delivered_at=AFTER)]
    assert not look(container(), NOBODY, unacked, encoders=0).busy
    assert look(container(), NOBODY, unacked, encoders=1).tokens == ("job-2",)
    assert "does not answer and runs 2 ffmpeg" in look(container(), NOBODY, encoders=2).holds(NOW)


def test_a_node_is_known_by_its_host_or_by_the_name_it_is_started_with():
    named = replica("worker-cpu", args=["worker", "-n", "w1@%h"])
    assert node_of(named, ["w1@worker-cpu1"]) == "w1@worker-cpu1"
    assert node_of(replica("worker-cpu", args=["worker", "-n", "w1@node"]), ["w1@node"]) == "w1@node"
    assert node_of(container(), ["celery@other"]) == ""
    assert strangers([container()], Census(2, {"celery@worker-cpu1": (), "celery@far": ()}, (), 2)) == ["celery@far"]


def test_only_what_is_named_is_ended():
    workers = [look(container(), census(task("a"), task("b", identity="task-2")))]
    with pytest.raises(OpsError, match=r"after 9 s, 'rendiff-prod-worker-cpu-1' encodes job a .*scaling_confirm=a,b"):
        require_confirm("restart it", workers, {"a"}, NOW, "after 9 s, ")
    require_confirm("restart it", workers, {"a", "b", "c"}, NOW, "")
    require_confirm("restart it", [look(container(), census())], set(), NOW, "")
    assert tokens_of(" a,b\n c,") == {"a", "b", "c"}


def numbered(number, **changes):
    usual = Worker(f"w{number}", f"id{number}", "worker-cpu", number, LIVE, f"celery@{number}", ("default",))
    return dataclasses.replace(usual, **changes)


@pytest.mark.parametrize(
    ("workers", "keep", "going"),
    [
        ([numbered(1), numbered(2), numbered(3)], 1, ["w3", "w2"]),
        # Compose by itself would take the third, which encodes.
        ([numbered(1), numbered(2), numbered(3, held=(task(),))], 2, ["w2"]),
        ([numbered(1, kind=DEAD), numbered(2), numbered(3)], 1, ["w1", "w3"]),
        ([numbered(1, held=(task(), task())), numbered(2, held=(task(),))], 1, ["w2"]),
        ([numbered(1, unacked=("j",)), numbered(2, kind=FROZEN)], 1, ["w1"]),
        ([numbered(1)], 3, []),
        ([numbered(1)], 0, ["w1"]),
    ],
)
def test_those_go_whose_end_costs_least(workers, keep, going):
    assert [worker.container for worker in choose_victims(workers, keep)] == going


def test_of_two_that_encode_the_one_that_began_later_goes():
    old = dataclasses.replace(task(), started_at=NOW - 5000)
    assert [w.number for w in choose_victims([numbered(1, held=(task(),)), numbered(2, held=(old,))], 1)] == [1]


def test_workers_are_chosen_by_container_or_node():
    workers = [numbered(1), numbered(2)]
    assert [worker.number for worker in select(workers, [])] == [1, 2]
    assert [worker.number for worker in select(workers, ["w2"])] == [2]
    assert [worker.number for worker in select(workers, ["celery@1"])] == [1]
    with pytest.raises(OpsError, match="no container or node has that name. Workers are: w1, w2"):
        select(workers, ["w3"])


class Docker:
    """Answers the calls that are made, and remembers them."""

    def __init__(self, answer=None, status=204, body=b""):
        self.answer, self.status, self.body = answer, status, body
        self.calls = []

    def get(self, path):
        self.calls.append(path)
        return self.answer

    def call(self, method, path, *, query, timeout_s):
        self.calls.append((method, path, dict(query), timeout_s))
        return self.status, self.body


TOP = {
    "Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
    "Processes": [
        ["1000", "7", "1", "0", "10:00", "?", "00:00:01", "/usr/bin/python3 /usr/bin/celery -A worker.main:app worker"],
        ["1000", "9", "7", "0", "10:00", "?", "00:00:01", "/usr/bin/ffmpeg -y -i /storage/input/a.mp4"],
        ["1000", "10", "7", "0", "10:00", "?", "00:00:01", "ffprobe /storage/input/ffmpeg.mp4"],
        ["1000", "11", "7", "0", "10:00", "?", "00:00:01", "tail ffmpeg.log"],
    ],
}


def test_encoders_are_told_from_what_only_names_them():
    assert Containers(Docker(TOP)).encoders("id") == 2
    assert Containers(Docker(None)).encoders("id") is None
    assert not is_encoder("") and not is_encoder("grep ffmpeg")


def test_a_stop_is_bounded_by_more_than_its_grace():
    docker = Docker()
    Containers(docker).restart("id", "w1", 40)
    assert docker.calls == [("POST", "/containers/id/restart", {"t": "40"}, 70.0)]


def test_what_is_gone_needs_no_removal_and_what_docker_refuses_is_told():
    Containers(Docker(status=404)).remove("id", "w1")
    Containers(Docker(status=304)).stop("id", "w1", 1)
    refusing = Docker(status=500, body=json.dumps({"message": "no space left"}).encode())
    with pytest.raises(OpsError, match="Cannot stop container 'w1': Docker answered 500: .*no space left"):
        Containers(refusing).stop("id", "w1", 1)
