# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import http.server
import threading

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._key_proof import (
    BY_KEY,
    BY_PROBE,
    Answer,
    Proof,
    judge_answers,
    unproven,
)

from .builders import replica, stack


def test_it_is_proven_only_where_every_address_refuses():
    refused = judge_answers([Answer("api-1", 401), Answer("the proxy", 403)], BY_KEY)
    assert refused["proven"] and "all 2 addresses" in refused["said"]


def test_an_answer_that_is_no_refusal_is_named():
    told = judge_answers([Answer("api-1", 401), Answer("api-2", 200), Answer("api-3", 500)], BY_KEY)
    assert not told["proven"] and "api-2 accepts it" in told["said"]
    assert "api-3 answered 500, which is no refusal" in told["said"] and "api-1" not in told["said"]


def test_silence_proves_nothing():
    silent = judge_answers([Answer("api-1", 0, "timed out.")], BY_KEY)
    assert not silent["proven"] and "api-1 did not answer (timed out)" in silent["said"]
    assert not judge_answers([], BY_KEY)["proven"]


class Door(http.server.BaseHTTPRequestHandler):
    """Answers as a service whose refusal is ``with_key``, behind something that answers first where it does."""

    with_key = 403
    without_key = 401

    def do_GET(self):
        self.send_response(self.with_key if self.headers["X-API-Key"] else self.without_key)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        pass


@pytest.fixture(name="proof")
def fixture_proof():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api = dataclasses.replace(replica("api"), networks={"n": "127.0.0.1"})
    yield Proof(stack(api), {"api_port": server.server_port}, 0.1)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "with_key, without_key, proven",
    [(401, 401, True), (403, 401, True), (403, 403, False), (200, 403, False)],
    ids=["refused", "refused with 403", "nobody gets in", "accepted"],
)
def test_what_answers_403_to_everybody_proves_nothing(proof, monkeypatch, with_key, without_key, proven):
    monkeypatch.setattr(Door, "with_key", with_key)
    monkeypatch.setattr(Door, "without_key", without_key)
    told = judge_answers(proof.until_refused("a-key"), BY_KEY)
    assert told["proven"] is proven and len(told["targets"]) == 1
    assert ("answered 403, which is no refusal: it answers 403 without a key" in told["said"]) is (
        without_key == with_key == 403
    )


def test_a_proof_that_could_not_be_tried_is_none():
    told = unproven("k-1", BY_PROBE, "Cannot insert a row: permission denied. Grant it.")
    assert (told["key_id"], told["proven"], told["by"], told["targets"]) == ("k-1", False, BY_PROBE, [])
    assert told["said"].endswith("everywhere: Cannot insert a row: permission denied. Grant it.")
