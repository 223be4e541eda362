# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: a limit on requests as a dynamic file of Traefik, laid over the site's routers. Pure.

Each router of the api gets a twin with the same rule and a higher priority, which limits and then does what the router
does. The site's own files and labels stay as they are, and where the file is gone, all is as it was.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing as t

from ._address import network_of
from ._argspec import ArgumentSpec
from ._errors import OpsError
from ._plan import Action, Plan
from ._proxy_routers import Router

FILE = "rendiff-ops.yml"
LIMIT_ARGUMENTS = ArgumentSpec(
    {
        "average": {"type": "int", "default": 0},
        "burst": {"type": "int"},
        "in_flight": {"type": "int", "default": 0},
        "strict": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "path_prefix": {"type": "str", "required": True},
                "average": {"type": "int", "required": True},
                "burst": {"type": "int"},
            },
        },
        "exempt": {"type": "list", "elements": "str", "default": []},
        "key_only": {"type": "bool", "default": False},
        "open_paths": {"type": "list", "elements": "str", "default": ["/api/v1/health"]},
        "ip_depth": {"type": "int", "default": 0},
    }
)
_ACT = "limit requests at the proxy"
# How far above its router a twin is: so little that routers of others that go before the site's still do.
_TWIN, _STRICT, _KEYLESS, _EXEMPT = 1, 2, 3, 4
_NAME = "rendiff-ops"
_EXEMPT_MAX = 200
_DIGITS = 12


@dataclasses.dataclass(frozen=True)
class Limit:
    """Limits for each client. Rates in requests per second; 0 is no limit.

    ``ip_depth``: how many trusted proxies stand in front, 0 for none: the client is then whoever has connected.
    """

    average: int
    burst: int
    in_flight: int
    strict: tuple[tuple[str, int, int], ...]
    exempt: tuple[str, ...]
    key_only: bool
    open_paths: tuple[str, ...]
    ip_depth: int


def limit_of(options: t.Mapping[str, t.Any]) -> Limit:
    """Return the limit that options describe, or refuse what makes no sense."""
    for name in ("average", "burst", "in_flight", "ip_depth"):
        if (options[name] or 0) < 0:
            raise OpsError(_ACT, f"{name} is {options[name]}, below 0")
    strict = []
    for each in options["strict"]:
        if each["average"] < 1 or (each.get("burst") or 1) < 1:
            raise OpsError(_ACT, f"the limit of '{each['path_prefix']}' is below 1 request per second")
        strict.append((_path(each["path_prefix"]), each["average"], each.get("burst") or each["average"]))
    if not (options["average"] or options["in_flight"] or strict or options["key_only"]):
        raise OpsError(_ACT, "no limit is given", "Pass average, in_flight, strict or key_only")
    if options["exempt"] and options["ip_depth"]:
        cause = "Traefik knows who is exempt by who connects, and with ip_depth that is the proxy in front"
        raise OpsError(_ACT, cause, "Leave exempt out, or exempt them in that proxy")
    if len(options["exempt"]) > _EXEMPT_MAX:
        raise OpsError(_ACT, f"exempt names more than {_EXEMPT_MAX} addresses", "Name networks in place of addresses")
    return Limit(
        options["average"],
        options["burst"] or 2 * options["average"],
        options["in_flight"],
        tuple(strict),
        tuple(sorted({str(network_of(_ACT, each)) for each in options["exempt"]})),
        options["key_only"],
        tuple(_path(each) for each in options["open_paths"]),
        options["ip_depth"],
    )


def _path(path: str) -> str:
    # It goes into a rule between backquotes.
    if not path.startswith("/") or "`" in path or not path.isprintable():
        raise OpsError(_ACT, f"'{path[:80]}' is no path", "Write it as /api/v1/convert")
    return path


def document_of(limit: Limit, routers: t.Sequence[Router]) -> dict[str, t.Any]:
    """Return the dynamic configuration that lays a limit over routers."""
    middlewares: dict[str, t.Any] = {}
    chain = []
    if limit.in_flight:
        middlewares[f"{_NAME}-in-flight"] = {"inFlightReq": {"amount": limit.in_flight, **_source(limit)}}
        chain.append(f"{_NAME}-in-flight")
    if limit.average:
        middlewares[f"{_NAME}-rate"] = _rate(limit, limit.average, limit.burst)
        chain.append(f"{_NAME}-rate")
    for number, (_prefix, average, burst) in enumerate(limit.strict):
        middlewares[f"{_NAME}-strict-{number}"] = _rate(limit, average, burst)
    if limit.key_only:
        # No client connects from there, so nobody passes.
        middlewares[f"{_NAME}-nobody"] = {"ipAllowList": {"sourceRange": ["127.255.255.254/32"]}}
    twins: dict[str, t.Any] = {}
    for router in routers:
        twins[f"{_NAME}-{router.name}"] = _twin(router, router.rule, _TWIN, chain)
        for number, (prefix, _average, _burst) in enumerate(limit.strict):
            rule = f"({router.rule}) && PathPrefix(`{prefix}`)"
            twins[f"{_NAME}-{router.name}-strict-{number}"] = _twin(
                router, rule, _STRICT, [*chain, f"{_NAME}-strict-{number}"]
            )
        if limit.key_only:
            spared = "".join(f" && !PathPrefix(`{path}`)" for path in limit.open_paths)
            rule = f"({router.rule}) && !HeaderRegexp(`X-API-Key`, `.+`){spared}"
            twins[f"{_NAME}-{router.name}-keyless"] = _twin(router, rule, _KEYLESS, [f"{_NAME}-nobody"])
        if limit.exempt:
            named = " || ".join(f"ClientIP(`{network}`)" for network in limit.exempt)
            twins[f"{_NAME}-{router.name}-exempt"] = _twin(router, f"({router.rule}) && ({named})", _EXEMPT, [])
    http: dict[str, t.Any] = {"routers": twins}
    if middlewares:
        http["middlewares"] = middlewares
    return {"http": http}


def require_room(routers: t.Sequence[Router], others: t.Sequence[Router]) -> None:
    """Refuse where a twin would go before a router that it must not, of the api or of another service."""
    for router in routers:
        for other in (*routers, *others):
            if other.name != router.name and router.priority < other.priority <= router.priority + _EXEMPT:
                cause = f"router '{other.name}' stands only {other.priority - router.priority} above '{router.name}'"
                raise OpsError(_ACT, cause, f"Give it a priority above {router.priority + _EXEMPT}")


def _source(limit: Limit) -> dict[str, t.Any]:
    return {"sourceCriterion": {"ipStrategy": {"depth": limit.ip_depth}}} if limit.ip_depth else {}


def _rate(limit: Limit, average: int, burst: int) -> dict[str, t.Any]:
    return {"rateLimit": {"average": average, "period": "1s", "burst": burst, **_source(limit)}}


def _twin(router: Router, rule: str, level: int, before: t.Sequence[str]) -> dict[str, t.Any]:
    twin: dict[str, t.Any] = {
        "rule": rule,
        "priority": router.priority + level,
        "service": router.service,
    }
    middlewares = [*before, *router.middlewares]
    if middlewares:
        twin["middlewares"] = middlewares
    if router.entry_points:
        twin["entryPoints"] = list(router.entry_points)
    if router.tls is not None:
        twin["tls"] = dict(router.tls)
    return twin


def text_of(document: t.Mapping[str, t.Any]) -> str:
    """Return what the file holds. JSON is YAML, and needs nothing to write it on the host."""
    return (
        "# Made by rendiff.ops for a time; removed by rendiff.ops.stand_down.\n"
        + json.dumps(document, indent=2, sort_keys=True)
        + "\n"
    )


def plan_limit(current: str | None, wanted: str | None) -> Plan:
    """Return the plan that makes the file what it shall be; None is no file."""
    before, after = {FILE: _shown(current)}, {FILE: _shown(wanted)}
    if current == wanted:
        return Plan(before, after, ())
    verb = "is removed" if wanted is None else "is laid over the routers" if current is None else "is changed"
    digest = hashlib.sha256((wanted or "").encode()).hexdigest()[:_DIGITS]
    return Plan(before, after, (Action(FILE, f"{verb} ({digest})" if wanted else verb),))


def _shown(text: str | None) -> t.Any:
    if text is None:
        return None
    try:
        return json.loads(text.partition("\n")[2])
    except ValueError:
        return "not as it was written"
