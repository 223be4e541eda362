# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show how far a restore is."""

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.plugin_utils._progress_action import ProgressAction


class ActionModule(ProgressAction):
    """Runs the module of the same name."""

    MODULE = "rendiff.ops.rendiff_restore"
