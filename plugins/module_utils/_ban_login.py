# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: from where somebody is logged in by SSH, which is less than who is connected to it.

Whoever can send a packet can hold a connection to an SSH server. So it counts only what the server did after it had let
somebody in: what it set for the processes of the session, wrote to the files of logins, and made of its own title.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import struct
import sys
import typing as t

from ._ban_address import Span, parse_span

# Those of OpenSSH, whose titles tell; of other servers nothing tells.
TELLING = frozenset({"sshd", "sshd-session", "sshd-auth"})
SERVERS = TELLING | {"dropbear"}
_ESTABLISHED, _LISTENING = "01", "0A"
_SOCKET = re.compile(r"socket:\[(\d+)\]")
_TITLE = re.compile(r"(?:sshd|sshd-session): (?P<whom>\S+|.+@\S+)")
_UTMP = "/run/utmp"
_SESSIONS = "/run/systemd/sessions"
# Source: utmp(5). Size of a record to where its address is: some processors have longer times in it.
_RECORDS = {384: 348, 400: 360}
_HEAD = struct.Struct("hxxi32s4s32s256s")
_DEAD, _USER = 9, 7
# A process may start another one, and give it a connection, between two looks.
_LOOKS = 3


class Connection(t.NamedTuple):
    """A line of /proc/net/tcp: local port, peer as the kernel prints it, state, inode of the socket."""

    port: int
    peer: str
    state: str
    inode: str


class Logins(t.NamedTuple):
    """What sockets are whose: ``inside`` of sessions, ``outside`` of an OpenSSH that has let nobody in yet.

    ``server`` are all of SSH servers, ``seen`` is false where the processes could not be looked at.
    """

    inside: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()
    server: frozenset[str] = frozenset()
    seen: bool = True


def read_text(path: str) -> str:
    """Return a file as text, or nothing where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def kernel_address(text: str) -> Span:
    """Return an address that the kernel printed as hexadecimal words in the order of its own processor."""
    raw = bytes.fromhex(text)
    words = [raw[place : place + 4] for place in range(0, len(raw), 4)]
    packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    return parse_span(str(ipaddress.ip_address(packed)))


def parse_connections(text: str) -> list[Connection]:
    """Return what listens or is established in /proc/net/tcp or tcp6; under attack the other lines are the most."""
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) >= 10 and words[3] in (_ESTABLISHED, _LISTENING):
            port = int(words[1].partition(":")[2], 16)
            found.append(Connection(port, words[2].partition(":")[0], words[3], words[9]))
    return found


def lets_in(command: str) -> bool:
    """Tell whether the title of a process of OpenSSH, from /proc/<pid>/cmdline, is that of a session.

    ``sshd: admin [priv]`` is none: it is there as soon as somebody has said that he is admin.
    """
    title = command.partition("\0")[0].strip()
    match = _TITLE.fullmatch(title)
    return match is not None and "[" not in title and match.group("whom") != "unknown"


def logged_in(connections: t.Sequence[Connection], logins: Logins) -> tuple[list[Span], dict[str, Span]]:
    """Return the peers that are logged in, and by inode those of which it cannot be told.

    A connection without an inode is one that no server has accepted yet.
    """
    ports = {22} | {each.port for each in connections if each.state == _LISTENING and each.inode in logins.server}
    sure: list[Span] = []
    unsure: dict[str, Span] = {}
    for each in connections:
        if each.state != _ESTABLISHED or not (each.port in ports or each.inode in logins.server):
            continue
        if each.inode in logins.inside:
            sure.append(kernel_address(each.peer))
        elif each.inode != "0" and each.inode not in logins.outside:
            unsure[each.inode] = kernel_address(each.peer)
    return sure, unsure


def session_addresses(environment: str) -> list[Span]:
    """Return the client's address in what a process was started with, as sshd sets it there."""
    found = []
    for variable in environment.split("\0"):
        name, _equals, value = variable.partition("=")
        if name in ("SSH_CONNECTION", "SSH_CLIENT") and value.split():
            found += _address(value.split()[0])
    return found


def parse_utmp(raw: bytes, alive: t.Callable[[int], bool]) -> list[Span]:
    """Return from where users are logged in, by the records of /run/utmp whose process is alive."""
    for size, place in _RECORDS.items():
        records = [raw[start : start + size] for start in range(0, len(raw), size)]
        if len(raw) % size == 0 and all(0 <= _HEAD.unpack_from(record)[0] <= _DEAD for record in records):
            return [span for record in records for span in _of_record(record, place, alive)]
    return []


def _of_record(record: bytes, place: int, alive: t.Callable[[int], bool]) -> list[Span]:
    kind, process, _line, _identity, _user, host = _HEAD.unpack_from(record)
    if kind != _USER or not alive(process):
        return []
    found = _address(host.partition(b"\0")[0].decode("utf-8", "replace"))
    packed = record[place : place + 16]
    # The host may be a name. An address of IPv4 is in the first four bytes alone.
    if any(packed):
        found += _address(str(ipaddress.ip_address(packed[:4] if not any(packed[4:]) else packed)))
    return found


def parse_session(text: str) -> list[Span]:
    """Return from where a session of systemd-logind is, from its file in /run/systemd/sessions."""
    fields = dict(line.partition("=")[::2] for line in text.splitlines())
    if fields.get("REMOTE") != "1" or fields.get("STATE") == "closing":
        return []
    return _address(fields.get("REMOTE_HOST", ""))


def _address(text: str) -> list[Span]:
    with contextlib.suppress(ValueError):
        return [parse_span(text.partition("%")[0])] if "/" not in text and "-" not in text else []
    return []


def _sockets(process: str) -> set[str]:
    """Return the inodes of a process's sockets; OSError where they cannot be seen, or it has ended."""
    folder, found = f"/proc/{process}/fd", set()
    for name in os.listdir(folder):
        # It may be closed at any moment.
        with contextlib.suppress(FileNotFoundError):
            match = _SOCKET.fullmatch(os.readlink(f"{folder}/{name}"))
            if match:
                found.add(match.group(1))
    return found


def _look_at_processes() -> Logins:
    inside: set[str] = set()
    outside: set[str] = set()
    silent: set[str] = set()
    seen = True
    for process in filter(str.isdigit, os.listdir("/proc")):
        name = read_text(f"/proc/{process}/comm").strip()
        if name not in SERVERS:
            continue
        try:
            command, sockets = read_text(f"/proc/{process}/cmdline"), _sockets(process)
        except (FileNotFoundError, ProcessLookupError):
            continue
        except OSError:
            seen = False
            continue
        kind = silent if name not in TELLING or not command else inside if lets_in(command) else outside
        kind |= sockets
    return Logins(frozenset(inside), frozenset(outside - silent), frozenset(inside | outside | silent), seen)


def _connections() -> list[Connection]:
    return parse_connections(read_text("/proc/net/tcp")) + parse_connections(read_text("/proc/net/tcp6"))


def _by_sockets() -> tuple[list[Span], list[Span], bool]:
    """Return the peers that are logged in, those of which it cannot be told, and whether the processes were seen."""
    sure: list[Span] = []
    unsure: dict[str, Span] = {}
    seen = True
    for look in range(_LOOKS):
        connections = _connections()
        try:
            logins = _look_at_processes()
        except OSError:
            logins = Logins(seen=False)
        inside, doubtful = logged_in(connections, logins)
        sure += inside
        unsure = {inode: span for inode, span in doubtful.items() if look == 0 or inode in unsure}
        seen = logins.seen
        if not unsure:
            break
    return sure, list(unsure.values()), seen


def _by_files() -> list[Span]:
    found = []
    with contextlib.suppress(OSError, struct.error), open(_UTMP, "rb") as stream:
        found += parse_utmp(stream.read(), lambda process: os.path.exists(f"/proc/{process}"))
    with contextlib.suppress(OSError):
        for name in os.listdir(_SESSIONS):
            found += parse_session(read_text(f"{_SESSIONS}/{name}"))
    return found


def _sessions_above() -> list[Span]:
    """Return the clients' addresses that this process and those that started it know: sudo hides them from a child."""
    found: list[Span] = []
    process, count = "self", 0
    while process not in ("0", "") and count < 100:
        found += session_addresses(read_text(f"/proc/{process}/environ"))
        parent = re.search(r"^PPid:\s*(\d+)", read_text(f"/proc/{process}/status"), re.MULTILINE)
        process, count = parent.group(1) if parent else "", count + 1
    return found


def logins_here() -> tuple[list[Span], list[Span], list[str]]:
    """Return from where somebody is logged in, from where perhaps, and what could not be looked at, a sentence each."""
    sure, unsure, seen = _by_sockets()
    sure += _by_files() + _sessions_above()
    doubtful = sorted(set(unsure) - set(sure))
    unknown = []
    if doubtful:
        unknown.append(
            f"Of {len(doubtful)} that are connected to SSH it is not known whether they are logged in, "
            "so they are not banned."
        )
    if not seen:
        unknown.append("Not every process of the SSH server could be looked at.")
    return sure, doubtful, unknown
