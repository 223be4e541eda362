# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_redis_memory
short_description: Set how much memory the broker may use, without losing a message
version_added: 0.1.0
description:
  - Sets C(maxmemory) and C(maxmemory-policy) of the Redis that Celery uses, reads them back, and tells what a restart
    makes of them.
  - Redis holds the jobs that wait. A size that its container does not have gets it killed by the kernel, and a policy
    that may throw away any key throws away queues. Both are refused before anything is touched, and so is a size below
    what is used now, as no job could be sent then.
  - More memory is no cache, and does not make the service faster. It helps where Redis is full.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.stack
  - rendiff.ops.redis
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  action_group: {}
options:
  maxmemory:
    description:
      - How much memory Redis may use, in bytes, or with one of the units that Redis knows, such as V(300mb). V(kb),
        V(mb) and V(gb) are powers of 1024, V(k), V(m) and V(g) of 1000.
      - At most 75 % of what its container may have. The rest is for connections, for the copy while it saves, and for
        what fragments.
    type: str
  share:
    description:
      - The same as O(maxmemory), in percent of what its container may have, or of the host's memory where the container
        has no limit.
      - When neither is given, 75 % of the container's limit. Without such a limit one of them must be given.
    type: int
  policy:
    description:
      - What Redis does when that is full. V(noeviction) refuses writes. Policies that begin with C(volatile-) throw
        away only what expires by itself, such as results. Those that begin with C(allkeys-) are refused.
    type: str
    default: noeviction
  memory_limit:
    description:
      - How much memory the machine has that Redis runs on, in the same form. Needed where that is no container of the
        project, as nobody else says it. Of several limits the smallest counts.
    type: str
  persist:
    description:
      - Whether Redis shall write it into its configuration file too, by C(CONFIG REWRITE). That file then gets all else
        that was set while Redis ran. Without a file there is nothing to write, and RV(memory.restart) says so.
    type: bool
    default: false
  restore:
    description:
      - For an undo. Gives back O(maxmemory) and O(policy) as they were, also where they would be refused, unless more
        is used by now, as that would throw away messages or stop all writes at once.
    type: bool
    default: false
  redis_timeout_s:
    description:
      - How many seconds one answer of Redis may take.
    type: int
    default: 10
requirements:
  - redis (Python module) on the managed host
notes:
  - Put the change into the mitigation ledger, as the action C(set_broker_memory) of the role C(maintenance) does, so
    that C(stand_down) ends it.
  - A managed Redis may refuse C(CONFIG). That is an error, and it has to be set where that Redis is managed.
seealso:
  - module: rendiff.ops.rendiff_mitigation
  - module: rendiff.ops.rendiff_health_info
"""

EXAMPLES = r"""
- name: Let the broker use what its container can bear, and never throw away a message
  rendiff.ops.rendiff_redis_memory:

- name: Give a Redis outside of the project more memory
  rendiff.ops.rendiff_redis_memory:
    redis_host: 10.0.0.12
    memory_limit: 8gb
    maxmemory: 4gb
    persist: true
"""

RETURN = r"""
memory:
  description: What the broker may use, as it is now, or as it would be in check mode.
  returned: success
  type: dict
  contains:
    container:
      description: The container that Redis runs in, none where it is none of the project.
      type: str
      sample: rendiff-redis-1
    maxmemory_bytes:
      description: How much Redis may use, 0 without a bound.
      type: int
      sample: 402653184
    policy:
      description: What Redis does when that is full.
      type: str
      sample: noeviction
    before:
      description: The same two as they were.
      type: dict
      sample: {"maxmemory_bytes": 268435456, "policy": "allkeys-lru"}
    used_bytes:
      description: How much Redis used before the change.
      type: int
      sample: 5242880
    limit_bytes:
      description: How much its container, or the machine, has. None where that is not known.
      type: int
      sample: 536870912
    limit_from:
      description: Where that is from, V(container), V(host) or V(memory_limit).
      type: str
      sample: container
    evicted:
      description: How many keys Redis threw away since it started.
      type: int
      sample: 0
    survives_restart:
      description: Whether Redis comes back with the same after a restart. V(false) too where that cannot be told.
      type: bool
      sample: false
    restart:
      description: What a restart makes of it, in a sentence.
      type: str
      sample: >-
        A restart of Redis returns to 268435456 bytes (256.0 MiB) and noeviction, which its command line says: change it
        there to keep this.
msg:
  description: What was done, in sentences.
  returned: success
  type: str
  sample: Redis may use 402653184 bytes (384.0 MiB), noeviction. It outlives a restart of Redis.
plan_id:
  description: Identity of the plan.
  returned: success
  type: str
  sample: 6d0b2a9c1f3e4d5a
plan:
  description: The steps, in their order.
  returned: success
  type: list
  elements: str
  sample: ["maxmemory: becomes 402653184", "maxmemory-policy: becomes noeviction"]
project:
  description: Name of the Compose project.
  returned: success
  type: str
  sample: rendiff
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._redis_memory_change import MEMORY_ARGUMENTS, change_memory


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **MEMORY_ARGUMENTS.to_kwargs())
    try:
        result = change_memory(module.params, module.run_command, module.check_mode)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
