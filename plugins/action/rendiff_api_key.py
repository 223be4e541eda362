# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make keys on the controller, so that only their hashes travel, and let the module do the rest on the host."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.vault import VaultLib
from ansible.plugins.action import ActionBase

from ansible_collections.rendiff.ops.plugins.module_utils._api_key import PREFIX_LENGTH, hash_key, make_key
from ansible_collections.rendiff.ops.plugins.module_utils._state import whole_file

MODULE = "rendiff.ops.rendiff_api_key"
_DEST = "./rendiff-artifacts/api_keys"
# A key of the service has 43 characters; a file of this size is something else.
_KEY_MAX = 4096


class ActionModule(ActionBase):
    """Asks the module which keys are needed, makes them, and runs it again with their hashes."""

    _supports_check_mode = True

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return what the module returns, and the files in which new keys are."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        self._refuse_own(arguments)
        path = arguments.pop("key_path", None)
        if path:
            raw = self._read(str(path), "read the API key")
            arguments["key_hash"] = hash_key(raw)
            # The service logs these as well.
            arguments["raw_prefix"] = raw[:PREFIX_LENGTH]
        dest, encrypt = str(arguments.pop("dest", None) or _DEST), arguments.pop("encrypt", False)
        checked = self._task.check_mode
        planned = self._ask({**arguments, "encrypt": encrypt}, task_vars, check=True)
        if checked or planned.get("failed"):
            result.update(planned, files={})
            return result
        files = {identity: os.path.join(dest, f"{identity}.key") for identity in planned["needed"]}
        raws = {identity: self._keep(path, planned, bool(encrypt)) for identity, path in files.items()}
        arguments["new_keys"] = {
            identity: {"hash": hash_key(raw), "prefix": raw[:PREFIX_LENGTH]} for identity, raw in raws.items()
        }
        if arguments.get("own_raw_jobs"):
            arguments["new_raw_keys"] = raws
        if path and arguments.get("prove_s"):
            # It is refused by the time that it is sent.
            arguments["raw_key"] = raw
        result.update(self._ask(arguments, task_vars, check=False), files=files)
        return result

    def _refuse_own(self, arguments: t.Mapping[str, t.Any]) -> None:
        for name in ("new_keys", "new_raw_keys", "raw_key", "raw_prefix"):
            if arguments.get(name):
                raise AnsibleActionFail(f"Cannot change an API key: {name} is made here. Leave it out.")

    def _ask(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any] | None, *, check: bool) -> dict[str, t.Any]:
        before = self._task.check_mode
        self._task.check_mode = check
        try:
            return dict(self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars))
        finally:
            self._task.check_mode = before

    def _read(self, path: str, act: str) -> str:
        """Return the key that a file on the controller holds, also one that Vault has encrypted."""
        try:
            if os.path.getsize(path) > _KEY_MAX:
                raise AnsibleActionFail(f"Cannot {act}: '{path}' is too large for a key. Pass another file.")
            raw = str(self._loader.get_text_file_contents(os.path.abspath(path))).strip()
        except OSError as error:
            raise AnsibleActionFail(f"Cannot {act}: '{path}': {error.strerror}.") from error
        except AnsibleError as error:
            raise AnsibleActionFail(f"Cannot {act}: '{path}' cannot be read or decrypted.") from error
        if not raw or not raw.isprintable() or " " in raw:
            raise AnsibleActionFail(f"Cannot {act}: '{path}' holds no key. It must hold the key and nothing else.")
        return raw

    def _keep(self, path: str, planned: t.Mapping[str, t.Any], encrypt: bool) -> str:
        """Return the new key that a file holds; one that a killed run has written already is used, not replaced."""
        act = "keep the new API key"
        if os.path.lexists(path):
            if not stat.S_ISREG(os.lstat(path).st_mode):
                raise AnsibleActionFail(f"Cannot {act}: '{path}' is no plain file. Pass another dest.")
            return self._read(path, act)
        raw = make_key()
        content = f"{raw}\n".encode()
        try:
            if encrypt:
                content = VaultLib(self._loader._vault.secrets).encrypt(raw)
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            with whole_file(path, durable=True) as stream:
                stream.write(content)
        except OSError as error:
            raise AnsibleActionFail(f"Cannot {act}: '{path}': {error.strerror}. Pass another dest.") from error
        except AnsibleError as error:
            raise AnsibleActionFail(f"Cannot {act}: there is no vault secret. Pass --vault-id.") from error
        return raw
