# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_ban
short_description: Ban clients for a time, without locking anybody out
version_added: 0.1.0
description:
  - Drops every packet of a client at the hook prerouting with priority raw, before a connection is tracked and before
    a destination is rewritten. So published ports of containers are covered as well, with either firewall of Docker,
    and what is established is cut.
  - All is in one table of its own, C(inet rendiff_ops). No other table is read or changed, and a restart of Docker does
    not touch it.
  - Every ban ends by itself, in the kernel. All of one run is one transaction.
  - A ban that equals, contains or lies in what must never be banned is refused, and then nothing is changed. That is
    loopback, link-local, multicast and reserved addresses, the addresses of the host, its gateways and name servers,
    the networks of Docker, whoever is logged in by SSH, O(allow) and O(controller_addresses). O(skip_protected) leaves
    these out in place of refusing.
  - A connection to the SSH server alone protects nobody, for anybody can make one. Who is logged in is told by the
    session of this run, by the files of logins (utmp, systemd-logind), and by the titles of the processes of OpenSSH.
    With another SSH server, or where its processes cannot be looked at, everybody who is connected is protected.
  - Private networks, the shared network C(100.64.0.0/10), and networks that the host is connected to are refused
    too, but for clients that O(private_targets) names.
  - A ban of which half of O(ttl_s) or more is left stays as it is, so a second run changes nothing. One of which less
    is left lasts for O(ttl_s) from now. No ban is shortened.
  - Where a new ban overlaps others, each address is banned for the longest of them. Where a ban is lifted within a
    network, the rest of the network stays banned, as networks and ranges.
  - Confirmed bans are kept in C(bans.json) in O(state_dir), and the service C(rendiff-ops-bans.service) puts them
    back after a start of the host for the time that is left. The last ban that is lifted takes table, file and service
    along.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.state
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Totals, and the first of the elements that change.
  action_group: {}
options:
  addresses:
    description:
      - Clients as addresses (V(203.0.113.7), V(2001:db8::7)), networks (V(203.0.113.0/24)) or ranges
        (V(203.0.113.4-203.0.113.9)), at most 100000.
      - Host names are refused, because a name may resolve to anything, also to this host.
      - None, with O(state=confirmed), are all that are on trial; with O(state=present) only those are put back that
        are to last but are not in force.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(present) bans. V(confirmed) bans for good, that is for O(ttl_s), what is on trial still, and names what is
        not. V(absent) lifts bans, whether confirmed or not. V(cleared) lifts all and leaves nothing on the host.
    type: str
    choices: [present, confirmed, absent, cleared]
    default: present
  ttl_s:
    description:
      - How many seconds a ban lasts, from 1 to 2592000 (30 days). Required with O(state=present) and
        O(state=confirmed), from whose run it then counts.
    type: int
  probation_s:
    description:
      - With O(state=present) put new bans on trial. Each ends after so many seconds unless a run with
        O(state=confirmed) comes before. A run that locks itself out never confirms, and is let in again.
      - V(0) bans for O(ttl_s) at once.
    type: int
    default: 0
  allow:
    description:
      - Addresses and networks that must never be banned, such as load balancers, monitoring and offices.
    type: list
    elements: str
    default: []
  controller_addresses:
    description:
      - Addresses from which Ansible reaches the host.
    type: list
    elements: str
    default: []
  private_targets:
    description:
      - Of O(addresses) those that are in a private, shared or connected network and are meant all the same, each
        exactly as in O(addresses). It permits nothing else of what is refused.
    type: list
    elements: str
    default: []
  wide:
    description:
      - Permit networks wider than /16 (IPv4) or /48 (IPv6).
    type: bool
    default: false
  skip_protected:
    description:
      - Ban what may be banned, and name in RV(bans.refused) what must not. Of a network that contains such addresses
        the rest is banned, as networks and ranges. V(false) refuses all where one must not be banned.
    type: bool
    default: false
  docker_host:
    description:
      - Where the Docker Engine listens, as V(unix:///path) or V(tcp://host:port). Where there is no such socket, there
        are no networks of Docker.
    type: str
    default: unix:///var/run/docker.sock
  docker_timeout_s:
    description:
      - How many seconds one answer of the Docker Engine may take.
    type: int
    default: 10
requirements:
  - nft (package nftables), and root
notes:
  - Answers of a banned address to connections of this host are dropped too.
  - The service is bound to C(nftables.service), whose start, restart and reload empty all tables.
seealso:
  - module: rendiff.ops.rendiff_ban_info
"""

EXAMPLES = r"""
- name: Ban two clients for an hour, and let them go after two minutes if this goes wrong
  rendiff.ops.rendiff_ban:
    addresses: [203.0.113.7, "2001:db8:0:7::/64"]
    ttl_s: 3600
    probation_s: 120
    allow: [198.51.100.0/28]

- name: Confirm them from a connection that is new
  rendiff.ops.rendiff_ban:
    addresses: [203.0.113.7, "2001:db8:0:7::/64"]
    state: confirmed
    ttl_s: 3600

- name: Let one of them in again
  rendiff.ops.rendiff_ban:
    addresses: [203.0.113.7]
    state: absent

- name: Lift every ban
  rendiff.ops.rendiff_ban:
    state: cleared
"""

RETURN = r"""
bans:
  description: What was done.
  returned: success
  type: dict
  contains:
    state:
      description: The O(state).
      type: str
      sample: present
    addresses:
      description: What was asked for, normalised; what lies in another is left out.
      type: list
      elements: str
      sample: [203.0.113.7, "2001:db8:0:7::/64"]
    touched:
      description:
        - Those of which something was changed. With O(state=absent) they undo this run, and nothing that was banned
          before it.
      type: list
      elements: str
      sample: [203.0.113.7, "2001:db8:0:7::/64"]
    counts:
      description:
        - How many became what. V(banned), V(banned on trial), V(banned for longer), V(confirmed), V(restored) (was to
          last, but was not in force), V(not restored), V(lifted).
      type: dict
      sample: {banned on trial: 2}
    also:
      description: What became of the table as a whole, or of the files alone.
      type: list
      elements: str
      sample: ["the table removed"]
    refused:
      description: With O(skip_protected) what was left out, and why.
      type: list
      elements: dict
      sample: []
      contains:
        address:
          description: The address, or what of a network is protected.
          type: str
          sample: 198.51.100.9
        why:
          description: The reason.
          type: str
          sample: 198.51.100.0/24 contains 198.51.100.9, which is from where somebody is logged in by SSH
    lapsed:
      description: With O(state=confirmed) what is not on trial any more, so that it was not confirmed.
      type: list
      elements: str
      sample: []
    not_restored:
      description: Why bans that were to last were not put back, a sentence each.
      type: list
      elements: str
      sample: []
    not_known:
      description: What could not be looked at, a sentence each.
      type: list
      elements: str
      sample: []
    total:
      description: How many elements there are now.
      type: int
      sample: 2
    survives_reboot:
      description: Whether the confirmed bans outlive a start of the host.
      type: bool
      sample: false
    why_not:
      description: Why what was asked for does not.
      type: str
      sample: they are on trial until they are confirmed
plan:
  description: What becomes of which address, the first 20.
  returned: success
  type: list
  elements: str
  sample: ["203.0.113.7: banned on trial"]
plan_id:
  description: Identity of the whole plan.
  returned: success
  type: str
  sample: 5f0a3c1b9d2e4f60
msg:
  description: The same for people.
  returned: success
  type: str
  sample: >-
    Bans: 2 banned on trial; 2 in force. Those on trial end by themselves after 120 s unless they are confirmed.
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._ban_change import BAN_ARGUMENTS, change
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **BAN_ARGUMENTS.to_kwargs())
    try:
        result = change(module.params, module.run_command, module.check_mode)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
