# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_mitigation
short_description: Write down a temporary change before it is made, so that it can be undone
version_added: 0.1.0
description:
  - Keeps the mitigation ledger on the managed host, one file an entry, readable by root alone.
  - A procedure writes an entry with O(state=planned) before it changes something for a time, makes the change, verifies
    it, and then notes O(state=applied). The playbook C(rendiff.ops.stand_down) undoes what is open, newest first.
  - A run that was killed between the entry and the change leaves an entry whose undo finds nothing to do.
  - While an entry of the same name is open, what was before the first change stays what its undo returns to.
  - An undo is the name of an action of a role of this collection with plain values for its variables, never a command.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.state
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  action_group: {}
options:
  name:
    description:
      - Identity of the change, by custom the role, the action and the target, such as V(scaling.set_replicas.api).
    type: str
    required: true
  state:
    description:
      - V(planned) writes the entry before the change. V(applied) notes that the change was made and verified.
      - V(undone) notes that it was undone, V(failed) that its undo failed and O(error) why.
      - V(absent) drops an entry that is undone.
    type: str
    choices: [planned, applied, undone, failed, absent]
    default: planned
  what:
    description:
      - The change in a few words, for people.
    type: str
  before:
    description:
      - What was, to compare with after the undo.
    type: dict
    default: {}
  after:
    description:
      - What shall be.
    type: dict
    default: {}
  undo_role:
    description:
      - Role of this collection that undoes it.
    type: str
  undo_action:
    description:
      - Action of that role, the name of one of its public tasks files.
    type: str
  undo_variables:
    description:
      - Variables of that role for the undo. Text, numbers, truth values, or lists of them.
      - Name every variable that the action depends on, also those whose default would do, because what one undo sets
        is still set for the next.
    type: dict
    default: {}
  expires_in_s:
    description:
      - Seconds until the scheduled form of C(rendiff.ops.stand_down) undoes it. V(0) for no limit.
    type: int
    default: 0
  renew:
    description:
      - Whether an open entry of the same name gets a new limit. V(late) leaves it as it is while at least half of
        O(expires_in_s) is left, so that a second run changes nothing, and one in a long incident does.
    type: str
    choices: [always, late]
    default: always
  why:
    description:
      - Why it is done.
    type: str
    default: ""
  incident:
    description:
      - Incident that it is done for.
    type: str
    default: ""
  project:
    description:
      - Compose project that is changed. The undo works on that one, also where several are on the host.
      - A change of the same name that is open for another project is an error.
    type: str
    default: ""
  error:
    description:
      - Why the undo failed, with O(state=failed).
    type: str
    default: ""
seealso:
  - module: rendiff.ops.rendiff_mitigation_info
"""

EXAMPLES = r"""
- name: Write down that there will be four api containers for two hours
  rendiff.ops.rendiff_mitigation:
    name: scaling.set_replicas.api
    what: Four api containers in place of two
    before: {replicas: 2}
    after: {replicas: 4}
    undo_role: scaling
    undo_action: set_replicas
    undo_variables:
      scaling_service: api
      scaling_replicas: 2
    expires_in_s: 7200
    why: Answers take more than five seconds

- name: Note that they are there
  rendiff.ops.rendiff_mitigation:
    name: scaling.set_replicas.api
    state: applied
"""

RETURN = r"""
mitigation:
  description: The entry as it stands now, or none where it was dropped.
  returned: success
  type: dict
  sample:
    name: scaling.set_replicas.api
    status: applied
    before: {replicas: 2}
    after: {replicas: 4}
    until: "2026-11-23T05:12:45Z"
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._ledger import MITIGATION_ARGUMENTS, Ledger
from ansible_collections.rendiff.ops.plugins.module_utils._mitigation import wanted_entry


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **MITIGATION_ARGUMENTS.to_kwargs())
    options = module.params
    ledger = Ledger(options["state_dir"])
    entry = None
    try:
        if options["state"] == "planned":
            plan, entry = ledger.write(
                wanted_entry(options, time.time()), check_mode=module.check_mode, renew=options["renew"]
            )
        elif options["state"] == "absent":
            plan = ledger.drop(options["name"], check_mode=module.check_mode)
        else:
            marks = (options["name"], options["state"], options["error"])
            plan, entry = ledger.mark(*marks, check_mode=module.check_mode)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=plan.changed, mitigation=entry.describe() if entry else None, diff=plan.diff())


if __name__ == "__main__":
    main()
