# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""API keys in the integration tests: the modules on one sandbox, and what its api says of a key."""

from __future__ import annotations

import contextlib
import json
import typing as t
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from conftest import Module, Sandbox
from core_common import either

from ansible_collections.rendiff.ops.plugins.module_utils._api_key import hash_key
from ansible_collections.rendiff.ops.plugins.module_utils._key_info import KEY_INFO_ARGUMENTS, look

CORPUS = ["'; DROP TABLE api_keys; --", "{{ 7 * 7 }}", "$(touch /tmp/rdops-owned)", '"quoted"', "%s %(name)s"]


class Keys:
    """The modules on one sandbox, and what its api says of a key."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        common = {"project": sandbox.project, "state_dir": str(folder / "state")}
        self.change = Module("rendiff_api_key", **common, dest=str(folder / "keys"))
        self.info = either(sandbox, "rendiff_api_key_info", _looked_at, KEY_INFO_ARGUMENTS, changes=False, **common)
        # The upstream schema keeps the key itself in the rows of its jobs.
        self.raw_in_jobs = sandbox.name == "main"

    def make(self, owner: str, name: str = "") -> tuple[str, str]:
        """Make a key; return its id and the key."""
        made = self.change(state="present", name=name or f"test-{uuid.uuid4()}", owner=owner).result
        ((identity, path),) = made["files"].items()
        return identity, Path(path).read_text(encoding="utf-8").strip()

    def answers(self, raw: str) -> int:
        """Return the status with which the api answers a request with this key, through the proxy."""
        return self._ask("/api/v1/jobs", raw)

    def submits(self, raw: str) -> int:
        """Return the status with which the api answers a job of this key, through the proxy."""
        document = {"input": "/storage/input/sample.mp4", "operations": [{"type": "transcode"}]}
        return self._ask("/api/v1/convert", raw, json.dumps(document).encode())

    def _ask(self, path: str, raw: str, body: bytes | None = None) -> int:
        url = f"http://127.0.0.1:{self.sandbox.facts['http_port']}{path}"
        headers = {"Host": self.sandbox.facts["host"], "X-API-Key": raw, "Content-Type": "application/json"}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(urllib.request.Request(url, data=body, headers=headers), timeout=15) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    @contextlib.contextmanager
    def jobs_of(self, raw: str, count: int) -> t.Iterator[list[str]]:
        """Let a key have jobs, as the api of this site keeps them, while the block runs."""
        jobs = [str(uuid.uuid4()) for _index in range(count)]
        for job in jobs:
            self.sandbox.query(
                "INSERT INTO jobs (id, status, priority, input_path, output_path, created_at, api_key)"
                " VALUES (%s, 'completed', 'normal', 'a', 'b', now(), %s)",
                job,
                raw if self.raw_in_jobs else hash_key(raw),
            )
        try:
            yield jobs
        finally:
            self.sandbox.query("DELETE FROM jobs WHERE id::text = ANY (%s)", jobs)

    def revocations(self) -> list[dict[str, t.Any]]:
        """Return what stands in the ledger."""
        path = self.folder / "state" / "revocations.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _looked_at(options: t.Mapping[str, t.Any], run_as_module: t.Any) -> dict[str, t.Any]:
    return {"changed": False, **look(options, run_as_module)}


def keys_on(name: str, folder: Path) -> t.Iterator[Keys]:
    """Give the modules on a sandbox; the keys of a test go with it."""
    keys = Keys(Sandbox(name), folder)
    yield keys
    keys.sandbox.query("DELETE FROM api_keys WHERE user_id LIKE %s", "test-user-%")


def user() -> str:
    """Return a name of a user that is a test's own."""
    return f"test-user-{uuid.uuid4()}"
