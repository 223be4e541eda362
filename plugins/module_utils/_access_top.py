# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: which of very many names came most often, in bounded memory and with a known error. Pure.

Exact as long as there are no more names than ``bound``. Beyond, it is Space-Saving with evictions in batches: the names
with the lowest counts are forgotten, and a name that is new, or new again, begins at the highest count that was
forgotten, its ``error``. So for each name that is kept: count - error <= true count <= count; each name that is not
kept came at most ``floor`` times; and floor <= all / bound. Source: Metwally, Agrawal, El Abbadi, 2005.
"""

from __future__ import annotations

import heapq
import typing as t

Fold = t.Callable[[bytes, int], None]


class Top:
    """Counts of byte strings. ``on_forget`` gets each forgotten name with how often it was seen since it was kept."""

    def __init__(self, bound: int, on_forget: Fold | None = None) -> None:
        self.bound = max(1, bound)
        self.counts: dict[bytes, int] = {}
        self.errors: dict[bytes, int] = {}
        self.floor = 0
        self.total = 0
        self._on_forget = on_forget
        self._slack = max(16, self.bound // 4)

    def add(self, name: bytes, count: int = 1, before: int | None = None) -> None:
        """Count a name; ``before``: how often it came at most before these, where that is known better than here."""
        self.total += count
        counts = self.counts
        if name in counts:
            counts[name] += count
            return
        start = self.floor if before is None else before
        if start:
            self.errors[name] = start
        counts[name] = start + count
        if len(counts) > self.bound + self._slack:
            self._forget()

    def _forget(self) -> None:
        counts = self.counts
        surplus = len(counts) - self.bound
        limit = sorted(counts.values())[surplus - 1]
        below = [name for name, count in counts.items() if count < limit]
        equal = surplus - len(below)
        for name, count in counts.items():
            if not equal:
                break
            if count == limit:
                below.append(name)
                equal -= 1
        for name in below:
            count, error = counts.pop(name), self.errors.pop(name, 0)
            if self._on_forget:
                self._on_forget(name, count - error)
        self.floor = max(self.floor, limit)

    def seen(self, name: bytes) -> int:
        """Return how often a name was surely seen."""
        return self.counts.get(name, 0) - self.errors.get(name, 0)

    def upper(self, name: bytes) -> int:
        """Return how often a name came at most."""
        return self.counts.get(name, self.floor)

    @property
    def exact(self) -> bool:
        """Tell whether nothing was ever forgotten."""
        return not self.floor

    def most(self, number: int) -> list[tuple[bytes, int, int]]:
        """Return (name, count, error) of the names with the highest counts; equal ones in the order of their bytes."""
        best = heapq.nsmallest(number, self.counts.items(), key=lambda item: (-item[1], item[0]))
        return [(name, count, self.errors.get(name, 0)) for name, count in best]

    def items(self) -> t.Iterator[tuple[bytes, int]]:
        """Yield each kept name with how often it was surely seen."""
        for name, count in self.counts.items():
            yield name, count - self.errors.get(name, 0)

    def describe(self) -> dict[str, t.Any]:
        """Return how many names there were (at least, where not exact) and the greatest over-count of any."""
        return {"distinct": len(self.counts), "exact": self.exact, "max_error": self.floor}

    def dump(self) -> dict[str, t.Any]:
        """Return plain data for ``absorb`` in another process."""
        return {"counts": self.counts, "errors": self.errors, "floor": self.floor, "total": self.total}

    def absorb(self, other: t.Mapping[str, t.Any]) -> None:
        """Add what another one counted: bounds add up, so what one of them forgot came at most its floor there."""
        floor, mine = int(other["floor"]), self.floor
        self.total += int(other["total"])
        counts, errors = self.counts, self.errors
        if floor:
            for name in [name for name in counts if name not in other["counts"]]:
                counts[name] += floor
                errors[name] = errors.get(name, 0) + floor
        for name, count in other["counts"].items():
            error = int(other["errors"].get(name, 0)) + (errors.get(name, 0) if name in counts else mine)
            counts[name] = count + counts.get(name, mine)
            if error:
                errors[name] = error
        self.floor = mine + floor
        if len(counts) > self.bound + self._slack:
            self._forget()
