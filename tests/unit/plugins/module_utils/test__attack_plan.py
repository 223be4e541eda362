# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._attack_plan import plan_attack
from ansible_collections.rendiff.ops.plugins.module_utils._attack_policy import behind_of, policy_of
from ansible_collections.rendiff.ops.plugins.module_utils._attack_report import report_attack
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError

SECONDS = 60


def sender(address, requests, **more):
    network = ".".join(address.split(".")[:3]) + ".0/24"
    given = {"address": address, "network": network, "requests": requests, "peak_per_second": requests // SECONDS}
    return {**given, "share": 0.5, "errors_share": 0.0, "is_new": True, "factor": None, "statuses": {"200": 9}, **more}


def traffic(*senders, **more):
    return {
        "addresses": list(senders),
        "networks": [],
        "requests": sum(each["requests"] for each in senders),
        "window": {"baseline_requests": 0},
        "without_time": 0,
        "complete": True,
        "proxied": {"requests": 0, "share": 0.0},
        "log_holds_keys": False,
        "checked_at": "2026-11-23T03:12:45Z",
        "seconds": 0.1,
        **more,
    }


ATTACKER, CUSTOMER = sender("8.8.4.4", 12_000), sender("9.9.9.9", 300)


def keys_of(addresses=None, **more):
    given = {"addresses": addresses or {}, "addresses_known": True, "unread_logs": {}, "reach_s": 3660}
    return {**given, "api_keys": {"k-1": "a key"}, **more}


def plan(senders, behind=None, log=None, looked=None, **policy):
    limits = policy_of(policy)
    known = behind_of(keys_of(behind) if looked is None else looked, limits.window_s)
    return plan_attack(traffic(*senders, **(log or {})), known, limits)


def decision(found, address):
    return {each["address"]: each for each in found["candidates"]}.get(address, {}).get("decision")


def test_who_sends_far_more_than_a_client_is_banned_and_a_customer_is_not_touched():
    found = plan([ATTACKER, CUSTOMER], {"9.9.9.9": {"k-1": 300}})
    assert found["attack"] and found["bans"] == ["8.8.4.4"] and found["limit"] and found["hurt"] == []
    assert "No active key is behind what is touched" in found["summary"]


def test_a_storm_that_has_just_begun_is_seen_by_its_worst_second():
    young = sender("8.8.4.4", 400, peak_per_second=200)
    assert plan([young])["bans"] == ["8.8.4.4"]


def test_where_keys_are_behind_an_address_it_is_limited_and_they_are_named():
    found = plan([ATTACKER], {"8.8.4.4": {"k-1": 700}})
    assert found["bans"] == [] and decision(found, "8.8.4.4") == "limit" and found["limit"]
    assert found["hurt"] == [{"address": "8.8.4.4", "keys": {"k-1": 700}, "requests": 700, "by": "the limit"}]
    wished = plan([ATTACKER], {"8.8.4.4": {"k-1": 700}}, with_keys=True)
    assert wished["bans"] == ["8.8.4.4"] and wished["hurt"][0]["by"] == "the ban"


def test_one_request_with_a_key_among_thousands_spares_nobody():
    found = plan([ATTACKER], {"8.8.4.4": {"k-1": 7}})
    assert found["bans"] == ["8.8.4.4"] and found["hurt"][0]["by"] == "the ban"


@pytest.mark.parametrize(
    "looked",
    [
        {},
        keys_of(addresses_known=False),
        keys_of(unread_logs={"rendiff-api-1": "no such log"}),
        keys_of(reach_s=10),
    ],
    ids=["no look", "only the proxy", "unread", "too short"],
)
def test_where_it_is_not_known_whose_keys_come_from_there_nobody_is_banned_unless_wished(looked):
    found = plan([ATTACKER], looked=looked)
    assert found["bans"] == [] and found["limit"] and "Whom it hurts is not known" in found["summary"]
    assert plan([ATTACKER], looked=looked, with_keys=True)["bans"] == ["8.8.4.4"]


def test_an_attack_that_lasts_is_no_proof_of_innocence_but_on_a_site_without_keys():
    known = sender("8.8.4.4", 12_000, is_new=False, factor=1.2)
    assert plan([known])["bans"] == ["8.8.4.4"]
    keyless = keys_of(api_keys={})
    assert decision(plan([known], looked=keyless), "8.8.4.4") == "limit"
    assert plan([sender("8.8.4.4", 12_000, is_new=False, factor=40.0)], looked=keyless)["bans"] == ["8.8.4.4"]


def test_many_quiet_addresses_are_an_attack_too_and_are_limited():
    many = [sender(f"9.{number}.1.1", 60 * 40) for number in range(1, 30)]
    found = plan(many)
    assert (
        found["attack"] and found["limit"] and found["bans"] == [] and "requests a second come in all" in found["many"]
    )
    usual = plan(many, log={"window": {"baseline_requests": 29 * 40 * 3600}})
    assert not usual["attack"]


def test_a_client_of_ipv6_is_its_whole_network():
    network = {"network": "2606:4700:0:7::/64", "requests": 60 * 90, "error": 0, "share": 0.9}
    found = plan([CUSTOMER], log={"networks": [network], "requests": 6_000})
    assert found["bans"] == ["2606:4700:0:7::/64"]
    behind = {"2606:4700:0:7::9": {"k-1": 1}}
    assert plan([CUSTOMER], behind, log={"networks": [network], "requests": 6_000})["bans"] == []


def test_a_moment_on_a_quiet_site_is_no_attack():
    assert plan([sender("9.9.9.9", 60, peak_per_second=60)])["attack"] is False


def test_lines_without_a_time_ban_nobody():
    assert plan([ATTACKER], log={"without_time": 5})["bans"] == []


def test_a_log_that_was_not_read_to_its_end_does_not_prove_peace():
    found = plan([CUSTOMER], log={"complete": False})
    assert "not read to its end" in found["summary"] and not found["attack"]
    told = report_attack(traffic(CUSTOMER), found, "rendiff")
    assert told["verdict"] == "unknown"


def test_a_limit_can_be_asked_for_without_an_attack():
    assert plan([CUSTOMER], force=True)["limit"] and not plan([CUSTOMER])["limit"]


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.0.1", "100.64.0.9", "169.254.1.1"])
def test_no_private_address_is_banned_unless_it_is_named(address):
    assert plan([sender(address, 12_000)])["bans"] == []
    named = plan([sender(address, 12_000)], private_targets=[address])
    assert named["bans"] == [address] and named["private_bans"] == [address]


def test_who_must_never_be_banned_is_not():
    assert plan([ATTACKER], never=["8.8.0.0/16"])["attack"] is False


def test_many_of_one_network_are_one_ban_unless_somebody_else_of_it_has_a_key():
    many = [sender(f"8.8.4.{number}", 6_000) for number in range(1, 9)]
    assert plan(many)["bans"] == ["8.8.4.0/24"]
    neighbour = {"8.8.4.200": {"k-1": 3}}
    assert len(plan(many, neighbour)["bans"]) == 8 and "8.8.4.0/24" not in plan(many, neighbour)["bans"]
    assert len(plan(many, never=["8.8.4.77"])["bans"]) == 8
    assert len(plan(many[:7])["bans"]) == 7


def test_where_all_seem_to_come_from_one_private_address_nothing_is_done():
    hidden = sender("10.0.0.2", 12_000, share=0.99)
    found = plan([hidden])
    assert "would hit everybody" in found["blind"] and found["bans"] == [] and not found["limit"]
    assert plan([hidden], ip_depth=1)["blind"] == ""
    assert plan([sender("10.0.0.2", 30, share=1.0)])["blind"] == ""


def test_where_a_proxy_stands_in_front_nothing_is_done_until_it_is_told_and_then_nobody_is_banned():
    proxied = {"proxied": {"requests": 6_000, "share": 0.5}}
    assert "through a proxy in front" in plan([ATTACKER], log=proxied)["blind"]
    told = plan([ATTACKER], log=proxied, ip_depth=1)
    assert told["limit"] and told["bans"] == [] and "Bans would not reach" in told["summary"]


def test_calm_traffic_is_no_attack():
    found = plan([CUSTOMER])
    assert not found["attack"] and not found["limit"] and "No address sends as an attacker does" in found["summary"]
    assert plan([])["attack"] is False


@pytest.mark.parametrize(
    "policy, words",
    [
        ({"ban_rps": 10, "average": 20}, "would hit before the limit"),
        ({"never": ["example.com"]}, "no address and no network"),
        ({"unknown": 1}, "there is no 'unknown'"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(policy, words):
    with pytest.raises(OpsError, match=words):
        policy_of(policy)


BANS = {"list": [{"address": "8.8.4.4"}], "list_cut": 0, "packets": 7, "table": {"healthy": True, "why": ""}}
LIMIT = {"proof": {"proven": True, "said": "it answered 429."}}


def report(after=None, **more):
    found = plan([ATTACKER, CUSTOMER])
    return report_attack(traffic(ATTACKER, CUSTOMER), found, "rendiff", after=after, **more)


def test_before_anything_is_done_the_report_warns_and_names_the_next_command():
    told = report()
    assert told["verdict"] == "warning" and told["causes"] == [] and told["done"] == []
    assert told["root_causes"] == ["attack"] and told["summary"].startswith("1 to ban (8.8.4.4)")
    assert any("ddos_response --check" in command for each in told["findings"] for command in each["commands"])


def test_afterwards_it_tells_how_it_is_now_and_what_was():
    after = traffic(sender("8.8.4.4", 50, statuses={"500": 50}), sender("9.9.9.9", 100, statuses={"200": 100}))
    told = report(after, limit=LIMIT, bans=BANS, done=["3 banned."])
    # One who is banned and still comes through is told of.
    assert told["verdict"] == "warning" and any("8.8.4.4" in cause for cause in told["causes"])
    calm = report(traffic(sender("9.9.9.9", 100, statuses={"200": 100})), limit=LIMIT, bans=BANS, done=["3 banned."])
    assert calm["verdict"] == "ok"
    assert report(traffic(), limit=LIMIT, bans=BANS)["verdict"] == "warning"
    refused = traffic(sender("9.9.9.9", 100, statuses={"200": 50, "429": 50}))
    assert report(refused, limit=LIMIT, bans=BANS)["verdict"] == "warning"
    failing = traffic(sender("9.9.9.9", 100, statuses={"200": 90, "502": 10}))
    assert report(failing, limit=LIMIT, bans=BANS)["verdict"] == "warning"


@pytest.mark.parametrize(
    "more",
    [
        {"limit": {"proof": {"proven": False, "said": "never 429."}}, "bans": BANS},
        {"limit": LIMIT, "bans": {**BANS, "table": {"healthy": False, "why": "the chain is gone"}}},
        {"limit": LIMIT, "bans": BANS, "failed": ["Cannot ban."]},
    ],
    ids=["limit", "bans", "step"],
)
def test_what_does_not_hold_is_critical(more):
    assert report(traffic(CUSTOMER), **more)["verdict"] == "critical"
