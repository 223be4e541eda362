# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_queue
short_description: Empty, refill, move, restore, pause or resume a queue without losing a job
version_added: 0.1.0
description:
  - Changes one Celery queue on Redis. Every step is atomic in Redis, so a run that is killed at any moment loses and
    doubles nothing, and a second run ends in the same place.
  - Only one run of this module or of another that changes queues and jobs is at work at a time. One that was killed
    keeps others off for at most a minute.
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
  queue:
    description:
      - Name of the queue. One that nobody has ever used is refused.
    type: str
    required: true
  state:
    description:
      - V(emptied) puts every waiting message aside as a trash, and deletes none. Needs O(confirm).
      - V(refilled) puts a trash back in front of what waits, in order, or removes it for good with O(drop).
      - V(refilled) with O(trash=parked) does the same with messages that M(rendiff.ops.rendiff_jobs) has put aside, but
        puts them behind what waits.
      - V(moved) moves what waits to O(to_queue), or to O(to_priority), or both, in order. What a worker would stop at
        stays where it is and is reported.
      - V(restored) puts messages back that were delivered to workers that are dead. See the notes.
      - V(paused) makes workers stop taking messages of the queue. Those that they hold they finish.
      - V(consumed) undoes that on exactly the workers that were paused, or makes O(nodes) consume the queue.
      - Messages that are delivered and not acknowledged are touched by V(restored) only.
    type: str
    required: true
    choices: [emptied, refilled, moved, restored, paused, consumed]
  confirm:
    description:
      - The queue's name once more, for what takes messages away.
    type: str
  trash:
    description:
      - Which trash to put back, as emptying returned it and M(rendiff.ops.rendiff_queue_info) lists it.
      - Without it the newest is meant, and never one older than the one that was put back last.
      - V(parked) means the messages that M(rendiff.ops.rendiff_jobs) has put aside, as a worker would stop at them or
        their job was tried too often. Each goes to the list of its own priority, or to that of the first step of
        O(queue_priority_steps) where its priority cannot be read. What a worker would stop at still does so.
      - Parked messages are meant by no other value, and not without it.
    type: str
  drop:
    description:
      - Whether to remove the trash, or the parked messages, for good instead of putting it back. Needs O(confirm).
    type: bool
    default: false
  to_queue:
    description:
      - Where to move to. Without it the queue stays the same.
    type: str
  to_priority:
    description:
      - Priority that the moved messages get, from 0 to 255. Without it each keeps its own.
    type: int
  job_ids:
    description:
      - Move only the messages of these jobs. Without it all are moved.
      - In a list of more than 20,000 messages those in front of them are passed over, and are out of the workers' reach
        until the move has ended.
    type: list
    elements: str
    default: []
  allow_unconsumed:
    description:
      - Whether to move to a queue that no live worker consumes.
    type: bool
    default: false
  allow_unknown_census:
    description:
      - Whether to move, pause and consume although a worker that is connected to Redis does not answer.
      - V(restored) never does that.
    type: bool
    default: false
  min_age_s:
    description:
      - Restore only messages that were delivered at least so many seconds ago.
    type: int
    default: 60
  visibility_timeout_s:
    description:
      - The C(visibility_timeout) of the broker settings, in seconds. It cannot be read from Redis.
      - A message that is older may be restored although its owner is not known.
    type: int
    default: 3600
  census_interval_s:
    description:
      - How many seconds lie between the two times that the workers are counted before anything is restored. Both times
        all must answer, and be the same.
    type: float
    default: 5.0
  force:
    description:
      - What to override. V(foreign_owner) restores also what is younger than O(visibility_timeout_s) and may belong to
        a worker on another host that has only lost its connection. If that one is still at work, the job runs twice.
    type: list
    elements: str
    choices: [foreign_owner]
    default: []
  nodes:
    description:
      - Names of workers to pause, or to make consume. One that does not live is refused.
      - Without it V(paused) means all that consume the queue, and V(consumed) those that were paused.
    type: list
    elements: str
    default: []
  drain_timeout_s:
    description:
      - How many seconds to wait after pausing until the workers hold no message of the queue any more. V(0) does not
        wait. That they still hold some is reported and is no error.
    type: int
    default: 0
  remember:
    description:
      - Whether O(state=paused) remembers the workers, so that O(state=consumed) resumes them and the queue counts as
        paused on purpose. V(false) is for undoing O(state=consumed) of workers that had never consumed it.
    type: bool
    default: true
  sample_size:
    description:
      - How many messages and steps to describe. Counts are always of all.
    type: int
    default: 20
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
  - Celery delivers a message at least once. A broker that delivers a long task again by itself, or a worker that
    restores its messages after a broken connection, runs a job twice whatever is done here.
  - No field of a message tells which worker has it. V(restored) takes a worker for dead when the result backend names
    it as having started the task, and its container on this host does not run, was started after the message had been
    delivered, or answers and does not have the task. Of any other worker nothing is known.
  - A pause lives in the workers. One that restarts consumes what it is started with.
seealso:
  - module: rendiff.ops.rendiff_queue_info
"""

EXAMPLES = r"""
- name: Stop all workers from taking new jobs, and wait until they have ended theirs
  rendiff.ops.rendiff_queue:
    queue: default
    state: paused
    drain_timeout_s: 3600

- name: Let the same workers go on
  rendiff.ops.rendiff_queue:
    queue: default
    state: consumed

- name: Put every waiting job aside
  rendiff.ops.rendiff_queue:
    queue: default
    state: emptied
    confirm: default

- name: Put them back
  rendiff.ops.rendiff_queue:
    queue: default
    state: refilled

- name: Put back what was parked, now that workers know the task
  rendiff.ops.rendiff_queue:
    queue: default
    state: refilled
    trash: parked

- name: Remove what was parked for good
  rendiff.ops.rendiff_queue:
    queue: default
    state: refilled
    trash: parked
    drop: true
    confirm: default

- name: Move what waits where nobody listens to where somebody does
  rendiff.ops.rendiff_queue:
    queue: high
    state: moved
    to_queue: default

- name: Put the jobs of a dead worker back at once
  rendiff.ops.rendiff_queue:
    queue: default
    state: restored
"""

RETURN = r"""
queue:
  description: What was done.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the queue.
      type: str
      sample: default
    state:
      description: The state that was asked for.
      type: str
      sample: moved
    before:
      description: What there was.
      type: dict
      sample: {high: {"0": 0, "3": 0, "6": 0, "9": 4}}
    after:
      description: What there should be now, as far as nobody else has changed it.
      type: dict
      sample: {high: {"0": 0, "3": 0, "6": 0, "9": 0}}
    unacked:
      description: How many messages of all queues are delivered and not acknowledged.
      type: int
      sample: 2
    seconds:
      description: How long it took.
      type: float
      sample: 0.4
    moved:
      description: How many messages were put aside, put back, moved, restored or dropped.
      returned: when messages may move
      type: int
      sample: 4
    trash:
      description: Name of the trash that was made or used, or V(parked).
      returned: when O(state=emptied) or O(state=refilled)
      type: str
      sample: 20261123T031245.123456Z
    other_trash:
      description: Trash that remains.
      returned: when O(state=refilled)
      type: list
      elements: dict
      sample: []
    parked_poison:
      description: At how many of the parked messages a worker would stop.
      returned: when O(trash=parked)
      type: int
      sample: 1
    to_queue:
      description: Where to it was moved.
      returned: when O(state=moved)
      type: str
      sample: default
    batches:
      description: In how many steps it was moved.
      returned: when O(state=moved)
      type: int
      sample: 1
    left_poison:
      description: How many messages stay because a worker would stop at them.
      returned: when O(state=moved)
      type: int
      sample: 0
    poison:
      description: Why, for some of them.
      returned: when O(state=moved)
      type: list
      elements: dict
      sample: []
    job_ids_not_found:
      description: Jobs of O(job_ids) for which no message waits.
      returned: when O(state=moved)
      type: list
      elements: str
      sample: []
    left:
      description:
        - How many delivered messages were not restored, by the reason, one of C(held), C(young), C(foreign_owner),
          C(poison) and C(unknown_queue).
      returned: when O(state=restored)
      type: dict
      sample: {held: 2}
    changed_meanwhile:
      description: How many were acknowledged or restored by another while this ran.
      returned: when O(state=restored)
      type: int
      sample: 0
    sample:
      description: Some of the delivered messages, with what became of them and why.
      returned: when O(state=restored)
      type: list
      elements: dict
      sample: [{job_id: 0b0e5a0e, age_s: 71.0, owner: celery@1f0c, restored: true, why: the container does not run}]
    consumers:
      description: Workers that consume the queue now.
      returned: when O(state=restored)
      type: list
      elements: str
      sample: [celery@1f0c9b7e2d4a]
    nodes:
      description: Workers that were paused, or made to consume.
      returned: when O(state=paused) or O(state=consumed)
      type: list
      elements: str
      sample: [celery@1f0c9b7e2d4a]
    persistent:
      description: Whether it outlives a restart of a worker; it never does.
      returned: when O(state=paused) or O(state=consumed)
      type: bool
      sample: false
    drained:
      description: Whether the workers hold no message of the queue any more.
      returned: when O(drain_timeout_s) is above 0
      type: bool
      sample: true
    still_held:
      description: How many messages of the queue they still held.
      returned: when O(drain_timeout_s) is above 0
      type: int
      sample: 0
    waited_s:
      description: How many seconds it was waited for.
      returned: when O(drain_timeout_s) is above 0
      type: float
      sample: 12.5
plan_id:
  description: Identity of the plan.
  returned: success
  type: str
  sample: 6d0b2a9c1f3e4d5a
plan:
  description: The steps, as far as O(sample_size) goes.
  returned: success
  type: list
  elements: str
  sample: ["default: put aside"]
project:
  description: Name of the Compose project.
  returned: success
  type: str
  sample: rendiff
msg:
  description: What was done, in one or two sentences.
  returned: success
  type: str
  sample: 4 messages moved to queue 'default'.
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._queue_change import CHANGE_ARGUMENTS, change


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **CHANGE_ARGUMENTS.to_kwargs())
    try:
        result = change(module.params, module.run_command, module.check_mode)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
