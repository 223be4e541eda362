# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._routes import public_target, replica_target

from .builders import replica, stack

ROUTE = {"traefik.http.routers.api.rule": "Host(`api.example.com`) && PathPrefix(`/`)"}
SECURE = {**ROUTE, "traefik.http.routers.api.tls": "true"}


def proxy(**ports):
    published = {
        f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(host)}] for port, host in ports["ports"].items()
    }
    return replica("traefik", ports=published, args=ports.get("args", []))


def test_the_proxy_is_dialled_under_the_name_of_the_route():
    target = public_target(stack(replica("api", labels=SECURE), proxy(ports={80: 1080, 443: 1443})), {})
    assert target.url == "https://api.example.com:1443"
    assert (target.connect_host, target.connect_port) == ("127.0.0.1", 1443)


def test_a_route_without_tls_is_dialled_plainly():
    target = public_target(stack(replica("api", labels=ROUTE), proxy(ports={80: 1080, 443: 1443})), {})
    assert target.url == "http://api.example.com:1080"


def test_entry_points_of_the_proxys_command_are_used():
    traefik = proxy(ports={9443: 1443}, args=["--entryPoints.websecure.address=:9443"])
    assert public_target(stack(replica("api", labels=SECURE), traefik), {}).connect_port == 1443


def test_what_is_said_wins():
    target = public_target(stack(), {"public_url": "https://x.example/", "validate_certs": False, "ca_path": "/ca"})
    assert (target.url, target.verify, target.ca_path) == ("https://x.example", False, "/ca")


@pytest.mark.parametrize("url", ["x.example", "ftp://x", "https://"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(OpsError, match="it is not an http or https URL"):
        public_target(stack(), {"public_url": url})


def test_without_a_proxy_the_apis_own_port_serves():
    api = replica("api", ports={"8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8000"}]})
    assert public_target(stack(api), {}).url == "http://127.0.0.1:8000"


def test_no_way_in_says_what_to_pass():
    with pytest.raises(OpsError, match="neither a proxy nor the api publishes a port. Pass public_url"):
        public_target(stack(replica("api")), {})
    with pytest.raises(OpsError, match="no running proxy publishes a port for web traffic. Pass public_url"):
        public_target(stack(replica("api"), proxy(ports={5432: 1})), {})


@pytest.mark.parametrize(
    ("changes", "options", "port"),
    [
        ({}, {}, 8000),
        ({"exposed": [9000]}, {}, 9000),
        ({"labels": {"traefik.http.services.api.loadbalancer.server.port": "7000"}, "exposed": [9000]}, {}, 7000),
        ({"exposed": [9000]}, {"api_port": 5000}, 5000),
    ],
)
def test_the_port_of_a_replica(changes, options, port):
    assert replica_target(replica("api", **changes), options).url == f"http://10.0.0.1:{port}"


def test_a_replica_without_an_address_has_no_target():
    assert replica_target(replica("api", address=""), {}) is None
