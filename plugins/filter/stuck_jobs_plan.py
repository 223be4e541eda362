# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell why jobs are stuck, and which steps help."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.rendiff.ops.plugins.module_utils._stuck_plan import plan_stuck

DOCUMENTATION = r"""
name: stuck_jobs_plan
short_description: Tell why jobs are stuck, and which steps help
version_added: 0.1.0
description:
  - Decides from what the queues, the jobs and the workers say together. It changes nothing.
author:
  - Rendiff contributors (@rendiff)
positional: jobs, workers
options:
  _input:
    description: The C(queues) that M(rendiff.ops.rendiff_queue_info) returned.
    type: dict
    required: true
  jobs:
    description: The C(jobs) that M(rendiff.ops.rendiff_jobs_info) returned.
    type: dict
    required: true
  workers:
    description: The C(workers) that M(rendiff.ops.rendiff_worker) returned in check mode, with C(unwell_only).
    type: dict
    required: true
  backlog_max_s:
    description: How many seconds it may take until all that waits has ended.
    type: float
    default: 3600.0
  replicas_max:
    description: How many containers a service of workers may get. V(0) gives it none.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Show what would help
  ansible.builtin.debug:
    msg: "{{ (queues.queues | rendiff.ops.stuck_jobs_plan(jobs.jobs, workers.workers)).steps }}"
"""

RETURN = r"""
_value:
  description:
    - C(findings) are the causes; C(restart) the containers to restart; C(park_first) whether what would stop a worker
      again is to be put aside before that; C(consume) which queue who shall consume; C(reconcile) whether jobs are to
      be brought back; C(scale) which service shall have how many containers; C(jobs) what is wrong with jobs, and
      C(steps) what is done, in sentences; C(measurements) what a report draws; C(free) how many
      processes could take a job, and C(held) how many messages lie in queues that somebody paused.
  type: dict
  sample:
    findings: []
    restart: []
    park_first: false
    consume: []
    reconcile: false
    scale: {}
    jobs: []
    measurements: {}
    free: 2
    held: 0
    steps: [Nothing is to be done.]
"""


def stuck_jobs_plan(
    queues: t.Any, jobs: t.Any, workers: t.Any, backlog_max_s: float = 3600.0, replicas_max: int = 0
) -> dict[str, t.Any]:
    """Return the plan, or say that what came is not what these modules return."""
    try:
        plan = plan_stuck(queues, jobs, workers, backlog_max_s=float(backlog_max_s), replicas_max=int(replicas_max))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise AnsibleFilterError(
            f"Cannot plan what helps stuck jobs: {error!r} is not what the three modules return."
        ) from error
    return plan.describe()


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"stuck_jobs_plan": stuck_jobs_plan}
