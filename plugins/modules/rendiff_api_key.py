# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_api_key
short_description: Make, revoke or rotate API keys, so that the service really accepts and refuses them
version_added: 0.1.0
description:
  - Works on the database of the service, whatever shape its tables have, also while the api is down.
  - A new key is made on the controller and written there once, into a file that only its owner can read. Only its hash
    travels to the host; it is in no result and no log.
  - Every change is one transaction. A run that is killed at any moment and run again ends where one run would have.
  - What was revoked is written into a ledger on the host, outside of the database, so that a restore cannot bring a key
    back unnoticed.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.stack
  - rendiff.ops.postgres
  - rendiff.ops.state
  - rendiff.ops.api_key
  - rendiff.ops.routes
attributes:
  check_mode:
    support: full
    details:
      - Returns the same plan, and makes no key.
  diff_mode:
    support: full
  action_group: {}
options:
  state:
    description:
      - V(present) makes a key with O(name) for O(owner), unless it was made before.
      - V(revoked) makes the service refuse the key, by its C(is_active). A time of revocation alone makes the deployed
        service fail instead of refuse.
      - V(rotated) gives the key a successor with the same settings, hands its jobs over, and revokes it, at once with
        O(grace_s=0). With O(user_id) all active keys of the user.
      - V(watched) changes nothing in the service. M(rendiff.ops.rendiff_api_key_info) then tells who still tries the
        key, and whether it came back, as by a restore of the database.
    type: str
    required: true
    choices: [present, revoked, rotated, watched]
  key_path:
    description:
      - File on the controller that holds the key itself and nothing else, also one encrypted by Vault.
    type: path
  name:
    description:
      - Name of the key that is made.
    type: str
  owner:
    description:
      - User to whom the key that is made belongs.
    type: str
  concurrent_jobs:
    description:
      - How many jobs the key that is made may run at a time, where the service keeps that.
    type: int
    default: 2
  monthly_minutes:
    description:
      - How many minutes a month the key that is made may use, where the service keeps that.
    type: int
    default: 60
  rotation:
    description:
      - Name of this rotation, such as that of an incident. A second run of the same name makes no second successor.
      - Needed with O(user_id), as the successors are keys of the user too.
    type: str
    default: ""
  grace_s:
    description:
      - V(0) revokes the old key at once, as after a compromise. Above, it stays until it is revoked by another run; the
        role C(security_response) writes that into the mitigation ledger.
    type: int
  own_raw_jobs:
    description:
      - Where jobs hold the key itself, write the new one into them as the service does. It then travels to the host.
        Without it such jobs stay with the old key, and are counted.
    type: bool
    default: false
  own_open_jobs:
    description:
      - Whether jobs that wait or run become the successor's, too. Where they may be the work of somebody who had the
        old key, they should stay with that one until they have ended; another run then hands them over.
    type: bool
    default: true
  only_after:
    description:
      - Revoke only where the key with this id exists and is active, such as the successor of the key.
    type: str
  watch_s:
    description:
      - For how many seconds the key is watched, from when that began. V(0) ends it.
    type: int
    default: 604800
  prove_s:
    description:
      - Within how many seconds every api replica, and the proxy, must refuse what is revoked. They are asked until each
        has answered. V(0) asks none.
      - They are asked with the key itself where it is known, from O(key_path) or from the rows of its jobs, else with
        another key that is made, accepted, revoked in the same way, and removed. So it is with a key that is watched.
      - An answer of 403 counts only where a request without a key is answered otherwise. What cannot be tried is told
        under RV(refusals), and is no error.
    type: int
    default: 0
  dest:
    description:
      - Folder on the controller for new keys, a file each, named by the key's id. When it is not set,
        C(./rendiff-artifacts/api_keys).
    type: path
  encrypt:
    description:
      - Whether to encrypt these files by Vault.
    type: bool
    default: false
  why:
    description:
      - Why it is done, for the ledger.
    type: str
    default: ""
  incident:
    description:
      - For which incident, for the ledger.
    type: str
    default: ""
  new_keys:
    description:
      - Made by the action plugin.
    type: dict
    default: {}
  new_raw_keys:
    description:
      - Made by the action plugin.
    type: dict
    default: {}
  raw_key:
    description:
      - Made by the action plugin.
    type: str
    default: ""
  raw_prefix:
    description:
      - Made by the action plugin.
    type: str
    default: ""
  postgres_timeout_s:
    description:
      - How many seconds one statement may take.
    type: int
    default: 30
requirements:
  - psycopg2 on the managed host
notes:
  - Revoking does not stop jobs that the key has submitted, see M(rendiff.ops.rendiff_jobs) with
    O(rendiff.ops.rendiff_jobs#module:api_key).
  - A successor keeps the expiry of its predecessor. The deployed service answers 500 to every key that has one.
seealso:
  - module: rendiff.ops.rendiff_api_key_info
  - module: rendiff.ops.rendiff_jobs
"""

EXAMPLES = r"""
- name: Revoke a key that was found in a public repository
  rendiff.ops.rendiff_api_key:
    state: revoked
    key_path: ./leaked.key
    prove_s: 30
    why: Found in a public repository

- name: See for a month whether anybody still tries it
  rendiff.ops.rendiff_api_key:
    state: watched
    key_path: ./leaked.key
    watch_s: 2592000

- name: Give a user new keys in place of all present ones, which stop to work at once
  rendiff.ops.rendiff_api_key:
    state: rotated
    user_id: studio-7
    rotation: INC-2026-114
    grace_s: 0
    dest: ./new-keys

- name: Make a key
  rendiff.ops.rendiff_api_key:
    state: present
    name: nightly-import
    owner: studio-7
"""

RETURN = r"""
api_keys:
  description: The keys that are meant, without their hashes.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 5d3c2a3e-0b0f-4bb1-9e0e-6a6b3a7c1f11
      prefix: Zk3vTq1b
      name: nightly-import
      user_id: studio-7
      was: active
      state: revoked
      successor_id: 0f5f2f0e-9d3c-5a57-8d0b-3e1d3f5b7a21
      jobs_owned: 12
      jobs_left: 0
files:
  description: The files on the controller in which the new keys are, by the id of the key.
  returned: success
  type: dict
  sample: {0f5f2f0e-9d3c-5a57-8d0b-3e1d3f5b7a21: ./new-keys/0f5f2f0e-9d3c-5a57-8d0b-3e1d3f5b7a21.key}
needed:
  description: Ids of the keys that were made, or would be.
  returned: success
  type: list
  elements: str
  sample: [0f5f2f0e-9d3c-5a57-8d0b-3e1d3f5b7a21]
plan_id:
  description: Identity of the plan.
  returned: success
  type: str
  sample: 6d0b2a9c1f3e4d5a
plan:
  description: What becomes of which key.
  returned: success
  type: list
  elements: str
  sample: ["5d3c2a3e-0b0f-4bb1-9e0e-6a6b3a7c1f11: is revoked"]
refusals:
  description: Whether each key that is revoked is really refused, with O(prove_s) and not in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - key_id: 5d3c2a3e-0b0f-4bb1-9e0e-6a6b3a7c1f11
      proven: true
      by: the key itself
      said: Refused with 401 by all 3 addresses, tried with the key itself.
      targets:
        - target: rendiff-api-1
          status: 401
          error: ""
project:
  description: Name of the Compose project.
  returned: success
  type: str
  sample: rendiff
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._key_change import KEY_ARGUMENTS, change


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **KEY_ARGUMENTS.to_kwargs())
    try:
        result = change(module.params, module.run_command, module.check_mode)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
