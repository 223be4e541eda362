# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._access_text import (
    Remembered,
    address_of,
    is_creation,
    job_of,
    moment_of,
    network_of,
    route_of,
    seconds_of,
    show,
)

JOB = b"0b0e5a0e-8a35-4c8e-9d6c-0a52d4c1a0d7"


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        (b"203.0.113.7", b"203.0.113.7"),
        (b"203.0.113.7:40588", b"203.0.113.7"),
        (b"::ffff:203.0.113.7", b"203.0.113.7"),
        (b"[::ffff:203.0.113.7]:80", b"203.0.113.7"),
        (b"2001:DB8:0:0::1", b"2001:db8::1"),
        (b"[2001:db8::1]:40588", b"2001:db8::1"),
        (b"fe80::1%eth0", b"fe80::1"),
        (b"6.6.6.6, 203.0.113.7", b"203.0.113.7"),
        (b"evil,203.0.113.7", b"203.0.113.7"),
        (b"203.0.113.256", b""),
        (b"203.0.113.07", b""),
        (b"203.0.113.7\n", b""),
        (b"traefik-1", b""),
        (b"-", b""),
        (b"", b""),
        (b"\xff\x00", b""),
        (b"1.2.3.4; DROP TABLE", b""),
        (b"{{ 7*7 }}", b""),
    ],
)
def test_an_address_has_one_spelling(raw, address):
    assert address_of(raw) == address


@pytest.mark.parametrize(
    ("depth", "address"), [(0, b"10.0.0.9"), (1, b"10.0.0.9"), (2, b"203.0.113.7"), (3, b"6.6.6.6"), (9, b"6.6.6.6")]
)
def test_of_a_list_counts_what_a_trusted_proxy_wrote(depth, address):
    assert address_of(b"6.6.6.6, 203.0.113.7, 10.0.0.9", depth) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (b"203.0.113.7", b"203.0.113.0/24"),
        (b"2001:db8:1:2:3::9", b"2001:db8:1:2::/64"),
        (b"::1", b"::/64"),
    ],
)
def test_the_network_of_an_address(address, network):
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("request_line", "route"),
    [
        (b"GET /api/v1/jobs/" + JOB + b" HTTP/1.1", b"GET /api/v1/jobs/{id}"),
        (b"GET /api/v1/jobs/" + JOB + b"/events?x=1 HTTP/1.1", b"GET /api/v1/jobs/{id}/events"),
        (b"GET /a/12/34/x HTTP/1.1", b"GET /a/{id}/{id}/x"),
        (b"GET /a/12?b=/34 HTTP/1.1", b"GET /a/{id}"),
        (
            b"GET /files/0123456789abcdef0123456789abcdef.mp4 HTTP/1.1",
            b"GET /files/0123456789abcdef0123456789abcdef.mp4",
        ),
        (b"GET /files/0123456789abcdef0123456789abcdef HTTP/1.1", b"GET /files/{id}"),
        (b"GET /v1 HTTP/1.1", b"GET /v1"),
        (b"GET / HTTP/1.1", b"GET /"),
        (b"GET http://evil.example/x/1 HTTP/1.1", b"GET /x/{id}"),
        (b"GET /a b HTTP/1.1", b"GET /a b"),
        (b"CONNECT evil.example:443 HTTP/1.1", b"CONNECT evil.example:443"),
        (rb"\x16\x03\x01", b"(no request)"),
        (b"get /x HTTP/1.1", b"(no request)"),
        (b"", b"(no request)"),
    ],
)
def test_a_route_has_neither_ids_nor_a_query(request_line, route):
    assert route_of(request_line) == route


@pytest.mark.parametrize(
    ("request_line", "job"),
    [
        (b"GET /api/v1/jobs/" + JOB + b" HTTP/1.1", JOB),
        (b"GET /jobs/" + JOB.upper() + b"/logs?x HTTP/1.1", JOB),
        (b"GET http://rendiff.localhost/api/v2/jobs/" + JOB + b" HTTP/1.1", JOB),
        (b"GET /any/where/jobs/" + JOB + b" HTTP/1.1", b""),
        (b"GET /x/api/v1/jobs/" + JOB + b" HTTP/1.1", b""),
        (b"GET //jobs/" + JOB + b" HTTP/1.1", b""),
        (b"GET /x?next=/jobs/" + JOB + b" HTTP/1.1", b""),
        (b"GET /jobs/" + JOB + b"0 HTTP/1.1", b""),
        (b"GET /jobs/12 HTTP/1.1", b""),
    ],
)
def test_the_job_that_a_path_names(request_line, job):
    assert job_of(request_line) == job


@pytest.mark.parametrize(
    ("request_line", "creates"),
    [
        (b"POST /api/v1/convert HTTP/1.1", True),
        (b"POST /api/v1/jobs/?x=1 HTTP/1.1", True),
        (b"GET /api/v1/jobs HTTP/1.1", False),
        (b"POST /api/v1/jobs/" + JOB + b"/retry HTTP/1.1", False),
        (b"POST /x?a=/convert HTTP/1.1", False),
    ],
)
def test_what_would_make_a_job(request_line, creates):
    assert is_creation(request_line) is creates


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        (b"23/Nov/2026:03:12:45 +0000", 1795403565),
        (b"23/Nov/2026:05:12:45 +0200", 1795403565),
        (b"22/Nov/2026:23:42:45 -0330", 1795403565),
        (b"2026-11-23T03:12:45Z", 1795403565),
        (b"2026-11-23T03:12:45.999999999Z", 1795403565),
        (b"2026-11-23 03:12:45,123", 1795403565),
        (b"2026-11-23T04:12:45+01:00", 1795403565),
        (b"23/Foo/2026:03:12:45 +0000", 0),
        (b"99/Nov/2026:03:12:45 +0000", 0),
        (b"2026-13-23T03:12:45Z", 0),
        (b"0001-01-01T00:00:00Z", 0),
        (b"x" * 26, 0),
        (b"", 0),
    ],
)
def test_times_of_every_form(stamp, seconds):
    assert seconds_of(stamp) == seconds


def test_the_fraction_of_a_time_is_kept_where_it_is_asked_for():
    assert moment_of(b"2026-11-23T03:12:45.250Z") == 1795403565.25


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[2Jboo", "\\x1b[2Jboo"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"a\x00b\nc", "a\\x00b\\x0ac"),
        ("Zo\u00eb".encode(), "Zo\u00eb"),
        ("\u202eevil".encode(), "\\xe2\\x80\\xaeevil"),
        (b"{{ 7*7 }}", "{{ 7*7 }}"),
        (b"x " * 500, "x " * 98 + "x..."),
        (b"GET /x/api_key=hunter2hunter2", "GET /x/api_key=********"),
        (b"GET /api/v1/organizations/settings/list2", "GET /api/v1/organizations/settings/list2"),
        (b"GET /x/Zk3vTq1bX9sL0pQw7eRt5yUi2oAs4dFg6hJk/y", "GET /x/********/y"),
    ],
)
def test_what_is_shown_is_printable_short_and_no_secret(raw, shown):
    assert show(raw) == shown
    assert show(raw).isprintable()


def test_what_is_remembered_is_bounded():
    cache = Remembered(lambda n: n * 2, 10)
    assert [cache[n] for n in range(1000)] == [n * 2 for n in range(1000)]
    assert len(cache) <= 10
