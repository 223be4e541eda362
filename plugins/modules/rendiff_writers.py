# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_writers
short_description: Stop what writes into the database, and start exactly that again
version_added: 0.1.0
description:
  - Stops the running containers of the api and of the workers, all at the same time, so that nothing is written while a
    database is restored. Which ones ran is written down before the first is stopped.
  - One that is paused, or that the engine restarts again and again, is stopped too, and so is what comes up meanwhile.
  - Starts exactly those again, in their number, and waits until they are well. One that was not well when it was
    stopped only has to run. A container that did not run before is left alone. No container is made anew, so that no
    other change of the Compose files takes effect on the way.
  - A run that was killed is gone on with by running it again.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.stack
  - rendiff.ops.state
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  action_group: {}
options:
  state:
    description:
      - V(stopped) stops them. V(started) starts those that V(stopped) stopped.
    type: str
    required: true
    choices: [stopped, started]
  services:
    description:
      - Other services that write into the database too.
    type: list
    elements: str
    default: []
  stop_grace_s:
    description:
      - How many seconds a container has to end by itself. Drain workers before, by M(rendiff.ops.rendiff_worker).
    type: int
    default: 30
  start_timeout_s:
    description:
      - How many seconds they have after their start until they are well.
    type: int
    default: 180
seealso:
  - module: rendiff.ops.rendiff_worker
"""

EXAMPLES = r"""
- name: Let nothing write into the database
  rendiff.ops.rendiff_writers:
    state: stopped

- name: Let it go on
  rendiff.ops.rendiff_writers:
    state: started
"""

RETURN = r"""
writers:
  description: The containers that were stopped or started.
  returned: success
  type: list
  elements: str
  sample: [rendiff-api-1, rendiff-api-2, rendiff-worker-cpu-1]
missing:
  description: The containers that were stopped and are not there any more.
  returned: success
  type: list
  elements: str
  sample: []
msg:
  description: What was done, in sentences.
  returned: success
  type: str
  sample: rendiff-api-1, rendiff-api-2, rendiff-worker-cpu-1 were stopped.
plan_id:
  description: Identity of the plan.
  returned: success
  type: str
  sample: 6d0b2a9c1f3e4d5a
plan:
  description: The steps.
  returned: success
  type: list
  elements: str
  sample: ["rendiff-api-1: is stopped"]
project:
  description: Name of the Compose project.
  returned: success
  type: str
  sample: rendiff
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._writers import WRITERS_ARGUMENTS, change_writers


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **WRITERS_ARGUMENTS.to_kwargs())
    try:
        result = change_writers(module.params, module.run_command, module.check_mode)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
