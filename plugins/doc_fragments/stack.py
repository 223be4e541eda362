# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of C(STACK_ARGUMENTS) in C(module_utils/_stack.py)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  project:
    description:
      - Name of the Compose project that is the service.
      - When it is not given, the one project on the host that has an api and a worker service is taken.
        Several such projects, or none, are an error that lists what there is.
    type: str
  service_roles:
    description:
      - What services do whose names do not tell, as a mapping of service name to one of V(api), V(worker),
        V(postgres), V(redis), V(proxy), V(prometheus), V(s3), V(grafana), or V(other).
    type: dict
    default: {}
  docker_host:
    description:
      - Where the Docker Engine listens, as V(unix:///path) or V(tcp://host:port).
    type: str
    default: unix:///var/run/docker.sock
  docker_timeout_s:
    description:
      - How many seconds one answer of the Docker Engine may take.
    type: int
    default: 10
"""
