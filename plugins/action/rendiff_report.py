# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write one report of all hosts of the play on the controller, and tell a person what it says."""

from __future__ import annotations

import contextlib
import json
import os
import time
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.rendiff.ops.plugins.module_utils._artifacts import write_artifacts
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._exports import status_line
from ansible_collections.rendiff.ops.plugins.module_utils._monitor import render_table
from ansible_collections.rendiff.ops.plugins.module_utils._report import render_html
from ansible_collections.rendiff.ops.plugins.module_utils._summary import combine, render_text, unreachable
from ansible_collections.rendiff.ops.plugins.module_utils._trend import add_trend

ARGUMENTS = {
    "playbook": {"type": "str", "required": True},
    "title": {"type": "str", "required": True},
    "variable": {"type": "str", "required": True},
    "key": {"type": "str", "required": True},
    "dest": {"type": "str", "default": "./rendiff-artifacts"},
    "view": {"type": "str", "choices": ["summary", "table"], "default": "summary"},
}
# Earlier reports that tell how fast the storage fills.
_EARLIER = 50


class ActionModule(ActionBase):
    """Collects what each host registered; runs on the controller only."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the verdict over all hosts and the paths of what was written; nothing is written in check mode."""
        variables = task_vars or {}
        result: dict[str, t.Any] = super().run(tmp, variables)
        _spec, options = self.validate_argument_spec(ARGUMENTS)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        earlier = self._earlier(os.path.join(options["dest"], options["playbook"]))
        collected = self._collect(variables, options["variable"], options["key"], now)
        hosts = {
            name: add_trend(health, [report["hosts"][name] for report in earlier if name in report["hosts"]])
            for name, health in collected.items()
        }
        report = combine(options["title"], hosts, now)
        if options["view"] == "table":
            Display().display("\n" + render_table(report))
        Display().display("\n" + render_text(report))
        result.update(changed=False, verdict=report["verdict"], summary=report["summary"], directory=None, html=None)
        if self._task.check_mode:
            Display().display("Check mode: no report was written.\n")
            return result
        files = {
            "report.json": json.dumps(report, indent=2, sort_keys=True) + "\n",
            "report.html": render_html(report),
            "status.txt": status_line(report) + "\n",
        }
        try:
            directory = write_artifacts(options["dest"], options["playbook"], files, time.gmtime())
        except OpsError as error:
            raise AnsibleActionFail(str(error)) from error
        result.update(directory=directory, html=os.path.join(directory, "report.html"))
        Display().display(f"Report: {result['html']}\n")
        return result

    @staticmethod
    def _earlier(folder: str) -> list[dict[str, t.Any]]:
        """Return the newest earlier reports of the same playbook; what cannot be read is passed over."""
        found = []
        with contextlib.suppress(OSError):
            for name in sorted(os.listdir(folder), reverse=True)[:_EARLIER]:
                with (
                    contextlib.suppress(OSError, ValueError),
                    open(os.path.join(folder, name, "report.json"), encoding="utf-8") as stream,
                ):
                    report = json.load(stream)
                    if isinstance(report, dict) and isinstance(report.get("hosts"), dict):
                        found.append(report)
        return found

    @staticmethod
    def _collect(variables: t.Mapping[str, t.Any], variable: str, key: str, now: str) -> dict[str, t.Any]:
        hosts = {}
        for name in variables["ansible_play_hosts_all"]:
            registered = variables["hostvars"][name].get(variable) or {}
            if key in registered:
                hosts[name] = registered[key]
            else:
                hosts[name] = unreachable(name, str(registered.get("msg") or "it gave no answer"), now)
        return hosts
