# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_scale_info
short_description: Tell whether a service may have another number of containers, and what that costs
version_added: 0.1.0
description:
  - Reads how many containers a service has, and tells what stands against another number before anything is changed.
  - The fixed name of a container and a fixed port of the host are refused with the line of the Compose file to change,
    a graphics card that the engine has no runtime for, memory that the host does not have, and connections that the
    database does not grant, with the whole sum.
  - For fewer workers it tells which would go, the idle ones first, and what they are at.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.attributes.info
  - rendiff.ops.stack
  - rendiff.ops.postgres
  - rendiff.ops.redis
  - rendiff.ops.queue
attributes:
  action_group: {}
options:
  service:
    description:
      - Name of the service in the Compose files, or V(cpu), V(gpu), V(worker) or V(api) where only one can be meant.
    type: str
    required: true
  replicas:
    description:
      - How many containers it shall have.
    type: int
    required: true
  pool_size:
    description:
      - Database connections that each process of the api and of the workers keeps open, where its environment does not
        tell. Without it SQLAlchemy's default, 5, is taken and named.
    type: int
  max_overflow:
    description:
      - Database connections that each process may open besides. Without it SQLAlchemy's default, 10, is taken.
    type: int
  force:
    description:
      - What not to refuse, because it is an estimate.
    type: list
    elements: str
    choices: [connections, memory]
    default: []
  confirm:
    description:
      - The name of the service, where none of its containers would be left.
    type: str
    default: ""
  wait_timeout_s:
    description:
      - How many seconds to wait until the service has so many containers, all are healthy, and its workers answer and
        consume the queues that they are started with. V(0) looks once.
    type: int
    default: 0
  census_timeout_s:
    description:
      - How many seconds the workers have to answer.
    type: float
    default: 2.0
  census_interval_s:
    description:
      - How many seconds after its silence a worker is asked a second time.
    type: float
    default: 3.0
  redis_timeout_s:
    description:
      - How many seconds one answer of Redis may take.
    type: int
    default: 10
  postgres_timeout_s:
    description:
      - How many seconds one answer of PostgreSQL may take.
    type: int
    default: 10
requirements:
  - psycopg2 and redis on the managed host
seealso:
  - module: rendiff.ops.rendiff_worker
"""

EXAMPLES = r"""
- name: See whether six workers would be too many
  rendiff.ops.rendiff_scale_info:
    service: worker-cpu
    replicas: 6
  register: looked

- name: Show the plan, with the sum of the connections
  ansible.builtin.debug:
    var: looked.scale.plan
"""

RETURN = r"""
scale:
  description: What is, what would be, and what stands against it.
  returned: success
  type: dict
  contains:
    service:
      description: Name of the service.
      type: str
      sample: worker-cpu
    role:
      description: What it does.
      type: str
      sample: worker
    project:
      description: Name of the Compose project.
      type: str
      sample: rendiff-prod
    current:
      description: How many containers it has, running or not.
      type: int
      sample: 2
    running:
      description: How many of them run.
      type: int
      sample: 2
    wanted:
      description: How many it shall have.
      type: int
      sample: 6
    refusals:
      description: What stands against it, a sentence each. Empty where it may be done.
      type: list
      elements: str
      sample: []
    warnings:
      description: What to know, a sentence each.
      type: list
      elements: str
      sample: []
    budget:
      description: The sum of the database connections, where containers are added.
      type: str
      sample: api 2 x 4 x (5 + 10) = 120; together 120 of 200 - 3 reserved - 4 used by others = 193.
    fits:
      description: The number nearest to O(replicas) that the database, the memory and the CPUs of the host can bear.
      type: int
      sample: 2
    plan:
      description: All of it, as sentences.
      type: list
      elements: str
      sample: ["Scale out 'worker-cpu' from 2 to 6; nothing else is touched."]
    leaves:
      description: The workers that would go, with what they are at.
      type: list
      elements: dict
      sample: []
    workers:
      description: The workers of the service, with their queues and what they are at.
      type: list
      elements: dict
      sample: [{container: rendiff-prod-worker-cpu-1, kind: live, node: celery@1f0c9b7e2d4a, encoding: []}]
    ready:
      description: Whether the service has so many containers and all are as they shall be.
      type: bool
      sample: true
    not_ready:
      description: What is not, a sentence each.
      type: list
      elements: str
      sample: []
    waited_s:
      description: How long it was waited for.
      type: float
      sample: 0.0
    must_stay:
      description: The ids, by name, of the containers that the change must leave alone.
      type: dict
      sample: {rendiff-prod-redis-1: 2f6b}
    lasting:
      description: What to write into which line so that the number outlives the next start.
      type: str
      sample: The Compose files say 6 for 'worker-cpu' too.
    compose:
      description: How Compose has to be called for exactly this project.
      type: dict
      sample: {project_name: rendiff-prod, project_src: /opt/rendiff, files: [/opt/rendiff/compose.yml], env_files: []}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._scale_info import SCALE_ARGUMENTS, look


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **SCALE_ARGUMENTS.to_kwargs())
    try:
        scale = look(module.params, module.run_command)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, scale=scale)


if __name__ == "__main__":
    main()
