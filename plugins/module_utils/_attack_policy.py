# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: from when on what is done against an attack, and which keys may be hurt by it. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._address import network_of
from ._errors import OpsError

Look = t.Mapping[str, t.Any]
ACT = "plan against an attack"


@dataclasses.dataclass(frozen=True)
class Policy:
    """What is done from when on. Rates in requests per second, times in seconds.

    ``ban_rps``: from that rate on an address is banned. ``network_min``: so many addresses of one network (/24, /64)
    that are to be banned are banned as one. ``with_keys``: whether an address is banned also where active keys are
    behind it, or where that is not known. ``never``: addresses and networks that are neither banned nor counted as
    attackers. ``private_targets``: private addresses that may be banned. ``ip_depth``: how many trusted proxies stand
    in front. ``window_s``, ``baseline_s``: what the log's reader was asked for. ``force``: limit also without an
    attack.
    """

    ban_rps: float = 50.0
    average: int = 20
    network_min: int = 8
    with_keys: bool = False
    never: tuple[str, ...] = ()
    private_targets: tuple[str, ...] = ()
    ip_depth: int = 0
    window_s: int = 60
    baseline_s: int = 3600
    force: bool = False


@dataclasses.dataclass(frozen=True)
class Behind:
    """Which active keys are behind which addresses: requests by address and id of the key.

    ``unknown``: why not all of it is known, empty where it is. ``keyless``: the site has no active key at all.
    """

    addresses: t.Mapping[str, t.Mapping[str, int]]
    unknown: str = ""
    keyless: bool = False


def policy_of(given: Look) -> Policy:
    """Return the policy that plain data describe, or refuse what makes no sense."""
    known = {field.name for field in dataclasses.fields(Policy)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise OpsError(ACT, f"there is no '{unknown[0]}' in a policy", f"Known are {', '.join(sorted(known))}")
    plain: dict[str, t.Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in given.items()}
    policy = Policy(**plain)
    if policy.ban_rps <= policy.average:
        cause = f"bans from {policy.ban_rps:g} requests per second on would hit before the limit of {policy.average}"
        raise OpsError(ACT, cause, "Let ban_rps be above average")
    for each in (*policy.never, *policy.private_targets):
        network_of(ACT, each)
    return policy


def behind_of(given: Look, window_s: int) -> Behind:
    """Return what rendiff_api_key_info has told as ``behind``, empty where it could not look."""
    # Of Ansible's own kinds of mappings none can be copied as what it is.
    addresses = {
        str(address): {str(key): int(count) for key, count in keys.items()}
        for address, keys in (given.get("addresses") or {}).items()
    }
    unknown = ""
    if not given:
        unknown = "the keys could not be looked at"
    elif not given["addresses_known"]:
        unknown = "the api sees only the proxy"
    elif given["unread_logs"]:
        unknown = f"the log of {sorted(given['unread_logs'])[0]} could not be read"
    elif given["reach_s"] < window_s:
        unknown = f"the api's logs reach back only {given['reach_s']} s"
    return Behind(addresses, unknown, bool(given) and not given["api_keys"])
