# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things of a sandbox are and what they are called: all derived from the checkout and the sandbox's name."""

from __future__ import annotations

import hashlib
import json
import re
import socket
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from shell import SandboxError

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
STATE_ROOT = CHECKOUT / ".sandbox"
CHECKOUT_ID = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]
IMAGE_PREFIX = f"rendiff-sandbox-{CHECKOUT_ID}"
HOST = "rendiff.localhost"
PORT_NAMES = ("http", "https", "prometheus", "s3")


@dataclass(frozen=True)
class Settings:
    """What was chosen when the sandbox was made; kept so that later commands agree with it."""

    schema: str
    celery: str
    port_base: int
    sized_storage: bool


@dataclass(frozen=True)
class Sandbox:
    """One named sandbox of this checkout."""

    name: str

    @property
    def project(self) -> str:
        return f"rendiff-{self.name}-{CHECKOUT_ID}"

    @property
    def state_dir(self) -> Path:
        return STATE_ROOT / self.name

    @property
    def settings_file(self) -> Path:
        return self.state_dir / "settings.json"

    @property
    def env_file(self) -> Path:
        return self.state_dir / "stack.env"

    @property
    def secrets_file(self) -> Path:
        return self.state_dir / "secrets.env"

    @property
    def api_key_file(self) -> Path:
        return self.state_dir / "api_key"

    @property
    def tls_dir(self) -> Path:
        return self.state_dir / "tls"

    @property
    def dynamic_dir(self) -> Path:
        return self.state_dir / "traefik"

    @property
    def storage_image(self) -> Path:
        return self.state_dir / "storage.img"

    @property
    def storage_dir(self) -> Path:
        return self.state_dir / "storage"

    def settings(self) -> Settings | None:
        """Read the settings; None when this sandbox does not exist."""
        try:
            raw = json.loads(self.settings_file.read_text())
            return Settings(**{field.name: raw[field.name] for field in fields(Settings)})
        except FileNotFoundError:
            return None
        except (ValueError, KeyError) as error:
            raise SandboxError(f"{self.settings_file} is damaged; run down for this sandbox first") from error

    def need_settings(self) -> Settings:
        """Read the settings of a sandbox that must exist."""
        settings = self.settings()
        if settings is None:
            raise SandboxError(f"There is no sandbox '{self.name}' in this checkout; run up first")
        return settings

    def write_settings(self, settings: Settings) -> None:
        fresh = self.settings_file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(settings)) + "\n")
        fresh.replace(self.settings_file)

    def describe(self) -> dict[str, object]:
        """Return what other tools need to find and reach this sandbox."""
        settings = self.need_settings()
        return {
            "project": self.project,
            "state_dir": str(self.state_dir),
            **{f"{name}_port": port for name, port in ports(settings.port_base).items()},
            "host": HOST,
            "ca_file": str(self.tls_dir / "ca.crt"),
            "secrets_file": str(self.secrets_file),
            "api_key_file": str(self.api_key_file),
            "storage_dir": str(self.storage_dir) if settings.sized_storage else None,
            "schema": settings.schema,
            "celery": settings.celery,
        }


def sandbox(name: str) -> Sandbox:
    """Make a sandbox's handle from its name."""
    if not re.fullmatch(r"[a-z][a-z0-9]{0,15}", name):
        raise SandboxError(f"'{name}' cannot name a sandbox: use a letter, then up to 15 small letters and digits")
    return Sandbox(name)


def existing() -> list[Sandbox]:
    """List the sandboxes that have state in this checkout."""
    if not STATE_ROOT.is_dir():
        return []
    return [Sandbox(path.name) for path in sorted(STATE_ROOT.iterdir()) if path.is_dir()]


def ports(base: int) -> dict[str, int]:
    """Name the ports that start at base."""
    return {name: base + offset for offset, name in enumerate(PORT_NAMES)}


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port_base(name: str) -> int:
    """Derive the ports from checkout and name; move on while one of them is taken."""
    start = int(hashlib.sha256(f"{CHECKOUT}\0{name}".encode()).hexdigest()[:8], 16) % 1000
    for step in range(1000):
        base = 20000 + (start + step) % 1000 * 10
        if all(_free(port) for port in ports(base).values()):
            return base
    raise SandboxError("No free ports between 20000 and 29999 on 127.0.0.1")
