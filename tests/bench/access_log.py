# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Top addresses, and everything, of a large access log, against awk, jq, sort and uniq on the same file.

Turns of each, one after the other, of whole processes, with the files in the page cache. Memory is that of our process
and of the second one that it starts, added up.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "bench-access-log"
LINES = int(os.environ.get("BENCH_LINES", "5000000"))
JSON_LINES = LINES // 5
ADDRESSES = 50_000
TURNS = int(os.environ.get("BENCH_TURNS", "3"))
MEMORY_MAX_KIB = 200 * 1024
CHUNK = 50_000
TOP = "LC_ALL=C sort | uniq -c | sort -rn | head"
CLF_PEER = ["bash", "-c", f"awk '{{print $1}}' \"$1\" | {TOP}", "peer"]
JSON_PEER = ["bash", "-c", f'jq -r .ClientHost "$1" | {TOP}', "peer"]
OURS = """
import json, resource, sys, time
from ansible_collections.rendiff.ops.plugins.module_utils._access_log import ACCESS_LOG_ARGUMENTS, look
options = {name: option.get("default") for name, option in ACCESS_LOG_ARGUMENTS.options.items()}
options.update(path=sys.argv[1], only_addresses=sys.argv[2] == "addresses")
result = look(options, None)
memory = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps({"top": result["addresses"], "requests": result["requests"], "kib": memory,
                  "skipped": result["skipped"], "tracked": result["tracked"]["addresses"]}))
"""
PATHS = ("/api/v1/health", "/api/v1/jobs?page=2", "/api/v1/convert", "/api/v1/jobs/%s")
STATUSES = ("200", "200", "200", "201", "404", "429", "502")
AGENTS = tuple(f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/{index}" for index in range(30))


def lines_of(source: random.Random, addresses: t.Sequence[str], kind: str, count: int) -> t.Iterator[str]:
    """Yield lines, 500 to a second."""
    for index in range(count):
        when = time.gmtime(1_795_403_565 + index // 500)
        path = source.choice(PATHS)
        if "%" in path:
            raw = f"{source.getrandbits(128):032x}"
            path %= f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"
        # Some come far more often than others.
        address = addresses[int(ADDRESSES * source.random() ** 2)]
        method, status, size = source.choice(("GET", "POST")), source.choice(STATUSES), source.randrange(5000)
        agent, took = source.choice(AGENTS), source.randrange(1, 500)
        if kind == "clf":
            stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", when)
            yield (
                f'{address} - - [{stamp}] "{method} {path} HTTP/1.1" {status} {size} "-" "{agent}" {index} '
                f'"api@docker" "http://172.19.0.5:8000" {took}ms\n'
            )
            continue
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", when)
        yield (
            f'{{"ClientAddr":"{address}:40588","ClientHost":"{address}","ClientPort":"40588","ClientUsername":"-",'
            f'"DownstreamContentSize":{size},"DownstreamStatus":{status},"Duration":{took}504082,'
            f'"OriginContentSize":{size},"OriginDuration":{took}324705,"OriginStatus":{status},"Overhead":179377,'
            f'"RequestAddr":"rendiff.localhost","RequestContentSize":0,"RequestCount":{index},'
            f'"RequestHost":"rendiff.localhost","RequestMethod":"{method}","RequestPath":"{path}","RequestPort":"-",'
            '"RequestProtocol":"HTTP/1.1","RequestScheme":"http","RetryAttempts":0,"RouterName":"api@docker",'
            '"ServiceAddr":"172.19.0.5:8000","ServiceName":"api@docker","ServiceURL":"http://172.19.0.5:8000",'
            f'"StartLocal":"{stamp}.256078856Z","StartUTC":"{stamp}.256078856Z","entryPointName":"web","level":"info",'
            f'"msg":"","request_User-Agent":"{agent}","time":"{stamp}Z"}}\n'
        )


def make_log(path: Path, kind: str, count: int) -> None:
    """Write a log."""
    source = random.Random(20261123)
    addresses = [".".join(str(source.randrange(1, 224)) for _part in range(4)) for _index in range(ADDRESSES)]
    with path.open("w", encoding="ascii", buffering=1 << 20) as stream:
        stream.writelines(lines_of(source, addresses, kind, count))
    print(f"{count} lines of {kind}, {path.stat().st_size >> 20} MiB, up to {ADDRESSES} addresses")


def processor_s() -> float:
    """Return the processor time of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(argv: t.Sequence[str]) -> tuple[float, str]:
    """Run a process to its end; return seconds and what it printed."""
    begin = time.perf_counter()
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=900, check=True)
    return time.perf_counter() - begin, done.stdout


def same(told: dict[str, t.Any], printed: str, lines: int) -> None:
    """See that both say the same of the first ten, but for the order of equal ones."""
    counted = [(int(count), address) for count, address in (line.split() for line in printed.splitlines())]
    ours = [(found["requests"], found["address"]) for found in told["top"]]
    assert [count for count, _address in counted] == [count for count, _address in ours]
    least = counted[-1][0]
    assert {pair for pair in counted if pair[0] > least} == {pair for pair in ours if pair[0] > least}
    assert told["requests"] == lines and not told["skipped"] and told["tracked"]["exact"], told


def compare(path: Path, lines: int, peer: t.Sequence[str], modes: t.Sequence[str]) -> tuple[dict[str, float], int]:
    """Measure peer and ours in turn; return the ratios of the medians, and the most memory that ours took, in KiB."""
    seconds: dict[str, list[float]] = {name: [] for name in ("peer", *modes)}
    memory = 0
    subprocess.run(["cat", str(path)], stdout=subprocess.DEVNULL, timeout=300, check=True)
    for turn in range(1, TURNS + 1):
        used = [processor_s()]
        took, printed = timed([*peer, str(path)])
        seconds["peer"].append(took)
        used.append(processor_s())
        for mode in modes:
            took, told = timed([sys.executable, "-c", OURS, str(path), mode])
            seconds[mode].append(took)
            result = json.loads(told)
            same(result, printed, lines)
            memory = max(memory, result["kib"])
            used.append(processor_s())
        spent = [after - before for before, after in zip(used, used[1:])]
        told_of = [
            f"{name} {times[-1]:.2f} s ({cpu:.2f} of processors)" for (name, times), cpu in zip(seconds.items(), spent)
        ]
        print(f"turn {turn}: {', '.join(told_of)}; load {os.getloadavg()[0]:.1f}", flush=True)
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    print(
        f"median of {TURNS}: " + ", ".join(f"{name} {took:.2f} s" for name, took in middle.items()) + f"; {memory} KiB"
    )
    return {mode: middle[mode] / middle["peer"] for mode in modes}, memory


def main() -> int:
    """Run the benchmark; 0 when it meets its goals."""
    awk = shutil.which("awk")
    if awk is None or shutil.which("jq") is None:
        print("This needs awk and jq. On Debian and Ubuntu: apt-get install mawk jq", file=sys.stderr)
        return 2
    print(f"awk is {os.path.realpath(awk)}; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    (ROOT / ".cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache", prefix="bench-access-log-") as folder:
        clf, lines = Path(folder) / "clf.log", Path(folder) / "json.log"
        make_log(clf, "clf", LINES)
        clf_ratios, clf_memory = compare(clf, LINES, CLF_PEER, ("addresses", "everything"))
        clf.unlink()
        make_log(lines, "json", JSON_LINES)
        json_ratios, json_memory = compare(lines, JSON_LINES, JSON_PEER, ("addresses",))
    memory = max(clf_memory, json_memory)
    met = True
    for what, ratio, goal in (
        ("clf-addresses", clf_ratios["addresses"], 1.0),
        ("clf-everything", clf_ratios["everything"], 2.5),
        ("json-addresses", json_ratios["addresses"], 0.3),
        ("memory-200MiB", memory / MEMORY_MAX_KIB, 1.0),
    ):
        met = met and ratio <= goal
        print(f"{NAME} {what} ratio={ratio:.2f} goal<={goal} {'PASS' if ratio <= goal else 'MISS'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
