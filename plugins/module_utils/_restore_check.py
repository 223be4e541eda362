# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: refuse a restore that cannot end well, before anything is made."""

from __future__ import annotations

import os
import typing as t

from ._backup_fetch import Obtained
from ._backup_manifest import Manifest
from ._compose import Replica
from ._databases import Held, Server
from ._docker import DockerClient
from ._errors import OpsError
from ._restore_plan import marker_of
from ._restore_verify import table_names

# Without a manifest nobody knows how much a dump becomes; this is what dumps of jobs were seen to become at most.
_GROWS = 6
# Some of what is free must stay free: the live database goes on writing to it.
_SPARE = 1.1
_DOCKER_S = 10.0
# Where the official image keeps them.
_DATA = "/var/lib/postgresql/data"


def space_needed(manifest: Manifest | None, dump_bytes: int) -> int:
    """Return how many bytes must be free where the server keeps its data. Pure."""
    return int(_SPARE * (manifest.database_bytes if manifest and manifest.database_bytes else _GROWS * dump_bytes))


def parse_free(output: str) -> int | None:
    """Return the free bytes that ``df -Pk`` tells of one folder, None where it does not. Pure."""
    fields = output.strip().splitlines()[-1].split() if output.strip() else []
    return int(fields[3]) * 1024 if len(fields) >= 6 and fields[3].isdigit() else None


def free_bytes(docker: DockerClient, container: Replica | None) -> int | None:
    """Return how much is free where a server in a container keeps its data, None where that cannot be known."""
    if container is None:
        return None
    try:
        folder = container.environment.get("PGDATA", _DATA)
        done = docker.execute(container.id, ["df", "-Pk", folder], _DOCKER_S)
    except OpsError:
        return None
    return parse_free(done.stdout.decode("utf-8", "replace")) if done.exit_code == 0 else None


def check_live(live: str, held: Held | None) -> None:
    """Refuse a database that is not the service's own. Pure."""
    act, marker = f"restore database '{live}'", marker_of(held)
    if live in ("postgres", "template0", "template1"):
        raise OpsError(act, "it is the server's own", "Pass another login_db")
    if marker is not None and marker.of != live:
        raise OpsError(act, f"it is one that a restore of '{marker.of}' made", f"Pass login_db={marker.of}")


def check_rights(server: Server, held: t.Sequence[Held | None], owner: str) -> None:
    """Refuse what we may not do, and what the server would refuse. ``owner`` is who shall own one of them."""
    act, rights, user = f"restore database '{server.login.database}'", server.rights(), server.login.user
    if not rights.superuser and not rights.make:
        remedy = "Pass login_user of one that may (CREATEDB, or a superuser)"
        raise OpsError(act, f"role '{user}' may not make databases", remedy)
    there = [each for each in held if each is not None]
    for role in dict.fromkeys([*(each.owner for each in there), *([owner] if owner else [])]):
        if not server.may_own(role):
            raise OpsError(act, f"role '{user}' is not of role '{role}', which owns it", f"Pass login_user={role}")
    for cause, remedy in server.obstacles(there, rights):
        raise OpsError(act, cause, f"{remedy}, then run this again")


def check_room(
    server: Server, docker: DockerClient, container: Replica | None, obtained: Obtained, dropped: Held | None
) -> None:
    """Refuse a backup that is larger than what is free; ``dropped`` is the database that goes before it comes."""
    needed = space_needed(obtained.manifest, os.path.getsize(os.path.join(obtained.folder, obtained.dump)))
    free = free_bytes(docker, container)
    if free is not None and dropped is not None:
        free += server.bytes_of(dropped.name)
    if free is not None and free < needed:
        raise OpsError(
            f"load backup '{obtained.name}'",
            f"it needs about {needed:,} bytes where PostgreSQL keeps its data, and {free:,} are free",
            "Drop what an earlier restore kept (state=dropped), or give it more room",
        )


def is_empty(server: Server, held: Held | None) -> bool:
    """Tell whether a database without a marker is one that a killed run had just made."""
    if held is None or marker_of(held) is not None or not held.connectable:
        return False
    with server.open(held.name) as database:
        return not table_names(database)
