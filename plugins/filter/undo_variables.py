# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take the variables of an undo from an entry of the mitigation ledger."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._mitigation import read_entry

DOCUMENTATION = r"""
name: undo_variables
short_description: Take the variables of an undo from an entry of the mitigation ledger
version_added: 0.1.0
description:
  - Checks the entry on the controller as it was checked on the host, because the host may not be trusted with more than
    plain values for variables of one role of this collection.
author:
  - Rendiff contributors (@rendiff)
options:
  _input:
    description: An entry as M(rendiff.ops.rendiff_mitigation_info) returns it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what an undo would be run with
  ansible.builtin.debug:
    msg: "{{ ledger.mitigations | first | rendiff.ops.undo_variables }}"
"""

RETURN = r"""
_value:
  description: The variables by name.
  type: dict
  sample: {scaling_service: api, scaling_replicas: 2}
"""


def undo_variables(entry: t.Any) -> dict[str, t.Any]:
    """Return the variables, or refuse an entry that could do something else than undo."""
    try:
        return dict(read_entry(entry).undo.get("variables") or {})
    except OpsError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"undo_variables": undo_variables}
