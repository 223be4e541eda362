# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Say what came of standing down."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.rendiff.ops.plugins.module_utils._mitigation import summarize_stand_down

DOCUMENTATION = r"""
name: stand_down_summary
short_description: Say what came of standing down
version_added: 0.1.0
description:
  - Puts into sentences what was undone, what could not be undone and why, and which files could not be read.
author:
  - Rendiff contributors (@rendiff)
positional: left, unreadable
options:
  _input:
    description: The entries that were to be undone, as M(rendiff.ops.rendiff_mitigation_info) returns them.
    type: list
    elements: dict
    required: true
  left:
    description: The entries that are still open afterwards, or none in check mode.
    type: list
    elements: dict
  unreadable:
    description: Files of the ledger that could not be read.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Say what came of it
  ansible.builtin.debug:
    msg: "{{ before.mitigations | rendiff.ops.stand_down_summary(after.mitigations, before.unreadable) }}"
"""

RETURN = r"""
_value:
  description: The sentences.
  type: list
  elements: str
  sample: ["Undone: Four api containers in place of two."]
"""


def stand_down_summary(entries: t.Any, left: t.Any = None, unreadable: t.Sequence[str] = ()) -> list[str]:
    """Return the sentences, or say that what came is not the ledger."""
    try:
        return summarize_stand_down(entries, left, unreadable)
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError("Cannot write stand_down_summary: the input is no list of mitigations.") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"stand_down_summary": stand_down_summary}
