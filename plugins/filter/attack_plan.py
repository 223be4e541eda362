# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide who attacks, what helps against it, and who would be hurt by that."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.rendiff.ops.plugins.module_utils._attack_plan import plan_attack
from ansible_collections.rendiff.ops.plugins.module_utils._attack_policy import behind_of, policy_of
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError

DOCUMENTATION = r"""
name: attack_plan
short_description: Decide who attacks, what helps against it, and who would be hurt by that
version_added: 0.1.0
description:
  - An address is to be banned that sends more than a client does, is public, and from which next to nothing came with
    an active key. Others that send a lot are left to a limit.
  - Many of one network become one ban, where nobody else of that network has a key.
author:
  - Rendiff contributors (@rendiff)
positional: behind, policy
options:
  _input:
    description: The C(access_log) that M(rendiff.ops.rendiff_access_log_info) returned, of a window.
    type: dict
    required: true
  behind:
    description:
      - The C(behind) that M(rendiff.ops.rendiff_api_key_info) returned, empty where it could not look. Then nobody is
        banned unless C(with_keys) is set.
    type: dict
    required: true
  policy:
    description:
      - From when on what is done. C(ban_rps) and C(average) in requests per second; C(network_min) addresses of one
        network are banned as one; C(with_keys) bans also where active keys are; C(never) and C(private_targets) are
        lists of addresses and networks; C(ip_depth) is how many trusted proxies stand in front; C(window_s) and
        C(baseline_s) are those of the log; C(force) limits also without an attack.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show who would be banned
  ansible.builtin.debug:
    msg: "{{ log.access_log | rendiff.ops.attack_plan(keys.behind, {'ban_rps': 100}) }}"
"""

RETURN = r"""
_value:
  description: The plan, with the candidates, what is done about each and why, and who is hurt by it.
  type: dict
  sample: {attack: true, bans: [203.0.113.7], limit: true, hurt: [], summary: "1 to ban (203.0.113.7)."}
"""


def attack_plan(traffic: t.Any, behind: t.Any, policy: t.Any = None) -> dict[str, t.Any]:
    """Return the plan, or say that what came is not what makes one."""
    try:
        limits = policy_of(policy or {})
        return plan_attack(traffic, behind_of(behind, limits.window_s), limits)
    except OpsError as error:
        raise AnsibleFilterError(str(error)) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise AnsibleFilterError(
            f"Cannot plan against an attack: {error!r} is not what the modules return. Pass their results."
        ) from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"attack_plan": attack_plan}
