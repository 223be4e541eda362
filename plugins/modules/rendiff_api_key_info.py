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
  - rendiff.ops.state
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
  investigate:
    description:
      - Answer the questions of an investigator about the one key that is meant, from the database and the api's logs.
      - The jobs of the last O(window_s) seconds are compared with those before.
    type: bool
    default: false
  baseline_s:
    description:
      - How many seconds before the window to compare with.
    type: int
    default: 2592000
  behind_s:
    description:
      - Tell which active keys were used from which addresses in the last so many seconds, such as before addresses are
        banned. V(0) does not.
    type: int
    default: 0
  ties:
    description:
      - The C(ties) that M(rendiff.ops.rendiff_access_log_info) returned, to tell more of them than the api's log does.
    type: dict
    default: {}
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

- name: See what somebody did with a key that leaked
  rendiff.ops.rendiff_api_key_info:
    prefix: Zk3vTq1b
    investigate: true
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
    watched:
      description:
        - The keys that are watched. C(came_back) where one that was revoked is accepted, C(attempts) how often it was
          refused as far as the api's logs reach.
      type: list
      elements: dict
      sample:
        - key_id: 5d3c2a3e-0b0f-4bb1-9e0e-6a6b3a7c1f11
          prefix: Zk3vTq1b
          since: "2026-11-23T03:12:45Z"
          until: "2026-11-30T03:12:45Z"
          incident: INC-2026-114
          came_back: false
          used: 0
          attempts: 12
          last_attempt_at: "2026-11-23T03:40:01Z"
          addresses: [203.0.113.7]
          summary: 12 attempts with key 5d3c2a3e-0b0f-4bb1-9e0e-6a6b3a7c1f11 were refused, the last 2026-11-23T03:40Z.
    window_s:
      description: The O(window_s) that was looked at.
      type: int
      sample: 86400
    checked_at:
      description: When it was looked at, in UTC.
      type: str
      sample: "2026-11-23T03:12:45Z"
behind:
  description: Which active keys were used from where, with O(behind_s).
  returned: success
  type: dict
  contains:
    addresses:
      description: How many requests of which key came from which address.
      type: dict
      sample: {203.0.113.7: {5d3c2a3e-0b0f-4bb1-9e0e-6a6b3a7c1f11: 40}}
    api_keys:
      description: The active keys by id, for people.
      type: dict
      sample: {5d3c2a3e-0b0f-4bb1-9e0e-6a6b3a7c1f11: "5d3c2a3e-0b0f-4bb1-9e0e-6a6b3a7c1f11 ('nightly-import')"}
    reach_s:
      description: How many seconds the api's logs reach back, at most O(behind_s).
      type: int
      sample: 3660
    addresses_known:
      description: Whether the api sees the addresses of its clients, and not only the proxy's.
      type: bool
      sample: true
    unread_logs:
      description: Containers whose log could not be read, and why.
      type: dict
      sample: {}
investigation:
  description: What is known of one key, with O(investigate).
  returned: success
  type: dict
  contains:
    key:
      description: The key, as in RV(api_keys.list).
      type: dict
      sample: {id: 5d3c2a3e-0b0f-4bb1-9e0e-6a6b3a7c1f11, state: revoked}
    summary:
      description: What is unlike before, in a sentence or two.
      type: str
      sample: >-
        Key 5d3c2a3e-0b0f-4bb1-9e0e-6a6b3a7c1f11 ('nightly-import'): It was used from 203.0.113.7. New: 203.0.113.7.
        1 of 10 questions cannot be answered from what is kept here.
    answers:
      description: Ten questions of an investigator with what is known, and whether that is unlike before.
      type: list
      elements: dict
      sample:
        - question: Where did results and notices go?
          answer: "To places that no key has ever used before: s3://elsewhere (output, 3 jobs)."
          known: true
          suspicious: true
          api_keys: []
    addresses:
      description:
        - From where the key was used or tried, and which other keys were used from there. C(compared_s) is how much of
          O(baseline_s) is in the api's logs, C(missing) why they do not tell all of the window.
      type: dict
      sample:
        known: true
        missing: ""
        compared_s: 2592000
        list: [{address: 203.0.113.7, requests: 40, refused: 0, is_new: true, other_keys: []}]
        list_cut: 0
    destinations:
      description: Where results and notices went, outside of the service's own storage.
      type: list
      elements: dict
      sample: [{kind: output, place: "s3://elsewhere", jobs: 3, before: 0, others: 0, is_foreign: true}]
    foreign_inputs:
      description: How many files of other keys its jobs read, by the id of that key.
      type: dict
      sample: {}
    jobs:
      description: What its jobs of the window did.
      type: dict
      sample: {jobs: 40, completed: 38, failed: 1, cancelled: 0, minutes: 112.5}
    jobs_before:
      description: The same for the time that is compared with.
      type: dict
      sample: {jobs: 310, completed: 300, failed: 10, cancelled: 0, minutes: 940.0}
    open_jobs:
      description: Ids of its jobs that wait or run, the first 1000.
      type: list
      elements: str
      sample: []
    open_jobs_total:
      description: How many there are.
      type: int
      sample: 0
    output_bytes:
      description: Size of the results of the window; none where the site keeps no sizes.
      type: int
      sample: 81234567
    keys_made:
      description:
        - Keys that were made in the window, and name this one or its user as their maker; all of them where this one is
          an admin's. Keys that M(rendiff.ops.rendiff_api_key) made are not among them.
      type: list
      elements: dict
      sample: []
    other_keys_of_user:
      description: The other keys of its user, as in RV(api_keys.list).
      type: list
      elements: dict
      sample: []
    events:
      description: Each use of it and each attempt that the api logged, the newest 10000.
      type: list
      elements: dict
      sample:
        - {at: "2026-11-23T03:12:45Z", address: 203.0.113.7, key_id: 5d3c2a3e-0b0f-4bb1-9e0e-6a6b3a7c1f11, prefix: ""}
    unread_logs:
      description: Containers whose log could not be read, and why.
      type: dict
      sample: {}
    logs_since:
      description: From when on all of the api's logs is there.
      type: str
      sample: "2026-10-24T03:12:45Z"
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
