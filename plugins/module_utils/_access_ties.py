# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what in an access log ties an address to API keys and jobs. Pure."""

from __future__ import annotations

import typing as t

from ._access_line import Hit, rest_of, served_by_app
from ._access_text import is_creation, job_of, moment_of, show

_ADDRESSES_OF_A_KEY = 100


class Ties:
    """Keeps the first so many ties of each sort, and counts all that came."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._keys: dict[bytes, dict[bytes, int]] = {}
        self._jobs: dict[tuple[bytes, bytes], int] = {}
        self._creations: list[tuple[bytes, float, int | None, int]] = []
        self.totals = {"keyed": 0, "keyed_untied": 0, "jobs": 0, "jobs_untied": 0, "creations": 0}

    def add(self, hits: t.Iterable[Hit], address_of: t.Mapping[bytes, bytes]) -> None:
        """Keep what ties; ``address_of``: addresses in their one spelling by how they are written.

        Only what the app granted ties to a job: else whoever names the job of somebody else would be taken for them.
        """
        for hit in hits:
            raw, stamp, request, _size, _agent, rest, key = hit
            if not key and b"/jobs" not in request and b"/convert" not in request:
                continue
            address = address_of[raw]
            if not address:
                continue
            if key:
                self._tie_key(key, address)
            request, status = request[:-5], request[-3:]
            if not served_by_app(status, rest):
                continue
            job = job_of(request)
            if job:
                self._tie_job(address, job)
            if is_creation(request):
                self.totals["creations"] += 1
                if len(self._creations) < self._bound:
                    self._creations.append((address, moment_of(stamp), rest_of(rest)[1], int(status)))

    def _tie_key(self, key: bytes, address: bytes) -> None:
        self.totals["keyed"] += 1
        addresses = self._keys.get(key)
        if addresses is None:
            if len(self._keys) >= self._bound:
                self.totals["keyed_untied"] += 1
                return
            addresses = self._keys[key] = {}
        if address in addresses or len(addresses) < _ADDRESSES_OF_A_KEY:
            addresses[address] = addresses.get(address, 0) + 1
        else:
            self.totals["keyed_untied"] += 1

    def _tie_job(self, address: bytes, job: bytes) -> None:
        self.totals["jobs"] += 1
        pair = (address, job)
        if pair in self._jobs or len(self._jobs) < self._bound:
            self._jobs[pair] = self._jobs.get(pair, 0) + 1
        else:
            self.totals["jobs_untied"] += 1

    def describe(self) -> dict[str, t.Any]:
        """Return the ties; times in seconds of the epoch with their fraction, durations in milliseconds.

        ``*_untied``: requests that are counted, and for which there was no more room in the list.
        """
        return {
            "api_keys": [
                {
                    "prefix": show(key.partition(b":")[0]),
                    "sha256": key.partition(b":")[2].decode(),
                    "addresses": [
                        {"address": address.decode(), "requests": count}
                        for address, count in sorted(addresses.items(), key=lambda item: (-item[1], item[0]))
                    ],
                }
                for key, addresses in self._keys.items()
            ],
            "jobs": [
                {"address": address.decode(), "job_id": job.decode(), "requests": count}
                for (address, job), count in self._jobs.items()
            ],
            "creations": [
                {"address": address.decode(), "started_at": moment or None, "duration_ms": took, "status": status}
                for address, moment, took, status in self._creations
            ],
            "totals": dict(self.totals),
        }

    def dump(self) -> dict[str, t.Any]:
        """Return plain data for ``absorb``."""
        return {
            "keys": self._keys,
            "jobs": list(self._jobs.items()),
            "creations": self._creations,
            "totals": self.totals,
        }

    def absorb(self, other: t.Mapping[str, t.Any]) -> None:
        """Add what another process found in what came later."""
        for name, count in other["totals"].items():
            self.totals[name] += count
        for key, addresses in other["keys"].items():
            if key not in self._keys and len(self._keys) >= self._bound:
                self.totals["keyed_untied"] += sum(addresses.values())
                continue
            mine = self._keys.setdefault(key, {})
            for address, count in addresses.items():
                if address in mine or len(mine) < _ADDRESSES_OF_A_KEY:
                    mine[address] = mine.get(address, 0) + count
                else:
                    self.totals["keyed_untied"] += count
        for pair, count in other["jobs"]:
            if pair in self._jobs or len(self._jobs) < self._bound:
                self._jobs[pair] = self._jobs.get(pair, 0) + count
            else:
                self.totals["jobs_untied"] += count
        self._creations += other["creations"][: self._bound - len(self._creations)]
