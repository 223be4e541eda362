# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: where requests from outside enter, and where each api replica listens. Pure."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import urlsplit

from ._argspec import ArgumentSpec
from ._compose import Replica
from ._errors import OpsError
from ._http import Target
from ._stack import Stack

HTTP_ARGUMENTS = ArgumentSpec(
    {
        "public_url": {"type": "str"},
        "ca_path": {"type": "path"},
        "validate_certs": {"type": "bool", "default": True},
        "api_port": {"type": "int"},
    }
)

DEFAULT_API_PORT = 8000
_HOST_RULE = re.compile(r"Host\(\s*[`'\"]([^`'\"]+)[`'\"]")
_ENTRY_POINT = re.compile(r"^--entry[pP]oints\.([\w-]+)\.address=[^:]*:(\d+)", re.IGNORECASE)


def public_target(stack: Stack, options: t.Mapping[str, t.Any]) -> Target:
    """Return how the outside reaches the api: ``public_url``, else the proxy's published port and the api's Host rule.

    Without a proxy the first published port of the api serves. What cannot be told is an error that says what to pass.
    """
    ca_path, verify = options.get("ca_path") or "", bool(options.get("validate_certs", True))
    if options.get("public_url"):
        url = str(options["public_url"]).rstrip("/")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise OpsError(f"use public_url '{url}'", "it is not an http or https URL", "Write it as https://name")
        return Target(url, ca_path=ca_path, verify=verify)
    routes = [_route(service.replicas[0].labels) for service in stack.by_role("api") if service.replicas]
    hosts = [host for route in routes for host in route[0]]
    for proxy in stack.running("proxy"):
        entry_points = _entry_points(proxy.command)
        wants_tls = any(route[1] for route in routes)
        for https, port in _candidates(entry_points, proxy, wants_tls):
            address, published = proxy.published[port]
            host = hosts[0] if hosts else address
            url = f"{'https' if https else 'http'}://{host}:{published}"
            return Target(url, address, published, ca_path, verify)
    if stack.by_role("proxy"):
        raise OpsError(
            "reach the api from outside", "no running proxy publishes a port for web traffic", "Pass public_url"
        )
    for replica in stack.running("api"):
        for address, published in replica.published.values():
            return Target(f"http://{address}:{published}", ca_path=ca_path, verify=verify)
    raise OpsError("reach the api from outside", "neither a proxy nor the api publishes a port", "Pass public_url")


def _route(labels: t.Mapping[str, str]) -> tuple[list[str], bool]:
    hosts: list[str] = []
    tls = False
    for name, value in labels.items():
        if name.startswith("traefik.http.routers.") and name.endswith(".rule"):
            hosts.extend(_HOST_RULE.findall(value))
        elif name.startswith("traefik.http.routers.") and ".tls" in name and value.lower() != "false":
            tls = True
    return hosts, tls


def _entry_points(command: t.Iterable[str]) -> dict[str, int]:
    matches = [match for match in map(_ENTRY_POINT.match, command) if match]
    return {match.group(1): int(match.group(2)) for match in matches}


def _candidates(entry_points: t.Mapping[str, int], proxy: Replica, wants_tls: bool) -> list[tuple[bool, int]]:
    secure = [entry_points[name] for name in ("websecure", "https") if name in entry_points] or [443, 8443]
    plain = [entry_points[name] for name in ("web", "http") if name in entry_points] or [80, 8080, 8000]
    ordered = [(True, port) for port in secure] + [(False, port) for port in plain]
    if not wants_tls:
        ordered.reverse()
    return [(https, port) for https, port in ordered if port in proxy.published]


def replica_target(replica: Replica, options: t.Mapping[str, t.Any]) -> Target | None:
    """Return the address of one api container as the Docker host reaches it, or None where it has none."""
    port = options.get("api_port") or _label_port(replica.labels) or (replica.exposed or (DEFAULT_API_PORT,))[0]
    for address, dial in replica.addresses(int(port)):
        return Target(f"http://{address}:{dial}")
    return None


def _label_port(labels: t.Mapping[str, str]) -> int:
    for name, value in labels.items():
        if name.startswith("traefik.http.services.") and name.endswith(".loadbalancer.server.port") and value.isdigit():
            return int(value)
    return 0
