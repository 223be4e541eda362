# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.server
import threading

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._http import Target
from ansible_collections.rendiff.ops.plugins.module_utils._limit_proof import (
    FORBIDDEN,
    LIMITED,
    Wish,
    judge_limit,
    prove_absence,
    prove_limit,
    unite_proofs,
)

HEALTH = Wish("/health", LIMITED, 100)


class Door(http.server.BaseHTTPRequestHandler):
    """Serves some requests, refuses the rest, and serves again after a pause."""

    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    left = 0
    wait_s = 0.0

    def do_GET(self):
        threading.Event().wait(Door.wait_s)
        with Door.lock:
            Door.left -= 1
            status = 200 if Door.left >= 0 else 429
            if status == 429:
                Door.left = 1
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        pass


@pytest.fixture(name="door")
def fixture_door():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Target(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def test_a_limit_that_holds_is_seen_and_so_is_a_calm_client(door):
    Door.left = 20
    proof = prove_limit(door, HEALTH, 10)
    assert proof["proven"] and proof["answers"]["200"] >= 20 and proof["calm_status"] == 200


def test_where_nothing_is_limited_nothing_is_proven(door):
    Door.left = 10**9
    assert not prove_limit(door, Wish("/health", LIMITED, 30, 1, 2), 1)["proven"]
    assert prove_absence(door, "/health", 50, 10)["proven"]


def test_a_limit_that_is_left_is_seen(door):
    Door.left = 5
    assert not prove_absence(door, "/health", 50, 1)["proven"]


def test_silence_is_no_absence_of_a_limit():
    assert not prove_absence(Target("http://127.0.0.1:9"), "/health", 5, 1)["proven"]


@pytest.mark.parametrize(
    "counts, calm, exceeded, proven",
    [
        ({200: 40, 429: 1}, 200, False, True),
        ({200: 40, 429: 1}, 429, False, False),
        ({200: 40, 429: 1}, 0, False, None),
        ({200: 40, 429: 1}, 503, False, None),
        ({200: 90}, 0, True, False),
        ({200: 90}, 0, False, None),
    ],
    ids=["holds", "refuses the calm", "no answer", "sick service", "does not hold", "not reached"],
)
def test_a_limit_that_was_not_reached_is_not_called_broken(counts, calm, exceeded, proven):
    assert judge_limit(HEALTH, counts, calm, exceeded)["proven"] is proven


def test_a_refusal_needs_no_calm_client():
    assert judge_limit(Wish("/jobs", FORBIDDEN, 1), {403: 1}, 0, False)["proven"]


def test_a_slow_service_leaves_it_open(door):
    Door.left, Door.wait_s = 10**9, 0.3
    try:
        proof = prove_limit(door, Wish("/health", LIMITED, 400, 1000, 2000), 1)
    finally:
        Door.wait_s = 0.0
    assert proof["proven"] is None and "too few to exceed it" in proof["said"]


def test_several_proofs_are_as_good_as_the_worst():
    good, bad = {"proven": True, "said": "a."}, {"proven": False, "said": "b."}
    assert unite_proofs([]) is None and unite_proofs([good])["proven"] is True
    assert unite_proofs([good, bad]) == {"proven": False, "said": "a. b."}
    assert unite_proofs([good, {**bad, "proven": None}])["proven"] is None
