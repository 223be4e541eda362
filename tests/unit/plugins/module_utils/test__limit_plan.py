# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._limit_plan import (
    LIMIT_ARGUMENTS,
    document_of,
    limit_of,
    plan_limit,
    require_room,
    text_of,
)
from ansible_collections.rendiff.ops.plugins.module_utils._proxy_routers import Router

ROUTER = Router("api", "Host(`a`) || Host(`b`)", ("web",), ("guard@file",), "api@docker", None, 25)
SECURE = Router("api-tls", "Host(`a`)", ("websecure",), (), "api@docker", {}, 25)


def options(**given):
    return {**{name: spec.get("default") for name, spec in LIMIT_ARGUMENTS.options.items()}, **given}


def http(**given):
    return document_of(limit_of(options(**given)), [ROUTER, SECURE])["http"]


def test_a_twin_limits_first_and_then_does_what_the_router_does():
    found = http(average=20)
    assert found["middlewares"] == {"rendiff-ops-rate": {"rateLimit": {"average": 20, "period": "1s", "burst": 40}}}
    twin, secure = found["routers"]["rendiff-ops-api"], found["routers"]["rendiff-ops-api-tls"]
    assert twin["middlewares"] == ["rendiff-ops-rate", "guard@file"] and twin["entryPoints"] == ["web"]
    assert (twin["rule"], twin["service"]) == (ROUTER.rule, "api@docker") and "tls" not in twin
    assert twin["priority"] > ROUTER.priority and secure["tls"] == {}


def test_a_path_that_costs_more_has_both_limits_and_goes_before():
    found = http(average=20, strict=[{"path_prefix": "/api/v1/convert", "average": 1, "burst": None}])
    strict = found["routers"]["rendiff-ops-api-strict-0"]
    # The site's rule stands in brackets: its alternatives must not escape from the path.
    assert strict["rule"] == "(Host(`a`) || Host(`b`)) && PathPrefix(`/api/v1/convert`)"
    assert strict["middlewares"] == ["rendiff-ops-rate", "rendiff-ops-strict-0", "guard@file"]
    assert strict["priority"] > found["routers"]["rendiff-ops-api"]["priority"]


def test_who_has_no_key_is_refused_but_for_open_paths():
    found = http(key_only=True)
    keyless = found["routers"]["rendiff-ops-api-keyless"]
    assert keyless["rule"].endswith("!HeaderRegexp(`X-API-Key`, `.+`) && !PathPrefix(`/api/v1/health`)")
    assert keyless["middlewares"][0] == "rendiff-ops-nobody"


def test_who_is_exempt_passes_as_without_a_limit():
    exempt = http(average=20, exempt=["203.0.113.9", "2001:db8::/64"])["routers"]["rendiff-ops-api-exempt"]
    assert "ClientIP(`2001:db8::/64`) || ClientIP(`203.0.113.9/32`)" in exempt["rule"]
    assert exempt["middlewares"] == ["guard@file"]


def test_the_client_is_who_connects_unless_proxies_in_front_are_told():
    assert "sourceCriterion" not in http(average=20)["middlewares"]["rendiff-ops-rate"]["rateLimit"]
    behind = http(average=20, in_flight=5, ip_depth=2)["middlewares"]
    for kind, name in (("rateLimit", "rendiff-ops-rate"), ("inFlightReq", "rendiff-ops-in-flight")):
        assert behind[name][kind]["sourceCriterion"] == {"ipStrategy": {"depth": 2}}


@pytest.mark.parametrize(
    "given, words",
    [
        ({}, "no limit is given"),
        ({"average": -1}, "below 0"),
        ({"strict": [{"path_prefix": "/a", "average": 0}]}, "below 1 request per second"),
        ({"strict": [{"path_prefix": "/a`) || Host(`x", "average": 1}]}, "is no path"),
        ({"average": 1, "exempt": ["example.com"]}, "no address and no network"),
        ({"average": 1, "exempt": ["`) || PathPrefix(`/"]}, "no address and no network"),
        ({"average": 1, "open_paths": ["health"]}, "is no path"),
        ({"average": 1, "exempt": ["10.0.0.1"], "ip_depth": 1}, "the proxy in front"),
        ({"average": 1, "exempt": [f"10.0.{n}.0/24" for n in range(201)]}, "more than 200"),
    ],
    ids=range(9),
)
def test_what_makes_no_sense_or_would_leave_a_rule_is_refused(given, words):
    with pytest.raises(OpsError, match=words):
        limit_of(options(**given))


def test_the_plan_is_nothing_where_the_file_is_as_it_shall_be():
    text = text_of({"http": {}})
    assert json.loads(text.partition("\n")[2]) == {"http": {}}
    assert not plan_limit(text, text).changed and not plan_limit(None, None).changed
    assert plan_limit(None, text).plan_id != plan_limit(text, text + " ").plan_id
    assert plan_limit(text, None).actions[0].transition == "is removed"
    assert plan_limit("spoiled", None).diff()["before"] == {"rendiff-ops.yml": "not as it was written"}


def test_a_router_of_another_service_still_goes_before_the_twins():
    other = Router("grafana", "Host(`a`) && PathPrefix(`/grafana`)", ("web",), (), "grafana@docker", None, 35)
    require_room([ROUTER, SECURE], [other])
    highest = max(twin["priority"] for twin in http(average=1, key_only=True, exempt=["10.0.0.1"])["routers"].values())
    assert ROUTER.priority < highest < other.priority
    with pytest.raises(OpsError, match="router 'near' stands only 2 above 'api'"):
        require_room([ROUTER], [Router("near", "x", (), (), "near@docker", None, 27)])
