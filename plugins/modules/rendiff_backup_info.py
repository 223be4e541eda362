# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_backup_info
short_description: List the backups of the database
version_added: 0.1.0
description:
  - Lists what M(rendiff.ops.rendiff_backup) took, on the host and in S3, and what the service's own scripts left in
    both.
  - Reads only. Nothing is restored, fetched as a whole, or decrypted.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes.info
  - rendiff.ops.attributes
  - rendiff.ops.stack
  - rendiff.ops.postgres
  - rendiff.ops.state
  - rendiff.ops.backup
attributes:
  action_group: {}
requirements:
  - rclone on the managed host, for S3
notes:
  - The database need not run, so that it can be used where only the backups are left.
seealso:
  - module: rendiff.ops.rendiff_backup
"""

EXAMPLES = r"""
- name: Which backups are there?
  rendiff.ops.rendiff_backup_info:
    s3_bucket: rendiff-backups
  register: backups

- name: Show them
  ansible.builtin.debug:
    msg: "{{ backups.table }}"
"""

RETURN = r"""
backups:
  description: One entry a backup, the newest first.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: rendiff-20260120T031500Z
    taken_at:
      description: When it was taken. Of the service's own scripts it is the time in the name, taken as UTC.
      type: str
      sample: "2026-01-20T03:15:00Z"
    age_s:
      description: How many seconds ago.
      type: int
      sample: 86400
    bytes:
      description: How much it takes in one place.
      type: int
      sample: 18350080
    kind:
      description: V(rendiff.ops), or V(service) for what the service's own scripts left.
      type: str
      sample: rendiff.ops
    database:
      description: The database, none where that is not known.
      type: str
      sample: rendiff
    host:
      description: The host that took it, none where that is not known.
      type: str
      sample: video-1
    encryption:
      description: How it is encrypted.
      type: str
      sample: none
    verified:
      description: Whether it was read as a whole and its rows counted when it was taken.
      type: bool
      sample: true
    drill_passed:
      description: Whether a restore drill of it passed.
      type: bool
      sample: false
    places:
      description: Where it is, V(local) and V(s3).
      type: list
      elements: str
      sample: ["local", "s3"]
table:
  description: The same for people.
  returned: success
  type: list
  elements: str
  sample:
    - "time                  age  size      kind         encrypted  verified  drill  where  name"
    - "2026-01-20T03:15:00Z  1 d  17.5 MiB  rendiff.ops  no         yes       -      s3     rendiff-20260120T031500Z"
broken:
  description: What looks like a backup and is none, and which place does not answer, in sentences.
  returned: success
  type: list
  elements: str
  sample: []
places:
  description: Where was looked, and an answer came.
  returned: success
  type: list
  elements: str
  sample: ["/var/lib/rendiff-ops/backups/rendiff"]
msg:
  description: The newest one, in a sentence.
  returned: success
  type: str
  sample: The newest of 8 backups is rendiff-20260120T031500Z, 1 d old.
project:
  description: Name of the Compose project.
  returned: success
  type: str
  sample: rendiff
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._backup_info import INFO_ARGUMENTS, list_backups
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **INFO_ARGUMENTS.to_kwargs())
    try:
        result = list_backups(module.params, module.run_command)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
