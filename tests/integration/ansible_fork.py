# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's commands as they are, but imported once: each run is a fork of the process that has imported them.

Starting the interpreter and importing Ansible is most of what a command costs. All else is real: the command's own
``main``, its arguments, its workers, the connection, and the module that it sends in a process of its own.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import typing as t

# What a command imports only as it runs.
SOON = (
    "ansible.cli.adhoc",
    "ansible.cli.playbook",
    "ansible.executor.module_common",
    "ansible.executor.process.worker",
    "ansible.executor.task_executor",
    "ansible.module_utils.basic",
    "ansible.plugins.action.normal",
    "ansible.plugins.cache.memory",
    "ansible.plugins.callback.default",
    "ansible.plugins.callback.junit",
    "ansible.plugins.callback.minimal",
    "ansible.plugins.callback.oneline",
    "ansible.plugins.callback.tree",
    "ansible.plugins.connection.local",
    "ansible.plugins.filter.core",
    "ansible.plugins.inventory.auto",
    "ansible.plugins.inventory.host_list",
    "ansible.plugins.inventory.ini",
    "ansible.plugins.inventory.toml",
    "ansible.plugins.inventory.yaml",
    "ansible.plugins.lookup",
    "ansible.plugins.shell.sh",
    "ansible.plugins.strategy.linear",
    "ansible.plugins.test.core",
    "ansible.vars.hostvars",
)
COMMANDS = {"ansible": ("ansible.cli.adhoc", "AdHocCLI"), "ansible-playbook": ("ansible.cli.playbook", "PlaybookCLI")}
_STATUS_BYTES = 8
_FDS = 3


class Forker:
    """The process that has imported Ansible, for as long as this one lives."""

    def __init__(self, environment: t.Mapping[str, str]) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=environment,
            )

    def run(self, argv: t.Sequence[str], cwd: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, within a bound, and return what ``subprocess.run`` would."""
        ours, theirs = socket.socketpair()
        with ours, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with theirs:
                given = [out.fileno(), err.fileno(), theirs.fileno()]
                socket.send_fds(self._requests, [json.dumps({"argv": list(argv), "cwd": cwd}).encode()], given)
            ours.settimeout(timeout_s)
            pid = int(ours.recv(_STATUS_BYTES))
            try:
                said = ours.recv(_STATUS_BYTES)
            except TimeoutError:
                os.killpg(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(argv, timeout_s) from None
            assert said, f"{argv[0]} was killed"
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        return subprocess.CompletedProcess(argv, int(said), *texts)

    def close(self) -> None:
        """End the process."""
        self._requests.close()
        self._process.wait(10)


def serve(requests: socket.socket) -> None:
    """Fork for each request, until nobody asks any more."""
    for name in SOON:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, fds, _flags, _address = socket.recv_fds(requests, 1 << 20, _FDS)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            one_run(fds=fds, **json.loads(message))
        for fd in fds:
            os.close(fd)


def one_run(argv: list[str], cwd: str, fds: t.Sequence[int]) -> t.NoReturn:
    """Be the command, in a process of its own, and tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(fds[0], 1)
    os.dup2(fds[1], 2)
    status = 1
    with socket.socket(fileno=fds[2]) as answer:
        answer.set_inheritable(False)
        answer.send(str(os.getpid()).encode().ljust(_STATUS_BYTES))
        try:
            os.chdir(cwd)
            module, name = COMMANDS[argv[0]]
            sys.argv = argv
            getattr(importlib.import_module(module), name).cli_executor(argv)
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError):
                    stream.flush()
            answer.send(str(status).encode().ljust(_STATUS_BYTES))
            # What this process shares with its parent, such as Ansible's temporary folder, is not its own to tidy.
            os._exit(status)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
