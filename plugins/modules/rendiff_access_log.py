# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_access_log
short_description: Keep lines of an access log as evidence
version_added: 0.1.0
description:
  - Writes the lines of some addresses and of some time into a file of their own on the host, readable by root alone,
    before the log is rotated away. API keys in them are replaced by their first characters.
  - A file that is there is left as it is. Where O(timeout_s) or O(max_bytes) leaves no line at all it fails, and writes
    no file.
  - Of a large plain file with O(since_s) or O(since) only what lies in that time is read, and a minute before it.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.stack
  - rendiff.ops.access_log
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  action_group: {}
options:
  dest:
    description:
      - The file to write.
    type: path
    required: true
  max_bytes:
    description:
      - How much to write at most. How many lines are left out then is told.
    type: int
    default: 100000000
  timeout_s:
    description:
      - How many seconds to read at most.
    type: int
    default: 600
seealso:
  - module: rendiff.ops.rendiff_access_log_info
"""

EXAMPLES = r"""
- name: Keep what two addresses sent in the last hour
  rendiff.ops.rendiff_access_log:
    addresses: [203.0.113.7, "2001:db8::7"]
    since_s: 3600
    dest: /var/lib/rendiff-ops/evidence/INC-2026-114.log
"""

RETURN = r"""
extract:
  description:
    - The file. Only its C(path) is known where nothing was written. C(cut) is how many lines were left out for want of
      room, none where the time was over. C(complete) is whether nothing was left out.
  returned: success
  type: dict
  sample:
    path: /var/lib/rendiff-ops/evidence/INC-2026-114.log
    lines: 4800
    bytes: 3984000
    sha256: 6ca13d52ca70c883e0f0bb101e425a89e8624de51db2d2392593af6a84118090
    cut: 0
    complete: true
plan_id:
  description: Identity of the plan.
  returned: success
  type: str
  sample: 6d0b2a9c1f3e4d5a
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._access_keep import KEEP_ARGUMENTS, keep
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **KEEP_ARGUMENTS.to_kwargs())
    try:
        result = keep(module.params, module.run_command, module.check_mode)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
