# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._ban_host import (
    docker_networks,
    parse_gateways6,
    parse_own4,
    parse_own6,
    parse_resolvers,
    parse_routes4,
)

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 198.51.100.0/24 2 0 2
        |-- 198.51.100.0
           /24 link UNICAST
        |-- 198.51.100.1
           /32 host LOCAL
        |-- 198.51.100.255
           /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
Local:
  +-- 0.0.0.0/0 3 0 5
        |-- 198.51.100.1
           /32 host LOCAL
"""
IF_INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
20010db8000700000000000000000001 02 40 00 80     eth0
"""
NOBODY = "0" * 32
IPV6_ROUTE = f"""\
20010db8000700000000000000000000 40 {NOBODY} 00 {NOBODY} 00000100 1 0 00000001     eth0
{NOBODY} 00 {NOBODY} 00 fe800000000000000000000000000001 00000400 1 0 00000003     eth0
"""
ROUTE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\tFE6433C6\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t006433C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


def texts(spans):
    return [str(span) for span in spans]


def test_own_addresses_are_read():
    assert texts(parse_own4(FIB_TRIE)) == ["127.0.0.1", "198.51.100.1"]
    own, networks = parse_own6(IF_INET6)
    assert texts(own) == ["::1", "2001:db8:7::1"] and texts(networks) == ["::1", "2001:db8:7::/64"]


def test_gateways_and_connected_networks_are_read():
    gateways, networks = parse_routes4(ROUTE)
    assert texts(gateways) == ["198.51.100.254"] and texts(networks) == ["198.51.100.0/24"]
    assert texts(parse_gateways6(IPV6_ROUTE)) == ["fe80::1"]


def test_name_servers_are_read():
    text = "# nameserver 192.0.2.1\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver bad\nnameserver\n"
    assert texts(parse_resolvers(text)) == ["192.0.2.53", "fe80::1"]


class FakeDocker:
    def get(self, path):
        return [
            {"Name": "bridge", "IPAM": {"Config": [{"Subnet": "172.17.0.0/16"}, {"Subnet": "fd00:17::/64"}]}},
            {"Name": "host", "IPAM": {"Config": None}},
            {"Name": "odd", "IPAM": {"Config": [{"Subnet": "x"}, {}]}},
            {"Name": "none"},
        ]


def test_the_networks_of_docker_are_protected_for_good():
    found = docker_networks(FakeDocker())
    assert texts(each.span for each in found) == ["172.17.0.0/16", "fd00:17::/64"]
    assert {each.why for each in found} == {"the network 'bridge' of Docker"}
    assert not any(each.soft for each in found)
