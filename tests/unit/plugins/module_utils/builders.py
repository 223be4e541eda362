# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small stacks for tests: the parts of Docker's answers that matter, everything else as Docker has it by default."""

from __future__ import annotations

import typing as t

from ansible_collections.rendiff.ops.plugins.module_utils._compose import (
    LABEL,
    Replica,
    build_services,
    parse_container,
)
from ansible_collections.rendiff.ops.plugins.module_utils._stack import Stack


def inspected(service: str, **changes: t.Any) -> dict[str, t.Any]:
    """Return what Docker says of a container of a service; ``changes`` are the parts that a test is about."""
    number = changes.get("number", 1)
    labels = {
        f"{LABEL}.project": "rendiff-prod",
        f"{LABEL}.service": service,
        f"{LABEL}.container-number": str(number),
        **changes.get("labels", {}),
    }
    return {
        "Id": f"{service}-{number}-id",
        "Name": changes.get("name", f"/rendiff-prod-{service}-{number}"),
        "Image": changes.get("image_id", "sha256:a"),
        "Path": "run",
        "Args": changes.get("args", []),
        "RestartCount": changes.get("restarts", 0),
        "Config": {
            "Hostname": f"{service}{number}",
            "Image": changes.get("image", f"{service}:1"),
            "Labels": labels,
            "Env": changes.get("env", []),
            "ExposedPorts": {f"{port}/tcp": {} for port in changes.get("exposed", [])},
        },
        "State": {"Status": "running", "ExitCode": 0, "OOMKilled": False, **changes.get("state", {})},
        "HostConfig": {"Memory": 0, **changes.get("host", {})},
        "NetworkSettings": {
            "Ports": changes.get("ports", {}),
            "Networks": {
                "backend": {"IPAddress": changes.get("address", f"10.0.0.{number}"), "Aliases": changes.get("aliases")}
            },
        },
        "Mounts": changes.get("mounts", [{"Type": "bind", "Source": "/data", "Destination": "/storage", "RW": True}]),
    }


def replica(service: str, **changes: t.Any) -> Replica:
    """Return a container of a service."""
    return parse_container(inspected(service, **changes))


def stack(*replicas: Replica, defined: t.Mapping[str, t.Any] | None = None, **parts: t.Any) -> Stack:
    """Return a stack of these containers."""
    return Stack(
        project="rendiff-prod",
        working_dir="/opt/rendiff",
        config_files=parts.get("config_files", ("/opt/rendiff/compose.prod.yml",)),
        environment_files=(),
        engine={"version": "28.2.2", "api_version": "1.50"},
        services=build_services(replicas, defined),
    )
