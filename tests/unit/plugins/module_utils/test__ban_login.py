# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ipaddress
import struct

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._ban_login import (
    Logins,
    lets_in,
    logged_in,
    parse_connections,
    parse_session,
    parse_utmp,
    session_addresses,
)

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:08AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0 100 0 0 10 0
   1: 016433C6:08AE 077100CB:D431 01 00000000:00000000 00:00000000 00000000     0        0 101 1 0 100 0 0 10 0
   2: 016433C6:0050 087100CB:D432 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0 100 0 0 10 0
   3: 016433C6:0016 097100CB:D433 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0 100 0 0 10 0
   4: 016433C6:08AE 0A7100CB:D434 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 100 0 0 10 0
   5: 016433C6:0016 0C7100CB:D435 01 00000000:00000000 00:00000000 00000000     0        0 0 1 0 100 0 0 10 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr
   0: 0000000000000000FFFF0000016433C6:0016 0000000000000000FFFF00000B7100CB:D431 01 0:0 0:0 0 0 0 104
   1: B80D0120000007000000000001000000:0016 B80D0120000007000000000007000000:D431 01 0:0 0:0 0 0 0 105
"""


def texts(spans):
    return [str(span) for span in spans]


def sockets(inside=(), outside=(), other=()):
    return Logins(frozenset(inside), frozenset(outside), frozenset((*inside, *outside, *other)))


@pytest.mark.parametrize(
    ("inside", "outside", "sure", "unsure"),
    [
        # Nobody knows whose the sockets are: everybody at port 22 is spared, but for who was not accepted yet.
        ([], [], [], ["203.0.113.9", "203.0.113.11", "2001:db8:7::7"]),
        ([], ["103", "104", "105"], [], []),
        (["104"], ["103", "105"], ["203.0.113.11"], []),
        # The socket that listens is the server's: then its port is one.
        ([], ["100", "101", "103", "104", "105"], [], []),
        (["101"], ["100", "103", "104", "105"], ["203.0.113.7"], []),
        ([], ["100", "103", "104", "105"], [], ["203.0.113.7"]),
        # A server that was started by another for one session listens to nothing itself.
        (["102"], ["103", "104", "105"], ["203.0.113.8"], []),
        # A monitor and the process of its session hold the same socket.
        (["103"], ["103", "104", "105"], ["203.0.113.9"], []),
    ],
    ids=["unseen", "outside", "inside", "port", "port_inside", "port_unseen", "single", "both"],
)
def test_who_is_logged_in_is_told_by_whose_the_sockets_are(inside, outside, sure, unsure):
    known = parse_connections(TCP) + parse_connections(TCP6)
    found, doubtful = logged_in(known, sockets(inside, outside))
    assert texts(found) == sure and texts(doubtful.values()) == unsure


def test_a_server_that_does_not_tell_spares_who_is_connected():
    found, doubtful = logged_in(parse_connections(TCP), sockets(outside=["103"], other=["102"]))
    assert found == [] and texts(doubtful.values()) == ["203.0.113.8"]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("sshd: admin@pts/0\0\0\0", True),
        ("sshd: admin@pts/0,pts/1", True),
        ("sshd-session: admin@notty", True),
        ("sshd: EXAMPLE\\John Doe@pts/3", True),
        # A connection that only forwards.
        ("sshd: admin", True),
        ("sshd: [accepted]\0", False),
        ("sshd: unknown [net]", False),
        ("sshd: unknown [priv]", False),
        ("sshd: root [net]", False),
        # What anybody gets who says that he is root.
        ("sshd: root [priv]", False),
        ("sshd-session: root [priv]", False),
        ("sshd: root@example.org [priv]", False),
        ("sshd-auth: root@notty", False),
        ("sshd: admin [preauth]", False),
        ("sshd: /usr/sbin/sshd -D [listener] 1 of 10-100 startups", False),
        ("/usr/sbin/sshd\0-D\0-R\0", False),
        ("sshd: unknown", False),
        ("sshd: ", False),
        ("", False),
    ],
    ids=[f"title{n}" for n in range(19)],
)
def test_a_title_tells_whether_somebody_was_let_in(command, told):
    assert lets_in(command) is told


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ("A=b\0SSH_CONNECTION=203.0.113.7 50000 198.51.100.1 22\0", ["203.0.113.7"]),
        ("SSH_CLIENT=2001:db8::7 50000 22", ["2001:db8::7"]),
        ("SSH_CONNECTION=fe80::7%eth0 1 fe80::1%eth0 22", ["fe80::7"]),
        ("SSH_CONNECTION=\0XSSH_CLIENT=203.0.113.7 1 2\0SSH_CLIENT=UNKNOWN 1 2", []),
        ("SSH_CONNECTION=0.0.0.0/0 1 2 3", []),
        ("", []),
    ],
    ids=["connection", "client", "scoped", "none", "network", "empty"],
)
def test_the_session_is_read_from_what_a_process_was_started_with(environment, found):
    assert texts(session_addresses(environment)) == found


def record(size, kind, process, host, address=""):
    """Return a record of utmp as C lays it out on a processor with short or with long times."""
    packed = ipaddress.ip_address(address).packed.ljust(16, b"\0") if address else bytes(16)
    times = "iii" if size == 384 else "qqq"
    form = struct.Struct(f"=h2xi32s4s32s256shh{times}16s20s{'4x' if size == 400 else ''}")
    raw = form.pack(kind, process, b"pts/0", b"ts/0", b"admin", host.encode(), 0, 0, 1, 1, 1, packed, b"")
    assert len(raw) == size
    return raw


@pytest.mark.parametrize("size", [384, 400])
def test_logins_are_read_from_utmp_while_their_process_lives(size):
    raw = b"".join(
        [
            record(size, 2, 0, "6.1.0-18-amd64"),
            record(size, 7, 10, "203.0.113.7"),
            record(size, 7, 11, "office.example.org", "203.0.113.8"),
            record(size, 7, 12, "office.example.org", "2001:db8::8"),
            record(size, 7, 13, ":0"),
            record(size, 7, 14, "203.0.113.0/24"),
            record(size, 7, 99, "203.0.113.99"),
            record(size, 8, 10, "203.0.113.98", "203.0.113.98"),
        ]
    )
    assert texts(parse_utmp(raw, lambda process: process < 90)) == ["203.0.113.7", "203.0.113.8", "2001:db8::8"]


@pytest.mark.parametrize("raw", [b"", b"x" * 383, b"\xff" * 384], ids=["empty", "short", "other"])
def test_what_is_no_utmp_names_nobody(raw):
    assert parse_utmp(raw, lambda process: True) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("UID=0\nSTATE=active\nREMOTE=1\nREMOTE_HOST=203.0.113.7\n", ["203.0.113.7"]),
        ("STATE=online\nREMOTE=1\nREMOTE_HOST=2001:db8::7\n", ["2001:db8::7"]),
        ("STATE=closing\nREMOTE=1\nREMOTE_HOST=203.0.113.7\n", []),
        ("STATE=active\nREMOTE=0\nREMOTE_HOST=203.0.113.7\n", []),
        ("STATE=active\nREMOTE=1\nREMOTE_HOST=office\n", []),
        ("", []),
    ],
    ids=["v4", "v6", "closing", "local", "name", "empty"],
)
def test_logins_are_read_from_the_sessions_of_systemd(text, found):
    assert texts(parse_session(text)) == found
