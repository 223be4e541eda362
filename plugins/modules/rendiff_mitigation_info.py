# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_mitigation_info
short_description: List temporary changes, newest first
version_added: 0.1.0
description:
  - Reads the mitigation ledger of the managed host.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.state
  - rendiff.ops.attributes.info
attributes:
  action_group: {}
options:
  expired_only:
    description:
      - Only those whose time is over.
    type: bool
    default: false
  include_undone:
    description:
      - Also those that were undone already.
    type: bool
    default: false
  incident:
    description:
      - Only those of this incident.
    type: str
  project:
    description:
      - Only those of this Compose project, and those of none.
    type: str
seealso:
  - module: rendiff.ops.rendiff_mitigation
"""

EXAMPLES = r"""
- name: See what is only for a time
  rendiff.ops.rendiff_mitigation_info:
  register: ledger

- name: Show it
  ansible.builtin.debug:
    msg: "{{ ledger.mitigations | map(attribute='what') }}"
"""

RETURN = r"""
mitigations:
  description: The entries, newest first, as in RV(rendiff.ops.rendiff_mitigation#module:mitigation).
  returned: success
  type: list
  elements: dict
  sample: [{name: scaling.set_replicas.api, status: applied}]
unreadable:
  description: Files of the ledger that could not be read, a sentence each.
  returned: success
  type: list
  elements: str
  sample: []
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._ledger import MITIGATION_INFO_ARGUMENTS, Ledger
from ansible_collections.rendiff.ops.plugins.module_utils._mitigation import select


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **MITIGATION_INFO_ARGUMENTS.to_kwargs())
    options = module.params
    try:
        entries, unreadable = Ledger(options["state_dir"]).entries()
    except OpsError as error:
        module.fail_json(msg=str(error))
    chosen = select(entries, options, time.time())
    module.exit_json(changed=False, mitigations=[entry.describe() for entry in chosen], unreadable=unreadable)


if __name__ == "__main__":
    main()
