# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one sandbox up, take it down: state on disk, storage, images, the Compose project."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from pathlib import Path

import base_image
import client
import engine
import images
import storage
import tls
from names import CHECKOUT_ID, HERE, STATE_ROOT, Sandbox, Settings, choose_port_base, existing, ports
from shell import SandboxError, run, say, wait_until

SECRETS = ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY")
COMPOSE_FILE = HERE / "compose.yml"
# The engine's own builder without the buildx plugin, and no hint about that on every call.
BUILD_ENV = {"DOCKER_BUILDKIT": "1", "COMPOSE_BAKE": "false"}
DYNAMIC = """\
---
http:
  middlewares:
    api-guard:
      headers:
        customResponseHeaders:
          X-Content-Type-Options: nosniff
"""
DYNAMIC_TLS = """\
---
tls:
  certificates:
    - certFile: /etc/traefik/tls/leaf.crt
      keyFile: /etc/traefik/tls/leaf.key
"""


class Stack:
    """One sandbox's Compose project."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def compose(self, *arguments: str, timeout: float, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run Compose with everything named, so that the labels of what it makes are complete."""
        base = ["docker", "compose", "-p", self.sandbox.project, "-f", str(COMPOSE_FILE)]
        files = ["--env-file", str(self.sandbox.env_file), "--env-file", str(self.sandbox.secrets_file)]
        return run([*base, *files, *arguments], timeout=timeout, stdin=stdin, env=self._environment())

    def _environment(self) -> dict[str, str]:
        """Return our environment without what would override the env files or the command line."""
        lines = [*self.sandbox.env_file.read_text().splitlines(), *self.sandbox.secrets_file.read_text().splitlines()]
        ours = {line.partition("=")[0] for line in lines}
        kept = {name: value for name, value in os.environ.items() if name not in ours and name[:8] != "COMPOSE_"}
        return {**kept, **BUILD_ENV}

    def _ids(self, kind: str, *more: str) -> list[str]:
        """List what carries the project's label: it is found even when the state on disk is gone."""
        label = f"label=com.docker.compose.project={self.sandbox.project}"
        verb = ["ps", "--all"] if kind == "container" else [kind, "ls"]
        return run(["docker", *verb, "--quiet", "--filter", label, *more], timeout=60).stdout.split()

    def _write_secrets(self) -> None:
        path = self.sandbox.secrets_file
        have = dict(line.split("=", 1) for line in path.read_text().splitlines()) if path.exists() else {}
        text = "".join(f"{name}={have.get(name) or secrets.token_hex(16)}\n" for name in SECRETS)
        write_private(path, text)
        if not self.sandbox.api_key_file.exists():
            write_private(self.sandbox.api_key_file, secrets.token_urlsafe(32) + "\n")

    def _write_env(self, settings: Settings, base: str, image_names: dict[str, str]) -> None:
        variables = {
            "RENDIFF_SCHEMA": settings.schema,
            "CELERY": settings.celery,
            "BASE_IMAGE": base,
            **image_names,
            **{f"{name.upper()}_PORT": str(port) for name, port in ports(settings.port_base).items()},
            "STORAGE_SOURCE": str(self.sandbox.storage_dir) if settings.sized_storage else "storage",
            "TRAEFIK_DYNAMIC_DIR": str(self.sandbox.dynamic_dir),
            "TLS_DIR": str(self.sandbox.tls_dir),
        }
        self.sandbox.env_file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))

    def _write_dynamic(self) -> None:
        """Write the proxy's dynamic files unless they are there: a procedure may have changed them on purpose."""
        self.sandbox.dynamic_dir.mkdir(exist_ok=True)
        for name, text in (("api-guard.yml", DYNAMIC), ("tls.yml", DYNAMIC_TLS)):
            path = self.sandbox.dynamic_dir / name
            if not path.exists():
                path.write_text(text)

    def _settle(self, schema: str | None, celery: str | None) -> Settings:
        """Take the settings of the existing sandbox, which must agree with what is asked, or choose them."""
        known = self.sandbox.settings()
        if known is None:
            base = choose_port_base(self.sandbox.name)
            return Settings(schema or "upstream", celery or "newest", base, storage.possible())
        for what, asked, have in (("schema", schema, known.schema), ("Celery", celery, known.celery)):
            if asked not in (None, have):
                raise SandboxError(
                    f"Sandbox '{self.sandbox.name}' exists with {what} '{have}', not '{asked}'; run down for it first"
                )
        # Nothing of ours runs: somebody else may have taken the ports since.
        if not self._ids("container", "--filter", "status=running"):
            base = choose_port_base(self.sandbox.name)
            return Settings(known.schema, known.celery, base, known.sized_storage)
        return known

    def up(self, schema: str | None, celery: str | None) -> None:
        """Make and start everything that is missing; return when a request through the proxy gets a good answer."""
        engine.need_engine()
        self.sandbox.state_dir.mkdir(mode=0o700, exist_ok=True)
        settings = self._settle(schema, celery)
        self.sandbox.write_settings(settings)
        self._write_secrets()
        self._write_dynamic()
        tls.ensure(self.sandbox)
        if settings.sized_storage:
            storage.ensure(self.sandbox)
        base = base_image.ensure()
        image_names = images.names(base, settings.celery)
        self._write_env(settings, base, image_names)
        images.build_missing(image_names, self.compose)
        # What a killed engine leaves half made or half removed can be neither started nor waited for.
        broken = self._ids("container", *(f"--filter=status={status}" for status in ("created", "dead", "removing")))
        if broken:
            say(f"removing {len(broken)} half-made containers")
            run(["docker", "rm", "--force", *broken], timeout=60)
        say(f"starting {self.sandbox.project}")
        self.compose("up", "--detach", "--no-build", "--remove-orphans", "--wait", "--wait-timeout", "180", timeout=240)
        self._seed()
        web = client.Client(self.sandbox)
        wait_until("a good answer through the proxy", web.healthy, timeout=60)
        say(f"sandbox '{self.sandbox.name}' is up: {web.base_url} (Host: {web.host})")

    def _seed(self) -> None:
        """Add the first API key and the sample input, unless they are there."""
        key = self.sandbox.api_key_file.read_text()
        self.compose(
            "exec", "-T", "api", "python", "-m", "service.add_key", "sandbox", "sandbox", timeout=60, stdin=key
        )
        self.compose("exec", "-T", "worker-cpu", "python", "-m", "worker.sample", timeout=90)

    def down(self) -> None:
        """Remove containers, networks, volumes, storage and state, whatever of these exists."""
        if engine.answers():
            say(f"removing {self.sandbox.project}")
            containers = self._ids("container")
            if containers:
                # Volumes of the containers' own go with them; a job in flight is not waited for.
                run(["docker", "stop", "--time", "3", *containers], timeout=120, check=False)
                run(["docker", "rm", "--force", "--volumes", *containers], timeout=120)
            for kind in ("network", "volume"):
                found = self._ids(kind)
                if found:
                    run(["docker", kind, "rm", *found], timeout=60)
        elif self.sandbox.settings() is not None:
            raise SandboxError(
                "Docker Engine does not answer, so the containers cannot be removed; run engine-up first"
            )
        storage.remove(self.sandbox)
        if self.sandbox.state_dir.exists():
            shutil.rmtree(self.sandbox.state_dir)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, never readable by others in between."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
    fresh.replace(path)


def _running_names() -> set[str]:
    """Name this checkout's sandboxes that the engine knows: their state on disk may have been deleted by hand."""
    label = '{{.Label "com.docker.compose.project"}}'
    listed = [
        run(["docker", *verb, "--format", label], timeout=60).stdout for verb in (["ps", "--all"], ["volume", "ls"])
    ]
    found = (re.fullmatch(rf"rendiff-([a-z0-9]+)-{CHECKOUT_ID}", line) for line in "\n".join(listed).splitlines())
    return {match[1] for match in found if match}


def down_all() -> None:
    """Take down every sandbox of this checkout."""
    names = {sandbox.name for sandbox in existing()} | (_running_names() if engine.answers() else set())
    for name in sorted(names):
        Stack(Sandbox(name)).down()


def clean() -> None:
    """Take down every sandbox and remove the images of this checkout."""
    down_all()
    if engine.answers():
        images.remove_all()
    if STATE_ROOT.is_dir():
        say("sandboxes and images of this checkout are gone")
