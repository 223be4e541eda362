# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation only: the work is done on the controller, by the action plugin of the same name.

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_report
short_description: Write one report over all hosts of the play on the controller
version_added: 0.1.0
description:
  - Collects what every host of the play registered under one name, and prints a summary that puts causes first.
  - Writes C(report.json), a self-contained C(report.html), and C(status.txt), which is one line for other programs,
    into a folder of their own below O(dest), and points the link C(latest) there.
  - Where earlier reports of the same playbook tell how fast the storage fills, says when it will be full.
  - A host that registered nothing, because it could not be reached or its module failed, is V(unknown).
  - Nothing is written in check mode.
  - It is an action plugin that runs on the controller, so it is not part of the action group.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - A report is an addition, never a change.
  action_group:
    support: none
    membership: []
options:
  playbook:
    description:
      - Name of the folder below O(dest), by custom that of the playbook.
    type: str
    required: true
  title:
    description:
      - What the report is called.
    type: str
    required: true
  variable:
    description:
      - Name under which each host registered its result.
    type: str
    required: true
  key:
    description:
      - Where in that result the report of the host is, such as V(health) or V(smoke).
    type: str
    required: true
  dest:
    description:
      - Folder on the controller for all artifacts. Folders are made with mode 0700.
    type: str
    default: ./rendiff-artifacts
  view:
    description:
      - What is printed. V(table) has a row for each line of the runbook's monitoring reference above the summary.
    type: str
    choices: [summary, table]
    default: summary
seealso:
  - module: rendiff.ops.rendiff_health_info
  - module: rendiff.ops.rendiff_smoke_test
"""

EXAMPLES = r"""
- name: See how the service is
  rendiff.ops.rendiff_health_info:
  register: looked
  ignore_unreachable: true

- name: Report on all hosts at once
  rendiff.ops.rendiff_report:
    playbook: health_quick
    title: Rendiff health
    variable: looked
    key: health
  run_once: true
"""

RETURN = r"""
verdict:
  description: The worst verdict of all hosts.
  returned: success
  type: str
  sample: ok
summary:
  description: What is wrong where, in one or two sentences.
  returned: success
  type: str
  sample: All 3 hosts are well.
directory:
  description: Folder of this report on the controller, or none in check mode.
  returned: success
  type: str
  sample: /home/ops/rendiff-artifacts/health_quick/20261123T031245Z
html:
  description: Path of the HTML report, or none in check mode.
  returned: success
  type: str
  sample: /home/ops/rendiff-artifacts/health_quick/20261123T031245Z/report.html
"""
