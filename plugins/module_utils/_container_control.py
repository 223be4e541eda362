# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: start, stop and remove one container, and see what runs in it. Every call is bounded."""

from __future__ import annotations

import typing as t
from urllib.parse import quote

from ._docker import DockerClient
from ._errors import OpsError

# What the engine itself needs beyond the time that it gives the container.
_MARGIN_S = 30.0
_ENCODERS = ("ffmpeg", "ffprobe")


class Containers:
    """Changes containers by their ids."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client

    def restart(self, container: str, name: str, grace_s: int) -> None:
        """Stop a container, with ``grace_s`` to end by itself, and start it again; start one that does not run."""
        self._change("POST", container, f"restart container '{name}'", "/restart", {"t": str(grace_s)}, grace_s)

    def stop(self, container: str, name: str, grace_s: int) -> None:
        """Stop a container; one that has stopped is fine."""
        self._change("POST", container, f"stop container '{name}'", "/stop", {"t": str(grace_s)}, grace_s)

    def start(self, container: str, name: str) -> None:
        """Start a container; one that runs is fine."""
        self._change("POST", container, f"start container '{name}'", "/start", {}, 0)

    def remove(self, container: str, name: str) -> None:
        """Remove a stopped container; one that is gone is fine."""
        self._change("DELETE", container, f"remove container '{name}'", "", {}, 0)

    def encoders(self, container: str) -> int | None:
        """Return how many encoders run in a container, None where that cannot be seen."""
        status, found = self._top(container)
        if status != 200:
            return None
        titles = [str(title).upper() for title in found.get("Titles") or ()]
        column = next((at for at, title in enumerate(titles) if title in ("CMD", "COMMAND")), len(titles) - 1)
        return sum(is_encoder(str(row[column])) for row in found.get("Processes") or ())

    def _top(self, container: str) -> tuple[int, dict[str, t.Any]]:
        answer = self._client.get(f"/containers/{quote(container, safe='')}/top")
        return (404, {}) if answer is None else (200, t.cast("dict[str, t.Any]", answer))

    def _change(
        self, method: str, container: str, act: str, path: str, query: t.Mapping[str, str], grace_s: int
    ) -> None:
        target = f"/containers/{quote(container, safe='')}{path}"
        status, body = self._client.call(method, target, query=query, timeout_s=grace_s + _MARGIN_S)
        # 304: it was so already. 404: for a removal that is the same.
        if status >= 400 and not (status == 404 and method == "DELETE"):
            raise OpsError(act, f"Docker answered {status}: {body[:200].decode('utf-8', 'replace').strip()}")


def is_encoder(command: str) -> bool:
    """Tell whether a process is one that encodes or reads a video. Pure."""
    words = command.split()
    return bool(words) and words[0].rsplit("/", 1)[-1] in _ENCODERS
