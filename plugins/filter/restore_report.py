# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Give an account of a database that took the place of another."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.rendiff.ops.plugins.module_utils._restore_report import report_exchange

DOCUMENTATION = r"""
name: restore_report
short_description: Give an account of a database that took the place of another
version_added: 0.1.0
description:
  - Makes what M(rendiff.ops.rendiff_report) shows of a host.
author:
  - Rendiff contributors (@rendiff)
options:
  _input:
    description:
      - The results of the steps, empty for one that was not made. C(planned), C(beside), C(swapped) and C(undone) of
        M(rendiff.ops.rendiff_restore), C(jobs) of M(rendiff.ops.rendiff_jobs), C(smoked) of
        M(rendiff.ops.rendiff_smoke_test).
      - C(failed) are sentences. C(state) is C(swapped) or C(undone). C(began_at), C(stopped_at) and C(ended_at) are
        seconds of the epoch.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say what was restored, what was lost by it, and where the old one is
  ansible.builtin.debug:
    msg: "{{ (steps | rendiff.ops.restore_report).summary }}"
"""

RETURN = r"""
_value:
  description: The report of the host.
  type: dict
  sample: {verdict: ok, summary: "'rendiff' is backup rendiff-20260120T031500Z, of 2026-01-20T03:15:00Z."}
"""


def restore_report(facts: t.Any) -> dict[str, t.Any]:
    """Return the report, or say that what came is not what makes one."""
    try:
        return report_exchange(facts)
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError(
            f"Cannot report on a restore: {error!r} is not what rendiff_restore returns."
        ) from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"restore_report": restore_report}
