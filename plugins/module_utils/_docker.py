# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the one place that talks to Docker, over its API socket and its compose command."""

from __future__ import annotations

import dataclasses
import http.client
import io
import json
import os
import socket
import struct
import tarfile
import time
import typing as t
from urllib.parse import quote, urlencode, urlsplit

from ._argspec import ArgumentSpec
from ._errors import OpsError

RunCommand = t.Callable[[list[str]], tuple[int, str, str]]

DEFAULT_HOST = "unix:///var/run/docker.sock"

DOCKER_ARGUMENTS = ArgumentSpec(
    {
        "docker_host": {"type": "str", "default": DEFAULT_HOST},
        "docker_timeout_s": {"type": "int", "default": 10},
    }
)

# An answer larger than this is not one that the calls below can mean; it protects the memory of the managed host.
_MAX_OUTPUT = 16 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class ExecResult:
    """What a command inside a container did."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class _UnixConnection(http.client.HTTPConnection):
    """An HTTP connection over a Unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("docker", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class DockerClient:
    """The few calls of the Docker Engine API that the collection needs; a connection per call, so threads may share it.

    ``timeout_s`` bounds each wait for the engine, in seconds. Source: Docker Engine API, unversioned paths, which mean
    "the newest version this engine speaks" and so work from 20.10 on.
    """

    def __init__(self, host: str = DEFAULT_HOST, timeout_s: float = 10) -> None:
        self.host = host
        self.timeout_s = timeout_s
        parts = urlsplit(host)
        if parts.scheme not in ("unix", "tcp", "http") or not (parts.path if parts.scheme == "unix" else parts.netloc):
            raise OpsError(
                f"talk to Docker at '{host}'",
                "only unix:///path and tcp://host:port are understood",
                "Set docker_host to one of them",
            )
        self._parts = parts

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        if self._parts.scheme == "unix":
            return _UnixConnection(self._parts.path, timeout_s)
        return http.client.HTTPConnection(self._parts.hostname or "", self._parts.port or 2375, timeout=timeout_s)

    def _explain(self, error: OSError | http.client.HTTPException) -> OpsError:
        act = f"talk to Docker at '{self.host}'"
        if isinstance(error, FileNotFoundError):
            return OpsError(act, "there is no such socket", "Start Docker, or set docker_host to where it listens")
        if isinstance(error, PermissionError):
            return OpsError(
                act, "this user may not use it", "Run with become, or add the user to the group that owns the socket"
            )
        if isinstance(error, (ConnectionRefusedError, ConnectionResetError)):
            return OpsError(act, "nothing listens there", "Start Docker, then run this again")
        if isinstance(error, (TimeoutError, socket.timeout)):
            return OpsError(act, f"no answer within {self.timeout_s:g} s", "Look at the engine's log; it may hang")
        return OpsError(act, f"{type(error).__name__}: {error}")

    def call(
        self,
        method: str,
        path: str,
        *,
        query: t.Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout_s: float | None = None,
    ) -> tuple[int, bytes]:
        """Send one request; return status and body. Only a failure to talk at all is an error here."""
        bound = self.timeout_s if timeout_s is None else timeout_s
        connection = self._connection(bound)
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            connection.request(method, target, body=body, headers={"Content-Type": content_type} if body else {})
            response = connection.getresponse()
            deadline = time.monotonic() + bound
            chunks: list[bytes] = []
            size = 0
            while True:
                chunk = response.read1(65536)
                if not chunk:
                    break
                chunks.append(chunk)
                size += len(chunk)
                if size > _MAX_OUTPUT:
                    raise OpsError(f"read {path} from Docker", f"more than {_MAX_OUTPUT} bytes came")
                if time.monotonic() > deadline:
                    raise TimeoutError
            return response.status, b"".join(chunks)
        except (OSError, http.client.HTTPException) as error:
            raise self._explain(error) from error
        finally:
            connection.close()

    def get(self, path: str, query: t.Mapping[str, str] | None = None) -> t.Any:
        """Return the decoded JSON of a GET, or None where Docker says there is no such object."""
        status, body = self.call("GET", path, query=query)
        if status == 404:
            return None
        if status >= 400:
            raise OpsError(f"read {path} from Docker", f"it answered {status}: {_message(body)}")
        return json.loads(body)

    def stream(self, path: str, query: t.Mapping[str, str] | None = None) -> t.Iterator[bytes]:
        """Yield the body of a GET as it comes, however large; ``timeout_s`` bounds each wait, the caller the whole."""
        connection = self._connection(self.timeout_s)
        try:
            connection.request("GET", f"{path}?{urlencode(query)}" if query else path)
            response = connection.getresponse()
            if response.status != 200:
                raise OpsError(
                    f"read {path} from Docker", f"it answered {response.status}: {_message(response.read())}"
                )
            while True:
                chunk = response.read1(1 << 20)
                if not chunk:
                    return
                yield chunk
        except (OSError, http.client.HTTPException) as error:
            raise self._explain(error) from error
        finally:
            connection.close()

    def version(self) -> dict[str, t.Any]:
        """Return the engine's own description of its version."""
        return t.cast("dict[str, t.Any]", self.get("/version"))

    def containers(self, label: str) -> list[dict[str, t.Any]]:
        """Return the summaries of all containers, running or not, that carry ``label`` (``name`` or ``name=value``)."""
        filters = json.dumps({"label": [label]})
        return t.cast("list[dict[str, t.Any]]", self.get("/containers/json", {"all": "1", "filters": filters}))

    def inspect(self, container: str) -> dict[str, t.Any] | None:
        """Return a container's full description, or None when it is gone."""
        return t.cast("dict[str, t.Any] | None", self.get(f"/containers/{quote(container, safe='')}/json"))

    def image(self, reference: str) -> dict[str, t.Any] | None:
        """Return an image's full description, or None when it is not on this host."""
        return t.cast("dict[str, t.Any] | None", self.get(f"/images/{quote(reference, safe='')}/json"))

    def stats(self, container: str) -> dict[str, t.Any]:
        """Return the engine's figures of a container's memory and CPU at this moment."""
        path = f"/containers/{quote(container, safe='')}/stats"
        return t.cast("dict[str, t.Any]", self.get(path, {"stream": "false", "one-shot": "true"}) or {})

    def logs(self, container: str, since: float, tail: int) -> bytes:
        """Return the last ``tail`` lines that a container printed since a time in seconds of the epoch."""
        query = {"stdout": "1", "stderr": "1", "since": str(int(since)), "tail": str(tail), "timestamps": "1"}
        status, body = self.call("GET", f"/containers/{quote(container, safe='')}/logs", query=query)
        if status != 200:
            raise OpsError(f"read the log of container '{container[:12]}'", f"Docker said: {_message(body)}")
        if ((self.inspect(container) or {}).get("Config") or {}).get("Tty"):
            # With a terminal there is one stream, and nothing stands between its lines.
            return body
        stdout, stderr = split_stream(body)
        return stdout + stderr

    def execute(self, container: str, argv: t.Sequence[str], timeout_s: float) -> ExecResult:
        """Run a command in a container without a shell, bounded by ``timeout_s``; the command may outlive the bound."""
        act = f"run {argv[0]} in container '{container[:12]}'"
        request = json.dumps({"AttachStdout": True, "AttachStderr": True, "Cmd": list(argv)}).encode()
        status, body = self.call("POST", f"/containers/{quote(container, safe='')}/exec", body=request)
        if status != 201:
            raise OpsError(act, f"Docker answered {status}: {_message(body)}")
        identity = json.loads(body)["Id"]
        start = json.dumps({"Detach": False, "Tty": False}).encode()
        status, stream = self.call("POST", f"/exec/{identity}/start", body=start, timeout_s=timeout_s)
        if status >= 400:
            raise OpsError(act, f"Docker answered {status}: {_message(stream)}")
        stdout, stderr = split_stream(stream)
        state = self.get(f"/exec/{identity}/json") or {}
        return ExecResult(int(state.get("ExitCode") or 0), stdout, stderr)

    def put_file(self, container: str, path: str, content: bytes, *, uid: int, gid: int, mode: int = 0o644) -> None:
        """Write one file into a running container, owned by ``uid`` and ``gid``."""
        directory, name = os.path.split(path)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            member = tarfile.TarInfo(name)
            member.size, member.uid, member.gid, member.mode = len(content), uid, gid, mode
            member.mtime = int(time.time())
            tar.addfile(member, io.BytesIO(content))
        status, body = self.call(
            "PUT",
            f"/containers/{quote(container, safe='')}/archive",
            query={"path": directory},
            body=archive.getvalue(),
            content_type="application/x-tar",
        )
        if status != 200:
            raise OpsError(f"write '{path}' into container '{container[:12]}'", f"Docker said: {_message(body)}")

    def read_file(self, container: str, path: str) -> bytes | None:
        """Return the content of one file in a container, or None where there is no such file."""
        status, body = self.call("GET", f"/containers/{quote(container, safe='')}/archive", query={"path": path})
        if status == 404:
            return None
        if status != 200:
            raise OpsError(f"read '{path}' from container '{container[:12]}'", f"Docker said: {_message(body)}")
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            member = tar.next()
            stream = tar.extractfile(member) if member is not None else None
            return stream.read() if stream is not None else None


def split_stream(stream: bytes) -> tuple[bytes, bytes]:
    """Separate Docker's multiplexed output into standard output and standard error. Source: API, "stream format"."""
    outputs: dict[int, list[bytes]] = {1: [], 2: []}
    position = 0
    while position + 8 <= len(stream):
        kind, length = struct.unpack(">BxxxL", stream[position : position + 8])
        outputs.setdefault(kind, []).append(stream[position + 8 : position + 8 + length])
        position += 8 + length
    return b"".join(outputs[1]), b"".join(outputs[2])


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace").strip() or "nothing"


def compose_config(run_command: RunCommand, argv: t.Sequence[str], timeout_s: float) -> dict[str, t.Any]:
    """Return the merged project that ``docker compose ... config`` prints, with the services of every profile.

    ``run_command`` runs an argument list without a shell and returns exit status, output and errors; ``argv`` is the
    compose command with its project, files and environment files. The result holds secrets.
    """
    # The module's own way to run a command knows no bound, so the command brings one.
    bounded = ["timeout", "--kill-after=2", f"{timeout_s:g}", *argv]
    status, stdout, stderr = run_command([*bounded, "--profile", "*", "config", "--format", "json", "--no-normalize"])
    act = "read the Compose files"
    if status in (126, 127):
        raise OpsError(act, "there is no docker command on this host that can be run")
    if status in (124, 137):
        raise OpsError(act, f"docker compose did not answer within {timeout_s:g} s")
    if status != 0:
        lines = stderr.strip().splitlines()
        raise OpsError(act, lines[-1][:300] if lines else f"docker compose ended with {status}")
    return t.cast("dict[str, t.Any]", json.loads(stdout))
