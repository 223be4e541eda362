# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_smoke_test
short_description: Convert one tiny video end to end and put everything back
version_added: 0.1.0
description:
  - Makes an API key of its own, writes a one-second video into the storage, submits it through the proxy, waits until a
    worker has converted it, proves the output, and removes key, job, files and broker keys again.
  - The raw key exists only in the memory of this module on the managed host.
  - A key that a killed run left is removed by the next run.
  - When the job does not end in time it is cancelled and its row stays, because its message may still wait in a queue.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.stack
  - rendiff.ops.postgres
  - rendiff.ops.redis
  - rendiff.ops.queue
  - rendiff.ops.routes
attributes:
  check_mode:
    support: full
    details:
      - Returns the plan; nothing is made and no request is sent.
  diff_mode:
    support: full
    details:
      - Before and after are the same unless something is left behind.
  action_group: {}
options:
  timeout_s:
    description:
      - How many seconds the job may take from being accepted to being converted.
    type: int
    default: 120
  request_timeout_s:
    description:
      - How many seconds one request, query or command may take.
    type: int
    default: 10
  input_dir:
    description:
      - Folder for the input, as the containers see it.
    type: str
    default: /storage/input
  output_dir:
    description:
      - Folder for the output, as the containers see it.
    type: str
    default: /storage/output
requirements:
  - psycopg2 on the managed host
  - redis on the managed host
seealso:
  - module: rendiff.ops.rendiff_health_info
"""

EXAMPLES = r"""
- name: Prove that the service converts a video
  rendiff.ops.rendiff_smoke_test:
    timeout_s: 60
  register: result

- name: Stop here unless it did
  ansible.builtin.assert:
    that: result.smoke.verdict == 'ok'
    fail_msg: "{{ result.smoke.summary }}"
"""

RETURN = r"""
smoke:
  description:
    - How the conversion went, in the form of RV(rendiff.ops.rendiff_health_info#module:health), with a finding a stage.
  returned: success
  type: dict
  contains:
    verdict:
      description: V(ok) when a video was converted and everything put back.
      type: str
      sample: ok
    summary:
      description: What happened, in one or two sentences.
      type: str
      sample: All 6 checks are well.
    findings:
      description: One finding for each of the stages key, input, submit, convert, output and cleanup, with its seconds.
      type: list
      elements: dict
      sample: [{id: smoke.submit, severity: ok, evidence: {seconds: 0.02}}]
    seconds:
      description: How long it all took.
      type: float
      sample: 2.41
job_id:
  description: Id of the job that was converted.
  returned: when a job was accepted
  type: str
  sample: 0b0e5a0e-8a35-4c8e-9d6c-0a52d4c1a0d7
left_behind:
  description: What could not be put back, a sentence each.
  returned: success
  type: list
  elements: str
  sample: []
plan_id:
  description: Identity of the plan.
  returned: success
  type: str
  sample: 6d0b2a9c1f3e4d5a
plan:
  description: What is made and removed.
  returned: success
  type: list
  elements: str
  sample: ["/storage/input/rendiff-ops-smoke-1795475565.avi: input written, removed"]
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._docker import DockerClient
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._health import report
from ansible_collections.rendiff.ops.plugins.module_utils._smoke import SMOKE_ARGUMENTS, SmokeTest
from ansible_collections.rendiff.ops.plugins.module_utils._stack import discover


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **SMOKE_ARGUMENTS.to_kwargs())
    options = module.params
    begin, started = time.monotonic(), time.time()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started))
    try:
        client = DockerClient(options["docker_host"], options["docker_timeout_s"])
        stack = discover(client, module.run_command, options["project"], options["service_roles"])
        test = SmokeTest(client, stack, options, started)
    except OpsError as error:
        module.fail_json(msg=str(error))
    if not module.check_mode:
        test.run()
    smoke = report(stack.project, test.findings, stack, time.monotonic() - begin, now)
    module.exit_json(
        changed=bool(test.left_behind),
        smoke=smoke,
        job_id=test.job_id,
        left_behind=test.left_behind,
        plan_id=test.plan.plan_id,
        plan=[f"{action.target}: {action.transition}" for action in test.plan.actions],
        diff=test.plan.diff(),
    )


if __name__ == "__main__":
    main()
