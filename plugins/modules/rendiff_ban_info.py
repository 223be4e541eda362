# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_ban_info
short_description: Tell which clients are banned, for how long still, and what that has stopped
version_added: 0.1.0
description:
  - Reads the table that M(rendiff.ops.rendiff_ban) makes, and whether it is in force and outlives a start of the host.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.state
  - rendiff.ops.attributes.info
attributes:
  action_group: {}
options:
  list_max:
    description:
      - How many bans to list.
    type: int
    default: 100
requirements:
  - nft (package nftables), and root
seealso:
  - module: rendiff.ops.rendiff_ban
"""

EXAMPLES = r"""
- name: See who is banned
  rendiff.ops.rendiff_ban_info:
  register: banned

- name: Show it
  ansible.builtin.debug:
    var: banned.msg
"""

RETURN = r"""
bans:
  description: The bans.
  returned: success
  type: dict
  contains:
    list:
      description:
        - The bans, those that stopped most first. C(packets) and C(bytes) are null where nft cannot count for each
          element, and count anew where a ban was changed.
      type: list
      elements: dict
      sample:
        - address: 203.0.113.7
          seconds_left: 3541
          packets: 1204
          bytes: 72240
          confirmed: true
          survives_reboot: true
    list_cut:
      description: How many more there are.
      type: int
      sample: 0
    confirmed:
      description: How many are confirmed.
      type: int
      sample: 1
    on_trial:
      description: How many are on trial.
      type: int
      sample: 0
    packets:
      description: How many packets all bans have stopped since the table was made.
      type: int
      sample: 1204
    bytes:
      description: How many bytes these had.
      type: int
      sample: 72240
    missing:
      description: Bans that are to last, but are not in force.
      type: list
      elements: str
      sample: []
    missing_count:
      description: How many those are.
      type: int
      sample: 0
    table:
      description: Whether the table is there and its bans are in force, and if not why.
      type: dict
      sample: {present: true, healthy: true, why: ""}
    why_no_reboot:
      description: Why no ban outlives a start of the host, empty where confirmed ones do.
      type: str
      sample: ""
msg:
  description: The same for people.
  returned: success
  type: str
  sample: 1 banned; 1204 packets were stopped since the table was made.
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._ban_info import BAN_INFO_ARGUMENTS, look
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **BAN_INFO_ARGUMENTS.to_kwargs())
    try:
        result = look(module.params, module.run_command)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
