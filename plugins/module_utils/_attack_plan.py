# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: who attacks, what helps against it, and who would be hurt by that. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from ._errors import OpsError

BAN, LIMIT, SPARE = "ban", "limit", "spare"
Look = t.Mapping[str, t.Any]
_ACT = "plan against an attack"
# A client that has been as busy before is no attacker, whatever it sends.
_FACTOR = 5.0
# A share of all requests that come from one address: behind it are all clients.
_ALL = 0.95
_SECONDS_MIN = 1.0


@dataclasses.dataclass(frozen=True)
class Policy:
    """What is done from when on. Rates in requests per second.

    ``ban_rps``: from that rate on an address is banned. ``network_min``: so many addresses of one network (/24, /64)
    that are to be banned are banned as one. ``with_keys``: whether an address is banned also where active keys are
    behind it. ``never``: addresses and networks that are neither banned nor counted as attackers.
    ``private_targets``: private addresses that may be banned. ``ip_depth``: how many trusted proxies stand in front.
    """

    ban_rps: float = 50.0
    average: int = 20
    network_min: int = 8
    with_keys: bool = False
    never: tuple[str, ...] = ()
    private_targets: tuple[str, ...] = ()
    ip_depth: int = 0


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One address that sends a lot. ``keys``: how many of its requests came with which active key, by the key's id."""

    address: str
    network: str
    requests: int
    rps: float
    peak: int
    errors_share: float
    is_new: bool
    keys: t.Mapping[str, int]
    decision: str
    why: str

    def describe(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return {**dataclasses.asdict(self), "keys": dict(self.keys), "rps": round(self.rps, 1)}


def policy_of(given: Look) -> Policy:
    """Return the policy that plain data describe, or refuse what makes no sense."""
    known = {field.name for field in dataclasses.fields(Policy)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise OpsError(_ACT, f"there is no '{unknown[0]}' in a policy", f"Known are {', '.join(sorted(known))}")
    plain: dict[str, t.Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in given.items()}
    policy = Policy(**plain)
    if policy.ban_rps <= policy.average:
        cause = f"bans from {policy.ban_rps:g} requests per second on would hit before the limit of {policy.average}"
        raise OpsError(_ACT, cause, "Let ban_rps be above average")
    for each in (*policy.never, *policy.private_targets):
        _network(each)
    return policy


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise OpsError(_ACT, f"'{text[:80]}' is no address and no network", "Write it as 203.0.113.0/24") from None


def plan_attack(traffic: Look, behind: t.Mapping[str, t.Mapping[str, int]], policy: Policy) -> dict[str, t.Any]:
    """Return what to do.

    ``traffic``: ``access_log`` of rendiff_access_log_info with a window. ``behind``: requests by address and key.
    """
    # Of Ansible's own kinds of mappings none can be copied as what it is.
    behind = {str(address): {str(key): int(count) for key, count in keys.items()} for address, keys in behind.items()}
    seconds = _seconds(traffic)
    candidates = [_judge(each, behind.get(each["address"], {}), seconds, policy) for each in traffic["addresses"]]
    busy = [each for each in candidates if max(each.rps, each.peak) > policy.average]
    banned = [each for each in candidates if each.decision == BAN]
    blind = _blind(traffic, behind, policy)
    attack = bool(banned) or any(each.decision == LIMIT for each in candidates)
    bans = [] if blind else _targets(banned, behind, policy)
    limited = attack and not blind
    hurt = [
        {"address": each.address, "keys": dict(each.keys), "requests": sum(each.keys.values()), "by": _hurt_by(each)}
        for each in busy
        if each.keys and limited and each.decision != SPARE
    ]
    plan = {
        "attack": attack,
        "bans": bans,
        "private_bans": [each for each in bans if each in policy.private_targets],
        "limit": limited,
        "average": policy.average,
        "blind": blind,
        "seconds": round(seconds, 1),
        "candidates": [each.describe() for each in candidates if each.decision != SPARE or each in busy],
        "hurt": hurt,
    }
    return {**plan, "summary": _summary(plan, traffic)}


def _seconds(traffic: Look) -> float:
    """Return how long the window is in which requests came, from the rates that the log's reader has computed."""
    mean = (traffic.get("rates") or {}).get("mean") or 0.0
    return max(_SECONDS_MIN, traffic["requests"] / mean) if mean else _SECONDS_MIN


def _judge(each: Look, keys: t.Mapping[str, int], seconds: float, policy: Policy) -> Candidate:
    rps = each["requests"] / seconds
    peak = int(each.get("peak_per_second") or 0)
    # A storm that has just begun is seen by its peak.
    loud = rps >= policy.ban_rps or (peak >= 2 * policy.ban_rps and each["requests"] >= 5 * policy.ban_rps)
    decision, why = _decide(each, keys, loud, policy)
    return Candidate(
        each["address"],
        each["network"],
        each["requests"],
        rps,
        peak,
        float(each.get("errors_share") or 0.0),
        bool(each.get("is_new")),
        keys,
        decision,
        why,
    )


def _decide(each: Look, keys: t.Mapping[str, int], loud: bool, policy: Policy) -> tuple[str, str]:
    address = ipaddress.ip_address(each["address"])
    if not loud:
        return SPARE, "it sends no more than many do"
    if any(address in _network(network) for network in policy.never):
        return SPARE, "it is named as never to be banned"
    if not address.is_global and each["address"] not in policy.private_targets:
        return SPARE, "it is no public address: behind it may be a proxy, or this host"
    factor = each.get("factor")
    if each.get("is_new") is False and factor is not None and factor < _FACTOR:
        return LIMIT, f"it sent a lot before, too; now {factor:g} times as much"
    if keys and not policy.with_keys:
        count = f"{len(keys)} active key{'s' * (len(keys) > 1)}"
        return LIMIT, f"{count} came from there with {sum(keys.values())} requests"
    return BAN, "it sends far more than a client does, and no active key comes from there" if not keys else "as wished"


def _targets(banned: t.Sequence[Candidate], behind: t.Mapping[str, t.Mapping[str, int]], policy: Policy) -> list[str]:
    """Return what to ban: addresses, or whole networks where many of one attack and nobody else of it has a key."""
    by_network: dict[str, list[str]] = {}
    for each in banned:
        by_network.setdefault(each.network, []).append(each.address)
    found = []
    for network, addresses in by_network.items():
        inside = _network(network)
        kept = any(keys and ipaddress.ip_address(address) in inside for address, keys in behind.items())
        near = any(inside.overlaps(_network(each)) for each in policy.never if _network(each).version == inside.version)
        whole = len(addresses) >= policy.network_min and not kept and not near and inside.is_global
        found += [network] if whole else addresses
    return sorted(found)


def _blind(traffic: Look, behind: t.Mapping[str, t.Mapping[str, int]], policy: Policy) -> str:
    """Return why clients cannot be told apart, empty where they can."""
    first = traffic["addresses"][0] if traffic["addresses"] else None
    if first is None or policy.ip_depth or first["address"] in policy.private_targets:
        return ""
    hidden = not ipaddress.ip_address(first["address"]).is_global and first["share"] >= _ALL
    if not hidden or len(behind.get(first["address"], {})) < 2:
        return ""
    keys = len(behind[first["address"]])
    return (
        f"Nearly all requests seem to come from {first['address']}, with {keys} keys: a limit or a ban by address would"
        " hit everybody. Let Traefik trust the proxy in front of it, and say how many there are"
        " with security_response_ip_depth"
    )


def _hurt_by(each: Candidate) -> str:
    return "the ban" if each.decision == BAN else "the limit"


def _summary(plan: Look, traffic: Look) -> str:
    if plan["blind"]:
        return f"{plan['blind']}."
    if not plan["attack"]:
        return f"No address sends as an attacker does: {traffic['requests']} requests in {plan['seconds']:g} s."
    bans, hurt = plan["bans"], plan["hurt"]
    said = f"{len(bans)} to ban ({', '.join(bans[:3])}{' and more' * (len(bans) > 3)})" if bans else "Nobody to ban"
    said += f", and a limit of {plan['average']} requests per second for each client."
    if hurt:
        keys = {key for each in hurt for key in each["keys"]}
        return f"{said} That touches {len(keys)} active key{'s' * (len(keys) > 1)} behind {len(hurt)} addresses."
    return f"{said} No active key is behind what is touched."
