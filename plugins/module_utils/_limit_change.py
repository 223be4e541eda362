# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: lay a limit over the proxy's routers, see that it holds, and take it away again."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ._argspec import ArgumentSpec
from ._compose import LABEL
from ._docker import DockerClient, RunCommand
from ._errors import OpsError
from ._limit_plan import FILE, LIMIT_ARGUMENTS, Limit, document_of, limit_of, plan_limit, require_room, text_of
from ._limit_proof import FORBIDDEN, LIMITED, Wish, prove_absence, prove_limit, unite_proofs
from ._plan import Plan
from ._proxy_routers import Router, dynamic_folder, routers_in, routers_of, static_path
from ._routes import HTTP_ARGUMENTS, public_target
from ._stack import STACK_ARGUMENTS, Stack, discover
from ._state import whole_file

RATE_LIMIT_ARGUMENTS = ArgumentSpec(
    {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "dynamic_dir": {"type": "str", "default": ""},
        "prove_s": {"type": "int", "default": 30},
        "prove_path": {"type": "str", "default": "/api/v1/health"},
    }
).merge(LIMIT_ARGUMENTS, STACK_ARGUMENTS, HTTP_ARGUMENTS)
_ACT = "limit requests at the proxy"
_FILE_MAX = 1_000_000
# As many at once as nobody's usual limit lets through would be too many to ask; a limit shows itself earlier.
_ABSENCE_REQUESTS = 300
_KEYLESS_PATH = "/api/v1/jobs"


class LimitChange:
    """One change of the limit. ``options`` are those of ``RATE_LIMIT_ARGUMENTS``."""

    def __init__(self, stack: Stack, client: DockerClient, options: t.Mapping[str, t.Any]) -> None:
        self._stack = stack
        self._options = options
        wanted = options["state"] == "present"
        every = [replica for service in stack.by_role("proxy") for replica in service.replicas]
        # A limit is taken away also while the proxy is down.
        proxies = stack.running("proxy") if wanted else every
        if not proxies:
            raise OpsError(_ACT, "no proxy runs", "Limit it where requests enter")
        static = [client.read_file(proxy.id, static_path(proxy)) for proxy in proxies[:1]]
        texts = [content.decode("utf-8", "replace") for content in static if content]
        self._folder = dynamic_folder(proxies[0], texts, options["dynamic_dir"])
        self._limit: Limit | None = limit_of(options) if wanted else None
        self._routers = routers_of(stack.by_role("api"), stack.project) if wanted else []
        own = {router.name for router in self._routers}
        require_room(self._routers, [router for router in _all_routers(client) if router.name not in own])
        prove = options["prove_s"] > 0 and bool(stack.running("proxy"))
        self._target = public_target(stack, options) if prove else None

    @property
    def path(self) -> str:
        """Return where the file is on the host."""
        return os.path.join(self._folder, FILE)

    def run(self, check_mode: bool) -> dict[str, t.Any]:
        """Carry it out, or only plan it; return the module's result."""
        wanted = text_of(document_of(self._limit, self._routers)) if self._limit else None
        current = self._read()
        plan = plan_limit(current, wanted)
        if plan.changed and not check_mode:
            self._write(wanted)
        proof = None if check_mode or self._target is None else self._prove(plan.changed)
        reverted = plan.changed and self._limit is not None and proof is not None and proof["proven"] is False
        if reverted:
            # What was before may have been a limit that holds.
            self._write(current)
        return self._result(plan, proof, reverted)

    def _read(self) -> str | None:
        if not os.path.isdir(self._folder):
            raise OpsError(_ACT, f"there is no folder '{self._folder}' on this host", "Pass dynamic_dir")
        try:
            with open(self.path, encoding="utf-8", errors="replace") as stream:
                return stream.read(_FILE_MAX)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OpsError(f"read '{self.path}'", str(error.strerror)) from error

    def _write(self, text: str | None) -> None:
        try:
            if text is None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path)
                return
            with whole_file(self.path, durable=True) as stream:
                stream.write(text.encode())
                # The proxy may run as another user, and there is no secret in it.
                os.fchmod(stream.fileno(), 0o644)
        except OSError as error:
            raise OpsError(f"write '{self.path}'", str(error.strerror)) from error

    def _wishes(self, limit: Limit) -> list[Wish]:
        found = [Wish(_KEYLESS_PATH, FORBIDDEN, 1)] if limit.key_only else []
        if limit.average:
            found.append(_storm(self._options["prove_path"], limit.average, limit.burst))
        return found + [_storm(prefix, average, burst) for prefix, average, burst in limit.strict]

    def _prove(self, changed: bool) -> dict[str, t.Any] | None:
        if self._target is None:
            return None
        within_s = float(self._options["prove_s"])
        if self._limit is None:
            path = self._options["prove_path"]
            return prove_absence(self._target, path, _ABSENCE_REQUESTS, within_s) if changed else None
        return unite_proofs([prove_limit(self._target, wish, within_s) for wish in self._wishes(self._limit)])

    def _result(self, plan: Plan, proof: dict[str, t.Any] | None, reverted: bool) -> dict[str, t.Any]:
        return {
            "changed": plan.changed and not reverted,
            "plan_id": plan.plan_id,
            "plan": [f"{action.target}: {action.transition}" for action in plan.actions],
            "diff": plan.diff(),
            "project": self._stack.project,
            "limit": {
                "path": self.path,
                "routers": [router.name for router in self._routers],
                "average": self._limit.average if self._limit else 0,
                "burst": self._limit.burst if self._limit else 0,
                "proof": proof,
                "reverted": reverted,
            },
        }


def _storm(path: str, average: int, burst: int) -> Wish:
    return Wish(path, LIMITED, burst + 3 * average + 50, average, burst)


def _all_routers(client: DockerClient) -> list[Router]:
    """Return the routers of every container on the host, as the proxy may serve other projects too."""
    found = client.containers("traefik.enable")
    labelled = [each.get("Labels") or {} for each in found]
    named = [(labels.get(f"{LABEL}.service", ""), labels.get(f"{LABEL}.project", ""), labels) for labels in labelled]
    return routers_in(named)


def change_limit(options: t.Mapping[str, t.Any], run_command: RunCommand, check_mode: bool) -> dict[str, t.Any]:
    """Find the proxy and change its limit."""
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    stack = discover(client, run_command, options["project"], options["service_roles"])
    return LimitChange(stack, client, options).run(check_mode)
