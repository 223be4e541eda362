# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: where backups are: a folder of the host, and a bucket in an S3 store."""

from __future__ import annotations

import os
import typing as t

from ._argspec import ArgumentSpec
from ._backup_choice import Entry
from ._backup_manifest import Manifest
from ._backup_places import LocalStore, S3Store
from ._docker import DockerClient
from ._errors import OpsError
from ._rclone import Bucket, Note, Rclone, Run
from ._stack import discover
from ._state import STATE_DIR

STORE_ARGUMENTS = ArgumentSpec(
    {
        "backup_dir": {"type": "path", "default": f"{STATE_DIR}/backups"},
        "backups_of": {"type": "str"},
        "service_backup_dir": {"type": "path", "default": "/var/backups/rendiff"},
        "s3_bucket": {"type": "str"},
        "s3_prefix": {"type": "str", "default": "rendiff-ops"},
        "s3_endpoint": {"type": "str"},
        "s3_region": {"type": "str"},
        "s3_ca_file": {"type": "path"},
        "s3_access_key": {"type": "str", "no_log": True},
        "s3_secret_key": {"type": "str", "no_log": True},
        "service_s3_prefix": {"type": "str", "default": "postgres"},
        "transfer_timeout_s": {"type": "int", "default": 21_600},
    },
    required_together=[("s3_access_key", "s3_secret_key")],
)
PARTIAL = ".partial-"


class Store(t.Protocol):
    """A place for backups. What it cannot do is an ``OpsError``."""

    place: str
    where: str

    def entries(self) -> tuple[list[Entry], list[str]]:
        """Return the backups, and a sentence for each that is not whole."""

    def fetch(self, entry: Entry, file_name: str, target: str, note: Note | None = None) -> None:
        """Copy a file of a backup to ``target``."""

    def put(self, folder: str, manifest: Manifest, note: Note | None = None) -> None:
        """Store a backup whose files are in ``folder``; until the end it is in no list."""

    def remove(self, name: str) -> None:
        """Remove a backup that this collection made; what is left of one that was begun is in no list."""

    def sweep(self, before: float) -> list[str]:
        """Remove what runs left that were killed, of before a time in seconds of the epoch; return the names."""

    def ledger(self, name: str) -> str:
        """Return a ledger that is kept beside the backups, empty where there is none."""

    def keep_ledger(self, name: str, text: str) -> None:
        """Keep a ledger beside the backups."""


class Look(t.NamedTuple):
    """What is in all places: the backups, a sentence for each that is none and for each place that is ``down``."""

    found: list[Entry]
    broken: list[str]
    down: list[str]
    reached: list[Store]


def look_everywhere(stores: t.Sequence[Store]) -> Look:
    """Look into all places; one that is down must not keep a backup from being used that is in another."""
    look = Look([], [], [], [])
    for store in stores:
        try:
            entries, sentences = store.entries()
        except OpsError as error:
            look.down.append(str(error))
            continue
        look.found.extend(entries)
        look.broken.extend(sentences)
        look.reached.append(store)
    return look


def whose_backups(options: t.Mapping[str, t.Any], run: Run) -> str:
    """Return the project whose backups are meant; where it is told, nothing has to run here."""
    if options["backups_of"]:
        return str(options["backups_of"])
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    return discover(client, run, options["project"], options["service_roles"]).project


def open_stores(run: Run, options: t.Mapping[str, t.Any], project: str) -> list[Store]:
    """Return where backups are, the folder first. ``options`` are those of ``STORE_ARGUMENTS``."""
    of = str(options["backups_of"] or project)
    if not of or "/" in of or of.startswith("."):
        raise OpsError("find the backups", f"'{of}' is no name of a project", "Correct backups_of")
    stores: list[Store] = [LocalStore(os.path.join(options["backup_dir"], of), options["service_backup_dir"])]
    if options["s3_bucket"]:
        common = {
            "name": str(options["s3_bucket"]),
            "endpoint": str(options["s3_endpoint"] or ""),
            "region": str(options["s3_region"] or ""),
            "ca_file": str(options["s3_ca_file"] or ""),
            "access_key": str(options["s3_access_key"] or ""),
            "secret_key": str(options["s3_secret_key"] or ""),
        }
        prefix = "/".join(part for part in (options["s3_prefix"].strip("/"), of) if part)
        timeout_s = float(options["transfer_timeout_s"])
        bucket, service = (Bucket(prefix=each, **common) for each in (prefix, options["service_s3_prefix"].strip("/")))
        where = f"s3://{bucket.name}/{prefix}"
        stores.append(S3Store(Rclone(run, bucket, timeout_s), Rclone(run, service, timeout_s), where))
    return stores
