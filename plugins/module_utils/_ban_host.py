# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what must not be banned on this host, from /proc, resolv.conf and Docker."""

from __future__ import annotations

import contextlib
import ipaddress
import os

from ._ban_address import Span, parse_span
from ._ban_guard import Protected
from ._ban_login import kernel_address, logins_here, read_text
from ._docker import DockerClient
from ._errors import OpsError

OWN, GATEWAY, RESOLVER = "an address of this host", "a gateway of this host", "a name server of this host"
LOGGED_IN = "from where somebody is logged in by SSH"
CONNECTED = "connected to SSH, perhaps logged in"
_RESOLVERS = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")


def _plain6(text: str) -> str:
    return str(ipaddress.IPv6Address(bytes.fromhex(text)))


def parse_own4(fib_trie: str) -> list[Span]:
    """Return this host's IPv4 addresses from /proc/net/fib_trie."""
    found, address = set(), ""
    for line in fib_trie.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "|--":
            address = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"] and address:
            found.add(parse_span(address))
    return sorted(found)


def parse_own6(if_inet6: str) -> tuple[list[Span], list[Span]]:
    """Return this host's IPv6 addresses, and the networks that they are in, from /proc/net/if_inet6."""
    own, networks = [], []
    for line in if_inet6.splitlines():
        words = line.split()
        if len(words) == 6:
            address = _plain6(words[0])
            own.append(parse_span(address))
            network = ipaddress.ip_network(f"{address}/{int(words[2], 16)}", strict=False)
            networks.append(parse_span(str(network)))
    return own, networks


def parse_routes4(route: str) -> tuple[list[Span], list[Span]]:
    """Return gateways and connected networks from /proc/net/route."""
    gateways, networks = [], []
    for line in route.splitlines()[1:]:
        words = line.split()
        if len(words) < 8:
            continue
        target, gateway, mask = (kernel_address(words[place]) for place in (1, 2, 7))
        if gateway.first:
            gateways.append(gateway)
        elif target.first:
            networks.append(Span(4, target.first, target.first | (mask.first ^ 0xFFFFFFFF)))
    return gateways, networks


def parse_gateways6(ipv6_route: str) -> list[Span]:
    """Return gateways from /proc/net/ipv6_route."""
    hops = [words[4] for words in map(str.split, ipv6_route.splitlines()) if len(words) >= 10]
    return [parse_span(_plain6(hop)) for hop in hops if hop.strip("0")]


def parse_resolvers(text: str) -> list[Span]:
    """Return the name servers of a resolv.conf."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            with contextlib.suppress(ValueError):
                found.append(parse_span(words[1].partition("%")[0]))
    return found


def docker_networks(client: DockerClient) -> list[Protected]:
    """Return the subnets of every network of Docker."""
    found = []
    for network in client.get("/networks") or []:
        for config in (network.get("IPAM") or {}).get("Config") or []:
            with contextlib.suppress(ValueError):
                found.append(
                    Protected(parse_span(str(config.get("Subnet"))), f"the network '{network.get('Name')}' of Docker")
                )
    return found


def protected_here(docker_host: str, docker_timeout_s: float) -> tuple[list[Protected], list[str]]:
    """Return what must not be banned on this host, and what could not be looked at, a sentence each."""
    own6, networks6 = parse_own6(read_text("/proc/net/if_inet6"))
    gateways, networks = parse_routes4(read_text("/proc/net/route"))
    gateways += parse_gateways6(read_text("/proc/net/ipv6_route"))
    sure, doubtful, unknown = logins_here()
    found = [Protected(span, OWN) for span in parse_own4(read_text("/proc/net/fib_trie")) + own6]
    found += [Protected(span, GATEWAY) for span in gateways]
    found += [Protected(span, RESOLVER) for path in _RESOLVERS for span in parse_resolvers(read_text(path))]
    found += [Protected(span, LOGGED_IN) for span in sure]
    found += [Protected(span, CONNECTED) for span in doubtful]
    found += [Protected(span, "a network that this host is connected to", soft=True) for span in networks + networks6]
    scheme, _separator, path = docker_host.partition("://")
    if scheme != "unix" or os.path.exists(path):
        try:
            found += docker_networks(DockerClient(docker_host, docker_timeout_s))
        except OpsError as error:
            unknown.append(f"The networks of Docker are not known: {error}")
    return list(dict.fromkeys(found)), unknown
