# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the table of bans as text for nft, and the program that puts bans back after a start.

This file uses nothing but the standard library, because a copy of it stays on the host as that program:
``python3 bans_boot.py <bans.json>`` puts back what is still meant to last, each ban for the time that is left of it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
import typing as t

FAMILY, TABLE, CHAIN = "inet", "rendiff_ops", "before_nat"
# Priority of netfilter's raw table: before connections are tracked, and before destinations are rewritten, so that
# packets to a published port of a container are seen while they still are packets to this host.
PRIORITY = -300
# (version of IP, on trial) -> name of the set.
SETS = {(4, False): "banned4", (6, False): "banned6", (4, True): "trial4", (6, True): "trial6"}
MAX_TTL_S = 30 * 86_400
NFT_PATHS = ("/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft", "/usr/bin/nft")
_NFT_S, _PAUSE_S = 60.0, 0.01
_NOT_RUN, _TOO_LONG = 127, 124
# What may stand in a set: an address, a network, or a range; nothing that nft could take for its own words.
_ELEMENT = re.compile(r"[0-9a-f.:]{2,39}(/[0-9]{1,3}|-[0-9a-f.:]{2,39})?")


def table_commands(counters: bool) -> str:
    """Return the commands that make the table with its sets, chain and rules; ``counters``: one for each element."""
    own = f"{FAMILY} {TABLE}"
    lines = [f"add table {own}"]
    for (version, _trial), name in SETS.items():
        counter = " counter;" if counters else ""
        lines.append(f"add set {own} {name} {{ type ipv{version}_addr; flags interval,timeout;{counter} }}")
    lines.append(f"add chain {own} {CHAIN} {{ type filter hook prerouting priority {PRIORITY}; policy accept; }}")
    # What the host says to itself is never cut.
    lines.append(f'add rule {own} {CHAIN} iifname "lo" accept')
    for (version, _trial), name in SETS.items():
        lines.append(f"add rule {own} {CHAIN} {'ip' if version == 4 else 'ip6'} saddr @{name} counter drop")
    return "\n".join(lines) + "\n"


def element_command(verb: str, version: int, trial: bool, elements: t.Sequence[tuple[str, int]]) -> str:
    """Return the command that adds or deletes elements of one set; (address, seconds), seconds unused in a deletion."""
    if not elements:
        return ""
    for text, _seconds in elements:
        if not _ELEMENT.fullmatch(text):
            raise ValueError(f"no address: {text[:60]!r}")
    adding = verb == "add"
    listed = ", ".join(f"{text} timeout {seconds}s" if adding else text for text, seconds in elements)
    return f"{verb} element {FAMILY} {TABLE} {SETS[version, trial]} {{ {listed} }}\n"


def lasting(document: t.Any, now: float) -> list[tuple[str, int]]:
    """Return what of bans.json still lasts: address and seconds left. A clock that went back lengthens no ban."""
    found = []
    for entry in document.get("bans", []) if isinstance(document, dict) else []:
        try:
            text, since, until = str(entry[0]), int(entry[1]), int(entry[2])
        except (TypeError, ValueError, LookupError):
            continue
        left = min(until - int(now), until - since, MAX_TTL_S)
        if left > 0 and _ELEMENT.fullmatch(text):
            found.append((text, left))
    return found


def restore_commands(document: t.Any, now: float) -> str:
    """Return the commands that put back what still lasts, or nothing."""
    left = lasting(document, now)
    if not left:
        return ""
    parts = [table_commands(bool(document.get("counters")))]
    for version in (4, 6):
        parts.append(
            element_command("add", version, False, [each for each in left if (":" in each[0]) == (version == 6)])
        )
    return "".join(parts)


def _run(argv: t.Sequence[str], *, source: int | None = None, silent: bool = False) -> int:
    """Run a program to its end, within a bound, and return its status. Nothing of Ansible is there to do it."""
    child = os.fork()
    if child == 0:
        try:
            if silent:
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, 1)
                os.dup2(nothing, 2)
            if source is not None:
                os.dup2(source, 0)
            os.execv(argv[0], list(argv))
        finally:
            os._exit(_NOT_RUN)
    deadline = time.monotonic() + _NFT_S
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        threading.Event().wait(_PAUSE_S)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return _TOO_LONG


def main(argv: t.Sequence[str]) -> int:
    """Put the bans of a file back where there is no table; return the exit status."""
    nft = next((path for path in NFT_PATHS if os.path.exists(path)), "")
    if not nft:
        sys.stderr.write("Cannot put the bans back: there is no nft. Install the package nftables.\n")
        return 1
    with open(argv[1], encoding="utf-8") as stream:
        commands = restore_commands(json.load(stream), time.time())
    if not commands:
        sys.stdout.write("No ban is to last any longer.\n")
        return 0
    if _run([nft, "list", "chain", FAMILY, TABLE, CHAIN], silent=True) == 0:
        sys.stdout.write("The bans are in place.\n")
        return 0
    with tempfile.TemporaryFile() as stream:
        stream.write(commands.encode())
        stream.seek(0)
        return _run([nft, "-f", "-"], source=stream.fileno())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv))
