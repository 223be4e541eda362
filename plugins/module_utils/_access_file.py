# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: files of an access log on the managed host, plain or compressed, whole or in parts."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import os
import stat
import typing as t
import zlib

from ._access_parse import DAMAGED
from ._errors import OpsError

# What is read at once should still be in the cache of the processor when its lines are counted.
_PIECE = 1 << 18
_GZIP = b"\x1f\x8b"
# How much more a compressed file holds than it is large, for sharing work only.
_GZIP_FACTOR = 8


@dataclasses.dataclass(frozen=True)
class Segment:
    """A part of a file, in bytes; a compressed file is always whole."""

    path: str
    start: int
    end: int
    compressed: bool

    @property
    def weight(self) -> int:
        """Return about how many bytes of text are in it."""
        return (self.end - self.start) * (_GZIP_FACTOR if self.compressed else 1)


@contextlib.contextmanager
def opened(path: str) -> t.Iterator[int]:
    """Give a descriptor of a file to read."""
    # A pipe of that name must not hold us up.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_segments(paths: t.Iterable[str]) -> list[Segment]:
    """Return the files as they are now, so that what is written meanwhile is left for the next time."""
    found = []
    for path in paths:
        act = f"read the access log '{path}'"
        try:
            with opened(path) as descriptor:
                state = os.fstat(descriptor)
                if not stat.S_ISREG(state.st_mode):
                    raise OpsError(act, "it is no regular file", "Name the file itself")
                compressed = os.pread(descriptor, 2, 0) == _GZIP
        except OSError as error:
            raise OpsError(
                act, error.strerror or str(error), "Name a file on the managed host that can be read"
            ) from error
        found.append(Segment(path, 0, state.st_size, compressed))
    return found


def read_segment(segment: Segment) -> t.Iterator[bytes]:
    """Yield the bytes of a segment, decompressed; a damaged or growing compressed file ends where it can be read."""
    try:
        with opened(segment.path) as descriptor:
            if segment.compressed:
                yield from _decompress(descriptor)
                return
            place = segment.start
            while place < segment.end:
                piece = os.pread(descriptor, min(_PIECE, segment.end - place), place)
                if not piece:
                    return
                yield piece
                place += len(piece)
    except OSError as error:
        raise OpsError(f"read the access log '{segment.path}'", error.strerror or str(error)) from error


def _decompress(descriptor: int) -> t.Iterator[bytes]:
    with os.fdopen(os.dup(descriptor), "rb") as raw, gzip.GzipFile(fileobj=raw) as stream:
        while True:
            try:
                piece = stream.read1(_PIECE)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                # Told as a line of its own, so that it is counted among what was skipped.
                yield b"\n" + DAMAGED + b"\n"
                return
            if not piece:
                return
            yield piece


def split_segments(segments: t.Sequence[Segment]) -> tuple[list[Segment], list[Segment]]:
    """Share segments out into two halves of about the same weight, in order; a plain file is cut after a line."""
    half = sum(segment.weight for segment in segments) / 2
    first: list[Segment] = []
    second: list[Segment] = []
    for segment in segments:
        before = sum(other.weight for other in first)
        if second or before + segment.weight / 2 > half and segment.compressed:
            second.append(segment)
        elif before + segment.weight <= half or segment.compressed:
            first.append(segment)
        else:
            cut = _line_end(segment, segment.start + int(half - before))
            first += [dataclasses.replace(segment, end=cut)] if cut > segment.start else []
            second += [dataclasses.replace(segment, start=cut)] if cut < segment.end else []
    return first, second


def _line_end(segment: Segment, place: int) -> int:
    """Return where the line ends in which a place is; the end of the segment where none ends soon."""
    with opened(segment.path) as descriptor:
        found = os.pread(descriptor, _PIECE, place).find(b"\n")
    return min(segment.end, place + found + 1) if found >= 0 else segment.end
