# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of C(SELECT_ARGUMENTS) in C(module_utils/_keys.py)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  key_id:
    description:
      - Id of the key.
    type: str
  key_hash:
    description:
      - SHA-256 of the key in hexadecimal.
    type: str
  prefix:
    description:
      - The first characters of the key, as the service keeps them. Several keys with it are an error that lists them.
    type: str
  user_id:
    description:
      - All keys of this user.
    type: str
"""
