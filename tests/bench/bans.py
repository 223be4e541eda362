# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""20,000 bans by the step that applies them, against the runbook's `iptables -A INPUT -s ADDRESS -j DROP` for each.

Both in a network namespace that ends with this process. Ours is the median of three turns, each on an empty table; the
peer is one loop of a shell over all addresses, run to its end.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t

from ansible_collections.rendiff.ops.plugins.module_utils._ban_change import BAN_ARGUMENTS, change, read_wanted
from ansible_collections.rendiff.ops.plugins.module_utils._ban_guard import ALWAYS
from ansible_collections.rendiff.ops.plugins.module_utils._ban_nft import Nft, find_nft
from ansible_collections.rendiff.ops.plugins.module_utils._ban_plan import plan_bans
from ansible_collections.rendiff.ops.plugins.module_utils._ban_table import Table

NAME = "bench-bans"
GOAL = 0.01
TURNS = 3
BANS = int(os.environ.get("BENCH_BANS", "20000"))
PEER_TIMEOUT_S = 1200
INSIDE = "--inside"
ADDRESSES = [str(ipaddress.IPv4Address("198.18.0.0") + number) for number in range(BANS)]


def run_command(args: t.Sequence[str], *, data: str | None = None) -> tuple[int, str, str]:
    """Run a command as a module does."""
    done = subprocess.run(args, input=data or "", capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def options(state_dir: str) -> dict[str, t.Any]:
    """Return what the module is asked for."""
    defaults = {name: option.get("default") for name, option in BAN_ARGUMENTS.options.items()}
    return {**defaults, "addresses": ADDRESSES, "ttl_s": 3600, "state_dir": state_dir}


def ours() -> float:
    """Apply the plan of all bans on an empty table; return the seconds."""
    nft = Nft(run_command, find_nft())
    plan = plan_bans(Table(), read_wanted(options("")), ALWAYS, [], time.time())
    begin = time.perf_counter()
    nft.apply(plan, counters=True)
    seconds = time.perf_counter() - begin
    assert len(nft.read().elements) == BANS
    run_command([find_nft(), "delete", "table", "inet", "rendiff_ops"])
    return seconds


def whole() -> float:
    """Do all that the module does, from its options to its result; return the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        assert change(options(folder), run_command, check_mode=False)["bans"]["counts"] == {"banned": BANS}
        return time.perf_counter() - begin


def peer() -> float:
    """Append one rule for each address; return the seconds."""
    loop = "while read -r address; do iptables -A INPUT -s $address -j DROP || exit 1; done"
    begin = time.perf_counter()
    subprocess.run(
        ["sh", "-c", loop],
        input="\n".join([*ADDRESSES, ""]),
        text=True,
        stderr=subprocess.DEVNULL,
        timeout=PEER_TIMEOUT_S,
        check=True,
    )
    seconds = time.perf_counter() - begin
    assert run_command(["iptables", "-S", "INPUT"])[1].count(" -j DROP") == BANS
    return seconds


def measure() -> int:
    """Measure in this namespace, print every figure, and return the exit status."""
    turns = [ours() for _turn in range(TURNS)]
    for turn, seconds in enumerate(turns, 1):
        print(f"turn {turn}: {BANS} bans applied in {seconds:.3f} s", flush=True)
    print(f"the whole module, with its look at host and Docker, plan, and files: {whole():.2f} s", flush=True)
    version = run_command(["iptables", "--version"])[1].strip()
    beside = peer()
    print(f"{version}: {BANS} rules appended one by one in {beside:.1f} s")
    ratio = statistics.median(turns) / beside
    print(f"{NAME} ratio={ratio:.4f} goal<={GOAL} {'PASS' if ratio <= GOAL else 'MISS'}")
    return 0 if ratio <= GOAL else 1


def main() -> int:
    """See to the namespace, measure in it, and return the exit status."""
    if INSIDE in sys.argv:
        return measure()
    missing = [program for program in ("nft", "iptables", "ip", "unshare") if shutil.which(program) is None]
    if os.geteuid() != 0 or missing:
        print(
            f"{NAME} needs root, nftables, iptables, iproute2; missing: {', '.join(missing) or 'root'}", file=sys.stderr
        )
        return 2
    up_and_go = 'ip link set lo up && exec "$@"'
    argv = ["unshare", "--net", "sh", "-c", up_and_go, "sh", sys.executable, __file__, INSIDE]
    return subprocess.run(argv, timeout=PEER_TIMEOUT_S + 300, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
