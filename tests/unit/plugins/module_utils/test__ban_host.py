# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._ban_host import (
    docker_networks,
    logged_in,
    parse_connections,
    parse_gateways6,
    parse_own4,
    parse_own6,
    parse_resolvers,
    parse_routes4,
    session_addresses,
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
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:08AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0 100 0 0 10 0
   1: 016433C6:08AE 077100CB:D431 01 00000000:00000000 00:00000000 00000000     0        0 101 1 0 100 0 0 10 0
   2: 016433C6:0050 087100CB:D432 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0 100 0 0 10 0
   3: 016433C6:0016 097100CB:D433 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0 100 0 0 10 0
   4: 016433C6:08AE 0A7100CB:D434 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 100 0 0 10 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr
   0: 0000000000000000FFFF0000016433C6:0016 0000000000000000FFFF00000B7100CB:D431 01 0:0 0:0 0 0 0 104
   1: B80D0120000007000000000001000000:0016 B80D0120000007000000000007000000:D431 01 0:0 0:0 0 0 0 105
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


def test_who_is_logged_in_is_told_by_the_servers_sockets_and_its_ports():
    known = parse_connections(TCP) + parse_connections(TCP6)
    by_port_22 = ["203.0.113.9", "203.0.113.11", "2001:db8:7::7"]
    assert texts(logged_in(known, set())) == by_port_22
    # The socket that listens is the server's: then its port is one.
    assert texts(logged_in(known, {"100"})) == ["203.0.113.7", *by_port_22]
    # A server that was started by another for one session listens to nothing itself.
    assert texts(logged_in(known, {"102"})) == ["203.0.113.8", *by_port_22]


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ("A=b\0SSH_CONNECTION=203.0.113.7 50000 198.51.100.1 22\0", ["203.0.113.7"]),
        ("SSH_CLIENT=2001:db8::7 50000 22", ["2001:db8::7"]),
        ("SSH_CONNECTION=fe80::7%eth0 1 fe80::1%eth0 22", ["fe80::7"]),
        ("SSH_CONNECTION=\0XSSH_CLIENT=203.0.113.7 1 2\0SSH_CLIENT=UNKNOWN 1 2", []),
        ("", []),
    ],
    ids=["connection", "client", "scoped", "none", "empty"],
)
def test_the_session_is_read_from_what_a_process_was_started_with(environment, found):
    assert texts(session_addresses(environment)) == found


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
