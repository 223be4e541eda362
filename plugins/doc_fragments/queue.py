# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of C(QUEUE_ARGUMENTS) in C(module_utils/_queue.py)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  queues:
    description:
      - Queues to look at, besides those that a worker consumes and those that the broker knows.
    type: list
    elements: str
    default: [high, default, low, celery]
  queue_keyprefix:
    description:
      - The C(global_keyprefix) of the application's broker settings.
    type: str
    default: ""
  queue_separator:
    description:
      - What stands between a queue's name and its priority in a key, the C(sep) of the broker settings.
    type: str
    default: "\x06\x16"
  queue_priority_steps:
    description:
      - The C(priority_steps) of the broker settings.
    type: list
    elements: int
    default: [0, 3, 6, 9]
  queue_unacked_key:
    description:
      - The C(unacked_key) of the broker settings.
    type: str
    default: unacked
"""
