# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the same request again and again over one kept connection, as fast as it goes."""

from __future__ import annotations

import http.client
import socket
import ssl
import typing as t
from urllib.parse import urlsplit

from ._http import MAX_BODY, Target


class Repeater:
    """Sends one request many times. No secret goes with it, so a certificate does not matter."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        parts = urlsplit(target.url)
        self._host = parts.hostname or ""
        self._secure = parts.scheme == "https"
        port = parts.port or (443 if self._secure else 80)
        self._dial = (target.connect_host or self._host, target.connect_port or port)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._name = parts.netloc.rsplit("@", 1)[-1]
        self._timeout_s = timeout_s
        self._connection: http.client.HTTPConnection | None = None

    def ask(self) -> int:
        """Return the status of one request, 0 where there is no answer."""
        try:
            connection = self._connection or self._connect()
            self._connection = connection
            connection.putrequest("GET", self._path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", self._name)
            connection.putheader("User-Agent", "rendiff.ops")
            connection.endheaders()
            answer = connection.getresponse()
            rest = answer.read(MAX_BODY)
        except (OSError, http.client.HTTPException):
            self.close()
            return 0
        if answer.will_close or len(rest) == MAX_BODY:
            self.close()
        return answer.status

    def _connect(self) -> http.client.HTTPConnection:
        plain = socket.create_connection(self._dial, timeout=self._timeout_s)
        connection = http.client.HTTPConnection(self._host, self._dial[1], timeout=self._timeout_s)
        connection.sock = _unproven().wrap_socket(plain, server_hostname=self._host) if self._secure else plain
        return connection

    def close(self) -> None:
        """Let the connection go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Repeater:
        return self

    def __exit__(self, *_error: t.Any) -> None:
        self.close()


def _unproven() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
