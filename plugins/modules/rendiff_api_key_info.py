# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_api_key_info
short_description: Tell which API keys the service accepts, and what was done with them
version_added: 0.1.0
description:
  - Lists keys with what stands in their rows, what is dangerous about them, and their jobs, the most active first.
  - No key and no hash is in the result. Works while the api is down.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.attributes.info
  - rendiff.ops.stack
  - rendiff.ops.postgres
  - rendiff.ops.api_key
options:
  states:
    description:
      - List only keys that are this. Counts are of all.
    type: list
    elements: str
    choices: [active, revoked, expired]
    default: []
  window_s:
    description:
      - How far back to look for jobs, in seconds.
    type: int
    default: 86400
  expires_within_s:
    description:
      - Keys that expire within so many seconds are named.
    type: int
    default: 604800
  list_max:
    description:
      - How many keys to list.
    type: int
    default: 100
  postgres_timeout_s:
    description:
      - How many seconds one statement may take.
    type: int
    default: 30
attributes:
  action_group: {}
requirements:
  - psycopg2 on the managed host
seealso:
  - module: rendiff.ops.rendiff_api_key
"""

EXAMPLES = r"""
- name: See who was busy within the last hour
  rendiff.ops.rendiff_api_key_info:
    window_s: 3600
    states: [active]
  register: busy

- name: See which keys of a user there are
  rendiff.ops.rendiff_api_key_info:
    user_id: studio-7
"""

RETURN = r"""
api_keys:
  description: The keys.
  returned: success
  type: dict
  contains:
    list:
      description: Keys, the most active first. C(open) counts the jobs that wait or are processed, whenever they came.
      type: list
      elements: dict
      sample:
        - id: 5d3c2a3e-0b0f-4bb1-9e0e-6a6b3a7c1f11
          prefix: Zk3vTq1b
          name: nightly-import
          user_id: studio-7
          is_admin: false
          requests: 1204
          state: active
          hazards: []
          created_at: "2026-03-02T09:12:45Z"
          last_used_at: "2026-11-23T03:12:45Z"
          expires_at: null
          revoked_at: null
          jobs: 40
          completed: 38
          failed: 1
          open: 1
          minutes: 112.5
    list_cut:
      description: How many more there are.
      type: int
      sample: 0
    counts:
      description: How many keys are what.
      type: dict
      sample: {active: 12, revoked: 3, expired: 0}
    never_used:
      description: Ids of active keys that nobody has ever used.
      type: list
      elements: str
      sample: []
    expiring:
      description: Ids of active keys that expire within O(expires_within_s).
      type: list
      elements: str
      sample: []
    window_s:
      description: The O(window_s) that was looked at.
      type: int
      sample: 86400
    checked_at:
      description: When it was looked at, in UTC.
      type: str
      sample: "2026-11-23T03:12:45Z"
project:
  description: Name of the Compose project.
  returned: success
  type: str
  sample: rendiff
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._key_info import KEY_INFO_ARGUMENTS, look


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **KEY_INFO_ARGUMENTS.to_kwargs())
    try:
        result = look(module.params, module.run_command)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
