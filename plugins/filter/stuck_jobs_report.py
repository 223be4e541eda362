# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put together what was wrong with stuck jobs, what was done, and how it is now."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.rendiff.ops.plugins.module_utils._stuck_plan import report_stuck

DOCUMENTATION = r"""
name: stuck_jobs_report
short_description: Put together what was wrong with stuck jobs, what was done, and how it is now
version_added: 0.1.0
description:
  - Makes what M(rendiff.ops.rendiff_report) shows of a host.
author:
  - Rendiff contributors (@rendiff)
positional: first, last, health, done, failed
options:
  _input:
    description: The C(jobs) that M(rendiff.ops.rendiff_jobs_info) returned at the end.
    type: dict
    required: true
  first:
    description: The plan before anything was done, of P(rendiff.ops.stuck_jobs_plan#filter).
    type: dict
    required: true
  last:
    description: The plan at the end.
    type: dict
    required: true
  health:
    description: The C(health) that M(rendiff.ops.rendiff_health_info) returned, of which errors in logs are shown.
    type: dict
  done:
    description: What was done, in sentences.
    type: list
    elements: str
    default: []
  failed:
    description: Why steps failed, in sentences.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show how it is now
  ansible.builtin.debug:
    msg: "{{ (jobs.jobs | rendiff.ops.stuck_jobs_report(first, last)).summary }}"
"""

RETURN = r"""
_value:
  description: The report of the host.
  type: dict
  sample: {verdict: ok, summary: 2 jobs wait., done: ["Restarted: rendiff-prod-worker-cpu-1."]}
"""


def stuck_jobs_report(
    jobs: t.Any,
    first: t.Any,
    last: t.Any,
    health: t.Any = None,
    done: t.Sequence[str] = (),
    failed: t.Sequence[str] = (),
) -> dict[str, t.Any]:
    """Return the report, or say that what came is not what makes one."""
    try:
        return report_stuck(first, last, jobs, health, done, failed)
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError(
            f"Cannot report on stuck jobs: {error!r} is not what the filter and the modules return."
        ) from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"stuck_jobs_report": stuck_jobs_report}
