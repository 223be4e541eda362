# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: where in a large access log a time begins, without reading what comes before.

A line is written when its request ends and tells when it began, so lines are only nearly in order: one that took long
stands among later ones. So a place is judged by the newest line of a whole probe, and by a margin. A place that tells
no time is taken for one that is not before the time, so that rather too much is read than too little.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ._access_file import Segment, opened
from ._access_line import NotAHitError
from ._access_parse import Parser
from ._access_text import seconds_of
from ._errors import OpsError

MARGIN_S = 60
# Smaller ones are read as a whole, and all that is in them is told.
_FROM = 8 << 20
_PROBE = 1 << 16


def newest_second(piece: bytes) -> int:
    """Return the newest time that whole lines in a piece of a log tell, in seconds of the epoch; 0 for none. Pure."""
    parser, newest = Parser(fast=False), 0
    for line in piece.split(b"\n")[1:-1]:
        try:
            newest = max(newest, seconds_of(parser.parse(line)[1]))
        except NotAHitError:
            continue
    return newest


def from_time(segment: Segment, moment: float, smallest: int = _FROM) -> Segment:
    """Return a plain file from a line on before which none is as new as ``moment``, but for MARGIN_S; others whole."""
    if segment.compressed or segment.end - segment.start < smallest:
        return segment
    try:
        with opened(segment.path) as descriptor:
            start = _bisect(descriptor, segment, moment - MARGIN_S)
    except OSError as error:
        raise OpsError(f"read the access log '{segment.path}'", error.strerror or str(error)) from error
    return dataclasses.replace(segment, start=start)


def _bisect(descriptor: int, segment: Segment, moment: float) -> int:
    low, high, start = segment.start, segment.end, segment.start
    while high - low > _PROBE:
        middle = (low + high) // 2
        piece = os.pread(descriptor, min(_PROBE, segment.end - middle), middle)
        if 0 < newest_second(piece) < moment:
            # The line that is cut at its beginning belongs to what comes before.
            low, start = middle, middle + piece.find(b"\n") + 1
        else:
            high = middle
    return start


def skip_before(segments: t.Iterable[Segment], moment: float | None) -> tuple[list[Segment], int]:
    """Return segments without what lies before a time, None for all of it; and how many bytes that leaves out."""
    given = list(segments)
    kept = given if moment is None else [from_time(segment, moment) for segment in given]
    return kept, sum(after.start - before.start for before, after in zip(given, kept))
