# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_stack_info
short_description: Find what runs of the service on a host, and how to reach it
version_added: 0.1.0
description:
  - Finds the Compose project of the service from the labels of its containers, never from the current directory.
  - Returns services, replicas, images, health, limits, mounts and the addresses that the host can reach.
  - Returns no credentials. Modules that need some resolve them on the host by themselves.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.attributes.info
  - rendiff.ops.stack
attributes:
  action_group: {}
seealso:
  - module: rendiff.ops.rendiff_health_info
"""

EXAMPLES = r"""
- name: Find the service on this host
  rendiff.ops.rendiff_stack_info:
  register: found

- name: Name the project, where several look like the service
  rendiff.ops.rendiff_stack_info:
    project: rendiff-prod
    service_roles:
      transcoder: worker
  register: found

- name: Show the compose command that addresses exactly this project
  ansible.builtin.debug:
    msg: "{{ found.stack.compose_command }}"
"""

RETURN = r"""
stack:
  description: The service as it is deployed on this host.
  returned: success
  type: dict
  contains:
    project:
      description: Name of the Compose project.
      type: str
      sample: rendiff-prod
    working_dir:
      description: Folder from which the project was started.
      type: str
      sample: /opt/rendiff
    config_files:
      description: Compose files that make up the project.
      type: list
      elements: str
      sample: [/opt/rendiff/compose.prod.yml]
    environment_files:
      description: Environment files that the project was started with.
      type: list
      elements: str
      sample: [/opt/rendiff/.env]
    engine:
      description: Version of the Docker Engine and of its API.
      type: dict
      sample: {version: 28.2.2, api_version: "1.50"}
    compose_command:
      description: The command that addresses exactly this project, to put an action behind.
      type: str
      sample: docker compose -p rendiff-prod --project-directory /opt/rendiff -f /opt/rendiff/compose.prod.yml
    services:
      description:
        - Every service that runs, has run, or is defined in the Compose files.
        - C(role) is what it does, C(status) is C(running), C(partial), C(stopped) or C(not created), C(desired) is how
          many containers the Compose files ask for, and C(replicas) has an entry for each container.
      type: list
      elements: dict
      sample:
        - name: redis
          role: redis
          status: running
          running: 1
          desired: 1
          profiles: []
          images: [redis:7-alpine]
          image_ids: ["sha256:5a1e3f"]
          replicas: []
    storage:
      description: Where C(/storage) of the containers really is on the host, or none.
      type: dict
      sample: {path: /storage, source: /opt/rendiff/storage, type: bind, volume: null}
    hazards:
      description:
        - What is dangerous about the deployment itself, each with C(id), C(subject) and C(summary).
        - The ids are C(override_merged), C(definition_unreadable), C(replicas_differ), C(image_drifted),
          C(wal_outside_volume), C(storage_not_mounted) and C(storage_not_shared).
      type: list
      elements: dict
      sample: []
    definition_error:
      description: Why the Compose files could not be read, or none.
      type: str
      sample: null
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._docker import DockerClient
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._stack import STACK_ARGUMENTS, discover


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **STACK_ARGUMENTS.to_kwargs())
    options = module.params
    try:
        client = DockerClient(options["docker_host"], options["docker_timeout_s"])
        stack = discover(client, module.run_command, options["project"], options["service_roles"])
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, stack=stack.describe())


if __name__ == "__main__":
    main()
