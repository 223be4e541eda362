# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that sends requests at a rate, serves a session, or holds one; it writes what it saw as JSON."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

REQUEST_S = 3.0
BEAT_S = 0.5


def write(report: Path, seen: object) -> None:
    """Write the report whole."""
    temporary = report.with_suffix(".new")
    temporary.write_text(json.dumps(seen))
    os.replace(temporary, report)


def visit(options: argparse.Namespace) -> None:
    """Send requests at a rate, one after another; note the time and the status of each, 0 for none."""
    parts = urlsplit(options.url)
    headers = {"Host": options.host, "User-Agent": "visitor"}
    if options.key_file:
        headers["X-API-Key"] = Path(options.key_file).read_text().strip()
    connection: http.client.HTTPConnection | None = None
    seen: list[tuple[float, int]] = []
    begin = time.time()
    due, written = begin, begin
    while time.time() < begin + options.seconds:
        at = time.time()
        try:
            connection = connection or http.client.HTTPConnection(parts.hostname, parts.port, timeout=REQUEST_S)
            connection.request("GET", parts.path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            seen.append((at, answer.status))
        except (OSError, http.client.HTTPException):
            seen.append((at, 0))
            connection = None
        if time.time() > written + 1:
            written = time.time()
            write(options.report, seen)
        due = max(due + 1 / options.rate, time.time() - 1)
        time.sleep(max(0.0, due - time.time()))
    write(options.report, seen)


def serve(options: argparse.Namespace) -> None:
    """Send back what one client sends, until it leaves or the time is over."""
    host, _colon, port = options.listen.rpartition(":")
    with socket.create_server((host, int(port))) as server:
        write(options.report, {"listens": True})
        server.settimeout(options.seconds)
        connection, _address = server.accept()
        with connection:
            connection.settimeout(options.seconds)
            while data := connection.recv(4096):
                connection.sendall(data)


def hold(options: argparse.Namespace) -> None:
    """Send a line each half second over one connection; note how long each took to come back."""
    host, _colon, port = options.connect.rpartition(":")
    seen: list[tuple[float, float]] = []
    end = time.time() + options.seconds
    with socket.create_connection((host, int(port)), timeout=REQUEST_S) as connection:
        while time.time() < end:
            at = time.time()
            connection.sendall(b"still here\n")
            connection.recv(64)
            seen.append((at, time.time() - at))
            write(options.report, {"alive": True, "beats": seen})
            time.sleep(BEAT_S)
    write(options.report, {"alive": True, "ended": True, "beats": seen})


def main() -> None:
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, act in (("visit", visit), ("serve", serve), ("hold", hold)):
        verb = verbs.add_parser(name)
        verb.set_defaults(act=act)
        verb.add_argument("--host", default="")
        verb.add_argument("--seconds", type=float, required=True)
        verb.add_argument("--report", type=Path, required=True)
        verb.add_argument("--url", default="")
        verb.add_argument("--rate", type=float, default=1)
        verb.add_argument("--key-file", default="")
        verb.add_argument("--listen", default="")
        verb.add_argument("--connect", default="")
    options = parser.parse_args()
    options.act(options)


if __name__ == "__main__":
    main()
