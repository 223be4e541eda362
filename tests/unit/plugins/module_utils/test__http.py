# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.server
import socket
import threading
import time

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._http import Target, fetch


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers what the path asks for."""

    def do_GET(self):
        if self.path == "/slow":
            self.server.released.wait(10)
        status = 503 if self.path == "/503" else 200
        self.send_response(status)
        self.end_headers()
        self.wfile.write(self.headers["Host"].encode() + b"|" + (self.headers.get("X-Test") or "").encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture(name="port")
def fixture_port():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.released = threading.Event()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.released.set()
    server.shutdown()
    server.server_close()


def test_the_host_of_the_url_is_kept_when_another_address_is_dialled(port):
    target = Target("http://api.example.com:81/x", "127.0.0.1", port)
    response = fetch(target, 5, headers={"X-Test": "1"})
    assert (response.status, response.body) == (200, b"api.example.com:81|1")
    assert set(response.phases) == {"dns", "connect", "first_byte", "total"}


def test_a_status_and_a_body_come_back(port):
    assert fetch(Target(f"http://127.0.0.1:{port}/503"), 5).status == 503
    assert fetch(Target(f"http://127.0.0.1:{port}/"), 5, method="POST", body=b"abc").body == b"abc"


def test_an_answer_that_does_not_come_is_bounded(port):
    begin = time.monotonic()
    response = fetch(Target(f"http://127.0.0.1:{port}/slow"), 0.3)
    assert "nothing came within 0.3 s" in response.error
    assert time.monotonic() - begin < 3


def test_what_cannot_be_reached_is_told_and_never_raised():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "the connection was refused" in fetch(Target(f"http://127.0.0.1:{port}/"), 2).error
    assert "could not find the address" in fetch(Target("http://does-not-exist.invalid/"), 2).error
    assert fetch(Target(f"https://127.0.0.1:{port}/", ca_path="/does/not/exist"), 2).error


def test_a_server_that_speaks_no_http_is_told():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def answer():
            connection, _address = server.accept()
            connection.recv(1000)
            connection.sendall(b"\x00\xff garbage\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        response = fetch(Target(f"http://127.0.0.1:{server.getsockname()[1]}/"), 2)
        thread.join(5)
    assert response.error and not response.status
