# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: an access log from its bytes to its figures, on two processors where that pays."""

from __future__ import annotations

import collections
import contextlib
import gc
import marshal
import os
import struct
import time
import typing as t

from ._access_file import Segment, read_segment, split_segments
from ._access_parse import LINE_MAX, Parser
from ._access_rows import Detail
from ._access_tally import Settings, Tally

_TWO_PROCESSES_FROM = 64 << 20
_ADDRESSES_MAX = 60_000
_MESSAGE_MAX = 1 << 30


def whole_lines(
    chunks: t.Iterable[bytes], too_long: t.Callable[[], None], line_max: int = LINE_MAX
) -> t.Iterator[bytes]:
    """Yield blocks of whole lines, each line ended; of a line that is too long nothing is held, and it is told once."""
    rest = b""
    skipping = False
    for chunk in chunks:
        if skipping:
            end = chunk.find(b"\n")
            if end < 0:
                continue
            skipping, chunk = False, chunk[end + 1 :]
        end = chunk.rfind(b"\n")
        if end >= 0:
            yield rest + chunk[: end + 1]
            rest = chunk[end + 1 :]
        else:
            rest += chunk
        if len(rest) > line_max:
            too_long()
            rest, skipping = b"", True
    if rest:
        yield rest + b"\n"


class Scan:
    """Reads pieces of a log into a tally. ``deadline``: on the monotonic clock."""

    def __init__(self, settings: Settings, only_addresses: bool, deadline: float) -> None:
        self.parser = Parser(depth=settings.depth)
        self.tally = Tally(settings)
        self.bytes = 0
        self.complete = True
        # How many bytes were not read because they lie before the time that is asked for.
        self.passed_over = 0
        self._only_addresses = only_addresses and settings.counts_all and not settings.ties
        self._deadline = deadline
        self._helper: Helper | None = None

    def _too_long(self) -> None:
        self.parser.skipped["too_long"] += 1

    def read(self, chunks: t.Iterable[bytes]) -> None:
        """Read one log to its end."""
        counts: collections.Counter[bytes] = collections.Counter()
        for block in whole_lines(self._counted(chunks), self._too_long):
            if self._only_addresses:
                counts.update(self.parser.addresses(block))
                if len(counts) > _ADDRESSES_MAX:
                    self.tally.add_addresses(counts)
                    counts.clear()
            else:
                self.tally.add(self.parser.hits(block))
        self.tally.add_addresses(counts)

    def _counted(self, chunks: t.Iterable[bytes]) -> t.Iterator[bytes]:
        for chunk in chunks:
            self.bytes += len(chunk)
            yield chunk
            if time.monotonic() > self._deadline:
                self.complete = False
                return

    def read_segments(self, segments: t.Sequence[Segment], processes: int) -> None:
        """Read files or parts of them, in two processes where they are large."""
        if processes > 1 and sum(segment.weight for segment in segments) >= _TWO_PROCESSES_FROM:
            first, second = split_segments(segments)
            helper = Helper(self, second) if second else None
            if helper is not None and helper.started:
                self._helper, segments = helper, first
        for segment in segments:
            if self.complete:
                self.read(read_segment(segment))

    def finish(self) -> None:
        """Add everything up, also what the other process read; where that one failed, its part is read here."""
        told = self._helper.told() if self._helper is not None else None
        if self._helper is not None and told is None:
            segments, self._helper = self._helper.segments, None
            self.read_segments(segments, 1)
        self.tally.finish()
        if told is not None:
            self.tally.absorb(told["tally"])
            self.parser.skipped.update(told["skipped"])
            self.parser.formats.update(told["formats"])
            self.parser.json.holds_keys |= told["holds_keys"]
            self.parser.json.proxied += told["proxied"]
            self.bytes += told["bytes"]
            self.complete &= told["complete"]
        self.tally.count_networks()

    def tell(self) -> dict[str, t.Any]:
        """Return what the other process is told, as plain data."""
        self.tally.finish()
        return {
            "tally": self.tally.dump(),
            "skipped": dict(self.parser.skipped),
            "formats": dict(self.parser.formats),
            "holds_keys": self.parser.json.holds_keys,
            "proxied": self.parser.json.proxied,
            "bytes": self.bytes,
            "complete": self.complete,
        }

    def details(self, addresses: t.Sequence[bytes]) -> list[Detail]:
        """Return what each of some addresses did; once, after ``finish``."""
        found = [self.tally.detail(address) for address in addresses]
        others = self._helper.ask(addresses) if self._helper is not None else []
        for detail, other in zip(found, others):
            detail.absorb(Detail.load(other))
        return found

    def close(self) -> None:
        """End the other process, if there is one."""
        if self._helper is not None:
            self._helper.close()


@contextlib.contextmanager
def without_collection() -> t.Iterator[None]:
    """Keep the collector of cycles away: millions of small objects come and go, and none is in a cycle."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Helper:
    """A second process for a part of the files. It is a copy of this one, reads, tells, answers once, and ends."""

    def __init__(self, scan: Scan, segments: t.Sequence[Segment]) -> None:
        self.segments = segments
        self.started = False
        self._pid = 0
        ask_read, self._ask = os.pipe()
        self._answer, answer_write = os.pipe()
        try:
            self._pid = os.fork()
        except OSError:
            for descriptor in (ask_read, self._ask, self._answer, answer_write):
                os.close(descriptor)
            return
        if self._pid == 0:
            self._serve(scan, ask_read, answer_write)
        self.started = True
        os.close(ask_read)
        os.close(answer_write)

    def _serve(self, scan: Scan, ask: int, answer: int) -> None:
        """Do the work of the second process; never returns."""
        code = 1
        try:
            os.close(self._ask)
            os.close(self._answer)
            scan.read_segments(self.segments, 1)
            _send(answer, scan.tell())
            wanted = _receive(ask)
            if wanted is not None:
                _send(answer, [scan.tally.detail(address).dump() for address in wanted])
            code = 0
        finally:
            os._exit(code)

    def told(self) -> dict[str, t.Any] | None:
        """Return what it told, or None where it failed."""
        found = _receive(self._answer)
        if found is None:
            self.close()
        return t.cast("dict[str, t.Any] | None", found)

    def ask(self, addresses: t.Sequence[bytes]) -> list[t.Any]:
        """Return the details of some addresses, none where it failed."""
        try:
            _send(self._ask, list(addresses))
        except OSError:
            return []
        return t.cast("list[t.Any]", _receive(self._answer) or [])

    def close(self) -> None:
        """See it end: without its pipes there is nothing left for it to do."""
        if not self._pid:
            return
        for descriptor in (self._ask, self._answer):
            os.close(descriptor)
        os.waitpid(self._pid, 0)
        self._pid = 0


def _send(descriptor: int, data: t.Any) -> None:
    raw = marshal.dumps(data)
    left = memoryview(struct.pack(">Q", len(raw)) + raw)
    while left:
        left = left[os.write(descriptor, left) :]


def _receive(descriptor: int) -> t.Any:
    """Return what was sent, or None where the other end was closed before it was whole."""
    header = _read(descriptor, 8)
    size = struct.unpack(">Q", header)[0] if len(header) == 8 else 0
    if not 0 < size <= _MESSAGE_MAX:
        return None
    raw = _read(descriptor, size)
    return marshal.loads(raw) if len(raw) == size else None


def _read(descriptor: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
