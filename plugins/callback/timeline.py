# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes what a run does during an incident, for the report at its end."""

from __future__ import annotations

DOCUMENTATION = r"""
name: timeline
type: notification
short_description: Write the timeline of an incident
version_added: 0.1.0
description:
  - Writes the outcome of each task as a JSON line to C(incidents/ID/timeline.jsonl) below the folder of the artifacts,
    while the variable C(incident_id) names an incident. Without it nothing is written.
  - An event has time, playbook, host, task, action, status, seconds, and before and after where the module gave them.
    Secrets are masked by their names and their looks; results of C(no_log) tasks are censored by Ansible itself.
  - The playbooks of this collection load it by themselves. Others enable it as C(rendiff.ops.timeline).
author:
  - Rendiff contributors (@rendiff)
requirements:
  - the extra variable C(incident_id)
"""

import os
import time
import typing as t

from ansible.plugins.callback import CallbackBase

from ansible_collections.rendiff.ops.plugins.module_utils._timeline import Timeline, describe_result, timeline_path

# Enabled by name and loaded beside a playbook, it is there twice: only the first one writes.
_writer: list[t.Any] = []


class CallbackModule(CallbackBase):
    """Notes the outcome of each task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "rendiff.ops.timeline"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: t.Any, **options: t.Any) -> None:
        super().__init__(*arguments, **options)
        self._playbook = ""
        self._timeline: Timeline | None = None
        self._begun: dict[str, float] = {}
        if not _writer:
            _writer.append(self)

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        """Remember what runs."""
        self._playbook = os.path.splitext(os.path.basename(str(playbook._file_name)))[0]

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        """Find the file of the incident, once there is one."""
        if self._timeline is not None or _writer[0] is not self:
            return
        variables = play.get_variable_manager().extra_vars
        incident = str(variables.get("incident_id") or "")
        if not incident:
            return
        path = timeline_path(str(variables.get("rendiff_artifacts_dir") or "./rendiff-artifacts"), incident)
        if path is None:
            self._display.warning(f"No timeline is written: incident_id '{incident[:64]}' is no plain name.")
            return
        self._timeline = Timeline(path)
        self._add({"event": "start", "playbook": self._playbook})

    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        """Begin to measure a task on a host."""
        self._begun[f"{host.get_name()} {task._uuid}"] = time.monotonic()

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Note a task that ended well."""
        self._note(result, "changed" if result._result.get("changed") else "ok")

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Note a task that failed."""
        self._note(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Note a host that was not reached."""
        self._note(result, "unreachable")

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Note how the run ended on each host."""
        for host in sorted(stats.processed):
            self._add({"event": "end", "playbook": self._playbook, "host": host, **stats.summarize(host)})

    def _note(self, result: t.Any, status: str) -> None:
        task, host = result._task, result._host.get_name()
        begun = self._begun.pop(f"{host} {task._uuid}", None)
        self._add(
            {
                "event": "task",
                "playbook": self._playbook,
                "host": host,
                "task": task.get_name(),
                "action": task.action,
                "check_mode": bool(task.check_mode),
                "seconds": round(time.monotonic() - begun, 3) if begun is not None else None,
                **describe_result(result._result, status),
            }
        )

    def _add(self, event: dict[str, t.Any]) -> None:
        if self._timeline is None:
            return
        try:
            self._timeline.add(event)
        except OSError as error:
            self._display.warning(f"No timeline is written to '{self._timeline.path}': {error.strerror}.")
            self._timeline = None
