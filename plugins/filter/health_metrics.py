# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a host in the text format of Prometheus."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.rendiff.ops.plugins.module_utils._exports import metrics_text

DOCUMENTATION = r"""
name: health_metrics
short_description: Write a health report as metrics for node_exporter's textfile collector
version_added: 0.1.0
description:
  - Turns what M(rendiff.ops.rendiff_health_info) returned into the text format of Prometheus.
author:
  - Rendiff contributors (@rendiff)
options:
  _input:
    description: The C(health) that the module returned.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: See how the service is
  rendiff.ops.rendiff_health_info:
    depth: deep
  register: looked

- name: Hand it to node_exporter
  ansible.builtin.copy:
    content: "{{ looked.health | rendiff.ops.health_metrics }}"
    dest: /var/lib/prometheus/node-exporter/rendiff.prom
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The metrics, a line each.
  type: str
  sample: 'rendiff_health_verdict{project="rendiff-prod"} 0'
"""


def health_metrics(health: t.Any) -> str:
    """Return the metrics, or say that what came is no report."""
    try:
        return metrics_text(health)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise AnsibleFilterError(
            "Cannot write health_metrics: the input is not the health that rendiff_health_info returned."
        ) from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"health_metrics": health_metrics}
