# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: run a module, and where it is wished show how far it is while it works."""

from __future__ import annotations

import os
import secrets
import shlex
import time
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.rendiff.ops.plugins.module_utils._progress import progress_line
from ansible_collections.rendiff.ops.plugins.module_utils._state import STATE_DIR

# A change that takes longer is ended on the host; what it did stays done.
_LIMIT_S = 86_400
_POLL_S = 1.0
# When nothing moves for so long, the module is asked for: one that was killed leaves its file behind.
_STILL_S = 10.0


class ProgressAction(ActionBase):
    """Starts the module in the background of the host, and reads the file in which it tells how far it is.

    ``MODULE`` is the whole name of the module.
    """

    MODULE = ""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return what the module returns."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        interval_s = self._interval()
        background = bool(self._task.async_val) and not self._connection.has_native_async
        if not interval_s or self._task.check_mode or self._task.async_val:
            result.update(self._execute_module(module_name=self.MODULE, task_vars=task_vars, wrap_async=background))
            return result
        folder = str(self._task.args.get("state_dir") or STATE_DIR)
        path = str(self._task.args.get("progress_path") or os.path.join(folder, "progress", secrets.token_hex(8)))
        started = self._start(path, task_vars)
        result.update(self._wait(started, path, interval_s, task_vars) if "ansible_job_id" in started else started)
        return result

    def _interval(self) -> float:
        given = self._task.args.get("progress_interval_s") or 0
        try:
            return max(0.0, float(given))
        except (TypeError, ValueError) as error:
            raise AnsibleActionFail(
                f"Cannot show the progress: progress_interval_s is '{given}'. Pass seconds."
            ) from error

    def _start(self, path: str, task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        arguments = {**self._task.args, "progress_path": path}
        self._task.async_val = _LIMIT_S
        try:
            return dict(
                self._execute_module(
                    module_name=self.MODULE, module_args=arguments, task_vars=task_vars, wrap_async=True
                )
            )
        finally:
            self._task.async_val = 0

    def _wait(
        self, started: dict[str, t.Any], path: str, interval_s: float, task_vars: dict[str, t.Any] | None
    ) -> dict[str, t.Any]:
        host = (task_vars or {}).get("inventory_hostname", "")
        begin = shown = moved = time.monotonic()
        last = ""
        while time.monotonic() - begin < _LIMIT_S:
            time.sleep(_POLL_S)
            read = self._low_level_execute_command(f"cat {shlex.quote(path)}")
            line = progress_line(read["stdout"]) if read["rc"] == 0 else ""
            if line and time.monotonic() - shown >= interval_s:
                shown = time.monotonic()
                Display().display(f"{host}: {line}")
            if line != last:
                last, moved = line, time.monotonic()
            if not line or time.monotonic() - moved >= _STILL_S:
                moved = time.monotonic()
                status = self._ask(started["ansible_job_id"], "status", task_vars)
                if status.get("finished") or status.get("failed"):
                    self._low_level_execute_command(f"rm -f {shlex.quote(path)}")
                    self._ask(started["ansible_job_id"], "cleanup", task_vars)
                    hidden = ("ansible_job_id", "results_file", "started", "finished")
                    return {name: value for name, value in status.items() if name not in hidden}
        raise AnsibleActionFail(f"Cannot wait for {self.MODULE}: it is at work for {_LIMIT_S} s. Run this again.")

    def _ask(self, job: str, mode: str, task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        folder = self._remote_expand_user(self.get_shell_option("async_dir", default="~/.ansible_async"))
        arguments = {"jid": job, "mode": mode, "_async_dir": folder}
        return dict(
            self._execute_module(module_name="ansible.legacy.async_status", module_args=arguments, task_vars=task_vars)
        )
