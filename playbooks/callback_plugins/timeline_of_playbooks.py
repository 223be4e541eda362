# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loads the timeline for every playbook of this collection, with or without an ansible.cfg."""

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.callback.timeline import CallbackModule as _Timeline

DOCUMENTATION = r"""
name: timeline_of_playbooks
type: notification
short_description: Load the timeline for the playbooks of this collection
version_added: 0.1.0
description:
  - The same as P(rendiff.ops.timeline#callback), which Ansible finds beside the playbooks without being told to.
author:
  - Rendiff contributors (@rendiff)
"""


class CallbackModule(_Timeline):
    """The timeline, loaded beside a playbook."""

    CALLBACK_NAME = "timeline_of_playbooks"
    CALLBACK_NEEDS_ENABLED = False
