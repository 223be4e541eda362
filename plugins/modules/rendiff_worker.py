# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_worker
short_description: Drain, resume, restart or remove workers without ending an encode
version_added: 0.1.0
description:
  - A worker is drained by making it stop consuming all its queues; what it holds it finishes. It is stopped only when
    it holds no task any more, and no message that was delivered to it is unacknowledged.
  - When that is not so in time, it takes jobs again, nothing is stopped, and the error names what would have to be
    confirmed.
  - What a worker consumed is remembered in Redis, so that a run that was killed can be undone by O(state=consumed).
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.stack
  - rendiff.ops.redis
  - rendiff.ops.queue
attributes:
  check_mode:
    support: full
    details:
      - Returns the same plan. Asking the workers writes one set member and one reply list for each question to Redis
        and removes them.
  diff_mode:
    support: full
  action_group: {}
options:
  state:
    description:
      - V(drained) makes workers take no more jobs and waits until they hold none. That they still hold some is reported
        and is no error.
      - V(consumed) lets exactly those workers consume again that were drained, each the queues that it had.
      - V(restarted) drains, restarts and checks one container after the other. A worker that does not run is started,
        and one that does not answer and runs no encoder is restarted, without waiting.
      - V(removed) drains and removes containers of O(service) until O(keep) are left. The idle ones go first.
    type: str
    required: true
    choices: [drained, consumed, restarted, removed]
  service:
    description:
      - Only workers of this service. Its name in the Compose files, or V(cpu) or V(gpu). Without it all.
    type: str
    default: ""
  names:
    description:
      - Only workers of these containers or nodes.
    type: list
    elements: str
    default: []
  unwell_only:
    description:
      - With O(state=restarted) only workers that do not run, do not answer, or consume nothing.
    type: bool
    default: false
  keep:
    description:
      - How many containers to leave.
    type: int
  drain_timeout_s:
    description:
      - How many seconds all workers together have to end what they hold.
    type: int
    default: 900
  start_timeout_s:
    description:
      - How many seconds a worker has after its start until it answers and consumes the queues it is started with.
    type: int
    default: 120
  stop_grace_s:
    description:
      - How many seconds a container has to end by itself.
    type: int
    default: 30
  confirm:
    description:
      - The jobs that may be ended, separated by commas, and the containers of workers that do not answer. The error
        that asks for it prints it.
    type: str
    default: ""
  census_timeout_s:
    description:
      - How many seconds the workers have to answer.
    type: float
    default: 2.0
  census_interval_s:
    description:
      - How many seconds after its silence a worker is asked a second time.
    type: float
    default: 5.0
  redis_timeout_s:
    description:
      - How many seconds one answer of Redis may take.
    type: int
    default: 10
requirements:
  - redis on the managed host
notes:
  - A drain lives in the workers. One that restarts for another reason consumes what it is started with.
  - A job that is ended by a confirmation keeps its message unacknowledged; M(rendiff.ops.rendiff_queue) with
    C(state=restored) puts it back.
seealso:
  - module: rendiff.ops.rendiff_queue
  - module: rendiff.ops.rendiff_scale_info
"""

EXAMPLES = r"""
- name: Let all workers end what they encode, and take nothing new
  rendiff.ops.rendiff_worker:
    state: drained
    drain_timeout_s: 3600

- name: Let them go on
  rendiff.ops.rendiff_worker:
    state: consumed

- name: Restart only what is dead or deaf
  rendiff.ops.rendiff_worker:
    state: restarted
    unwell_only: true

- name: Leave two workers, and wait up to an hour for the others to end
  rendiff.ops.rendiff_worker:
    state: removed
    service: worker-cpu
    keep: 2
    drain_timeout_s: 3600
"""

RETURN = r"""
workers:
  description: What was done to which workers.
  returned: success
  type: dict
  contains:
    state:
      description: The state that was asked for.
      type: str
      sample: restarted
    names:
      description: The containers that were changed, or would be.
      type: list
      elements: str
      sample: [rendiff-prod-worker-cpu-1]
    nodes:
      description: The names of these workers in Celery, where they answer.
      type: list
      elements: str
      sample: [celery@1f0c9b7e2d4a]
    before:
      description: All workers that were looked at, as they were.
      type: list
      elements: dict
      sample: [{container: rendiff-prod-worker-cpu-1, kind: live, node: celery@1f0c9b7e2d4a, encoding: []}]
    still_encoding:
      description: Those that still held something when the time was over, with the jobs and since when.
      type: list
      elements: dict
      sample: []
    drained:
      description: Whether none did.
      type: bool
      sample: true
    started_at_line:
      description: By service the line of a Compose file that says what its workers consume, where it is found.
      type: dict
      sample: {worker-cpu: "line 118 of '/srv/rendiff/compose.yml' (command: celery -A worker.main worker -Q default)"}
    confirm:
      description: What O(confirm) would have to name to end what they hold.
      type: str
      sample: ""
    ended_jobs:
      description: Jobs that were ended because O(confirm) named them.
      type: list
      elements: str
      sample: []
    seconds:
      description: How long it took.
      type: float
      sample: 12.4
plan:
  description: What becomes of which container.
  returned: success
  type: list
  elements: str
  sample: ["rendiff-prod-worker-cpu-1: ends the jobs it has and is restarted"]
plan_id:
  description: Identity of that plan.
  returned: success
  type: str
  sample: 5f0a3c1b9d2e4f60
project:
  description: Name of the Compose project.
  returned: success
  type: str
  sample: rendiff
msg:
  description: The same for people.
  returned: success
  type: str
  sample: "Restarted: rendiff-prod-worker-cpu-1."
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._worker_change import WORKER_ARGUMENTS, change


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **WORKER_ARGUMENTS.to_kwargs())
    try:
        result = change(module.params, module.run_command, module.check_mode)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
