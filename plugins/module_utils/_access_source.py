# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: where the access log of a Compose project really is, and its bytes."""

from __future__ import annotations

import dataclasses
import functools
import os
import posixpath
import typing as t

from ._access_config import AccessLog, config_file_of, find_access_log, is_traefik
from ._access_file import Segment, open_segments
from ._compose import Replica, Service
from ._docker import DockerClient
from ._docker_stream import stream_file, stream_logs
from ._errors import OpsError
from ._stack import Stack

Stream = t.Callable[[], t.Iterator[bytes]]

FILE, VOLUME, CONTAINER_FILE, CONTAINER_LOG = "file", "volume", "container_file", "container_log"
_ACT = "find the access log"
_TURN_ON = (
    "Add '--accesslog=true', '--accesslog.format=json' and '--accesslog.filepath=/var/log/traefik/access.log' to the "
    "command of service '{service}', with a volume at /var/log/traefik, and recreate it; or name a file as path"
)


@dataclasses.dataclass(frozen=True)
class Source:
    """A log to read: ``segments`` of files on this host, or else ``streams``, each of which yields bytes."""

    kind: str
    places: tuple[str, ...]
    service: str = ""
    said_by: str = ""
    segments: tuple[Segment, ...] = ()
    streams: tuple[Stream, ...] = ()

    def describe(self) -> dict[str, t.Any]:
        """Return what a person must know of where this came from."""
        return {
            "kind": self.kind,
            "places": list(self.places),
            "service": self.service or None,
            "said_by": self.said_by or None,
        }


def from_paths(paths: t.Sequence[str]) -> Source:
    """Return files on this host as a source."""
    return Source(FILE, tuple(paths), segments=tuple(open_segments(paths)))


def locate(
    client: DockerClient, stack: Stack, role: str, since: float | None, until: float, host_files: bool = True
) -> Source:
    """Return where the proxy's access log is, or that of the api where ``role`` says so.

    ``since`` and ``until`` bound what is read of a container's log. ``host_files``: whether paths of the engine's host
    are paths of this one.
    """
    service, replicas = _choose(stack, role)
    if role == "proxy" and is_traefik(replicas[0].command, replicas[0].image):
        log = _traefik_log(client, replicas[0])
        if not log.enabled:
            raise OpsError(
                _ACT,
                f"the access log of service '{service.name}' is off, says {log.said_by}",
                _TURN_ON.format(service=service.name),
            )
        if log.path:
            return _from_file(client, service, replicas, log, host_files)
        said_by = log.said_by
    else:
        said_by = ""
    streams = tuple(functools.partial(stream_logs, client, replica.id, since, until) for replica in replicas)
    return Source(CONTAINER_LOG, tuple(replica.name for replica in replicas), service.name, said_by, streams=streams)


def _choose(stack: Stack, role: str) -> tuple[Service, tuple[Replica, ...]]:
    for service in stack.by_role(role):
        replicas = service.running or service.replicas
        if replicas:
            return service, replicas
    remedy = "Name a file as path, or the service in service_roles"
    raise OpsError(_ACT, f"project '{stack.project}' has no container of a service that is its {role}", remedy)


def _traefik_log(client: DockerClient, replica: Replica) -> AccessLog:
    for path in config_file_of(replica.command):
        text = client.read_file(replica.id, path)
        if text is not None:
            return find_access_log(replica.command, replica.environment, text.decode("utf-8", "replace"), path)
    return find_access_log(replica.command, replica.environment, None)


def _from_file(
    client: DockerClient, service: Service, replicas: t.Sequence[Replica], log: AccessLog, host_files: bool
) -> Source:
    on_host = [host_path(replica, log.path) for replica in replicas] if host_files else []
    if on_host and all(on_host):
        paths = tuple(dict.fromkeys(path for path in on_host if path))
        return Source(VOLUME, paths, service.name, log.said_by, segments=tuple(open_segments(paths)))
    places = tuple(f"{replica.name}:{log.path}" for replica in replicas)
    streams = tuple(functools.partial(stream_file, client, replica.id, log.path) for replica in replicas)
    return Source(CONTAINER_FILE, places, service.name, log.said_by, streams=streams)


def host_path(replica: Replica, path: str) -> str | None:
    """Return where a file of a container is on this host, or None where it is not to be had there.

    What is inside a volume belongs to the container: a link in it that leads out of it is not followed.
    """
    path = posixpath.normpath(path)
    best: tuple[str, str] | None = None
    for mount in replica.mounts:
        destination = posixpath.normpath(str(mount["destination"] or "/"))
        inside = path == destination or path.startswith(destination.rstrip("/") + "/")
        if inside and mount["source"] and (best is None or len(destination) > len(best[0])):
            best = (destination, str(mount["source"]))
    if best is None:
        return None
    root = os.path.realpath(best[1])
    real = os.path.realpath(os.path.join(root, posixpath.relpath(path, best[0]))) if path != best[0] else root
    within = real == root or real.startswith(root.rstrip("/") + "/")
    return real if within and os.path.isfile(real) and os.access(real, os.R_OK) else None
