# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what an access log adds up to, in one pass and in bounded memory. Pure.

Everything but the rows of addresses is counted by column, a block at a time. Networks are counted when an address is
forgotten and at the end, so they cost nothing for each line.
"""

from __future__ import annotations

import array
import collections
import dataclasses
import operator
import typing as t
import zlib

from ._access_line import Hit, who_answered
from ._access_rates import Seconds
from ._access_rows import BIG, MARKS, Detail, Rows
from ._access_text import SHOWN_MAX, Remembered, address_of, network_of, route_of, seconds_of, shapes_of
from ._access_ties import Ties
from ._access_top import Top

ROUTES_MAX = 20_000
AGENTS_MAX = 20_000
API_KEYS_MAX = 20_000
_NAME_MAX = 120
_ADDRESS = operator.itemgetter(0)
_TOPS = ("addresses", "networks", "baseline", "baseline_networks", "routes", "agents", "api_keys")
_RATES = ("rates", "baseline_rates")
_LIMITED = b'" 429'


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is counted. Times in seconds of the epoch: ``baseline`` <= ``since`` <= ``until``, None where there is none.

    ``only``: addresses as ``address_of`` spells them; empty for all.
    """

    since: float | None = None
    until: float | None = None
    baseline: float | None = None
    only: frozenset[bytes] = frozenset()
    depth: int = 0
    tracked_max: int = 200_000
    rows_max: int = 50_000
    ties: bool = False
    ties_max: int = 1_000

    @property
    def begin(self) -> float | None:
        """Return when the first line that matters came, None where all do."""
        return self.since if self.baseline is None else self.baseline

    @property
    def counts_all(self) -> bool:
        """Tell whether every line counts, whenever it came and from wherever."""
        return self.since is None and self.until is None and not self.only


class Tally:
    """Adds up Hits."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.networks = Top(settings.tracked_max)
        self.addresses = Top(settings.tracked_max, self._to_network)
        self.baseline_networks = Top(settings.tracked_max)
        self.baseline = Top(settings.tracked_max, self._to_baseline_network)
        self.routes = Top(ROUTES_MAX)
        self.agents = Top(AGENTS_MAX)
        self.api_keys = Top(API_KEYS_MAX)
        self.rates = Seconds()
        self.baseline_rates = Seconds()
        self.ties = Ties(settings.ties_max) if settings.ties else None
        self.figures: collections.Counter[str] = collections.Counter()
        self.statuses: collections.Counter[bytes] = collections.Counter()
        self.first = self.last = 0
        self.rows = Rows(settings.rows_max, self.addresses.add)
        self._shapes = Remembered(self._known_shape, 5_000)
        self._by_raw = Remembered(self._row_of, 2 * settings.rows_max)
        self._sizes: Remembered[bytes, int] = Remembered(lambda size: int(size or 0), 20_000)
        self.second = Remembered(seconds_of, 5_000)
        self.address = Remembered(self._address, 20_000)

    def _address(self, raw: bytes) -> bytes:
        return address_of(raw, self.settings.depth)

    def _to_network(self, address: bytes, count: int) -> None:
        self.networks.add(network_of(address), count)

    def _to_baseline_network(self, address: bytes, count: int) -> None:
        self.baseline_networks.add(network_of(address), count)

    def add_addresses(self, counts: t.Mapping[bytes, int]) -> None:
        """Count only addresses, given as they are written with how often they came."""
        for raw, count in counts.items():
            address = self.address[raw]
            if address:
                self.figures["requests"] += count
                self.addresses.add(address, count)
            else:
                self.figures["no_address"] += count

    def add(self, hits: t.Sequence[Hit]) -> None:
        """Count everything that Hits tell."""
        if not self.settings.counts_all:
            hits = [hit for hit in hits if self._admits(hit)]
        hits, rows = self._with_rows(hits)
        if not hits:
            return
        raws, stamps, requests, sizes, agents, rests, keys = zip(*hits)
        numbers = map(
            operator.or_,
            map(operator.or_, self._count_seconds(stamps), self._count_requests(requests, rests)),
            map(operator.or_, self._count_agents(agents), self._amounts_of(raws, sizes)),
        )
        # All that is done for each line by itself is done without a line of Python.
        collections.deque(map(array.array.append, rows, numbers), maxlen=0)
        if any(keys):
            for key, count in collections.Counter(filter(None, keys)).items():
                self.api_keys.add(key, count)
        self.figures["requests"] += len(hits)
        if self.rows.added(len(hits)):
            self._by_raw.clear()
        if self.ties is not None:
            self.ties.add(hits, self.address)

    def _with_rows(self, hits: t.Sequence[Hit]) -> tuple[t.Sequence[Hit], list[array.array[int]]]:
        """Return the Hits that have an address, and the row of each."""
        try:
            return hits, list(map(self._by_raw.__getitem__, map(_ADDRESS, hits)))
        except KeyError:
            found = [hit for hit in hits if self.address[hit[0]]]
            self.figures["no_address"] += len(hits) - len(found)
            return found, [self._by_raw[hit[0]] for hit in found]

    def _second_of(self, stamp: bytes) -> int:
        return self.second[stamp[:19] + b"Z" if stamp.endswith(b"Z") else stamp]

    def _admits(self, hit: Hit) -> bool:
        """Tell whether a Hit is in the window and of an address that is asked for; count those of the baseline."""
        settings = self.settings
        if settings.only and self.address[hit[0]] not in settings.only:
            self.figures["filtered"] += 1
            return False
        second = self._second_of(hit[1])
        if not second:
            # What has no time cannot be outside of one.
            return True
        if settings.until is not None and second > settings.until:
            self.figures["after"] += 1
            return False
        if settings.since is None or second >= settings.since:
            return True
        if settings.baseline is not None and second >= settings.baseline:
            address = self.address[hit[0]]
            if address:
                self.baseline.add(address)
                self.baseline_rates.add(second)
        else:
            self.figures["before"] += 1
        return False

    def _known_shape(self, shape: bytes) -> tuple[bytes, bytes, int]:
        """Return route, status and the bits of both for a row."""
        name, status = route_of(shape[:-5])[:_NAME_MAX], shape[-3:]
        return name, status, self.rows.kind(name, status)

    def _count_requests(self, requests: t.Sequence[bytes], rests: t.Sequence[bytes]) -> t.Iterator[int]:
        """Count routes, statuses and refusals; return for each request the bits that stand for it in a row."""
        counts = collections.Counter(requests)
        shapes: dict[bytes, int] = {}
        known, kinds = self._shapes, {}
        # Most requests differ by an id only; what is behind their shape is looked up once for each block.
        for (request, count), shape in zip(counts.items(), shapes_of(list(counts))):
            shapes[shape] = shapes.get(shape, 0) + count
            kinds[request] = known[shape][2]
        limited = False
        for shape, count in shapes.items():
            name, status, _kind = known[shape]
            self.routes.add(name, count)
            self.statuses[status] += count
            limited |= status == b"429"
        if limited:
            refused = {request for request in counts if request.endswith(_LIMITED)}
            who = who_answered([rest for request, rest in zip(requests, rests) if request in refused])
            self.figures.update({f"limited_by_{name}": count for name, count in who.items()})
        return map(kinds.__getitem__, requests)

    def _count_agents(self, agents: t.Sequence[bytes]) -> t.Iterator[int]:
        """Count user agents; return for each request the bits that stand for its own in a row."""
        marks = {b"": 0}
        for agent, count in collections.Counter(agents).items():
            if agent:
                self.agents.add(agent[:SHOWN_MAX], count)
                marks[agent] = self.rows.mark(1 + zlib.crc32(agent) % (MARKS - 1))
        return map(marks.__getitem__, agents)

    def _count_seconds(self, stamps: t.Sequence[bytes]) -> t.Iterator[int]:
        """Count seconds; return for each request the bits that stand for its own in a row."""
        whens = {}
        for stamp, count in collections.Counter(stamps).items():
            second = self._second_of(stamp)
            self._saw(second, count)
            whens[stamp] = self.rows.when(second)
        return map(whens.__getitem__, stamps)

    def _amounts_of(self, raws: t.Sequence[bytes], sizes: t.Sequence[bytes]) -> list[int]:
        """Return for each request the bits that stand for its size in a row."""
        amounts = list(map(self._sizes.__getitem__, sizes))
        if max(amounts) < BIG:
            return amounts
        return [
            self.rows.big(self.address[raw], amount) if amount >= BIG else amount for raw, amount in zip(raws, amounts)
        ]

    def _row_of(self, raw: bytes) -> array.array[int]:
        """Return the row of an address as it is written; raise KeyError where it is no address."""
        address = self.address[raw]
        if not address:
            raise KeyError(raw)
        row = self.rows.pending.get(address)
        return self.rows.new(address, self.addresses.upper(address)) if row is None else row

    def _saw(self, second: int, count: int) -> None:
        """Count requests of one second; second 0 is a line without a time."""
        if not count:
            return
        if not second:
            self.figures["without_time"] += count
            return
        self.rates.add(second, count)
        self.first = min(self.first or second, second)
        self.last = max(self.last, second)

    def finish(self) -> None:
        """Add up the rows; once, when nothing more comes."""
        for address, count, before in self.rows.items():
            self.addresses.add(address, count, before)

    def count_networks(self) -> None:
        """Add up the networks of the addresses that are kept; once, after everything is added up."""
        for address, count in self.addresses.items():
            self._to_network(address, count)
        for address, count in self.baseline.items():
            self._to_baseline_network(address, count)

    def detail(self, address: bytes) -> Detail:
        """Return what an address did."""
        return self.rows.detail(address)

    def dump(self) -> dict[str, t.Any]:
        """Return plain data for ``absorb`` in another process; not what each address did."""
        parts: dict[str, t.Any] = {name: getattr(self, name).dump() for name in (*_TOPS, *_RATES)}
        parts["figures"], parts["statuses"] = dict(self.figures), dict(self.statuses)
        parts["first"], parts["last"] = self.first, self.last
        parts["ties"] = self.ties.dump() if self.ties is not None else None
        return parts

    def absorb(self, other: t.Mapping[str, t.Any]) -> None:
        """Add what another process counted in a later part of the log."""
        for name in (*_TOPS, *_RATES):
            getattr(self, name).absorb(other[name])
        self.figures.update(other["figures"])
        self.statuses.update(other["statuses"])
        self.first = min(self.first or other["first"], other["first"] or self.first)
        self.last = max(self.last, other["last"])
        if self.ties is not None:
            self.ties.absorb(other["ties"])
