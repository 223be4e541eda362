# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: files in containers and logs of containers, however large, a piece at a time."""

from __future__ import annotations

import posixpath
import struct
import tarfile
import typing as t
from urllib.parse import quote

from ._docker import DockerClient
from ._errors import OpsError

_LINKS_MAX = 5
_PIECE = 1 << 20


class _Reader:
    """Pieces as a file that tarfile can read."""

    def __init__(self, chunks: t.Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""

    def read(self, size: int) -> bytes:
        """Return as many bytes as are asked for, fewer only at the end."""
        parts, have = [self._left], len(self._left)
        while have < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            parts.append(chunk)
            have += len(chunk)
        whole = b"".join(parts)
        self._left = whole[size:]
        return whole[:size]


def stream_file(client: DockerClient, container: str, path: str) -> t.Iterator[bytes]:
    """Yield the content of a file in a container, as long as it was when this began; links are followed inside it."""
    act = f"read '{path}' from container '{container[:12]}'"
    for _turn in range(_LINKS_MAX):
        chunks = client.stream(f"/containers/{quote(container, safe='')}/archive", {"path": path})
        try:
            with tarfile.open(fileobj=t.cast("t.IO[bytes]", _Reader(chunks)), mode="r|") as tar:
                member = tar.next()
                if member is not None and member.issym():
                    path = posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname))
                    continue
                stream = tar.extractfile(member) if member is not None and member.isfile() else None
                if stream is None:
                    raise OpsError(act, "it is no regular file")
                while True:
                    piece = stream.read(_PIECE)
                    if not piece:
                        return
                    yield piece
        except tarfile.TarError as error:
            raise OpsError(act, f"Docker ended before the file did ({error})", "Run again") from error
    raise OpsError(act, f"more than {_LINKS_MAX} links lead to it")


def demultiplex(chunks: t.Iterable[bytes]) -> t.Iterator[bytes]:
    """Yield what is inside Docker's frames, both outputs as they came. Source: API, "stream format"."""
    left, need = b"", 0
    for chunk in chunks:
        left += chunk
        while left:
            if need:
                piece, left = left[:need], left[need:]
                need -= len(piece)
                yield piece
            elif len(left) >= 8:
                need = struct.unpack(">BxxxL", left[:8])[1]
                left = left[8:]
            else:
                break


def stream_logs(
    client: DockerClient, container: str, since: float | None, until: float, *, timestamps: bool = False
) -> t.Iterator[bytes]:
    """Yield what a container printed between two times in seconds of the epoch; None: from the beginning.

    ``timestamps``: Docker puts the time in UTC in front of each line.
    """
    query = {"stdout": "1", "stderr": "1", "until": str(int(until) + 1)}
    if since is not None:
        query["since"] = str(int(since))
    if timestamps:
        query["timestamps"] = "1"
    chunks = client.stream(f"/containers/{quote(container, safe='')}/logs", query)
    # With a terminal there is one stream, and nothing stands between its lines.
    tty = ((client.inspect(container) or {}).get("Config") or {}).get("Tty")
    yield from chunks if tty else demultiplex(chunks)
