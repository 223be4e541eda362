# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: one client of PostgreSQL at a time, in a container of the server's own image.

Nothing is installed on the host, client and server are of the same version, and the memory is not the server's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
import typing as t
from urllib.parse import quote

from ._credentials import PostgresLogin
from ._docker import DockerClient, split_stream
from ._errors import OpsError

# Where the container sees the folder that it was given.
FOLDER = "/rendiff-ops"
LABEL = "rendiff.ops.one-off"

# One that is soon done is seen at once, and one that takes long is not slowed down by being watched.
_POLL_S, _CALM_POLL_S, _CALM_AFTER_S = 0.2, 1.0, 5.0
# What Docker itself may need to make, start or remove a container.
_DOCKER_S = 60.0
# For how long Docker may fail to answer, again and again, while a client works on, which may be for hours.
_PATIENCE_S = 60.0
_AGAIN_S = 1.0
_LOG_TAIL = 40
_INHERITED = ("com.docker.compose.project", "com.docker.compose.service", "com.docker.compose.oneoff")

Beat = t.Callable[[str], None]
Answer = t.TypeVar("Answer")


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a client ended: its exit status, and the last lines that it printed, without the password."""

    status: int
    lines: tuple[str, ...]

    def cause(self) -> str:
        """Return the line that tells most."""
        told = [line for line in self.lines if "error:" in line.lower()] or list(self.lines) or ["it said nothing"]
        return f"{told[0].strip()[:300]} (status {self.status})"


class OneOff:
    """Runs clients of PostgreSQL against one server.

    ``project`` marks the containers, so that those of a run that was killed are found. ``image`` is on the host.
    ``folder`` is a folder of the host, or None; the client sees it as ``FOLDER``.
    """

    def __init__(self, client: DockerClient, project: str, image: str, login: PostgresLogin) -> None:
        self._client = client
        self._project = project
        self._image = image
        self._login = login

    def run(
        self, argv: t.Sequence[str], timeout_s: float, *, folder: str | None = None, beat: Beat | None = None
    ) -> Ended:
        """Run a client to its end. ``beat`` gets its last line, again and again, while it runs; it may fail."""
        identity = self._create(argv, folder)
        try:
            self._post(f"/containers/{identity}/start", f"start {argv[0]}")
            status = self._wait(identity, argv[0], timeout_s, beat)
            return Ended(status, tuple(_patiently(lambda: self._lines(identity))))
        finally:
            self._remove(identity)

    def sweep(self) -> list[str]:
        """Remove the clients that a run left which was killed; return the names of their containers."""
        swept = []
        for summary in self._client.containers(f"{LABEL}={self._project}"):
            self._remove(summary["Id"])
            swept.append(str((summary.get("Names") or ["?"])[0]).lstrip("/"))
        return swept

    def _create(self, argv: t.Sequence[str], folder: str | None) -> str:
        environment = {
            "PGHOST": self._login.host,
            "PGPORT": str(self._login.port),
            "PGUSER": self._login.user,
            "PGPASSWORD": self._login.password,
            "PGSSLMODE": self._login.sslmode,
            "PGAPPNAME": "rendiff.ops",
            "PGCONNECT_TIMEOUT": "10",
            "LC_ALL": "C.UTF-8",
        }
        body = {
            "Image": self._image,
            "Entrypoint": [argv[0]],
            "Cmd": list(argv[1:]),
            "User": "0:0",
            "Env": [f"{name}={value}" for name, value in environment.items() if value],
            "Healthcheck": {"Test": ["NONE"]},
            # An image that Compose built says to which service it belongs; these containers belong to none.
            "Labels": {LABEL: self._project, **dict.fromkeys(_INHERITED, "")},
            "HostConfig": {
                "NetworkMode": "host",
                "Binds": [f"{folder}:{FOLDER}"] if folder else [],
                "SecurityOpt": ["no-new-privileges"],
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "8m"}},
            },
        }
        status, answer = self._client.call(
            "POST", "/containers/create", body=json.dumps(body).encode(), timeout_s=_DOCKER_S
        )
        if status == 404:
            raise OpsError(
                f"run {argv[0]}", f"the image '{self._image}' is not on this host", "Pass client_image, one that is"
            )
        if status != 201:
            raise OpsError(f"run {argv[0]}", f"Docker answered {status}: {_text(answer)}")
        return str(json.loads(answer)["Id"])

    def _post(self, path: str, act: str) -> None:
        status, answer = self._client.call("POST", path, timeout_s=_DOCKER_S)
        if status >= 400:
            raise OpsError(act, f"Docker answered {status}: {_text(answer)}")

    def _wait(self, identity: str, name: str, timeout_s: float, beat: Beat | None) -> int:
        began = time.monotonic()
        deadline = began + timeout_s
        while time.monotonic() < deadline:
            state = (_patiently(lambda: self._client.inspect(identity)) or {}).get("State") or {}
            if state.get("Status") in ("exited", "dead"):
                return int(state.get("ExitCode") or 0)
            if not state:
                raise OpsError(f"wait for {name}", "its container was removed", "Run this again")
            if beat is not None:
                # It only tells how far the work is.
                with contextlib.suppress(OpsError):
                    beat(next(iter(self._lines(identity, tail=1)), ""))
            time.sleep(_POLL_S if time.monotonic() - began < _CALM_AFTER_S else _CALM_POLL_S)
        raise OpsError(
            f"wait for {name}", f"it did not end within {timeout_s:g} s", "Give it more time by timeout_s, or look why"
        )

    def _lines(self, identity: str, tail: int = _LOG_TAIL) -> list[str]:
        query = {"stdout": "1", "stderr": "1", "tail": str(tail)}
        status, body = self._client.call("GET", f"/containers/{quote(identity)}/logs", query=query)
        if status != 200:
            return []
        output, errors = split_stream(body)
        text = (output + errors).decode("utf-8", "replace")
        if self._login.password:
            text = text.replace(self._login.password, "********")
        return text.splitlines()

    def _remove(self, identity: str) -> None:
        # It is ours alone, and it holds nothing: what it wrote is in the folder.
        with contextlib.suppress(OpsError):
            self._client.call(
                "DELETE", f"/containers/{quote(identity)}", query={"force": "1", "v": "1"}, timeout_s=_DOCKER_S
            )


def _patiently(ask: t.Callable[[], Answer]) -> Answer:
    """Return an answer of Docker; it is asked again when it is slow or fails, for a while."""
    begin = time.monotonic()
    while True:
        try:
            return ask()
        except OpsError:
            if time.monotonic() - begin > _PATIENCE_S:
                raise
            time.sleep(_AGAIN_S)


def _text(body: bytes) -> str:
    return body[:300].decode("utf-8", "replace").strip()
