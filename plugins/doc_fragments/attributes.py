# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module here says of its own behaviour."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and tell what would change, without changing the target.
  diff_mode:
    description: Will say what has changed (or would change in C(check_mode)) when in diff mode.
  action_group:
    description: Use C(group/rendiff.ops.ops) in C(module_defaults) to set options once for all modules here.
    support: full
    membership:
      - rendiff.ops.ops
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module reads only.
  diff_mode:
    support: none
    details:
      - This module reads only.
"""
