# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put together an attack, what was done against it, and how it is now."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.rendiff.ops.plugins.module_utils._attack_report import report_attack

DOCUMENTATION = r"""
name: attack_report
short_description: Put together an attack, what was done against it, and how it is now
version_added: 0.1.0
description:
  - Makes what M(rendiff.ops.rendiff_report) shows of a host.
author:
  - Rendiff contributors (@rendiff)
positional: plan, project, limit, bans, after, done, failed
options:
  _input:
    description: The C(access_log) that M(rendiff.ops.rendiff_access_log_info) returned before anything was done.
    type: dict
    required: true
  plan:
    description: The plan, of P(rendiff.ops.attack_plan#filter).
    type: dict
    required: true
  project:
    description: Name of the Compose project.
    type: str
    required: true
  limit:
    description: The C(limit) that M(rendiff.ops.rendiff_rate_limit) returned.
    type: dict
  bans:
    description: The C(bans) that M(rendiff.ops.rendiff_ban_info) returned at the end.
    type: dict
  after:
    description: The C(access_log) of the seconds after it.
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
- name: Show how it is
  ansible.builtin.debug:
    msg: "{{ (log.access_log | rendiff.ops.attack_report(plan, log.project)).summary }}"
"""

RETURN = r"""
_value:
  description: The report of the host.
  type: dict
  sample: {verdict: warning, summary: "1 to ban (203.0.113.7)."}
"""


def attack_report(
    traffic: t.Any,
    plan: t.Any,
    project: str,
    limit: t.Any = None,
    bans: t.Any = None,
    after: t.Any = None,
    done: t.Sequence[str] = (),
    failed: t.Sequence[str] = (),
) -> dict[str, t.Any]:
    """Return the report, or say that what came is not what makes one."""
    try:
        return report_attack(traffic, plan, project, limit, bans, after, done, failed)
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError(
            f"Cannot report on an attack: {error!r} is not what the filter and the modules return."
        ) from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"attack_report": attack_report}
