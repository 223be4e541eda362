# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import io
import struct
import tarfile

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._access_source import host_path, locate
from ansible_collections.rendiff.ops.plugins.module_utils._docker_stream import demultiplex, stream_file
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError

from .builders import replica, stack

WHERE = "/var/log/traefik/access.log"
FLAGS = ("traefik", "--accesslog=true", f"--accesslog.filepath={WHERE}")


class Engine:
    """Answers what these tests ask of Docker."""

    def __init__(self, archives=None, files=None):
        self.archives = archives or {}
        self.files = files or {}
        self.asked = []

    def read_file(self, _container, path):
        return self.files.get(path)

    def stream(self, path, query=None):
        self.asked.append((path, query))
        yield from self.archives[query["path"]]


def proxy(command=FLAGS, source=None):
    mounts = [
        {"type": "volume", "source": str(source), "name": "x", "destination": "/var/log/traefik", "read_write": True}
    ]
    parts = {"command": tuple(command), "image": f"{command[0]}:3", "mounts": tuple(mounts if source else ())}
    return dataclasses.replace(replica("traefik"), **parts)


def test_the_log_is_read_where_its_volume_is(tmp_path):
    (tmp_path / "access.log").write_bytes(b"x\n")
    source = locate(Engine(), stack(proxy(source=tmp_path)), "proxy", None, 0)
    assert (source.kind, source.places, source.segments[0].end) == ("volume", (str(tmp_path / "access.log"),), 2)
    assert source.describe()["said_by"] == "its command line"


def test_without_a_volume_it_is_read_through_docker():
    source = locate(Engine(), stack(proxy()), "proxy", None, 0)
    assert (source.kind, len(source.streams)) == ("container_file", 1)
    assert source.places[0].endswith(f":{WHERE}")


def test_the_paths_of_another_host_are_not_taken_for_ours(tmp_path):
    (tmp_path / "access.log").write_bytes(b"x\n")
    assert locate(Engine(), stack(proxy(source=tmp_path)), "proxy", None, 0, host_files=False).kind == "container_file"


@pytest.mark.parametrize("command", [("traefik", "--accesslog"), ("nginx",)])
def test_without_a_file_it_is_what_the_container_prints(command):
    assert locate(Engine(), stack(proxy(command)), "proxy", None, 0).kind == "container_log"


def test_that_it_is_off_is_said_with_how_to_turn_it_on():
    with pytest.raises(OpsError, match=r"is off, says its command line\. Add '--accesslog=true'"):
        locate(Engine(), stack(proxy(("traefik", "--api=true"))), "proxy", None, 0)
    with pytest.raises(OpsError, match="is off, says the file '/etc/traefik/traefik.yml'"):
        locate(Engine(files={"/etc/traefik/traefik.yml": b"api: {}"}), stack(proxy()), "proxy", None, 0)


def test_a_project_without_a_proxy_is_said_to_have_none():
    with pytest.raises(OpsError, match="no container of a service that is its proxy. Name a file as path"):
        locate(Engine(), stack(replica("api")), "proxy", None, 0)
    assert locate(Engine(), stack(replica("api")), "api", None, 0).kind == "container_log"


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside"])
def test_a_link_that_leads_out_of_the_volume_is_not_followed_on_the_host(target, tmp_path):
    volume = tmp_path / "volume"
    volume.mkdir()
    (tmp_path / "outside").write_bytes(b"secret\n")
    (volume / "access.log").symlink_to(target)
    assert host_path(proxy(source=volume), WHERE) is None
    (volume / "access.log").unlink()
    (volume / "real").write_bytes(b"x\n")
    (volume / "access.log").symlink_to("real")
    assert host_path(proxy(source=volume), WHERE) == str(volume / "real")


def test_a_path_that_climbs_out_is_none():
    assert host_path(proxy(source="/var"), "/var/log/traefik/../../../etc/passwd") is None


def archive(name, content=b"", link=None):
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        if link:
            member.type, member.linkname = tarfile.SYMTYPE, link
        tar.addfile(member, io.BytesIO(content))
    raw = whole.getvalue()
    return [raw[at : at + 700] for at in range(0, len(raw), 700)]


def test_a_file_in_a_container_comes_a_piece_at_a_time_and_links_are_followed_inside_it():
    content = bytes(range(256)) * 9000
    engine = Engine(
        {WHERE: archive("access.log", link="../x/real.log"), "/var/log/x/real.log": archive("real.log", content)}
    )
    pieces = list(stream_file(engine, "abc", WHERE))
    assert b"".join(pieces) == content and len(pieces) > 1


def test_a_folder_or_a_circle_of_links_is_an_error():
    with pytest.raises(OpsError, match="more than 5 links"):
        list(stream_file(Engine({WHERE: archive("access.log", link="access.log")}), "abc", WHERE))
    cut = archive("access.log", b"x" * 9000)[:3]
    with pytest.raises(OpsError, match="ended before the file did"):
        list(stream_file(Engine({WHERE: cut}), "abc", WHERE))


@pytest.mark.parametrize("size", [1, 3, 8, 9, 100])
def test_frames_are_taken_apart_wherever_they_are_cut(size):
    frames = [(1, b"one\n"), (2, b"two\n"), (1, b""), (1, b"three" * 40 + b"\n")]
    raw = b"".join(struct.pack(">BxxxL", kind, len(text)) + text for kind, text in frames)
    cut = [raw[at : at + size] for at in range(0, len(raw), size)]
    assert b"".join(demultiplex(cut)) == b"".join(text for _kind, text in frames)
