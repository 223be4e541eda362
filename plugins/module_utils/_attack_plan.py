# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: who attacks, what helps against it, and who would be hurt by that. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from ._address import network_of
from ._attack_policy import ACT, Behind, Look, Policy

BAN, LIMIT, SPARE = "ban", "limit", "spare"
# On a site without keys: a client that has been as busy before is no attacker.
_FACTOR = 5.0
# A share of all requests that come from one address: behind it are all clients.
_ALL = 0.95
# A share of requests whose client is another than who connects: a proxy stands in front.
_PROXIED = 0.05
# A share of an address's requests that must have come with active keys to spare it. One among thousands spares nobody.
_KEY_SHARE = 0.05
# How much busier than before the whole must be for an attack by many, and a network for a ban as a whole.
_MANY = 5.0
_NETWORK = 4.0
_SECONDS_MIN = 10.0


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One address or network that sends a lot. ``keys``: how many of its requests came with which active key."""

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


def plan_attack(traffic: Look, behind: Behind, policy: Policy) -> dict[str, t.Any]:
    """Return what to do. ``traffic``: ``access_log`` of rendiff_access_log_info with a window."""
    seconds = max(_SECONDS_MIN, float(policy.window_s))
    candidates = [_judge(each, behind, seconds, policy) for each in traffic["addresses"]]
    networks = _loud_networks(traffic, candidates, behind, seconds, policy)
    banned = [each for each in candidates if each.decision == BAN]
    blind = _blind(traffic, policy)
    many = _many(traffic, seconds, policy)
    attack = bool(banned or networks or many) or any(each.decision == LIMIT for each in candidates)
    can_ban = not blind and not policy.ip_depth and not traffic["without_time"]
    bans = sorted({*_targets(banned, behind, policy), *networks}) if can_ban else []
    limited = (attack or policy.force) and not blind
    judged = [each for each in candidates if each.decision != SPARE or max(each.rps, each.peak) > policy.average]
    plan = {
        "attack": attack,
        "bans": bans,
        "private_bans": [each for each in bans if each in policy.private_targets],
        "limit": limited,
        "average": policy.average,
        "blind": blind,
        "many": many,
        "unknown": behind.unknown,
        "complete": bool(traffic["complete"]),
        "seconds": round(seconds, 1),
        "candidates": [each.describe() for each in judged],
        "hurt": _hurt(judged, policy) if limited else [],
    }
    return {**plan, "summary": _summary(plan, traffic, policy)}


def _judge(each: Look, behind: Behind, seconds: float, policy: Policy) -> Candidate:
    rps = each["requests"] / seconds
    peak = int(each.get("peak_per_second") or 0)
    # A storm that has just begun is seen by its peak.
    loud = rps >= policy.ban_rps or (peak >= 2 * policy.ban_rps and each["requests"] >= 5 * policy.ban_rps)
    keys = behind.addresses.get(each["address"], {})
    decision, why = _decide(each, keys, loud, behind, policy)
    errors = float(each.get("errors_share") or 0.0)
    plain = (each["address"], each["network"], each["requests"], rps, peak, errors, bool(each.get("is_new")))
    return Candidate(*plain, keys, decision, why)


def _decide(each: Look, keys: t.Mapping[str, int], loud: bool, behind: Behind, policy: Policy) -> tuple[str, str]:
    address = ipaddress.ip_address(each["address"])
    if not loud:
        return SPARE, "it sends no more than many do"
    if any(address in network_of(ACT, network) for network in policy.never):
        return SPARE, "it is named as never to be banned"
    if not address.is_global and each["address"] not in policy.private_targets:
        return SPARE, "it is no public address: behind it may be a proxy, or this host"
    if policy.with_keys:
        return BAN, "it sends far more than a client does, and it is wished also where keys are"
    if behind.unknown:
        return LIMIT, f"it is not known which keys come from there, as {behind.unknown}"
    factor = each.get("factor")
    if behind.keyless and each.get("is_new") is False and factor is not None and factor < _FACTOR:
        return LIMIT, f"it sent a lot before, too; now {factor:g} times as much"
    keyed = sum(keys.values())
    if keyed >= _KEY_SHARE * each["requests"] and keyed:
        return LIMIT, f"{counted(keys)} came from there with {keyed} requests"
    if keyed:
        return BAN, f"it sends far more than a client does; only {keyed} of its requests came with an active key"
    return BAN, "it sends far more than a client does, and no active key comes from there"


def _targets(banned: t.Sequence[Candidate], behind: Behind, policy: Policy) -> list[str]:
    """Return what to ban: addresses, or whole networks where many of one attack and nobody else of it has a key."""
    by_network: dict[str, list[str]] = {}
    for each in banned:
        by_network.setdefault(each.network, []).append(each.address)
    found = []
    for network, addresses in by_network.items():
        whole = len(addresses) >= policy.network_min and _may_ban_whole(network, behind, policy)
        found += [network] if whole else addresses
    return found


def _may_ban_whole(network: str, behind: Behind, policy: Policy) -> bool:
    inside = network_of(ACT, network)
    kept = any(keys and ipaddress.ip_address(address) in inside for address, keys in behind.addresses.items())
    spared = [network_of(ACT, each) for each in policy.never]
    near = any(inside.overlaps(other) for other in spared if other.version == inside.version)
    return not kept and not near and inside.is_global and not behind.unknown


def _loud_networks(
    traffic: Look, candidates: t.Sequence[Candidate], behind: Behind, seconds: float, policy: Policy
) -> list[str]:
    """Return networks that attack as a whole, each address of them too quiet to be one by itself.

    In IPv6 one client has a whole /64, so such a network counts as an address does.
    """
    alone = {each.network for each in candidates if each.decision != SPARE}
    found = []
    for each in traffic.get("networks") or []:
        least = policy.ban_rps * (1 if ":" in each["network"] else _NETWORK)
        loud = each["requests"] / seconds >= least
        if loud and each["network"] not in alone and _may_ban_whole(each["network"], behind, policy):
            found.append(each["network"])
    return found


def _many(traffic: Look, seconds: float, policy: Policy) -> str:
    """Return what tells of an attack by many addresses at once, empty where nothing does."""
    spared = [network_of(ACT, each) for each in policy.never]
    known = sum(
        each["requests"]
        for each in traffic["addresses"]
        if any(ipaddress.ip_address(each["address"]) in network for network in spared)
    )
    rps = (traffic["requests"] - known) / seconds
    before = (traffic["window"].get("baseline_requests") or 0) / max(1, policy.baseline_s)
    if rps < 2 * policy.ban_rps or rps < _MANY * max(1.0, before):
        return ""
    return f"{rps:.0f} requests a second come in all, {before:.1f} did before"


def _blind(traffic: Look, policy: Policy) -> str:
    """Return why clients cannot be told apart, empty where they can."""
    remedy = "Let Traefik trust the proxy in front of it, and say how many there are with security_response_ip_depth"
    if policy.ip_depth:
        return ""
    share = float((traffic.get("proxied") or {}).get("share") or 0.0)
    if share >= _PROXIED:
        return (
            f"{share:.0%} of the requests come through a proxy in front of Traefik: a limit for who connects would hit"
            f" everybody behind it. {remedy}"
        )
    first = traffic["addresses"][0] if traffic["addresses"] else None
    if first is None or first["address"] in policy.private_targets or first["share"] < _ALL:
        return ""
    if ipaddress.ip_address(first["address"]).is_global or first["requests"] < policy.average * _SECONDS_MIN:
        return ""
    return (
        f"Nearly all requests seem to come from {first['address']}, which is no public address: a limit or a ban by"
        f" address would hit everybody behind it. {remedy}"
    )


def _hurt(judged: t.Sequence[Candidate], policy: Policy) -> list[dict[str, t.Any]]:
    return [
        {
            "address": each.address,
            "keys": dict(each.keys),
            "requests": sum(each.keys.values()),
            "by": "the ban" if each.decision == BAN and not policy.ip_depth else "the limit",
        }
        for each in judged
        if each.keys
    ]


def counted(keys: t.Collection[str]) -> str:
    """Return how many active keys there are, in words."""
    return f"{len(keys)} active key{'s' * (len(keys) > 1)}"


def _summary(plan: Look, traffic: Look, policy: Policy) -> str:
    late = "" if plan["complete"] else " The log was not read to its end in time, so there may be more."
    if plan["blind"]:
        return f"{plan['blind']}."
    if not plan["attack"]:
        return f"No address sends as an attacker does: {traffic['requests']} requests in {plan['seconds']:g} s.{late}"
    bans, hurt = plan["bans"], plan["hurt"]
    said = f"{len(bans)} to ban ({', '.join(bans[:3])}{' and more' * (len(bans) > 3)})" if bans else "Nobody to ban"
    said += f", and a limit of {plan['average']} requests per second for each client."
    if plan["many"]:
        said += f" {plan['many']}."
    if policy.ip_depth:
        said += " Bans would not reach clients behind a proxy, so there are none."
    if plan["unknown"]:
        return f"{said} Whom it hurts is not known, as {plan['unknown']}.{late}"
    if hurt:
        keys = {key for each in hurt for key in each["keys"]}
        return f"{said} That touches {counted(keys)}, from {', '.join(each['address'] for each in hurt[:3])}.{late}"
    return f"{said} No active key is behind what is touched.{late}"
