# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import collections
import gzip
import json
import random
import tracemalloc

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils import _access_scan as scans
from ansible_collections.rendiff.ops.plugins.module_utils import _access_tally as tallies
from ansible_collections.rendiff.ops.plugins.module_utils._access_file import open_segments
from ansible_collections.rendiff.ops.plugins.module_utils._access_log import find_source, make_settings, read
from ansible_collections.rendiff.ops.plugins.module_utils._access_parse import Parser
from ansible_collections.rendiff.ops.plugins.module_utils._access_rows import Rows
from ansible_collections.rendiff.ops.plugins.module_utils._access_scan import Scan, whole_lines
from ansible_collections.rendiff.ops.plugins.module_utils._access_tally import Settings, Tally
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError

from .access_builders import KEY, START, clf, look_at, options, random_line, traefik, uvicorn, write_log

NEVER = 1e18


def entry(result, address):
    return next(found for found in result["addresses"] if found["address"] == address)


def test_one_address_is_told_in_full(tmp_path):
    lines = [traefik(second=second // 3, DownstreamContentSize=10**9 + second) for second in range(9)]
    lines += [traefik(second=60, RequestPath="/api/v1/jobs/12", DownstreamStatus=404, DownstreamContentSize=5)]
    lines += [traefik("2001:db8::1", 61, **{"request_User-Agent": "curl/8"})]
    result = look_at(write_log(tmp_path / "log", lines))
    assert entry(result, "203.0.113.7") == {
        "address": "203.0.113.7",
        "network": "203.0.113.0/24",
        "requests": 10,
        "error": 0,
        "share": 0.9091,
        "detailed": 10,
        "peak_per_second": 3,
        "errors_share": 0.1,
        "statuses": {"200": 9, "404": 1},
        "routes": [{"route": "GET /api/v1/health", "requests": 9}, {"route": "GET /api/v1/jobs/{id}", "requests": 1}],
        "user_agents": 1,
        "bytes": 9 * 10**9 + 36 + 5,
    }
    assert [network["network"] for network in result["networks"]] == ["203.0.113.0/24", "2001:db8::/64"]
    assert result["user_agents"][1] == {"user_agent": "curl/8", "requests": 1, "error": 0, "share": 0.0909}
    assert (result["statuses"], result["share_4xx"], result["share_5xx"]) == ({"200": 10, "404": 1}, 0.0909, 0.0)
    assert (result["first_seen"], result["last_seen"]) == ("2026-11-23T03:12:45Z", "2026-11-23T03:13:46Z")
    assert result["formats"] == {"json": 11} and result["lines"] == 11 and not result["skipped"]
    assert "11 requests from 2 addresses" in result["summary"] and "203.0.113.7" in result["summary"]


def test_all_forms_of_a_line_come_to_the_same_address(tmp_path):
    lines = [
        traefik(),
        clf(),
        uvicorn(),
        b"traefik-1  | " + clf(),
        clf("::ffff:203.0.113.7"),
        clf("[::ffff:203.0.113.7]:9"),
    ]
    result = look_at(write_log(tmp_path / "log", lines))
    assert entry(result, "203.0.113.7")["requests"] == 6
    assert result["formats"] == {"clf": 4, "json": 1, "uvicorn": 1}
    assert result["without_time"] == 1 and "1 lines have no time" in result["summary"]


def test_lines_without_a_time_are_counted_and_have_no_rates(tmp_path):
    result = look_at(write_log(tmp_path / "log", [uvicorn()] * 5))
    assert (result["requests"], result["without_time"], result["rates"]["mean"]) == (5, 5, None)
    assert entry(result, "203.0.113.7")["peak_per_second"] is None
    assert (result["first_seen"], result["last_seen"]) == (None, None)


def test_who_refused_is_told_apart(tmp_path):
    lines = [traefik(DownstreamStatus=429, OriginStatus=0)] * 3 + [traefik(DownstreamStatus=429, OriginStatus=429)] * 2
    result = look_at(write_log(tmp_path / "log", [*lines, traefik(OriginStatus=0), clf(status=429, rest="")]))
    assert result["limited"] == {"by_proxy": 3, "by_app": 2, "unknown": 1}


def naive(lines, since=None, until=None):
    """Count what the slow parser tells, in the plainest way there is."""
    parser = Parser(fast=False)
    tally = Tally(Settings())
    hits = [hit for line in lines for hit in parser.hits(line + b"\n")]
    addresses = [tally.address[hit[0]] for hit in hits]
    seconds = collections.Counter(
        (address, tally._second_of(hit[1])) for address, hit in zip(addresses, hits) if tally._second_of(hit[1])
    )
    peaks = collections.Counter()
    for (address, _second), count in seconds.items():
        peaks[address] = max(peaks[address], count)
    sizes = collections.Counter()
    for address, hit in zip(addresses, hits):
        sizes[address] += int(hit[3] or 0)
    return collections.Counter(address for address in addresses if address), peaks, sizes


@pytest.mark.parametrize("seed", range(8))
def test_what_is_told_is_what_plain_counting_tells(seed, tmp_path):
    source = random.Random(seed)
    lines = [random_line(source).replace(b"\n", b"") for _index in range(3_000)]
    counts, peaks, sizes = naive(lines)
    result = look_at(write_log(tmp_path / "log", lines), top=1000)
    assert {found["address"].encode(): found["requests"] for found in result["addresses"]} == dict(counts)
    for found in result["addresses"]:
        name = found["address"].encode()
        assert (found["peak_per_second"] or 0, found["bytes"]) == (peaks[name], sizes[name])
        assert sum(found["statuses"].values()) == found["requests"] == found["detailed"]
    assert result["requests"] == sum(counts.values())
    assert sum(network["requests"] for network in result["networks"]) == result["requests"]
    only = look_at(tmp_path / "log", top=1000, only_addresses=True)
    assert {found["address"]: found["requests"] for found in only["addresses"]} == {
        found["address"]: found["requests"] for found in result["addresses"]
    }
    assert (only["skipped"], only["formats"], only["lines"]) == (result["skipped"], result["formats"], result["lines"])


@pytest.mark.parametrize("form", [clf, traefik])
@pytest.mark.parametrize("compressed", [False, True])
def test_two_processes_tell_what_one_tells(form, compressed, tmp_path, monkeypatch):
    source = random.Random(3)
    # One address so busy that its numbers are added up early, and lines that are out of order by a second.
    lines = []
    for index in range(12_000):
        address = "203.0.113.7" if index % 3 else f"198.51.100.{source.randrange(200)}"
        lines.append(form(address, max(0, index // 40 - source.randrange(2))))
    paths = [write_log(tmp_path / "a", lines[:4000]), write_log(tmp_path / "b", lines[4000:])]
    if compressed:
        packed = tmp_path / "a.gz"
        packed.write_bytes(gzip.compress(paths[0].read_bytes()))
        paths[0] = packed
    monkeypatch.setattr(scans, "_TWO_PROCESSES_FROM", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    seen = []
    for processes in (1, 2):
        for changes in ({}, {"only_addresses": True}, {"ties": True}):
            given = options(paths=[str(path) for path in paths], processes=processes, **changes)
            settings = make_settings(given, START)
            result = scans_read(given, settings)
            seen.append(result)
    assert seen[:3] == seen[3:]
    assert seen[0]["addresses"][0]["requests"] == 8000


def scans_read(given, settings):
    result = read(find_source(given, settings, None, START), settings, given, START)
    result.pop("seconds")
    return result


@pytest.mark.parametrize("fault", ["fork", "die"])
def test_where_a_second_process_fails_its_part_is_read_here(fault, tmp_path, monkeypatch):
    path = write_log(tmp_path / "log", [clf(second=index // 9) for index in range(5_000)])
    monkeypatch.setattr(scans, "_TWO_PROCESSES_FROM", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    def no_fork():
        raise OSError("no more processes")

    if fault == "fork":
        monkeypatch.setattr("os.fork", no_fork)
    else:
        monkeypatch.setattr(Scan, "tell", lambda scan: 1 / 0)
    result = look_at(path)
    assert (result["requests"], result["complete"], entry(result, "203.0.113.7")["detailed"]) == (5_000, True, 5_000)


def test_what_came_before_the_window_is_compared(tmp_path):
    before = [traefik("198.51.100.1", second) for second in range(0, 3600, 10)]
    within = [traefik("198.51.100.1", 3600 + second) for second in range(0, 600, 10)]
    within += [traefik("203.0.113.7", 3600 + second // 10) for second in range(3000)]
    lines = [traefik(second=-50), *before, *within, traefik(second=9999), uvicorn("192.0.2.9")]
    times = {"since": "2026-11-23T04:12:45Z", "until": "2026-11-23T04:22:45Z", "baseline_s": 3600}
    result = look_at(write_log(tmp_path / "log", lines), **times)
    attacker, usual = entry(result, "203.0.113.7"), entry(result, "198.51.100.1")
    assert (attacker["is_new"], attacker["baseline_requests"], attacker["factor"]) == (True, 0, None)
    assert (usual["is_new"], usual["baseline_requests"], usual["factor"]) == (False, 360, 1.0)
    window = result["window"]
    assert (window["before"], window["after"], window["baseline_requests"]) == (1, 1, 360)
    assert result["requests"] == 3061 and result["without_time"] == 1
    assert "which is new" in result["summary"]
    assert {network["network"]: network["is_new"] for network in result["networks"]} == {
        "203.0.113.0/24": True,
        "198.51.100.0/24": False,
        "192.0.2.0/24": True,
    }


def test_only_the_addresses_that_are_asked_for_are_counted(tmp_path):
    path = write_log(tmp_path / "log", [clf("203.0.113.7"), clf("2001:db8::1"), clf("198.51.100.1")])
    result = look_at(path, addresses=["::ffff:203.0.113.7", "2001:DB8:0::1"])
    assert {found["address"] for found in result["addresses"]} == {"203.0.113.7", "2001:db8::1"}
    assert result["filtered"] == 1


JOB = "0b0e5a0e-8a35-4c8e-9d6c-0a52d4c1a0d7"


def test_ties_are_told_and_bounded(tmp_path):
    created = {"RequestMethod": "POST", "RequestPath": "/api/v1/convert", "DownstreamStatus": 201}
    lines = [
        traefik("198.51.100.1", 1, **created),
        traefik("198.51.100.1", 2, **{**created, "DownstreamStatus": 401}),
        *[traefik(second=second, **{"request_X-Api-Key": KEY}) for second in range(3)],
        traefik(RequestPath=f"/api/v1/jobs/{JOB}/events"),
        *[traefik(RequestPath=f"/jobs/{JOB[:-3]}{index:03x}") for index in range(50)],
    ]
    ties = look_at(write_log(tmp_path / "log", lines), ties=True, ties_max=20)["ties"]
    (key,) = ties["api_keys"]
    assert (key["prefix"], key["addresses"]) == ("Zk3vTq1b", [{"address": "203.0.113.7", "requests": 3}])
    assert ties["jobs"][0] == {"address": "203.0.113.7", "job_id": JOB, "requests": 1}
    (creation,) = ties["creations"]
    assert creation["started_at"] == pytest.approx(START + 1.256, abs=0.001)
    assert (creation["address"], creation["duration_ms"], creation["status"]) == ("198.51.100.1", 16, 201)
    assert len(ties["jobs"]) == 20
    assert ties["totals"] == {"keyed": 3, "keyed_untied": 0, "jobs": 51, "jobs_untied": 31, "creations": 1}


@pytest.mark.parametrize(
    ("line", "tied"),
    [
        (traefik(RequestPath=f"/api/v1/jobs/{JOB}"), 1),
        (traefik(RequestPath=f"/api/v1/jobs/{JOB}", OriginStatus=None), 1),
        (traefik(RequestPath=f"/api/v1/jobs/{JOB}", DownstreamStatus=204, OriginStatus=206), 1),
        (clf(request=f"DELETE /jobs/{JOB} HTTP/1.1", status=299), 1),
        (clf(request=f"GET /jobs/{JOB} HTTP/1.1", rest=""), 1),
        (uvicorn(request=f"GET /api/v1/jobs/{JOB} HTTP/1.1"), 1),
        (traefik(RequestPath=f"/api/v1/jobs/{JOB}", DownstreamStatus=404, OriginStatus=404), 0),
        (traefik(RequestPath=f"/api/v1/jobs/{JOB}", DownstreamStatus=401, OriginStatus=401), 0),
        (traefik(RequestPath=f"/api/v1/jobs/{JOB}", DownstreamStatus=304, OriginStatus=304), 0),
        (traefik(RequestPath=f"/api/v1/jobs/{JOB}", OriginStatus=404), 0),
        (traefik(RequestPath=f"/api/v1/jobs/{JOB}", OriginStatus=0), 0),
        (traefik(RequestPath=f"/docs/jobs/{JOB}"), 0),
        (traefik(RequestPath=f"/x/api/v1/jobs/{JOB}"), 0),
        (clf(request=f"GET /jobs/{JOB} HTTP/1.1", status=404), 0),
        (clf(request=f"GET /jobs/{JOB} HTTP/1.1", rest=' 42 "-" "-" 0ms'), 0),
        (uvicorn(request=f"GET /api/v1/jobs/{JOB} HTTP/1.1", status=404), 0),
    ],
)
def test_only_what_the_app_granted_ties_an_address_to_a_job(line, tied, tmp_path):
    ties = look_at(write_log(tmp_path / "log", [line]), ties=True)["ties"]
    assert (len(ties["jobs"]), ties["totals"]["jobs"]) == (tied, tied)


def test_a_creation_that_the_proxy_or_the_app_refused_is_none(tmp_path):
    made = {"RequestMethod": "POST", "RequestPath": "/api/v1/convert", "DownstreamStatus": 201}
    lines = [traefik(**made, OriginStatus=status) for status in (201, 0, 401)]
    assert look_at(write_log(tmp_path / "log", lines), ties=True)["ties"]["totals"]["creations"] == 1


@pytest.mark.parametrize("only", [False, True])
@pytest.mark.parametrize(
    ("depth", "address"), [(0, "198.51.100.9"), (1, "10.0.0.9"), (2, "203.0.113.7"), (3, "192.0.2.66")]
)
def test_what_a_client_forwards_does_not_choose_its_address(depth, address, only, tmp_path):
    forged = traefik(ClientHost="192.0.2.66, 203.0.113.7, 10.0.0.9", ClientAddr="198.51.100.9:40588")
    # Many, so that the fast way is taken too.
    path = write_log(tmp_path / "log", [traefik("192.0.2.1"), *[forged] * 2_000])
    result = look_at(path, forwarded_depth=depth, only_addresses=only)
    assert {found["address"]: found["requests"] for found in result["addresses"]} == {address: 2_000, "192.0.2.1": 1}
    assert result["proxied"] == {"requests": 2_000, "share": 0.9995}


@pytest.mark.parametrize("only", [False, True])
def test_by_default_who_connected_counts_and_nobody_stands_in_front(only, tmp_path):
    lines = [traefik("203.0.113.7"), traefik("2001:db8::1"), traefik(ClientHost="6.6.6.6", ClientAddr=None), clf()] * 50
    result = look_at(write_log(tmp_path / "log", lines), only_addresses=only)
    counts = {found["address"]: found["requests"] for found in result["addresses"]}
    assert counts == {"203.0.113.7": 100, "2001:db8::1": 50}
    assert result["skipped"] == {"no_address": 50}
    assert result["proxied"] == {"requests": 0, "share": 0.0}


def test_without_json_nothing_is_told_of_a_proxy_in_front(tmp_path):
    assert look_at(write_log(tmp_path / "log", [clf()]))["proxied"] == {"requests": 0, "share": None}


def test_no_raw_key_and_no_escape_is_in_the_result(tmp_path):
    hostile = {
        "request_X-Api-Key": KEY,
        "RequestPath": "/\x1b[2J/{{ 7*7 }}?api_key=" + KEY,
        "request_User-Agent": "\x07" + KEY,
    }
    lines = [traefik(**hostile), clf(agent="\x1b]0;x\x07"), clf(request="GET /\u202e HTTP/1.1")]
    result = look_at(write_log(tmp_path / "log", lines), ties=True)
    text = json.dumps(result, ensure_ascii=False)
    assert KEY not in text and KEY[10:] not in text
    assert text.isprintable()
    assert result["log_holds_keys"] and "API keys in clear text" in result["summary"]
    assert result["api_keys"][0]["prefix"] == "Zk3vTq1b"


def test_a_line_of_ten_megabytes_is_never_held(tmp_path):
    path = tmp_path / "log"
    with path.open("wb") as stream:
        stream.write(clf() + b"\n")
        for _index in range(10):
            stream.write(b"x" * (1 << 20))
        stream.write(b"\n" + clf() + b"\n")
    tracemalloc.start()
    result = look_at(path, processes=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (result["requests"], result["skipped"]) == (2, {"too_long": 1})
    assert peak < 9 << 20


def many(kind, count):
    """Yield the pieces of a log in which nothing comes twice."""
    for begin in range(0, count, 1_000):
        lines = []
        for index in range(begin, min(count, begin + 1_000)):
            address = f"{1 + (index >> 24)}.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}"
            unique = f"x{index:08d}" * 8
            if kind == "json":
                changes = {"RequestPath": f"/{unique}", "request_User-Agent": unique, "request_X-Api-Key": unique}
                lines.append(traefik(address, index // 50, **changes))
            else:
                lines.append(clf(address, index // 50, f"GET /{unique} HTTP/1.1", 200, 1, unique))
        yield b"".join(line + b"\n" for line in lines)


@pytest.mark.parametrize("kind", ["json", "clf"])
@pytest.mark.parametrize("only", [False, True])
def test_memory_does_not_grow_with_what_is_different(kind, only, monkeypatch):
    peaks = []
    for bound in ("ROUTES_MAX", "AGENTS_MAX", "API_KEYS_MAX"):
        monkeypatch.setattr(tallies, bound, 250)
    monkeypatch.setattr(scans, "_ADDRESSES_MAX", 500)
    # Beyond what is remembered of the spelling of addresses.
    for count in (22_000, 50_000) if only else (4_000, 16_000):
        tracemalloc.start()
        scan = Scan(Settings(tracked_max=250, rows_max=250, ties=not only, ties_max=100), only, NEVER)
        scan.read(many(kind, count))
        scan.finish()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert scan.tally.figures["requests"] == scan.tally.addresses.total == count
        assert not scan.tally.addresses.exact and scan.tally.addresses.floor <= count / 250
        assert sum(found for _name, found in scan.tally.networks.items()) <= count
    assert peaks[1] < peaks[0] * 1.5
    assert peaks[1] < 32 << 20


def test_memory_does_not_grow_with_the_requests_of_one_address():
    peaks = []
    for count in (30_000, 300_000):
        rows = Rows(1_000, lambda address, requests, before: None)
        tracemalloc.start()
        numbers = rows.new(b"203.0.113.7")
        for begin in range(0, count, 10_000):
            kind = rows.kind(b"GET /%d" % begin, b"200")
            numbers.extend(kind | rows.when(START + begin + index // 9) for index in range(10_000))
            rows.added(10_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        detail = rows.detail(b"203.0.113.7")
        assert (detail.requests, sum(detail.kinds.values()), detail.peak) == (count, count, 9)
    assert peaks[1] < 16 << 20


def test_who_sends_most_keeps_its_details_among_very_many(tmp_path):
    scan = Scan(Settings(tracked_max=2_000, rows_max=1_000), False, NEVER)

    def pieces():
        for index, piece in enumerate(many("clf", 40_000)):
            yield piece + (clf("250.1.2.3", index) + b"\n") * 60

    scan.read(pieces())
    scan.finish()
    assert scan.tally.addresses.most(1)[0][:2] == (b"250.1.2.3", 2_400)
    assert scan.details([b"250.1.2.3"])[0].requests == 2_400


@pytest.mark.parametrize("count", [1, 5, 20])
def test_user_agents_of_one_address_are_counted_about_right(count):
    tally = Tally(Settings())
    parser = Parser()
    for index in range(count):
        tally.add(parser.hits(clf(agent=f"agent-{index}/1.0") + b"\n"))
    assert count * 0.9 - 1 <= tally.detail(b"203.0.113.7").user_agents() <= count


def test_a_time_to_read_that_is_over_is_told(tmp_path):
    path = write_log(tmp_path / "log", [clf()] * 50_000)
    given = options(path=str(path), timeout_s=1)
    settings = make_settings(given, START)
    scan = Scan(settings, False, -1.0)
    scan.read_segments(open_segments([str(path)]), 1)
    scan.finish()
    assert not scan.complete
    assert 0 < scan.tally.figures["requests"] < 50_000


def test_a_damaged_compressed_file_is_read_as_far_as_it_goes(tmp_path):
    path = tmp_path / "log.gz"
    source = random.Random(1)
    lines = [clf(f"203.0.113.{source.randrange(250)}", source.randrange(9999)) for _index in range(50_000)]
    raw = gzip.compress(b"".join(line + b"\n" for line in lines))
    path.write_bytes(raw[: len(raw) // 2])
    result = look_at(path)
    assert 1_000 < result["requests"] < 50_000
    assert result["skipped"]["damaged"] == 1


@pytest.mark.parametrize(
    ("chunks", "blocks", "long"),
    [
        ([b"a\nb", b"c\n"], [b"a\n", b"bc\n"], 0),
        ([b"a\nb"], [b"a\n", b"b\n"], 0),
        ([b"\n\n"], [b"\n\n"], 0),
        ([], [], 0),
        ([b"x" * 8, b"y" * 8, b"z\nok\n"], [b"ok\n"], 1),
        ([b"x" * 20, b"\n", b"ok\n"], [b"ok\n"], 1),
        ([b"a\n" + b"x" * 20, b"x"], [b"a\n"], 1),
    ],
)
def test_blocks_are_whole_lines(chunks, blocks, long):
    told = []
    found = list(whole_lines(chunks, lambda: told.append(1), 10))
    assert ([block for block in found if block], len(told)) == (blocks, long)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"since": "yesterday"}, "since is 'yesterday', no time"),
        ({"since": "\x1b[2J"}, "\\x1b[2J"),
        ({"since": "2026-11-23T03:12:45Z", "until": "2026-11-22T03:12:45Z"}, "since is after until"),
        ({"baseline_s": 60}, "baseline_s needs a window"),
        ({"addresses": ["203.0.113.7/32"]}, "is no IP address"),
        ({"top": 1001}, "top is 1001, not between 0 and 1000"),
        ({"max_tracked": 10}, "max_tracked is 10"),
        ({"since_s": 0}, "since_s is 0"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(changes, said):
    with pytest.raises(OpsError, match="Cannot read the access log") as refused:
        make_settings(options(**changes), START)
    assert said in str(refused.value)


def test_files_that_are_none_are_refused(tmp_path):
    for path, said in (
        (tmp_path, "no regular file"),
        (tmp_path / "gone", "No such file"),
        ("/dev/null", "no regular file"),
    ):
        with pytest.raises(OpsError, match=said):
            look_at(path)


@pytest.mark.parametrize(
    ("lines", "said"), [([], "there is no line in it"), ([b"x"], "1 lines were read, and none"), ([clf()], "within")]
)
def test_a_log_without_requests_is_said_to_be_one(lines, said, tmp_path):
    result = look_at(write_log(tmp_path / "log", lines), since_s=1)
    assert result["requests"] == 0 and result["addresses"] == []
    assert said in result["summary"]
