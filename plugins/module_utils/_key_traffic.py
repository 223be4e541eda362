# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: which keys are used from which addresses. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._key_events import KeyLog
from ._key_facts import owner_id
from ._keys import Key, moment

_LISTED = 50


@dataclasses.dataclass
class AddressUse:
    """Use of one key from one address. ``requests`` in the window, ``before`` in the time compared with.

    ``refused``: attempts in the window that the api refused. Times in seconds since the epoch.
    ``other_keys``: ids of other keys that the api accepted from there in the window.
    """

    requests: int = 0
    before: int = 0
    refused: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    other_keys: set[str] = dataclasses.field(default_factory=set)

    @property
    def is_new(self) -> bool:
        """Tell whether the key was not used from there in the time compared with."""
        return self.requests > 0 and not self.before

    def describe(self, address: str) -> dict[str, t.Any]:
        """Return it as plain data."""
        return {
            "address": address,
            "requests": self.requests,
            "refused": self.refused,
            "is_new": self.is_new,
            "first_at": moment(self.first_at),
            "last_at": moment(self.last_at),
            "other_keys": sorted(self.other_keys),
        }


@dataclasses.dataclass(frozen=True)
class KeyTraffic:
    """From where a key is used. ``missing``: in a sentence why that is not all, empty where it is.

    ``compared_s``: how much of the time to compare with is in the logs; with 0 nothing can be called new.
    """

    addresses: t.Mapping[str, AddressUse]
    missing: str
    compared_s: float

    @property
    def known(self) -> bool:
        """Tell whether the logs hold the whole window, with the addresses of clients."""
        return not self.missing

    @property
    def new(self) -> list[str]:
        """Return the addresses that the key was not used from before, the busiest first."""
        return [address for address, use in self.busiest() if use.is_new and self.compared_s > 0]

    def busiest(self) -> list[tuple[str, AddressUse]]:
        """Return the addresses, those with the most requests and attempts first."""
        return sorted(self.addresses.items(), key=lambda item: (-item[1].requests - item[1].refused, item[0]))

    def describe(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        listed = [use.describe(address) for address, use in self.busiest() if use.requests or use.refused]
        return {
            "known": self.known,
            "missing": self.missing,
            "compared_s": int(self.compared_s),
            "list": listed[:_LISTED],
            "list_cut": max(0, len(listed) - _LISTED),
        }


def traffic_of(key: Key, log: KeyLog, window_from: float) -> KeyTraffic:
    """Return from where a key is used, in the window that begins at ``window_from``, and in what is logged before."""
    found: dict[str, AddressUse] = {}
    for event in log.events:
        if not event.address:
            continue
        own = event.key_id == key.id.lower()
        tried = bool(event.prefix) and event.prefix == key.prefix
        if not own and not tried:
            continue
        use = found.setdefault(event.address, AddressUse())
        if event.at < window_from:
            use.before += 1 if own else 0
            continue
        use.requests += 1 if own else 0
        use.refused += 1 if tried else 0
        use.first_at = min(use.first_at or event.at, event.at)
        use.last_at = max(use.last_at, event.at)
    for event in log.events:
        if event.accepted and event.at >= window_from and event.address in found and event.key_id != key.id.lower():
            found[event.address].other_keys.add(event.key_id)
    return KeyTraffic(found, log.missing(window_from), max(0.0, window_from - log.since))


def keys_behind(log: KeyLog, since: float) -> dict[str, dict[str, int]]:
    """Return by address how many requests of which key, by its id, the api accepted since a time."""
    found: dict[str, dict[str, int]] = {}
    for event in log.events:
        if event.accepted and event.address and event.at >= since:
            keys = found.setdefault(event.address, {})
            keys[event.key_id] = keys.get(event.key_id, 0) + 1
    return found


def own_events(log: KeyLog, key_id: str, prefix: str) -> list[dict[str, t.Any]]:
    """Return each use of a key, and each attempt with its first characters, as plain data, the oldest first."""
    return [
        {**event._asdict(), "at": moment(event.at)}
        for event in log.events
        if event.key_id == key_id.lower() or (event.prefix and event.prefix == prefix)
    ]


def keys_tied(
    ties: t.Mapping[str, t.Any], owners: t.Mapping[str, str], known: t.Mapping[str, str]
) -> dict[str, dict[str, int]]:
    """Return by address how many requests of which key an access log tells of.

    ``ties``: of rendiff_access_log_info, where a request names a key or a job. ``owners``: what stands in the rows of
    these jobs, by their ids. ``known``: ids of keys by hash and id.
    """
    found: dict[str, dict[str, int]] = {}

    def count(address: t.Any, identity: str, requests: t.Any) -> None:
        if identity and isinstance(address, str) and isinstance(requests, int):
            keys = found.setdefault(address, {})
            keys[identity.lower()] = keys.get(identity.lower(), 0) + requests

    for tie in ties.get("jobs", []):
        owner = owners.get(str(tie.get("job_id", "")).lower(), "")
        count(tie.get("address"), owner_id(known, owner) if owner else "", tie.get("requests"))
    for tie in ties.get("api_keys", []):
        for each in tie.get("addresses", []):
            count(each.get("address"), known.get(str(tie.get("sha256", "")).lower(), ""), each.get("requests"))
    return found


def unite(*found: t.Mapping[str, t.Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Return the counts of several sources; what two of them tell of the same key is told once, the higher."""
    united: dict[str, dict[str, int]] = {}
    for each in found:
        for address, keys in each.items():
            for identity, requests in keys.items():
                counts = united.setdefault(address, {})
                counts[identity] = max(requests, counts.get(identity, 0))
    return united
