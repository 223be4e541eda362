# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: a tiny real video, made of nothing, to prove that the service converts. Pure."""

from __future__ import annotations

import struct


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _list(name: bytes, content: bytes) -> bytes:
    return _chunk(b"LIST", name + content)


def make_video(width: int = 64, height: int = 48, frames: int = 10, frames_per_second: int = 10) -> bytes:
    """Return an uncompressed AVI of a moving grey gradient: about 9 kB a frame at the default size.

    Source: the AVI RIFF format, with one BI_RGB video stream of 24 bits a pixel; ``width`` must be a multiple of 4.
    """
    frame_size = width * height * 3
    main = struct.pack(
        "<14I",
        1_000_000 // frames_per_second,
        frame_size * frames_per_second,
        0,
        0x10,
        frames,
        0,
        1,
        frame_size,
        width,
        height,
        0,
        0,
        0,
        0,
    )
    stream = b"vidsDIB " + struct.pack(
        "<I2H8I4h", 0, 0, 0, 0, 1, frames_per_second, 0, frames, frame_size, 0xFFFFFFFF, 0, 0, 0, width, height
    )
    picture = struct.pack("<I2i2H6I", 40, width, height, 1, 24, 0, frame_size, 0, 0, 0, 0)
    header = _list(b"hdrl", _chunk(b"avih", main) + _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", picture)))
    movie = []
    for frame in range(frames):
        row = b"".join(bytes([(x * 4 + frame * 20) % 256]) * 3 for x in range(width))
        movie.append(_chunk(b"00db", row * height))
    return _chunk(b"RIFF", b"AVI " + header + _list(b"movi", b"".join(movie)))
