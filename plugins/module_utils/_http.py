# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: one HTTP request, timed by phase, to an address of our choosing."""

from __future__ import annotations

import dataclasses
import http.client
import socket
import ssl
import time
import typing as t
from urllib.parse import urlsplit

MAX_BODY = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a request goes: the URL it is for, and the address that is dialled (the URL's own unless given)."""

    url: str
    connect_host: str = ""
    connect_port: int = 0
    ca_path: str = ""
    verify: bool = True


@dataclasses.dataclass(frozen=True)
class Response:
    """What came back. ``phases``: seconds for dns, connect, tls, first_byte, total; ``error``: one sentence."""

    status: int = 0
    body: bytes = b""
    phases: t.Mapping[str, float] = dataclasses.field(default_factory=dict)
    error: str = ""
    untrusted: bool = False

    @property
    def ok(self) -> bool:
        """Tell whether the status is a success."""
        return 200 <= self.status < 300


def fetch(
    target: Target,
    timeout_s: float,
    *,
    method: str = "GET",
    headers: t.Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Response:
    """Send one request; every failure comes back as a Response that says what went wrong, never as an exception.

    ``timeout_s`` bounds the request as a whole. A certificate that the host does not trust is reported as
    ``untrusted`` and the request is not sent.
    """
    parts = urlsplit(target.url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    dial_host, dial_port = target.connect_host or host, target.connect_port or port
    phases: dict[str, float] = {}
    started = time.monotonic()
    deadline = started + timeout_s
    step = f"find the address of {dial_host}"
    connection: socket.socket | None = None

    def left() -> float:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise socket.timeout
        return remaining

    try:
        address = socket.getaddrinfo(dial_host, dial_port, type=socket.SOCK_STREAM)[0]
        phases["dns"] = time.monotonic() - started
        step = f"connect to {dial_host}:{dial_port}"
        connection = socket.socket(address[0], address[1])
        connection.settimeout(left())
        connection.connect(address[4])
        phases["connect"] = time.monotonic() - started - sum(phases.values())
        if parts.scheme == "https":
            step = f"agree on TLS with {dial_host}:{dial_port}"
            connection = _context(target).wrap_socket(connection, server_hostname=host)
            phases["tls"] = time.monotonic() - started - sum(phases.values())
        step = f"get an answer from {dial_host}:{dial_port}"
        connection.settimeout(left())
        request = http.client.HTTPConnection(host, port, timeout=left())
        request.sock = connection
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        request.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        request.putheader("Host", parts.netloc.rsplit("@", 1)[-1])
        request.putheader("User-Agent", "rendiff.ops")
        request.putheader("Connection", "close")
        for name, value in (headers or {}).items():
            request.putheader(name, value)
        if body is not None:
            request.putheader("Content-Length", str(len(body)))
        request.endheaders(body)
        answer = request.getresponse()
        phases["first_byte"] = time.monotonic() - started - sum(phases.values())
        step = f"read the answer of {dial_host}:{dial_port}"
        chunks: list[bytes] = []
        size = 0
        # From Python 3.13 on the last byte closes the answer, and with it the socket below.
        while size < MAX_BODY and not answer.isclosed():
            connection.settimeout(left())
            chunk = answer.read1(min(65536, MAX_BODY - size))
            if not chunk:
                break
            chunks.append(chunk)
            size += len(chunk)
        phases["total"] = time.monotonic() - started
        return Response(answer.status, b"".join(chunks), phases)
    except ssl.SSLCertVerificationError as error:
        return Response(phases=phases, error=f"could not {step}: {error.verify_message}", untrusted=True)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Response(phases=phases, error=f"could not {step}: {_cause(error, timeout_s)}")
    finally:
        if connection is not None:
            connection.close()


def fetch_here(
    target: Target,
    timeout_s: float,
    *,
    method: str = "GET",
    headers: t.Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Response:
    """Send one request like ``fetch``, also over a connection that is not proven where it stays on this host.

    A key may go over such a one: the proxy at its end was found by the host's own engine.
    """
    response = fetch(target, timeout_s, method=method, headers=headers, body=body)
    if response.untrusted and target.connect_host in ("127.0.0.1", "::1"):
        unproven = dataclasses.replace(target, ca_path="", verify=False)
        return fetch(unproven, timeout_s, method=method, headers=headers, body=body)
    return response


def _context(target: Target) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=target.ca_path or None)
    if not target.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _cause(error: Exception, timeout_s: float) -> str:
    if isinstance(error, (TimeoutError, socket.timeout)):
        return f"nothing came within {timeout_s:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, http.client.RemoteDisconnected):
        return "it closed the connection without an answer"
    text = str(error.strerror if isinstance(error, OSError) and error.strerror else error).strip()
    return text[:200] or type(error).__name__
