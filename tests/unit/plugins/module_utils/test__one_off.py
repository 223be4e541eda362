# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import struct

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils import _one_off
from ansible_collections.rendiff.ops.plugins.module_utils._credentials import PostgresLogin
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._one_off import OneOff

LOGIN = PostgresLogin("db", 5432, "app", "rendiff", "p")
SLOW = OpsError("talk to Docker", "no answer within 10 s")
RUNS, ENDED = {"State": {"Status": "running"}}, {"State": {"Status": "exited", "ExitCode": 0}}
LINE = b"half way\n"


class Docker:
    """Answers as told, one after the other, and the last answer for ever; an error is raised."""

    def __init__(self, states, logs):
        self.left = {"state": list(states), "logs": list(logs)}
        self.removed = False

    def call(self, method, path, **_parts):
        self.removed = self.removed or method == "DELETE"
        if path.endswith("/logs"):
            line = self._next("logs")
            return 200, struct.pack(">BxxxL", 1, len(line)) + line
        return (201 if path.endswith("/create") else 204), json.dumps({"Id": "i"}).encode()

    def inspect(self, _identity):
        return self._next("state")

    def _next(self, what):
        answers = self.left[what]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, OpsError):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def fixture_quick(monkeypatch):
    monkeypatch.setattr(_one_off, "_POLL_S", 0)
    monkeypatch.setattr(_one_off, "_AGAIN_S", 0)


def run(docker, beat=None):
    return OneOff(docker, "p", "image", LOGIN).run(["pg_restore"], 30, beat=beat)


def test_an_answer_of_docker_that_fails_ends_no_work():
    heard = []
    docker = Docker([RUNS, SLOW, SLOW, RUNS, RUNS, SLOW, ENDED], [SLOW, LINE, SLOW, SLOW, LINE])
    ended = run(docker, heard.append)
    assert (ended.status, ended.lines) == (0, ("half way",)) and heard == ["half way"] and docker.removed


def test_who_tells_how_far_it_is_ends_no_work():
    asked = []

    def beat(_line):
        asked.append(1)
        raise OpsError("query PostgreSQL", "canceling statement due to statement timeout")

    assert run(Docker([RUNS, RUNS, ENDED], [LINE]), beat).status == 0
    assert len(asked) == 2


@pytest.mark.parametrize(("states", "logs"), [([RUNS, SLOW], [LINE]), ([RUNS, ENDED], [SLOW])])
def test_docker_that_stays_away_is_an_error_in_the_end(monkeypatch, states, logs):
    monkeypatch.setattr(_one_off, "_PATIENCE_S", 0.05)
    docker = Docker(states, logs)
    with pytest.raises(OpsError, match="no answer within 10 s"):
        run(docker)
    assert docker.removed


def test_a_client_that_is_removed_meanwhile_is_not_waited_for():
    with pytest.raises(OpsError, match="its container was removed"):
        run(Docker([RUNS, None], [LINE]))
