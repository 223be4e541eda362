# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._ban_address import parse_span
from ansible_collections.rendiff.ops.plugins.module_utils._ban_guard import (
    ALWAYS,
    Protected,
    hits,
    refuse_protected,
    refuse_wide,
    spare,
)
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError

SSH = Protected(parse_span("203.0.113.7"), "from where somebody is logged in by SSH")
LAN = Protected(parse_span("198.51.100.0/24"), "a network that this host is connected to", soft=True)
OWN = Protected(parse_span("198.51.100.1"), "an address of this host")
EVERYTHING = (SSH, LAN, OWN, *ALWAYS)


def spans(*texts):
    return [parse_span(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("203.0.113.7", "203.0.113.7 is from where somebody is logged in by SSH"),
        ("::ffff:203.0.113.7", "203.0.113.7 is from where"),
        ("203.0.113.0/24", "203.0.113.0/24 contains 203.0.113.7, which is from where"),
        ("127.0.0.1", "127.0.0.1 lies in 127.0.0.0/8, which is loopback"),
        ("::1", "::1 is loopback"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("255.255.255.255", "reserved"),
        ("10.1.2.3", "a private network"),
        ("172.17.0.1", "a private network"),
        ("192.168.1.0/24", "a private network"),
        ("fd00::1", "a private network"),
        ("100.64.1.1", "the shared network behind a provider's NAT"),
        ("198.51.100.9", "lies in 198.51.100.0/24, which is a network that this host is connected to"),
        ("198.51.0.0/16", "contains 198.51.100.1, which is an address of this host"),
        ("0.0.0.0/0", "contains 203.0.113.7"),
        ("::/0", "contains ::1, which is loopback"),
    ],
)
def test_what_must_not_be_banned_is_refused_with_its_reason(text, words):
    with pytest.raises(OpsError) as caught:
        refuse_protected(spans("192.0.2.1", text), EVERYTHING, [])
    assert words in str(caught.value)
    assert "192.0.2.1" not in str(caught.value)
    assert "nothing was changed" in str(caught.value)


def test_everybody_else_may_be_banned():
    refuse_protected(spans("203.0.113.6", "203.0.113.8/29", "2001:db8::1", "8.8.8.8"), EVERYTHING, [])


def test_a_private_target_is_named_exactly_or_not_at_all():
    assert hits(spans("10.1.2.3"), EVERYTHING, spans("10.1.2.3")) == []
    assert hits(spans("10.1.2.3"), EVERYTHING, spans("10.1.2.0/24")) != []
    assert hits(spans("10.1.2.0/24"), EVERYTHING, spans("10.1.2.3")) != []
    assert hits(spans("198.51.100.9"), EVERYTHING, spans("198.51.100.9")) == []


@pytest.mark.parametrize("text", ["198.51.100.1", "203.0.113.7", "127.0.0.1", "198.51.100.0/24", "0.0.0.0/0"])
def test_naming_it_permits_nothing_that_is_not_private(text):
    assert hits(spans(text), EVERYTHING, spans(text)) != []


def test_every_offender_is_named_and_the_list_ends():
    many = [f"10.0.0.{n}" for n in range(1, 31)]
    with pytest.raises(OpsError) as caught:
        refuse_protected(spans(*many), ALWAYS, [])
    assert "10.0.0.20 lies" in str(caught.value) and "10.0.0.21 " not in str(caught.value)
    assert "and 10 more" in str(caught.value)
    assert "private_targets" in str(caught.value)


def test_a_way_out_is_told_only_where_there_is_one():
    docker = Protected(parse_span("203.0.113.0/24"), "the network 'bridge' of Docker")
    with pytest.raises(OpsError) as caught:
        refuse_protected(spans("203.0.113.7"), (docker, *ALWAYS), [])
    assert "private_targets" not in str(caught.value)


def test_wide_networks_need_a_word():
    refuse_wide(spans("198.18.0.0/15"), True)
    with pytest.raises(OpsError, match="198.18.0.0/15 is wider than /16"):
        refuse_wide(spans("198.18.0.0/15", "192.0.2.1"), False)


@pytest.mark.parametrize(
    ("text", "left", "refused"),
    [
        ("203.0.113.6", ["203.0.113.6"], []),
        ("203.0.113.7", [], ["203.0.113.7"]),
        ("203.0.113.0/24", ["203.0.113.0-203.0.113.6", "203.0.113.8-203.0.113.255"], ["203.0.113.7"]),
        ("203.0.113.6/31", ["203.0.113.6"], ["203.0.113.7"]),
        ("198.51.100.9", [], ["198.51.100.9"]),
        ("198.51.99.0-198.51.100.7", ["198.51.99.0/24"], ["198.51.100.0/29", "198.51.100.1"]),
        ("::ffff:203.0.113.7", [], ["203.0.113.7"]),
        ("::/127", [], ["::1", "::"]),
    ],
)
def test_what_must_not_be_banned_is_left_out_and_the_rest_stays(text, left, refused):
    spared = spare(spans("192.0.2.1", text), EVERYTHING, [])
    assert [str(span) for span in spared.spans] == ["192.0.2.1", *left]
    assert [str(each.span) for each in spared.refused] == refused
    assert all("which is" in each.why or f"{each.span} is" in each.why for each in spared.refused)
    refuse_protected(spared.spans, EVERYTHING, [])


def test_the_rest_of_a_private_target_is_meant_as_well():
    spared = spare(spans("198.51.100.0/30", "10.0.0.1"), EVERYTHING, spans("198.51.100.0/30"))
    assert [str(span) for span in spared.spans] == ["198.51.100.0", "198.51.100.2/31"]
    assert spared.targets == spared.spans
    assert [str(each.span) for each in spared.refused] == ["198.51.100.1", "10.0.0.1"]
    refuse_protected(spared.spans, EVERYTHING, spared.targets)
