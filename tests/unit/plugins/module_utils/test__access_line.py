# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._access_line import NotAHitError, key_identity, rest_of
from ansible_collections.rendiff.ops.plugins.module_utils._access_parse import Parser

from .access_builders import AGENT, KEY, clf, traefik, uvicorn

JSON_HIT = (
    b"203.0.113.7",
    b"2026-11-23T03:12:45.256078856Z",
    b'GET /api/v1/health HTTP/1.1" 200',
    b"127",
    AGENT.encode(),
)
CLF_HIT = (b"203.0.113.7", b"23/Nov/2026:03:12:45 +0000", b'GET /api/v1/health HTTP/1.1" 200', b"127", AGENT.encode())
UVICORN_HIT = (b"203.0.113.7", b"", b'GET /api/v1/health HTTP/1.1" 200', b"", b"")
STAMP = b"2026-11-23T03:12:45.123456789Z "


def wrapped(line):
    return json.dumps({"log": line.decode() + "\n", "stream": "stdout", "time": "2026-11-23T03:12:45Z"}).encode()


@pytest.mark.parametrize(
    "before",
    [b"", b"traefik-10 | ", b"traefik-1  | ", b"\x1b[36mrendiff-traefik-1  |\x1b[0m ", b"traefik-1  | " + STAMP],
)
@pytest.mark.parametrize(("line", "hit"), [(traefik(), JSON_HIT), (clf(), CLF_HIT), (uvicorn(), UVICORN_HIT)])
def test_a_line_of_each_form_is_told_with_and_without_what_compose_puts_before_it(line, hit, before):
    found = Parser().parse(before + line)[:5]
    if hit is UVICORN_HIT and STAMP in before:
        assert found == (hit[0], STAMP.strip(), *hit[2:])
    else:
        assert found == hit


@pytest.mark.parametrize(("line", "hit"), [(traefik(), JSON_HIT), (clf(), CLF_HIT), (uvicorn(), UVICORN_HIT)])
def test_what_docker_wrapped_is_unwrapped_once(line, hit):
    assert Parser().parse(wrapped(line))[:5] == hit
    with pytest.raises(NotAHitError):
        Parser().parse(wrapped(wrapped(line)))


@pytest.mark.parametrize(
    ("line", "address", "agent"),
    [
        (b'1.2.3.4 - - [23/Nov/2026:03:12:45 +0000] "GET / HTTP/1.1" 200 5', b"1.2.3.4", b""),
        (
            b'1.2.3.4 - bob [23/Nov/2026:03:12:45 +0000] "GET / HTTP/2.0" 200 - "http://x/" "curl/8"',
            b"1.2.3.4",
            b"curl/8",
        ),
        (b'1.2.3.4, 10.0.0.1 - - [23/Nov/2026:03:12:45 +0000] "GET / HTTP/1.1" 200 5', b"1.2.3.4, 10.0.0.1", b""),
        (b'::1 - - [23/Nov/2026:03:12:45 +0000] "\\x16\\x03\\x01" 400 150 "-" "-"', b"::1", b"-"),
        (
            b'1.2.3.4 - - [23/Nov/2026:03:12:45 +0000] "GET /\\" HTTP/1.1" 200 5 "-" "a\\"b" "9.9.9.9"',
            b"1.2.3.4",
            b'a\\"b',
        ),
        (b'2026-11-23 03:12:45,123 INFO:     ::1:5 - "GET / HTTP/1.1" 200 OK', b"::1", b""),
        (b'INFO:     [2001:db8::1]:5 - "GET / HTTP/1.1" 200 OK', b"[2001:db8::1]:5", b""),
        (b'\x1b[32mINFO\x1b[0m:     1.2.3.4:5 - "\x1b[1mGET / HTTP/1.1\x1b[0m" \x1b[32m200 OK\x1b[0m', b"1.2.3.4", b""),
    ],
)
def test_forms_of_other_servers(line, address, agent):
    hit = Parser().parse(line)
    assert (hit[0], hit[4]) == (address, agent)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "empty"),
        (b" \t", "empty"),
        (b"2026-11-23T03:12:45Z ERR cannot read", "unknown_format"),
        (b'a | b | 1.2.3.4 - - [23/Nov/2026:03:12:45 +0000] "GET / HTTP/1.1" 200 5', "unknown_format"),
        (b'{"level":"info","msg":"Starting"}', "not_a_request"),
        (b'{"ClientHost":"1.2.3.4"', "not_json"),
        (traefik(DownstreamStatus="200"), "wrong_types"),
        (traefik(DownstreamStatus=True), "wrong_types"),
        (traefik(DownstreamStatus=float("nan")), "wrong_types"),
        (traefik(DownstreamStatus=10**400), "wrong_types"),
        (traefik(DownstreamStatus=-5), "wrong_types"),
        (traefik(ClientHost=["1.2.3.4"], ClientAddr={}), "wrong_types"),
        (traefik(DownstreamStatus=None), "not_a_request"),
        (b'{"ClientHost":"1.2.3.4","DownstreamStatus":' + b"9" * 5000 + b"}", "not_json"),
        (b'{"x":' * 100_000, "too_long"),
        (b'{"x":' * 13_000, "too_deep"),
        (b"\xff\xfe\x00", "unknown_format"),
        (b"\x00damaged", "damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "line",
)
def test_what_tells_of_no_request_is_skipped_by_reason(line, reason):
    parser = Parser()
    assert parser.hits(line + b"\n") == []
    assert dict(parser.skipped) == {reason: 1}


def test_a_raw_key_never_leaves_the_parser():
    parser = Parser()
    (hit,) = parser.hits(traefik(**{"request_X-Api-Key": KEY}) + b"\n")
    assert hit[6] == b"Zk3vTq1b:" + hashlib.sha256(KEY.encode()).hexdigest().encode()
    assert KEY.encode() not in b"".join(hit)
    assert parser.json.holds_keys


@pytest.mark.parametrize("name", ["request_x-api-key", "request_X-API-KEY"])
def test_the_name_of_a_header_is_told_in_any_case(name):
    (hit,) = Parser().hits(traefik(**{name: KEY}) + b"\n")
    assert hit[6].startswith(b"Zk3vTq1b:")


@pytest.mark.parametrize(("field", "holds"), [("REDACTED", False), ("-", False), ("Bearer abc", True)])
def test_a_log_that_hides_its_keys_holds_none(field, holds):
    parser = Parser()
    (hit,) = parser.hits(traefik(request_Authorization=field) + b"\n")
    assert (hit[6], parser.json.holds_keys) == (b"", holds)


@pytest.mark.parametrize(
    ("key", "prefix"), [(b"abcd", b"a"), (b"x" * 12, b"xxx"), (b"\x1b{}%" * 9, b""), (b"k" * 99, b"k" * 8)]
)
def test_a_prefix_never_tells_more_than_a_quarter(key, prefix):
    assert key_identity(key).partition(b":")[0] == prefix


@pytest.mark.parametrize(
    ("line", "who", "took"),
    [
        (traefik(DownstreamStatus=429, OriginStatus=0), "proxy", 16),
        (traefik(DownstreamStatus=429, OriginStatus=None), "proxy", 16),
        (traefik(DownstreamStatus=429, OriginStatus=429), "app", 16),
        (clf(status=429), "app", 16),
        (clf(status=429, rest=' 42 "api@docker" "-" 0ms'), "proxy", 0),
        (clf(status=429, rest=""), "unknown", None),
        (uvicorn(status=429), "unknown", None),
    ],
)
def test_who_refused_is_told_where_the_log_says_it(line, who, took):
    assert rest_of(Parser().parse(line)[5]) == (who, took)
