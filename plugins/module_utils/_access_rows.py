# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what each address did, kept so small that only those that are asked for cost time. Pure.

For each address there is an array with one number for each request: its second, what it asked for and got, a mark of
its user agent, and its size. Only of addresses that are asked for is that ever added up. Arrays that grow long are
added up early, and when there are too many addresses or numbers, those with fewest requests lose theirs.
"""

from __future__ import annotations

import array
import collections
import dataclasses
import typing as t

SIZE_BITS, AGENT_BITS, KIND_BITS, TIME_BITS = 18, 9, 12, 25
_AGENT_AT = SIZE_BITS
_KIND_AT = _AGENT_AT + AGENT_BITS
TIME_AT = _KIND_AT + KIND_BITS
# A size at or above is kept beside.
BIG = (1 << SIZE_BITS) - 1
MARKS = 1 << AGENT_BITS
_KINDS_MAX = 3_000
# How long before the first line a time may be.
_BEFORE = 1 << 20
_LONG = 256
_PENDING_MAX = 4_000_000
_SWEEP = 250_000
_TAIL = 8
OTHER = b"(other)"


@dataclasses.dataclass
class Detail:
    """What one address did. ``kinds``: requests by "status route"; ``seconds``: of those that are still known."""

    requests: int = 0
    size: int = 0
    marks: int = 0
    peak: int = 0
    kinds: collections.Counter[bytes] = dataclasses.field(default_factory=collections.Counter)
    seconds: collections.Counter[int] = dataclasses.field(default_factory=collections.Counter)

    def absorb(self, other: Detail) -> None:
        """Add what the same address did elsewhere in the log."""
        self.requests += other.requests
        self.size += other.size
        self.marks |= other.marks
        self.kinds.update(other.kinds)
        self.seconds.update(other.seconds)
        self.peak = max([self.peak, other.peak, *self.seconds.values()])

    def dump(self) -> list[t.Any]:
        """Return plain data for ``load``."""
        return [self.requests, self.size, self.marks, self.peak, dict(self.kinds), dict(self.seconds)]

    @classmethod
    def load(cls, data: t.Sequence[t.Any]) -> Detail:
        """Return what ``dump`` gave."""
        requests, size, marks, peak, kinds, seconds = data
        return cls(requests, size, marks, peak, collections.Counter(kinds), collections.Counter(seconds))

    def user_agents(self) -> int:
        """Return about how many user agents there were: exact for a few, too few by a tenth at a hundred."""
        return bin(self.marks).count("1")


class Rows:
    """The arrays. ``on_drop`` gets an address when it loses its array: its requests in it, and at most before it."""

    def __init__(self, rows_max: int, on_drop: t.Callable[[bytes, int, int], None]) -> None:
        self._max = rows_max
        self._on_drop = on_drop
        self.pending: dict[bytes, array.array[int]] = {}
        self._done: dict[bytes, Detail] = {}
        self._big: collections.Counter[bytes] = collections.Counter()
        self._before: dict[bytes, int] = {}
        self._kinds: dict[bytes, int] = {}
        self._names: list[bytes] = []
        self._base = 0
        self._held = 0
        self._since_sweep = 0

    def kind(self, name: bytes, status: bytes) -> int:
        """Return the bits that stand for a status and a route."""
        whole = status + b" " + name
        found = self._kinds.get(whole)
        if found is None:
            if len(self._names) >= _KINDS_MAX and name != OTHER:
                return self.kind(OTHER, status)
            found = self._kinds[whole] = len(self._names) << _KIND_AT
            self._names.append(whole)
        return found

    def when(self, second: int) -> int:
        """Return the bits that stand for a second; none for a time that is too far away."""
        if not second:
            return 0
        if not self._base:
            self._base = max(1, second - _BEFORE)
        offset = second - self._base
        return offset << TIME_AT if 0 < offset < 1 << TIME_BITS else 0

    @staticmethod
    def mark(number: int) -> int:
        """Return the bits that stand for a user agent."""
        return (number % MARKS) << _AGENT_AT

    def new(self, address: bytes, before: int = 0) -> array.array[int]:
        """Return the array of an address that has none; ``before``: how often it came at most before this."""
        if before:
            self._before[address] = before
        found = self.pending[address] = array.array("Q")
        return found

    def big(self, address: bytes, size: int) -> int:
        """Keep a big size; return the bits that say so."""
        self._big[address] += size
        return BIG

    def added(self, count: int) -> bool:
        """Take note of so many more numbers; return whether arrays were taken away."""
        self._held += count
        self._since_sweep += count
        if self._since_sweep < _SWEEP and len(self.pending) <= self._max * 5 // 4:
            return False
        self._since_sweep = 0
        for address, numbers in self.pending.items():
            if len(numbers) >= _LONG:
                self._held -= len(numbers)
                self._add_up(address, numbers)
                del numbers[:]
        if len(self.pending) <= self._max and self._held <= _PENDING_MAX and len(self._done) <= self._max // 4:
            return False
        self._drop_small()
        return True

    def requests(self, address: bytes) -> int:
        """Return how many requests of an address are kept here."""
        done = self._done.get(address)
        return len(self.pending.get(address, ())) + (done.requests if done else 0)

    def items(self) -> t.Iterator[tuple[bytes, int, int]]:
        """Yield each address with its requests here, and how many there were at most before."""
        for address in self.pending:
            yield address, self.requests(address), self._before.get(address, 0)

    def _drop_small(self) -> None:
        kept = {address: self.requests(address) for address in self.pending}
        surplus = max(len(kept) - self._max // 2, len(kept) // 2)
        for address in sorted(kept, key=kept.__getitem__)[:surplus]:
            self._on_drop(address, kept[address], self._before.pop(address, 0))
            self._held -= len(self.pending.pop(address))
            self._done.pop(address, None)
            self._big.pop(address, None)

    def _add_up(self, address: bytes, numbers: t.Sequence[int]) -> Detail:
        detail = self._done.get(address)
        if detail is None:
            detail = self._done[address] = Detail()
        detail.absorb(self._sum(numbers))
        if len(detail.seconds) > _TAIL:
            newest = sorted(detail.seconds)[-_TAIL:]
            detail.seconds = collections.Counter({second: detail.seconds[second] for second in newest})
        if len(detail.kinds) > 200:
            few = detail.kinds.most_common(100)
            for kind, count in set(detail.kinds.items()) - set(few):
                del detail.kinds[kind]
                detail.kinds[kind[:4] + OTHER] += count
        return detail

    def _sum(self, numbers: t.Sequence[int]) -> Detail:
        seconds = collections.Counter(number >> TIME_AT for number in numbers)
        seconds.pop(0, None)
        kinds = collections.Counter((number >> _KIND_AT) & ((1 << KIND_BITS) - 1) for number in numbers)
        marks = 0
        for agent in {(number >> _AGENT_AT) & (MARKS - 1) for number in numbers} - {0}:
            marks |= 1 << agent
        sizes = (number & BIG for number in numbers)
        return Detail(
            len(numbers),
            sum(size for size in sizes if size != BIG),
            marks,
            max(seconds.values(), default=0),
            collections.Counter({self._names[kind]: count for kind, count in kinds.items()}),
            collections.Counter({second + self._base: count for second, count in seconds.items()}),
        )

    def detail(self, address: bytes) -> Detail:
        """Return what an address did, as far as it is still kept."""
        found = Detail()
        if address in self._done:
            found.absorb(self._done[address])
        found.absorb(self._sum(self.pending.get(address, ())))
        found.size += self._big.get(address, 0)
        return found
