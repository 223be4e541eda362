# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_jobs_info
short_description: Tell what is really true of each job, and how jobs went
version_added: 0.1.0
description:
  - Judges jobs by four sources together, the row, the queues, the messages that workers took, and the workers, and
    says why, and what M(rendiff.ops.rendiff_jobs) would do.
  - Tells how the jobs of a time window went, by operation.
  - Works while the api is down.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.attributes.info
  - rendiff.ops.stack
  - rendiff.ops.postgres
  - rendiff.ops.redis
  - rendiff.ops.queue
  - rendiff.ops.jobs
options:
  verdicts:
    description:
      - List only jobs of which this is true. Counts are of all.
    type: list
    elements: str
    choices: [waiting, running, lost, orphan, ghost, duplicate, hung, poison, unknown, ended]
    default: []
  list_max:
    description:
      - How many jobs to list.
    type: int
    default: 100
  window_s:
    description:
      - How far back to look for how jobs went, in seconds.
    type: int
    default: 86400
  move_timeout_s:
    description:
      - Wait at most so many seconds until a job begins or ends, where any waits. V(0) does not wait.
    type: int
    default: 0
  files:
    description:
      - Whether the outputs of jobs are looked for in the storage, and its files in the jobs, as after a restore. Each
        file takes a look.
    type: bool
    default: false
attributes:
  action_group: {}
seealso:
  - module: rendiff.ops.rendiff_jobs
  - module: rendiff.ops.rendiff_queue_info
"""

EXAMPLES = r"""
- name: See which jobs nobody will ever run, and why
  rendiff.ops.rendiff_jobs_info:
    verdicts: [lost, orphan, poison, unknown]
  register: judged

- name: See how long each kind of operation took within the last hour
  rendiff.ops.rendiff_jobs_info:
    window_s: 3600
    list_max: 0

- name: See what is true of one job
  rendiff.ops.rendiff_jobs_info:
    job_ids: [0b0e5a0e-5f0e-4c3e-9c0e-2f4f6f0b7a11]
"""

RETURN = r"""
jobs:
  description: What is true.
  returned: success
  type: dict
  contains:
    verdicts:
      description:
        - How many jobs are what. Looked at are those that wait or are processed, and those of any other status that a
          message or a worker is for; with O(statuses) or O(job_ids) all of these.
        - C(waiting) has a message, or a worker took it; C(running) is run by a worker; C(lost) is in no queue and
          with no worker; C(orphan) was taken by a worker that is gone; C(ghost) has ended and a message would run it
          again; C(duplicate) has more than one message; C(hung) is run and does not move; C(poison) was tried too
          often; C(ended) has ended and no message is for it; of C(unknown) something is missing.
      type: dict
      sample: {running: 2, waiting: 40, lost: 3}
    would:
      description: How many jobs O(rendiff.ops.rendiff_jobs#module:state=reconciled) would do what to.
      type: dict
      sample: {send: 3}
    would_send_to:
      description: How many of them would be sent to which queue.
      type: dict
      sample: {default: 3}
    verdict:
      description: The worst of the findings, one of C(ok), C(warning), C(unknown) and C(critical).
      type: str
      sample: critical
    summary:
      description: What is wrong, in one or two sentences.
      type: str
      sample: "3 jobs are in no queue and with no worker: nobody will ever run them."
    findings:
      description: What is wrong and what is well, with the next command to type.
      type: list
      elements: dict
      sample: []
    root_causes:
      description: Identities of the findings that stand for themselves.
      type: list
      elements: str
      sample: [jobs.lost]
    hazards:
      description: Dangers in how it is set up; always empty here.
      type: list
      elements: dict
      sample: []
    measurements:
      description: The figures to draw in a report.
      type: dict
      sample: {verdicts: {lost: 3}}
    files:
      description:
        - What jobs and files say of each other, with O(files), none where this host does not see the storage.
        - C(checked) jobs are done and name an output in the storage, C(missing) of them have none, and of C(elsewhere)
          the output is not in it. C(without_row) are files that no job names, at least so many where C(cut).
      type: dict
      sample:
        checked: 1200
        elsewhere: 0
        missing: 1
        missing_sample: [7939ccf4-f21e-4dff-90d8-12e939e7276d]
        without_row: {count: 2, bytes: 81920, sample: [output/a.mp4, output/b.mp4], cut: false}
    moved:
      description: Whether a job began or ended within O(move_timeout_s), none where none waits or it is V(0).
      type: bool
      sample: true
    project:
      description: Name of the Compose project.
      type: str
      sample: rendiff
    checked_at:
      description: When it was looked at, in UTC.
      type: str
      sample: "2026-11-23T03:12:45Z"
    seconds:
      description: How long it took.
      type: float
      sample: 5.1
    list:
      description: Jobs with their evidence.
      type: list
      elements: dict
      sample:
        - job_id: 0b0e5a0e-5f0e-4c3e-9c0e-2f4f6f0b7a11
          status: processing
          verdict: lost
          why: "no queue and no worker has it: the container of celery@1f0c9b7e2d4a does not run"
          would: send
          refused: null
          attempts: 0
          priority: normal
          moved_s: 312.5
          worker: celery@1f0c9b7e2d4a
          evidence: {}
    list_cut:
      description: How many more there are.
      type: int
      sample: 0
    without_row:
      description: How many jobs have a message and no row.
      type: int
      sample: 0
    without_row_sample:
      description: Some of them.
      type: list
      elements: str
      sample: []
    poison_messages:
      description: How many messages in queues would stop a worker, or be thrown away.
      type: int
      sample: 0
    messages:
      description: How many messages were read.
      type: int
      sample: 41
    unsure:
      description: Why not all workers are known to have answered, empty where they have.
      type: str
      sample: ""
    blind:
      description: Why a message may be there that was not seen, empty where none may.
      type: str
      sample: ""
    workers:
      description: Which workers answered, and what they consume.
      type: dict
      sample: {receivers: 1, replies: 1, complete: true, duplicate_names: [], nodes: {celery@1f0c9b7e2d4a: [default]}}
    figures:
      description: Counts by status, the oldest waiting, and how jobs went within O(window_s). Times in seconds.
      type: dict
      sample:
        by_status: {completed: 120, processing: 2, queued: 43}
        oldest_waiting_s: 35.2
        window_s: 86400
        completed: 120
        failed: 1
        per_hour: 5.0
        by_operation:
          - operation: transcode
            jobs: 120
            average_s: 12.5
            median_s: 10.1
            p95_s: 31.0
            max_s: 40.2
            waited_p95_s: 3.1
        failures: {"no such file PATH": 1}
project:
  description: Name of the Compose project.
  returned: success
  type: str
  sample: rendiff
checked_at:
  description: When it was looked at, in UTC.
  returned: success
  type: str
  sample: "2026-11-23T03:12:45Z"
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._job_info import INFO_ARGUMENTS, look


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **INFO_ARGUMENTS.to_kwargs())
    try:
        result = look(module.params, module.run_command)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
