# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_queue_info
short_description: See the queues as they really are
version_added: 0.1.0
description:
  - Reads every queue over all of its priority keys, and into it, where C(LLEN) of the queue's name reads 0.
  - Tells who consumes a queue, what is delivered and not acknowledged and who has it, and which messages would stop a
    worker.
  - Tells what is dangerous about the broker, as it evicts, is full, or delivers a long task a second time.
  - Reads in chunks, so that no call holds Redis up and memory does not grow with the queue.
  - Asking the workers writes one set member and one reply list to Redis for each question and removes them.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.attributes.info
  - rendiff.ops.stack
  - rendiff.ops.redis
  - rendiff.ops.queue
attributes:
  action_group: {}
options:
  scan:
    description:
      - Whether to read the messages themselves. A million take about as long as it takes Redis to send them.
      - Without it, poison, the oldest and the ids of jobs are not known.
    type: bool
    default: true
  sample_size:
    description:
      - How many messages to describe, of each kind and queue. Counts are always of all.
    type: int
    default: 20
  job_ids_max:
    description:
      - How many ids of waiting jobs to return for each queue.
    type: int
    default: 0
  visibility_timeout_s:
    description:
      - The C(visibility_timeout) of the broker settings, in seconds. It cannot be read from Redis.
    type: int
    default: 3600
  task_time_limit_s:
    description:
      - How many seconds a task may run, the C(task_time_limit) of the application.
    type: int
    default: 21600
  census_timeout_s:
    description:
      - How many seconds the workers have to answer. When all of them answer sooner, nothing is waited for.
    type: float
    default: 2.0
  redis_timeout_s:
    description:
      - How many seconds one answer of Redis may take.
    type: int
    default: 10
requirements:
  - redis on the managed host
notes:
  - A message carries no time, so how long it waits cannot be told. RV(queues.queues) names the message of each list
    that is served first.
  - A message that moves while its queue is read may be counted twice in what was read, and none that stays is missed.
seealso:
  - module: rendiff.ops.rendiff_queue
  - module: rendiff.ops.rendiff_health_info
"""

EXAMPLES = r"""
- name: See the queues
  rendiff.ops.rendiff_queue_info:
  register: result

- name: Say how deep the default queue is
  ansible.builtin.debug:
    msg: "{{ result.queues.queues.default.total }} wait"

- name: See only the figures of a queue that is very deep
  rendiff.ops.rendiff_queue_info:
    scan: false

- name: See which jobs wait
  rendiff.ops.rendiff_queue_info:
    job_ids_max: 1000
"""

RETURN = r"""
queues:
  description: How the queues are.
  returned: success
  type: dict
  contains:
    verdict:
      description: The worst severity found, one of V(ok), V(warning), V(unknown) and V(critical).
      type: str
      sample: warning
    summary:
      description: What is wrong, in one or two sentences.
      type: str
      sample: "3 messages wait in queue 'gpu' and no worker consumes it."
    queues:
      description:
        - Each queue by its name.
        - C(total) and C(by_priority) are what waits, C(consumers) the workers that take from it.
        - C(unacked) is what was delivered and not acknowledged, with its age and its owner where that can be told.
          C(owner_by) says how it is known.
        - C(poison) are messages that would stop a worker, with place and reason, never with their content.
        - C(oldest) names the message of each list that is served first.
        - C(strangers) is how many messages name another queue than the one they lie in.
        - C(siblings) are lists outside O(queue_priority_steps), C(trash) what was put aside by emptying,
          C(held_by_killed_move) what a killed move left aside, C(parked) how many messages
          M(rendiff.ops.rendiff_jobs) has put aside, and C(paused_nodes) which workers were paused.
      type: dict
      sample:
        default:
          total: 12
          by_priority: {"0": 0, "3": 12, "6": 0, "9": 0}
          consumers: [celery@1f0c9b7e2d4a]
          unacked: {count: 0, oldest_age_s: null, sample: []}
          oldest: [{priority_key: 3, job_id: 0b0e5a0e-8a35-4c8e-9d6c-0a52d4c1a0d7, task_id: 5f1c}]
          poison: {count: 0, sample: []}
          strangers: 0
          read: 12
          scanned: true
          siblings: {}
          trash: []
          held_by_killed_move: 0
          parked: 0
          paused_nodes: []
    unacked:
      description: All messages that were delivered and not acknowledged, of every queue.
      type: dict
      sample: {count: 2, oldest_age_s: 31.2, without_message: 0}
    workers:
      description: How many workers are connected to Redis, how many answered, and what each consumes.
      type: dict
      sample: {receivers: 1, replies: 1, complete: true, duplicate_names: [], nodes: {celery@1f0c9b7e2d4a: [default]}}
    known_tasks:
      description: The tasks that workers know, none where not all of them answered; then no task counts as unknown.
      type: list
      elements: str
      sample: [worker.process_job]
    findings:
      description: Everything that was judged, worst first, in the form of M(rendiff.ops.rendiff_health_info).
      type: list
      elements: dict
      sample: [{id: queue.gpu, severity: critical, subject: gpu, evidence: {total: 3}}]
    project:
      description: Name of the Compose project.
      type: str
      sample: rendiff-prod
    root_causes:
      description: Ids of the findings that are not V(ok).
      type: list
      elements: str
      sample: [queue.gpu]
    hazards:
      description: Always empty; here for M(rendiff.ops.rendiff_report).
      type: list
      elements: dict
      sample: []
    measurements:
      description: The figures that a report draws, under C(queues).
      type: dict
      sample: {queues: {default: {total: 12, consumers: [celery@1f0c9b7e2d4a]}}}
    checked_at:
      description: When it was looked, in UTC.
      type: str
      sample: "2026-11-23T03:12:45Z"
    seconds:
      description: How long it took.
      type: float
      sample: 0.31
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._queue_info import INFO_ARGUMENTS, look


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **INFO_ARGUMENTS.to_kwargs())
    try:
        queues = look(module.params, module.run_command)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, queues=queues)


if __name__ == "__main__":
    main()
