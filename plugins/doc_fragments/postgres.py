# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of C(POSTGRES_ARGUMENTS) in C(module_utils/_credentials.py)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  login_host:
    description:
      - Address of PostgreSQL as this host reaches it, for a database outside the Compose project.
      - What is not given is taken from what the api, a worker or the database container uses.
    type: str
  login_port:
    description:
      - Port of PostgreSQL.
    type: int
  login_user:
    description:
      - Role to log in as.
    type: str
  login_password:
    description:
      - Password of O(login_user).
    type: str
  login_db:
    description:
      - Database of the service.
    type: str
"""
