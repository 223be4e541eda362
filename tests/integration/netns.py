# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network namespaces of a test's own: a server, its clients, and a container whose port the server publishes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import threading
import typing as t

from conftest import run

ATTACKER, BYSTANDER, ADMIN = "198.51.100.7", "198.51.100.8", "198.51.100.9"
ATTACKER6, BYSTANDER6 = "2001:db8:7::7", "2001:db8:7::8"
SERVER, SERVER6 = "10.77.1.1", "fd77:1::1"
GATEWAY = "10.77.1.2"
CLIENT_IN_LAN = "10.77.1.3"
HOST_PORT, PUBLISHED_PORT, CONTAINER_PORT = 9000, 8080, 80
# A packet that is dropped is not answered; one that is let through is answered at once.
PATIENCE_S = 0.5
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

# What Docker's port publishing does, in a table of the test's own.
_PUBLISH = f"""
table inet published {{
    chain nat {{
        type nat hook prerouting priority dstnat; policy accept;
        tcp dport {PUBLISHED_PORT} meta nfproto ipv4 dnat ip to 10.77.2.2:{CONTAINER_PORT}
        tcp dport {PUBLISHED_PORT} meta nfproto ipv6 dnat ip6 to [fd77:2::2]:{CONTAINER_PORT}
    }}
}}
"""


class Net:
    """The namespaces; ``server``, ``client`` and ``container`` are their names."""

    def __init__(self, prefix: str) -> None:
        self.server, self.client, self.container = (f"{prefix}-{part}" for part in ("srv", "cli", "ctr"))
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Net:
        for name in (self.server, self.client, self.container):
            _must(["ip", "netns", "add", name])
            self._stack.callback(run, ["ip", "netns", "del", name])
            self.ip(name, "link", "set", "lo", "up")
        self._cable(self.client, GATEWAY, "fd77:1::2", self.server, SERVER, SERVER6)
        self._cable(self.container, "10.77.2.2", "fd77:2::2", self.server, "10.77.2.1", "fd77:2::1")
        self.ip(self.client, "address", "add", f"{CLIENT_IN_LAN}/24", "dev", "eth0")
        for address in (ATTACKER, BYSTANDER, ADMIN, ATTACKER6, BYSTANDER6):
            self.ip(self.client, "address", "add", address, "dev", "lo")
        self.ip(self.server, "route", "add", "198.51.100.0/24", "via", GATEWAY)
        self.ip(self.server, "-6", "route", "add", "2001:db8:7::/64", "via", "fd77:1::2")
        self.ip(self.container, "route", "add", "default", "via", "10.77.2.1")
        self.ip(self.container, "-6", "route", "add", "default", "via", "fd77:2::1")
        forward = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]
        _must(["ip", "netns", "exec", self.server, "sysctl", "-qw", *forward])
        _must(["ip", "netns", "exec", self.server, "nft", "-f", "-"], input=_PUBLISH)
        self._serve(self.server, HOST_PORT)
        self._serve(self.container, CONTAINER_PORT)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def ip(self, name: str, *arguments: str) -> None:
        """Run ip in a namespace."""
        _must(["ip", "-netns", name, *arguments])

    def _cable(self, left: str, address: str, address6: str, right: str, peer: str, peer6: str) -> None:
        here, there = "eth0", f"to-{left[-3:]}"
        pair = ["ip", "link", "add", here, "netns", left, "type", "veth", "peer", "name", there, "netns", right]
        _must(pair)
        for name, device, own, own6 in ((left, here, address, address6), (right, there, peer, peer6)):
            self.ip(name, "address", "add", f"{own}/24", "dev", device)
            self.ip(name, "address", "add", f"{own6}/64", "dev", device, "nodad")
            self.ip(name, "link", "set", device, "up")

    def _serve(self, name: str, port: int) -> None:
        with inside(name):
            listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=50)
        self._stack.callback(listener.close)
        threading.Thread(target=_echo_all, args=(listener,), daemon=True).start()

    def connect(self, source: str, port: int, *, to: str = "") -> socket.socket | None:
        """Connect from one of the client's addresses to the server; None where nobody answers."""
        with inside(self.client):
            try:
                target = to or (SERVER6 if ":" in source else SERVER)
                return socket.create_connection((target, port), PATIENCE_S, source_address=(source, 0))
            except TimeoutError:
                return None

    def reaches(self, source: str, port: int) -> bool:
        """Tell whether a new connection is answered."""
        connection = self.connect(source, port)
        if connection is None:
            return False
        with connection:
            return alive(connection)

    def nft(self, *arguments: str, **options: t.Any) -> str:
        """Run nft on the server."""
        return _must(["ip", "netns", "exec", self.server, "nft", *arguments], **options)


def alive(connection: socket.socket) -> bool:
    """Tell whether a connection still carries something there and back."""
    connection.settimeout(PATIENCE_S)
    try:
        connection.sendall(b"x")
        return connection.recv(1) == b"x"
    except TimeoutError:
        return False


@contextlib.contextmanager
def inside(name: str) -> t.Iterator[None]:
    """Let this thread open sockets in a namespace; they stay there."""
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{name}", "rb") as away:
        _enter(away.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _echo_all(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _peer = listener.accept()
            threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with contextlib.suppress(OSError), connection:
        while data := connection.recv(1024):
            connection.sendall(data)


def _must(argv: t.Sequence[str], **options: t.Any) -> str:
    done = run(argv, **options)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout
