# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of C(REDIS_ARGUMENTS) in C(module_utils/_credentials.py)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  redis_host:
    description:
      - Address of the broker as this host reaches it, for a Redis outside the Compose project.
      - What is not given is taken from what the api or a worker uses.
    type: str
  redis_port:
    description:
      - Port of Redis.
    type: int
  redis_user:
    description:
      - Name to log in as, where the broker uses access control lists.
    type: str
  redis_password:
    description:
      - Password of the broker.
    type: str
  redis_db:
    description:
      - Number of the database that Celery uses.
    type: int
  redis_tls:
    description:
      - Whether to speak TLS.
    type: bool
"""
