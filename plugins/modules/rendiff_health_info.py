# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_health_info
short_description: Look at every part of the service at once and give one verdict
version_added: 0.1.0
description:
  - Runs every probe concurrently, each with its own deadline, and returns findings with one verdict.
  - Looks at the containers, at the api through the proxy and in each replica, at PostgreSQL, Redis, the queues in their
    true depth, and the workers.
  - With O(depth=deep) it also measures the time to answer by phase, memory and CPU against their limits, sessions and
    locks, the broker's memory, whether queues grow, poison messages, jobs that nobody has, space, certificates, errors
    in the logs, and what Prometheus knows.
  - A finding that another one explains names it in RV(health.findings[].caused_by), so that the cause stands apart
    from its symptoms.
  - What could not be looked at is V(unknown) and never V(ok).
  - Asking the workers writes one set member and one reply list to Redis and removes both.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.attributes.info
  - rendiff.ops.stack
  - rendiff.ops.postgres
  - rendiff.ops.redis
  - rendiff.ops.queue
  - rendiff.ops.routes
  - rendiff.ops.thresholds
attributes:
  action_group: {}
options:
  depth:
    description:
      - V(quick) looks whether every part does its work, V(deep) also measures how well. The options below and
        O(thresholds) are for V(deep).
    type: str
    choices: [quick, deep]
    default: quick
  samples:
    description:
      - How many requests measure the time to answer, of each replica and through the proxy.
    type: int
    default: 5
  log_window_s:
    description:
      - How many seconds of the logs are read.
    type: int
    default: 600
  prometheus_url:
    description:
      - Address of Prometheus, where it is not a service of the project.
    type: str
  slo:
    description:
      - Share of requests that must not fail, for the rate at which the error budget burns.
    type: float
    default: 0.999
  timeout_s:
    description:
      - How many seconds all probes together may take. What has not answered by then is V(unknown).
    type: int
    default: 20
  probe_timeout_s:
    description:
      - How many seconds one connection, query or request may take.
    type: int
    default: 5
  census_timeout_s:
    description:
      - How many seconds the workers have to answer. When all of them answer sooner, nothing is waited for.
    type: float
    default: 2.0
requirements:
  - psycopg2 on the managed host, for the database
  - redis on the managed host, for the queues and the workers
notes:
  - Without one of the Python modules the probe that needs it is V(unknown) and the others go on.
seealso:
  - module: rendiff.ops.rendiff_stack_info
  - module: rendiff.ops.rendiff_smoke_test
"""

EXAMPLES = r"""
- name: See how the service is
  rendiff.ops.rendiff_health_info:
  register: result

- name: Stop here unless all is well
  ansible.builtin.assert:
    that: result.health.verdict == 'ok'
    fail_msg: "{{ result.health.summary }}"

- name: Look deeper, and be told of a storage that is more than half full
  rendiff.ops.rendiff_health_info:
    depth: deep
    thresholds:
      storage_warning: 0.5
  register: result

- name: See how a service is whose database stands on another host
  rendiff.ops.rendiff_health_info:
    project: rendiff-prod
    login_host: db.internal
    public_url: https://api.example.com
"""

RETURN = r"""
health:
  description: How the service is.
  returned: success
  type: dict
  contains:
    project:
      description: Name of the Compose project.
      type: str
      sample: rendiff-prod
    verdict:
      description: The worst severity found, one of V(ok), V(warning), V(unknown) and V(critical).
      type: str
      sample: critical
    summary:
      description: What is wrong and what it caused, in one or two sentences.
      type: str
      sample: "Container 'rendiff-prod-redis-1' has ended: it was killed (exit code 137). It explains 4 other findings."
    root_causes:
      description: Ids of the findings that no other finding explains, worst first.
      type: list
      elements: str
      sample: [rendiff-prod-redis-1.down]
    findings:
      description: Everything that was looked at, worst first.
      type: list
      elements: dict
      contains:
        id:
          description: Identity of the finding within the report.
          type: str
          sample: rendiff-prod-redis-1.down
        component:
          description: The part of the service.
          type: str
          sample: redis.container
        severity:
          description: V(ok), V(warning), V(unknown) or V(critical).
          type: str
          sample: critical
        subject:
          description: The container, queue or address that it is about.
          type: str
          sample: rendiff-prod-redis-1
        summary:
          description: The finding in one sentence.
          type: str
          sample: "Container 'rendiff-prod-redis-1' has ended: it was killed (exit code 137)."
        evidence:
          description: What was seen.
          type: dict
          sample: {state: exited, exit_code: 137}
        commands:
          description: Commands to run next.
          type: list
          elements: str
          sample: [docker logs --tail 100 rendiff-prod-redis-1, docker start rendiff-prod-redis-1]
        caused_by:
          description: Id of the finding that explains this one, or none.
          type: str
          sample: null
    hazards:
      description: What is dangerous about the deployment itself, as in M(rendiff.ops.rendiff_stack_info).
      type: list
      elements: dict
      sample: []
    checked_at:
      description: When the check began, in UTC.
      type: str
      sample: "2026-11-23T03:12:45Z"
    seconds:
      description: How long it took.
      type: float
      sample: 1.32
    measurements:
      description:
        - What was measured, under C(latency), C(postgres), C(redis), C(queues), C(unacked), C(workers), C(jobs),
          C(containers), C(storage), C(certificate), C(connections), C(log_errors), C(metrics) and C(drill).
        - Names end in their unit. What could not be measured is not there. Empty with O(depth=quick).
      type: dict
      sample: {storage: {size_bytes: 536870912, used_bytes: 53687091, path: /opt/rendiff/storage}}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._health_check import HEALTH_ARGUMENTS, check


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **HEALTH_ARGUMENTS.to_kwargs())
    try:
        health = check(module.params, module.run_command)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, health=health)


if __name__ == "__main__":
    main()
