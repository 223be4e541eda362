# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import struct
import subprocess

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._docker import DockerClient, compose_config, split_stream
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError


def frame(kind, content):
    return struct.pack(">BxxxL", kind, len(content)) + content


def test_output_and_errors_are_told_apart_and_a_cut_frame_is_kept_as_far_as_it_came():
    stream = frame(1, b"out") + frame(2, b"err") + frame(1, b" more") + frame(1, b"tail")[:-2]
    assert split_stream(stream) == (b"out moreta", b"err")
    assert split_stream(b"") == (b"", b"")


@pytest.mark.parametrize("host", ["ssh://x", "unix://", "/var/run/docker.sock", "tcp://"])
def test_an_address_that_is_not_understood_is_refused(host):
    with pytest.raises(OpsError, match="only unix:///path and tcp://host:port are understood"):
        DockerClient(host)


def test_no_socket_and_nobody_listening_are_told(tmp_path):
    with pytest.raises(OpsError, match="there is no such socket. Start Docker"):
        DockerClient(f"unix://{tmp_path}/none.sock").version()
    with pytest.raises(OpsError, match="nothing listens there. Start Docker"):
        DockerClient("tcp://127.0.0.1:1", timeout_s=2).version()


def test_an_engine_that_hangs_is_bounded(tmp_path):
    path = f"{tmp_path}/hang.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        with pytest.raises(OpsError, match="no answer within 0.2 s"):
            DockerClient(f"unix://{path}", timeout_s=0.2).version()


def run_command(argv):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


def test_compose_that_is_missing_fails_or_hangs_is_told(tmp_path):
    with pytest.raises(OpsError, match="there is no docker command"):
        compose_config(run_command, [f"{tmp_path}/none"], 2)
    failing = tmp_path / "failing"
    failing.write_text("#!/bin/sh\necho first >&2; echo 'variable X is missing' >&2; exit 14\n")
    failing.chmod(0o755)
    with pytest.raises(OpsError, match="variable X is missing"):
        compose_config(run_command, [str(failing)], 5)
    hanging = tmp_path / "hanging"
    hanging.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    hanging.chmod(0o755)
    with pytest.raises(OpsError, match="did not answer within 0.3 s"):
        compose_config(run_command, [str(hanging)], 0.3)
