# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients with addresses of their own outside of the host: network namespaces behind a bridge, and a published port.

The port leads to the proxy by destination NAT, as those that Docker publishes do, so that requests arrive with the
addresses of their clients. Nothing of it leaves this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from names import HOST, Sandbox
from shell import SandboxError, run, wait_until

HERE = Path(__file__).resolve().parent
PORT = 8080
SESSION_PORT = 8022
CLIENTS = {"attacker-1": 11, "attacker-2": 12, "attacker-3": 13, "bystander": 21, "admin": 31}
_TIMEOUT_S = 30


class Outside:
    """What is outside of one sandbox. Names and the network derive from its project."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        digest = hashlib.sha256(sandbox.project.encode()).hexdigest()
        self.short = f"ro{digest[:6]}"
        # Of the block for benchmarks of networks, so that no route of anybody's is hidden.
        self.network = f"198.18.{int(digest[6:8], 16)}"
        self.table = f"rendiff_outside_{digest[:6]}"
        self.state_dir = sandbox.state_dir / "outside"

    def address(self, client: str) -> str:
        """Return the address of a client."""
        return f"{self.network}.{CLIENTS[client]}"

    def describe(self) -> dict[str, object]:
        """Return what is needed to use it."""
        return {
            "url": f"http://{self.network}.1:{PORT}",
            "host": HOST,
            "clients": {client: self.address(client) for client in CLIENTS},
            "reports": str(self.state_dir),
        }

    def up(self) -> None:
        """Make it anew."""
        self.down()
        self.state_dir.mkdir(mode=0o700, exist_ok=True)
        proxy = self._proxy()
        self._ip("link", "add", self.short, "type", "bridge")
        self._ip("address", "add", f"{self.network}.1/24", "dev", self.short)
        self._ip("link", "set", self.short, "up")
        for number, client in enumerate(CLIENTS):
            space, outer, inner = self._space(client), f"{self.short}o{number}", f"{self.short}i{number}"
            self._ip("netns", "add", space)
            self._ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", space)
            self._ip("link", "set", outer, "master", self.short, "up")
            self._ip("-n", space, "address", "add", f"{self.address(client)}/24", "dev", inner)
            self._ip("-n", space, "link", "set", inner, "up")
            self._ip("-n", space, "link", "set", "lo", "up")
            self._ip("-n", space, "route", "add", "default", "via", f"{self.network}.1")
        rules = (
            f"table ip {self.table} {{",
            "chain pre {",
            "type nat hook prerouting priority dstnat - 1;",
            f"iifname {self.short} tcp dport {PORT} dnat to {proxy}:80",
            "}",
            "}",
        )
        run(["nft", "-f", "-"], stdin="\n".join(rules) + "\n", timeout=_TIMEOUT_S)
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")

    def down(self) -> None:
        """Remove it, and end who still visits."""
        for pid_file in self.state_dir.glob("*.pid") if self.state_dir.exists() else ():
            self._end(int(pid_file.read_text()), pid_file)
        # By name: a namespace lives on for a while with connections in it that nobody ended.
        for link in (*(f"{self.short}o{number}" for number in range(len(CLIENTS))), self.short):
            if Path(f"/sys/class/net/{link}").exists():
                self._ip("link", "delete", link)
        for client in CLIENTS:
            if Path(f"/run/netns/{self._space(client)}").exists():
                self._ip("netns", "delete", self._space(client))
        run(["nft", "delete", "table", "ip", self.table], timeout=_TIMEOUT_S, check=False)

    def visit(self, client: str, rate: float, seconds: float, key_file: str, path: str) -> None:
        """Let a client send requests for a time, in the background; its report is named after it."""
        arguments = [f"--url={self.describe()['url']}{path}", f"--rate={rate}", f"--seconds={seconds}"]
        if key_file:
            arguments.append(f"--key-file={key_file}")
        self._begin(client, self._space(client), ["visit", *arguments])

    def session(self, seconds: float) -> None:
        """Let the admin hold a session with the host, in the background: a line back and forth each half second."""
        address = f"{self.network}.1:{SESSION_PORT}"
        self._begin("session-server", "", ["serve", f"--listen={address}", f"--seconds={seconds}"])
        listens = self.state_dir / "session-server.json"
        wait_until("the session's server", listens.exists, timeout=10, every=0.1)
        self._begin("admin", self._space("admin"), ["hold", f"--connect={address}", f"--seconds={seconds}"])

    def _begin(self, name: str, space: str, arguments: list[str]) -> None:
        report = self.state_dir / f"{name}.json"
        report.unlink(missing_ok=True)
        inside = ["ip", "netns", "exec", space] if space else []
        argv = [*inside, sys.executable, str(HERE / "visitor.py"), *arguments, f"--host={HOST}", f"--report={report}"]
        with (self.state_dir / f"{name}.log").open("w") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        (self.state_dir / f"{name}.pid").write_text(str(process.pid))

    def _end(self, pid: int, pid_file: Path) -> None:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            command = b""
        # The number may be another's by now.
        if b"visitor.py" in command:
            os.killpg(pid, signal.SIGKILL)
        pid_file.unlink(missing_ok=True)

    def _space(self, client: str) -> str:
        return f"{self.short}-{client}"

    def _ip(self, *arguments: str) -> None:
        run(["ip", *arguments], timeout=_TIMEOUT_S)

    def _proxy(self) -> str:
        template = "{{json .NetworkSettings.Networks}}"
        done = run(["docker", "inspect", "-f", template, f"{self.sandbox.project}-traefik-1"], timeout=_TIMEOUT_S)
        addresses = [network["IPAddress"] for network in json.loads(done.stdout).values() if network["IPAddress"]]
        if not addresses:
            raise SandboxError("Cannot make an outside: the proxy of the sandbox does not run")
        return str(addresses[0])
