# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import hashlib
import json
import os

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._access_extract import extract, redact_line
from ansible_collections.rendiff.ops.plugins.module_utils._access_log import make_settings
from ansible_collections.rendiff.ops.plugins.module_utils._access_source import from_paths
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError

from .access_builders import KEY, START, clf, options, traefik, uvicorn, write_log


def extracted(tmp_path, lines, max_bytes=10**6, **changes):
    given = options(**changes)
    target = tmp_path / "evidence" / "log"
    target.parent.mkdir(exist_ok=True)
    source = from_paths([str(write_log(tmp_path / "log", lines))])
    return target, extract(source, make_settings(given, START + 3600), str(target), 60, max_bytes)


@pytest.mark.parametrize(
    "line",
    [
        traefik(**{"request_X-Api-Key": KEY}),
        traefik(**{"request_x-api-key": KEY, "request_User-Agent": f"tool {KEY}"}),
        traefik(request_Authorization=f"Bearer {KEY}"),
        traefik(request_Cookie=f"session={KEY}"),
        traefik(RequestPath=f"/api/v1/jobs?x=1&api_key={KEY}&y=2"),
        traefik(RequestPath=f"/login?next=%2Fx%3Ftoken%3D{KEY}"),
        b"traefik-1  | " + traefik(**{"request_X-Api-Key": KEY}),
        clf(request=f"GET /x?apikey={KEY} HTTP/1.1"),
        uvicorn(request=f"GET /x?key={KEY} HTTP/1.1"),
        clf(agent=f"tool Bearer {KEY}"),
    ],
)
def test_no_key_is_in_an_extract(line):
    shown = redact_line(line)
    assert KEY.encode() not in shown and KEY[10:].encode() not in shown
    assert b"203.0.113.7" in shown


def test_a_key_in_what_docker_wrapped_is_cut_too():
    inner = traefik(**{"request_X-Api-Key": KEY}).decode()
    wrapped = json.dumps({"log": inner + "\n", "stream": "stdout", "time": "x"}).encode()
    assert KEY.encode() not in redact_line(wrapped)


@pytest.mark.parametrize("line", [traefik(), clf(), uvicorn(), b"\xff\x00", b'{"x":' * 9000, b""])
def test_what_holds_no_secret_stays_as_it_is(line):
    assert redact_line(line) == line


def test_the_lines_of_an_address_are_evidence(tmp_path):
    lines = [traefik(), clf("198.51.100.1"), b"noise", clf("::ffff:203.0.113.7", 60), clf(second=-9999), uvicorn()]
    target, told = extracted(tmp_path, lines, addresses=["203.0.113.7"], since="2026-11-23T03:00:00Z")
    content = target.read_bytes()
    assert content.splitlines() == [traefik(), clf("::ffff:203.0.113.7", 60), uvicorn()]
    assert told == {
        "path": str(target),
        "lines": 3,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "cut": 0,
        "complete": True,
    }
    assert os.stat(target).st_mode & 0o777 == 0o600
    assert os.listdir(target.parent) == ["log"]


def test_an_extract_is_bounded_and_says_what_it_leaves_out(tmp_path):
    target, told = extracted(tmp_path, [clf()] * 100, max_bytes=10 * (len(clf()) + 1))
    assert (told["lines"], told["cut"], told["complete"]) == (10, 90, False)
    assert target.stat().st_size == told["bytes"]


@pytest.mark.parametrize(
    ("timeout_s", "max_bytes", "said"),
    [(-1, 10**6, "the time was over before a line was found"), (60, 10, "not even one line fits into max_bytes")],
)
def test_an_extract_without_a_line_for_want_of_time_or_room_is_not_left(tmp_path, timeout_s, max_bytes, said):
    source = from_paths([str(write_log(tmp_path / "log", [clf()] * 100))])
    with pytest.raises(OpsError, match=f"Cannot write the extract .*{said}"):
        extract(source, make_settings(options(), START), str(tmp_path / "e"), timeout_s, max_bytes)
    assert os.listdir(tmp_path) == ["log"]


def test_an_extract_of_what_is_not_there_is_whole_and_empty(tmp_path):
    target, told = extracted(tmp_path, [clf()], addresses=["192.0.2.9"])
    assert (told["lines"], told["cut"], told["complete"], target.read_bytes()) == (0, 0, True, b"")


def test_an_extract_that_fails_leaves_nothing(tmp_path):
    source = from_paths([str(write_log(tmp_path / "log", [clf()]))])
    with pytest.raises(OpsError, match="Cannot write the extract"):
        extract(source, make_settings(options(), START), str(tmp_path / "none" / "log"), 60)

    def broken():
        yield clf() + b"\n"
        raise OpsError("read", "gone")

    with pytest.raises(OpsError):
        extract(
            dataclasses.replace(source, streams=(broken,)), make_settings(options(), START), str(tmp_path / "e"), 60
        )
    assert sorted(os.listdir(tmp_path)) == ["log"]
