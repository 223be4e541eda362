# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the routers that Traefik has for the api, and where its dynamic files are. Pure.

Sources: Traefik 3, "Docker provider: routers and services", "File provider", "Routers: priority".
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
import typing as t

from ._compose import Replica, Service
from ._errors import OpsError

_PREFIX = "traefik.http."
_FILE_FLAG = re.compile(r"^--providers\.file\.(directory|filename)=(.+)$", re.IGNORECASE)
_FILE_ENV = {
    "TRAEFIK_PROVIDERS_FILE_DIRECTORY": "directory",
    "TRAEFIK_PROVIDERS_FILE_FILENAME": "filename",
}
# Where the file provider stands in a static configuration, in YAML.
_FILE_YAML = re.compile(r"^[ \t]+file:[ \t]*\n((?:[ \t]+[^\n]*\n|[ \t]*\n|[ \t]*#[^\n]*\n)*)", re.MULTILINE)
_SETTING = re.compile(r"^[ \t]+(directory|filename):[ \t]*[\"']?([^\"'#\n]+)", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Router:
    """One router of the api. Names of middlewares and of the service tell their provider, as in ``guard@file``."""

    name: str
    rule: str
    entry_points: tuple[str, ...]
    middlewares: tuple[str, ...]
    service: str
    tls: t.Mapping[str, t.Any] | None
    priority: int


def routers_in(containers: t.Iterable[tuple[str, str, t.Mapping[str, str]]]) -> list[Router]:
    """Return the routers that labels make. ``containers``: service, project and labels of each."""
    found: dict[str, Router] = {}
    for service, project, all_labels in containers:
        labels = {name.lower(): value for name, value in all_labels.items() if name.lower().startswith(_PREFIX)}
        names = {name.split(".")[3] for name in labels if name.startswith(f"{_PREFIX}routers.")}
        for name in sorted(names):
            router = _router(name, labels, service, project)
            if router is not None:
                found[name] = router
    return [found[name] for name in sorted(found)]


def routers_of(services: t.Sequence[Service], project: str) -> list[Router]:
    """Return the routers that the labels of the api's services make, in order of their names."""
    found = routers_in((each.name, project, replica.labels) for each in services for replica in each.replicas)
    if not found:
        cause = "no container of the api has a label with a router's rule"
        raise OpsError("find the routers of the api", cause, "Limit it where the proxy is configured")
    return found


def _router(name: str, labels: t.Mapping[str, str], service: str, project: str) -> Router | None:
    own = {key[len(f"{_PREFIX}routers.{name}.") :]: value for key, value in labels.items() if _is_of(key, name)}
    if not own.get("rule"):
        return None
    served = sorted({key.split(".")[3] for key in labels if key.startswith(f"{_PREFIX}services.")})
    default = served[0] if len(served) == 1 else re.sub(r"[^a-zA-Z0-9]+", "-", f"{service}-{project}")
    tls: dict[str, t.Any] | None = None
    if any(key == "tls" or key.startswith("tls.") for key in own) and own.get("tls", "true").lower() != "false":
        named = {"certResolver": own.get("tls.certresolver"), "options": own.get("tls.options")}
        tls = {key: value for key, value in named.items() if value}
    priority = own.get("priority", "")
    return Router(
        name,
        own["rule"],
        _split(own.get("entrypoints", "")),
        tuple(_at(each) for each in _split(own.get("middlewares", ""))),
        _at(own.get("service") or default),
        tls,
        int(priority) if priority.isdigit() and int(priority) > 0 else len(own["rule"]),
    )


def _is_of(key: str, name: str) -> bool:
    return key.startswith(f"{_PREFIX}routers.{name}.")


def _split(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _at(name: str) -> str:
    return name if "@" in name else f"{name}@docker"


def dynamic_folder(proxy: Replica, static: t.Iterable[str], given: str = "") -> str:
    """Return the folder on the host in which Traefik reads whatever file is put there.

    ``static``: contents of static configurations of the container. ``given``: the folder as the container sees it.
    A single file that is mounted by itself does not do: Traefik would not notice that it changed.
    """
    act = "limit requests at the proxy"
    kind, path = ("directory", given) if given else _provider(proxy, static)
    if not path:
        remedy = "Start it with --providers.file.directory=/etc/traefik/dynamic, that folder mounted from the host"
        raise OpsError(act, f"'{proxy.name}' reads no dynamic files", remedy)
    if kind == "filename":
        cause = f"'{proxy.name}' reads the one file '{path}', and does not notice when a mounted file changes"
        raise OpsError(act, cause, f"Mount its folder, and use --providers.file.directory={posixpath.dirname(path)}")
    mounts = sorted(proxy.mounts, key=lambda mount: -len(mount["destination"]))
    for mount in mounts:
        inside = posixpath.relpath(path, mount["destination"])
        if mount["type"] in ("bind", "volume") and not inside.startswith("..") and mount["source"]:
            return posixpath.normpath(posixpath.join(mount["source"], inside))
    raise OpsError(act, f"'{path}' of '{proxy.name}' is not mounted from the host", "Mount a folder of the host there")


def _provider(proxy: Replica, static: t.Iterable[str]) -> tuple[str, str]:
    for word in proxy.command:
        match = _FILE_FLAG.match(word)
        if match:
            return match.group(1).lower(), match.group(2)
    for name, kind in _FILE_ENV.items():
        if proxy.environment.get(name):
            return kind, proxy.environment[name]
    for text in static:
        block = _FILE_YAML.search(text if text.endswith("\n") else text + "\n")
        setting = _SETTING.search(block.group(1)) if block else None
        if setting:
            return setting.group(1), setting.group(2).strip()
    return "", ""


def static_path(proxy: Replica) -> str:
    """Return where the static configuration is that a proxy is started with, or the usual place."""
    for word in proxy.command:
        if word.lower().startswith("--configfile="):
            return word.partition("=")[2]
    return "/etc/traefik/traefik.yml"
