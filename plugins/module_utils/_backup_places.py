# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the two places for backups: a folder of the host, and a prefix of a bucket in S3."""

from __future__ import annotations

import calendar
import contextlib
import json
import os
import shutil
import tempfile
import time
import typing as t

from ._backup_choice import LOCAL, OURS, S3, Entry, entry_of, service_entry
from ._backup_manifest import MANIFEST, Manifest, check_name, parse_manifest
from ._errors import OpsError
from ._rclone import Note, Rclone
from ._state import whole_file

LEDGERS = "ledgers"
_MANIFEST_MAX = 4 << 20


class LocalStore:
    """A folder of the host, 0700."""

    place = LOCAL

    def __init__(self, folder: str, service_folder: str) -> None:
        self.folder = self.where = folder
        self._service_folder = service_folder

    def entries(self) -> tuple[list[Entry], list[str]]:
        """Return the backups, and a sentence for each that is not whole."""
        found: list[Entry] = []
        broken: list[str] = []
        for name in self._names(self.folder):
            path = os.path.join(self.folder, name, MANIFEST)
            if name.startswith(".") or not os.path.exists(path):
                continue
            try:
                with open(path, encoding="utf-8") as stream:
                    text = stream.read(_MANIFEST_MAX)
                sizes = {each: os.path.getsize(os.path.join(self.folder, name, each)) for each in self._names_in(name)}
                found.append(entry_of(whole_manifest(text, name, sizes, "on this host"), LOCAL))
            except (OSError, UnicodeError, OpsError) as error:
                broken.append(str(error))
        for name in self._names(self._service_folder):
            path = os.path.join(self._service_folder, name)
            if os.path.isfile(path):
                entry = service_entry(path, os.path.getsize(path), LOCAL)
                found += [entry] if entry is not None else []
        return found, broken

    def sweep(self, before: float) -> list[str]:
        """Remove what has the name of a backup, no manifest, and is older; return the names."""
        swept = [
            name
            for name in self._names(self.folder)
            if is_older(name, before) and not os.path.exists(os.path.join(self.folder, name, MANIFEST))
        ]
        for name in swept:
            self.remove(name)
        return swept

    def _names_in(self, name: str) -> list[str]:
        return self._names(os.path.join(self.folder, name))

    def fetch(self, entry: Entry, file_name: str, target: str, note: Note | None = None) -> None:
        """Copy a file of a backup to ``target``."""
        source = (
            entry.path if entry.kind != OURS else os.path.join(self.folder, check_name(entry.name, "read"), file_name)
        )
        try:
            if entry.kind == OURS:
                # Nobody writes into it any more, so that one more name for it is as good as a copy.
                with contextlib.suppress(OSError):
                    os.link(source, target)
                    return
            shutil.copyfile(source, target)
        except OSError as error:
            raise OpsError(f"read '{source}'", str(error.strerror), "Make room, or take another backup") from error

    def put(self, folder: str, manifest: Manifest, note: Note | None = None) -> None:
        """Store a backup: ``folder`` is beside the others, and becomes one of them by one rename."""
        with whole_file(os.path.join(folder, MANIFEST), durable=True) as stream:
            stream.write(manifest.text().encode())
        os.rename(folder, os.path.join(self.folder, manifest.name))
        _sync(self.folder)

    def remove(self, name: str) -> None:
        """Remove a backup; the manifest goes first, and with it its place in the list."""
        folder = os.path.join(self.folder, check_name(name, "remove a backup"))
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, MANIFEST))
            shutil.rmtree(folder)
        except OSError as error:
            raise OpsError(
                f"remove backup '{name}'", str(error.strerror), "Look at its folder, then run again"
            ) from error

    def ledger(self, name: str) -> str:
        """Return a ledger that is kept beside the backups, empty where there is none."""
        try:
            with open(os.path.join(self.folder, LEDGERS, name), encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""

    def keep_ledger(self, name: str, text: str) -> None:
        """Keep a ledger beside the backups."""
        os.makedirs(os.path.join(self.folder, LEDGERS), mode=0o700, exist_ok=True)
        with whole_file(os.path.join(self.folder, LEDGERS, name), durable=True) as stream:
            stream.write(text.encode())

    @staticmethod
    def _names(folder: str) -> list[str]:
        try:
            return sorted(os.listdir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise OpsError(f"read '{folder}'", str(error.strerror), "Run with become") from error


class S3Store:
    """A prefix of a bucket. The manifest is written last and removed first."""

    place = S3

    def __init__(self, rclone: Rclone, service: Rclone, where: str) -> None:
        self.where = where
        self._rclone = rclone
        self._service = service
        # What there is, as it was seen last; each look takes a process.
        self._sizes: dict[str, int] | None = None

    def entries(self) -> tuple[list[Entry], list[str]]:
        """Return the backups, and a sentence for each that is not whole."""
        found: list[Entry] = []
        broken: list[str] = []
        sizes = self._sizes = self._rclone.sizes()
        whole = any(path.endswith(f"/{MANIFEST}") for path in sizes)
        for name, text in self._texts(self._rclone, "", f"/*/{MANIFEST}") if whole else ():
            try:
                below = {path.split("/", 1)[1]: size for path, size in sizes.items() if path.startswith(f"{name}/")}
                found.append(entry_of(whole_manifest(text, name, below, "in S3"), S3))
            except OpsError as error:
                broken.append(str(error))
        return found + self._of_service(), broken

    def _of_service(self) -> list[Entry]:
        sizes = self._service.sizes()
        databases = {}
        if any(path.endswith(".manifest.json") for path in sizes):
            for name, text in self._texts(self._service, "manifests", "*.manifest.json"):
                with contextlib.suppress(ValueError, TypeError, AttributeError):
                    databases[name] = str(json.loads(text).get("database") or "")
        found = []
        for path, size in sizes.items():
            stem = path.rsplit("/", 1)[-1].split(".dump", 1)[0]
            entry = service_entry(path, size, S3, databases.get(stem, ""))
            found += [entry] if entry is not None else []
        return found

    def fetch(self, entry: Entry, file_name: str, target: str, note: Note | None = None) -> None:
        """Copy a file of a backup to ``target``."""
        if entry.kind == OURS:
            self._rclone.fetch(f"{entry.name}/{file_name}", target, note)
        else:
            self._service.fetch(entry.path, target, note)

    def put(self, folder: str, manifest: Manifest, note: Note | None = None) -> None:
        """Upload a backup, read it back, and only then let it be one."""
        if self._rclone.sizes(manifest.name):
            cause = "there is one of that name, perhaps of another host with a project of the same name"
            raise OpsError(f"store backup '{manifest.name}' in {self.where}", cause, "Pass another s3_prefix")
        for each in manifest.files:
            self._rclone.put(os.path.join(folder, each.name), f"{manifest.name}/{each.name}", note)
            found = self._rclone.sha256(f"{manifest.name}/{each.name}")
            if found != each.sha256:
                raise OpsError(
                    f"store '{each.name}' in {self.where}", "what comes back is not what was sent", "Run this again"
                )
        self._write(f"{manifest.name}/{MANIFEST}", manifest.text())

    def remove(self, name: str) -> None:
        """Remove a backup; the manifest goes first, and with it its place in the list."""
        check_name(name, "remove a backup")
        for path in sorted(self._rclone.sizes(name), key=lambda path: path != MANIFEST):
            self._rclone.remove(f"{name}/{path}")

    def sweep(self, before: float) -> list[str]:
        """Remove what has the name of a backup, no manifest, and is older; return the names."""
        sizes = self._rclone.sizes()
        names = {path.split("/", 1)[0] for path in sizes}
        swept = sorted(name for name in names if is_older(name, before) and f"{name}/{MANIFEST}" not in sizes)
        for name in swept:
            self.remove(name)
        return swept

    def ledger(self, name: str) -> str:
        """Return a ledger that is kept beside the backups, empty where there is none."""
        if self._sizes is None:
            self._sizes = self._rclone.sizes()
        if f"{LEDGERS}/{name}" not in self._sizes:
            return ""
        return next((text for _name, text in self._texts(self._rclone, LEDGERS, name)), "")

    def keep_ledger(self, name: str, text: str) -> None:
        """Keep a ledger beside the backups."""
        self._write(f"{LEDGERS}/{name}", text)
        self._sizes = None

    def _write(self, path: str, text: str) -> None:
        with tempfile.TemporaryDirectory(prefix="rendiff-ops-") as folder:
            source = os.path.join(folder, "text")
            with open(source, "w", encoding="utf-8") as stream:
                stream.write(text)
            self._rclone.put(source, path)

    @staticmethod
    def _texts(rclone: Rclone, path: str, pattern: str) -> list[tuple[str, str]]:
        """Return the texts of small objects by the name of their folder, or by their own up to the first point."""
        found = []
        with tempfile.TemporaryDirectory(prefix="rendiff-ops-") as folder:
            rclone.fetch_all(path, folder, pattern)
            for parent, _folders, names in os.walk(folder):
                for name in sorted(names):
                    with open(os.path.join(parent, name), encoding="utf-8", errors="replace") as stream:
                        text = stream.read(_MANIFEST_MAX)
                    found.append((os.path.basename(parent) if parent != folder else name.split(".", 1)[0], text))
        return sorted(found)


def whole_manifest(text: str, name: str, sizes: t.Mapping[str, int], where: str) -> Manifest:
    """Read a manifest, and see that it is of the backup of that name and that its files have their sizes. Pure."""
    manifest = parse_manifest(text, name)
    if manifest.name != name:
        raise OpsError(f"read backup '{name}'", f"its manifest is of '{manifest.name}'", "Use another backup")
    wrong = [each.name for each in manifest.files if sizes.get(each.name) != each.bytes]
    if wrong:
        raise OpsError(f"read backup '{name}'", f"{', '.join(wrong)} is not whole {where}", "Use another backup")
    return manifest


def is_older(name: str, before: float) -> bool:
    """Tell whether a folder has the name of a backup, and that of one that was taken before a time. Pure."""
    try:
        taken = time.strptime(check_name(name, "look").rsplit("-", 1)[1], "%Y%m%dT%H%M%SZ")
    except (OpsError, ValueError):
        return False
    return calendar.timegm(taken) < before


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
