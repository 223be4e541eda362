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
)

HEALTH = Wish("/health", LIMITED, 100)


class Door(http.server.BaseHTTPRequestHandler):
    """Serves some requests, refuses the rest, and serves again after a pause."""

    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    left = 0

    def do_GET(self):
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
    assert not prove_limit(door, Wish("/health", LIMITED, 30), 1)["proven"]
    assert prove_absence(door, "/health", 50, 10)["proven"]


def test_a_limit_that_is_left_is_seen(door):
    Door.left = 5
    assert not prove_absence(door, "/health", 50, 1)["proven"]


def test_silence_is_no_absence_of_a_limit():
    assert not prove_absence(Target("http://127.0.0.1:9"), "/health", 5, 1)["proven"]


@pytest.mark.parametrize(
    "counts, calm, proven",
    [
        ({200: 40, 429: 1}, 200, True),
        ({200: 40, 429: 1}, 429, False),
        ({200: 40, 429: 1}, 0, False),
        ({200: 90}, 0, False),
    ],
    ids=["holds", "never served again", "no answer", "never limited"],
)
def test_a_proof_needs_both_the_limited_and_the_calm(counts, calm, proven):
    assert judge_limit(HEALTH, counts, calm)["proven"] is proven


def test_a_refusal_needs_no_calm_client():
    assert judge_limit(Wish("/jobs", FORBIDDEN, 1), {403: 1}, 0)["proven"]
