# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_jobs
short_description: Make stuck jobs really run again, cancel jobs, or bring rows and messages into agreement
version_added: 0.1.0
description:
  - Judges each job as M(rendiff.ops.rendiff_jobs_info) does, and changes only what is proven.
  - A job runs at least once. A message is never sent while another for the same job is known, and a run that is
    killed at any moment and run again loses none and sends none twice. What Celery itself delivers twice runs twice.
  - Only one run of this or of M(rendiff.ops.rendiff_queue) is at work at a time.
  - Works while the api is down, and for a million jobs in flat memory.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.stack
  - rendiff.ops.postgres
  - rendiff.ops.redis
  - rendiff.ops.queue
  - rendiff.ops.jobs
  - rendiff.ops.state
attributes:
  check_mode:
    support: full
    details:
      - Returns the same plan, and keeps it for a week on the host, below O(state_dir), so that O(plan) can name it.
        Asking the workers writes one set member and one reply list for each question to Redis and removes them.
  diff_mode:
    support: full
  action_group: {}
options:
  state:
    description:
      - V(queued) sends jobs anew that are lost, puts those back whose worker is gone, and marks those as queued whose
        message waits although they say they are processed. Jobs that failed only where O(statuses) names their
        status. One that was tried O(max_attempts) times becomes failed for good.
      - V(cancelled) cancels jobs that wait, their messages with them, and with O(terminate) those that run.
      - V(reconciled) does what V(queued) does for all jobs that wait or are processed, takes out messages of jobs
        that are completed or cancelled, and all but one of those that have several, and puts messages aside at which
        a worker would stop.
    type: str
    required: true
    choices: [queued, cancelled, reconciled]
  max_jobs:
    description:
      - At most so many steps, those of the oldest jobs. What is left is told. V(0) is no limit.
    type: int
    default: 10000
  confirm:
    description:
      - Name of the Compose project. Needed to cancel jobs without any filter, or to do anything without filter and
        limit.
    type: str
  plan:
    description:
      - Do only what is in this plan, as a run in check mode returned its C(plan_id). What is no longer valid is left
        out; what was not in it is refused and named.
    type: str
  terminate:
    description:
      - Whether to stop jobs that a worker runs, with O(state=cancelled).
    type: bool
    default: false
  terminate_timeout_s:
    description:
      - How many seconds such a job has to end. One that still runs then is told of; its row says cancelled.
      - A worker forgets such a job at once, also where its encoder goes on and holds its place. So the encoder is
        looked for among the processes of the worker's container. One that is still there after 5 seconds is told to
        end, and ended after 10. What goes on all the same, or cannot be seen, is told of.
    type: int
    default: 30
  task:
    description:
      - Name of the task that runs a job.
    type: str
    default: worker.process_job
  allow_unconsumed:
    description:
      - Whether to send to a queue that no live worker consumes.
    type: bool
    default: false
  progress_path:
    description:
      - File on the host in which to tell how far it is, as one JSON object. It is removed at the end.
    type: path
  progress_interval_s:
    description:
      - Show in the output of the playbook every so many seconds how far it is. V(0) does not, and costs nothing.
      - The work is then done in the background of the host, and goes on there when the playbook is ended. A second
        run says so until it is done.
    type: float
    default: 0.0
seealso:
  - module: rendiff.ops.rendiff_jobs_info
  - module: rendiff.ops.rendiff_queue
"""

EXAMPLES = r"""
- name: See what would be done about jobs that are stuck
  rendiff.ops.rendiff_jobs:
    state: reconciled
  check_mode: true
  register: planned

- name: Do exactly that
  rendiff.ops.rendiff_jobs:
    state: reconciled
    plan: "{{ planned.plan_id }}"

- name: Try the jobs again that failed within the night
  rendiff.ops.rendiff_jobs:
    state: queued
    statuses: [failed]
    max_jobs: 500

- name: Cancel a job although it runs
  rendiff.ops.rendiff_jobs:
    state: cancelled
    job_ids: [0b0e5a0e-5f0e-4c3e-9c0e-2f4f6f0b7a11]
    terminate: true
"""

RETURN = r"""
jobs:
  description: What was found and done.
  returned: success
  type: dict
  contains:
    state:
      description: The state that was asked for.
      type: str
      sample: reconciled
    verdicts:
      description: How many of the jobs that are meant are what, as M(rendiff.ops.rendiff_jobs_info) returns it.
      type: dict
      sample: {lost: 3, running: 2, waiting: 40}
    planned:
      description:
        - How many steps of which kind were planned. C(send) anew, C(restore) from a worker that is gone, C(mark) as
          queued, C(park) for good, C(cancel), C(stop) while it runs, C(thin) out a second message, C(sweep) one that
          would run a job again that has ended, C(park_message) at which a worker would stop.
      type: dict
      sample: {send: 3}
    done:
      description: How many were done.
      type: dict
      sample: {send: 3}
    moved_on:
      description: How many were not done as the job had moved on since it was judged.
      type: dict
      sample: {}
    sent_before:
      description: For how many a run that was killed had sent the message already.
      type: int
      sample: 0
    still_running:
      description: Jobs that were told to stop and did not, those in RV(jobs.encoders_going_on) among them.
      type: list
      elements: str
      sample: []
    encoders_ended:
      description: Jobs whose encoders went on when their workers had forgotten them, and were ended.
      type: list
      elements: str
      sample: [0b0e5a0e-5f0e-4c3e-9c0e-2f4f6f0b7a11]
    encoders_going_on:
      description: Jobs whose encoders go on and hold a place in a worker, in which C(container), and C(why).
      type: list
      elements: dict
      sample: []
    encoders_unseen:
      description: Jobs that were stopped where their encoders cannot be seen, so that these may go on.
      type: list
      elements: str
      sample: []
    refused:
      description: How many jobs were left alone.
      type: int
      sample: 0
    refused_sample:
      description: Some of them, and why.
      type: list
      elements: dict
      sample: []
    over_limit:
      description: How many steps were left by O(max_jobs).
      type: int
      sample: 0
    unapproved:
      description: How many steps were refused as O(plan) does not have them.
      type: int
      sample: 0
    unapproved_sample:
      description: Some of their jobs.
      type: list
      elements: str
      sample: []
    no_longer_valid:
      description: How many steps of O(plan) are no longer valid.
      type: int
      sample: 0
    unknown_ids:
      description: Those of O(job_ids) that do not exist.
      type: list
      elements: str
      sample: []
    messages:
      description: How many messages were read.
      type: int
      sample: 41
    workers:
      description: Which workers answered, and what they consume.
      type: dict
      sample: {receivers: 1, replies: 1, complete: true, duplicate_names: [], nodes: {celery@1f0c9b7e2d4a: [default]}}
    unsure:
      description: Why not all workers are known to have answered, empty where they have.
      type: str
      sample: ""
    seconds:
      description: How long it took.
      type: float
      sample: 6.2
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
  sample: ["0b0e5a0e-5f0e-4c3e-9c0e-2f4f6f0b7a11: sent anew"]
project:
  description: Name of the Compose project.
  returned: success
  type: str
  sample: rendiff
msg:
  description: What was done, in one or two sentences.
  returned: success
  type: str
  sample: 3 sent anew.
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._job_change import CHANGE_ARGUMENTS, change


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **CHANGE_ARGUMENTS.to_kwargs())
    try:
        result = change(module.params, module.run_command, module.check_mode)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
