# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put together what was found out about a key, and what was done about it."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.rendiff.ops.plugins.module_utils._key_report import report_key

DOCUMENTATION = r"""
name: key_report
short_description: Put together what was found out about an API key, and what was done about it
version_added: 0.1.0
description:
  - Makes what M(rendiff.ops.rendiff_report) shows of a host.
author:
  - Rendiff contributors (@rendiff)
positional: refusals, watched, open_jobs, done, failed
options:
  _input:
    description:
      - The C(investigation) that M(rendiff.ops.rendiff_api_key_info) returned before anything was done.
      - Where there is none, C(key), C(project) and C(checked_at).
    type: dict
    required: true
  refusals:
    description: The C(refusals) that M(rendiff.ops.rendiff_api_key) returned.
    type: list
    elements: dict
    default: []
  watched:
    description: The C(watched) keys that M(rendiff.ops.rendiff_api_key_info) returned at the end.
    type: list
    elements: dict
    default: []
  open_jobs:
    description: How many jobs of the key wait or run at the end; none where nothing was done.
    type: int
  done:
    description: What was done, in sentences.
    type: list
    elements: str
    default: []
  failed:
    description: What failed, in sentences.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show what was found out
  ansible.builtin.debug:
    msg: "{{ (looked.investigation | rendiff.ops.key_report).summary }}"
"""

RETURN = r"""
_value:
  description: The report of the host.
  type: dict
  sample: {verdict: ok, summary: The key is refused everywhere. None of its jobs waits or runs.}
"""


def key_report(
    investigation: t.Any,
    refusals: t.Sequence[t.Any] = (),
    watched: t.Sequence[t.Any] = (),
    open_jobs: int | None = None,
    done: t.Sequence[str] = (),
    failed: t.Sequence[str] = (),
) -> dict[str, t.Any]:
    """Return the report, or say that what came is not what makes one."""
    try:
        return report_key(investigation, refusals, watched, open_jobs, done, failed)
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError(
            f"Cannot report on a key: {error!r} is not what rendiff_api_key_info and rendiff_api_key return."
        ) from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"key_report": key_report}
