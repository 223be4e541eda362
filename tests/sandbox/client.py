# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small client of the sandbox's api, through the proxy."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any

from names import HOST, Sandbox, ports
from shell import SandboxError, say

SAMPLE = "/storage/input/sample.mp4"
ENDED = ("completed", "failed", "cancelled")


class Client:
    """Speaks to one sandbox over its published port, naming the host that the proxy routes by."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.host = HOST
        self.base_url = f"http://127.0.0.1:{ports(sandbox.need_settings().port_base)['http']}"
        # A proxy of the environment has no business between this client and the sandbox.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def request(self, method: str, path: str, body: object = None, *, with_key: bool = True) -> Any:
        """Send one request and return the JSON of its answer."""
        headers = {"Host": self.host, "Content-Type": "application/json"}
        if with_key:
            headers["X-API-Key"] = self.sandbox.api_key_file.read_text().strip()
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base_url + path, data=data, headers=headers, method=method)
        try:
            with self.opener.open(request, timeout=15) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")[:300]
            raise SandboxError(f"{method} {path} answered {error.code}: {text}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SandboxError(f"{method} {path} got no good answer: {error}") from error

    def healthy(self) -> bool:
        """Tell whether the api answers through the proxy and its own checks are good."""
        try:
            return bool(self.request("GET", "/api/v1/health/detailed", with_key=False)["status"] == "healthy")
        except SandboxError:
            return False

    def submit(self, count: int, priority: str, options: dict[str, object]) -> list[str]:
        """Submit conversions of the sample and return the job ids."""
        body = {"input": SAMPLE, "operations": [{"type": "transcode"}], "priority": priority, "options": options}
        return [self.request("POST", "/api/v1/convert", body)["job"]["id"] for _index in range(count)]

    def wait(self, ids: list[str], wanted: str, timeout: float) -> None:
        """Wait until every job has ended as wanted."""
        deadline = time.monotonic() + timeout
        waiting = list(ids)
        while waiting:
            job = self.request("GET", f"/api/v1/jobs/{waiting[0]}")
            if job["status"] == wanted:
                waiting.pop(0)
                say(f"job {job['id']}: {wanted}")
            elif job["status"] in ENDED:
                raise SandboxError(f"Job {job['id']} ended as {job['status']}: {job['error']}")
            elif time.monotonic() > deadline:
                raise SandboxError(f"{len(waiting)} of {len(ids)} jobs had not ended within {timeout:.0f} s")
            else:
                time.sleep(0.3)
