# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: a backup made ready for a restore: fetched, compared, decrypted, unpacked."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import os
import shutil
import socket
import tempfile
import typing as t

from ._argspec import ArgumentSpec
from ._backup_choice import FILE, LATEST, Entry, choose
from ._backup_crypt import CRYPT_ARGUMENTS, Crypt
from ._backup_dump import sha256_of
from ._backup_ledger import gather, read_entries
from ._backup_manifest import DUMP, GLOBALS, SUFFIXES, Manifest, StoredFile
from ._backup_places import LocalStore
from ._backup_store import STORE_ARGUMENTS, Look, Store, look_everywhere, open_stores
from ._errors import OpsError
from ._mitigation import format_time
from ._progress import Progress
from ._rclone import Run
from ._revocations import FILE as REVOCATIONS

FETCH_ARGUMENTS = ArgumentSpec(
    {
        "backup": {"type": "str", "default": "latest"},
        "work_dir": {"type": "path"},
    }
).merge(STORE_ARGUMENTS, CRYPT_ARGUMENTS)

# No backup and no folder of anybody else has such a name.
_WORK = ".rendiff-ops-work-"
_READ = 1 << 20
_MAGIC = b"PGDMP"
_MARGIN = 1.05


@dataclasses.dataclass(frozen=True)
class Obtained:
    """A backup that is ready: ``dump`` in ``folder`` of this host is plain, and is what was stored.

    ``manifest`` is None for one that the service's own scripts made. ``revocations`` are the entries that this host
    and all places of backups have.
    """

    name: str
    taken_at: str
    folder: str
    dump: str
    sha256: str
    globals_text: str | None
    manifest: Manifest | None
    revocations: tuple[t.Mapping[str, t.Any], ...]


class Fetcher:
    """Chooses a backup and makes it ready. ``options`` are those of ``FETCH_ARGUMENTS``, with the state folder."""

    def __init__(self, run: Run, options: t.Mapping[str, t.Any], project: str, database: str) -> None:
        self._options = options
        self._database = database
        self._crypt = Crypt(run, options, float(options["transfer_timeout_s"]))
        self._stores = open_stores(run, options, project)
        # Those that answer, once that is known; and what is worth knowing of the others.
        self._look: Look | None = None
        self._same: list[Entry] = []
        self.notes: list[str] = []

    def entry(self) -> Entry:
        """Return the backup that is meant, and see that it can be decrypted."""
        wanted = str(self._options["backup"])
        self._same = [_file_entry(wanted)] if wanted.startswith("/") else self._listed(wanted)
        self._crypt.check(self._same[0].encryption, encrypt=False)
        return self._same[0]

    def revocations(self) -> tuple[dict[str, t.Any], ...]:
        """Return the entries that this host and all places of backups have, as far as they answer."""
        return tuple(read_entries(gather(self._options["state_dir"], self._seen().reached, REVOCATIONS)))

    def _seen(self) -> Look:
        if self._look is None:
            self._look = look_everywhere(self._stores)
            self.notes += [
                f"{said} What it holds of backups and of revoked keys is not known." for said in self._look.down
            ]
        return self._look

    @contextlib.contextmanager
    def obtain(self, entry: Entry, progress: Progress, *, sweep: bool = False) -> t.Iterator[Obtained]:
        """Yield the backup, ready; what was made for that is removed in the end.

        ``sweep``: also what a run left that was killed. Only whoever keeps all others from a restore may do that.
        """
        parent = self._options["work_dir"] or self._local().folder
        act = f"make backup '{entry.name}' ready"
        try:
            os.makedirs(parent, mode=0o700, exist_ok=True)
            if sweep:
                self._sweep(parent)
            figures = os.statvfs(parent)
            free, need = figures.f_bavail * figures.f_frsize, int(space_needed(entry) * _MARGIN)
            if free < need:
                cause = f"it needs {need} bytes, and '{parent}' has {free} free"
                raise OpsError(act, cause, "Make room, or pass another work_dir")
            folder = tempfile.mkdtemp(prefix=_WORK, dir=parent)
        except OSError as error:
            raise OpsError(act, f"{error.strerror}: '{parent}'", "Pass another work_dir") from error
        try:
            yield self._ready(entry, folder, progress)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _listed(self, wanted: str) -> list[Entry]:
        look = self._seen()
        if wanted == LATEST and look.down:
            cause = f"what is latest is not known. {' '.join(look.down)}"
            raise OpsError("take the latest backup", cause, "Or pass the name of one, of rendiff.ops.backup_list")
        try:
            return choose(look.found, wanted, self._database, socket.gethostname())
        except OpsError as error:
            raise OpsError(error.act, ". ".join([error.cause, *look.down, *look.broken]), error.remedy) from error

    def _ready(self, entry: Entry, folder: str, progress: Progress) -> Obtained:
        """Make it ready from the first place where it is whole."""
        others = [each for each in self._same if each.name == entry.name and each.place != entry.place]
        places = [entry, *others]
        for each, after in zip(places, others):
            try:
                return self._made(each, folder, progress)
            except OpsError as error:
                self.notes.append(f"{error} It was taken from {after.place} instead.")
        return self._made(places[-1], folder, progress)

    def _made(self, entry: Entry, folder: str, progress: Progress) -> Obtained:
        manifest, roles = entry.manifest, None
        if manifest is not None:
            plain = self._checked(entry, manifest.file(DUMP), folder, progress)
            stored = manifest.file(GLOBALS)
            if stored is not None:
                with open(self._checked(entry, stored, folder, progress), encoding="utf-8") as stream:
                    roles = stream.read()
        else:
            plain = self._unpacked(entry, folder, progress)
        with open(plain, "rb") as dump:
            if dump.read(len(_MAGIC)) != _MAGIC:
                cause = "it is no dump in PostgreSQL's custom format"
                raise OpsError(f"read backup '{entry.name}'", cause, "Take another backup")
        return Obtained(
            name=entry.name,
            taken_at=entry.taken_at,
            folder=folder,
            dump=os.path.basename(plain),
            sha256=sha256_of(plain),
            globals_text=roles,
            manifest=manifest,
            revocations=self.revocations(),
        )

    def _checked(self, entry: Entry, stored: StoredFile | None, folder: str, progress: Progress) -> str:
        """Return the path of a file of the backup, decrypted, and the same as when it was made."""
        if stored is None:
            raise OpsError(f"read backup '{entry.name}'", "it holds no dump", "Take another backup")
        act = f"read '{stored.name}' of backup '{entry.name}'"
        path = os.path.join(folder, stored.name)
        # That of another place may be there, by a name of the very same file.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._store(entry).fetch(
            entry, stored.name, path, lambda done, total: progress.note("fetch, bytes", done, total)
        )
        if os.path.getsize(path) != stored.bytes or sha256_of(path) != stored.sha256:
            raise OpsError(act, "it is not what was stored then: its SHA-256 differs", "Take another backup")
        plain = self._decrypted(entry.encryption, path)
        if plain != path and sha256_of(plain) != stored.plain_sha256:
            raise OpsError(
                act, "what was decrypted is not what was encrypted: its SHA-256 differs", "Take another backup"
            )
        return plain

    def _unpacked(self, entry: Entry, folder: str, progress: Progress) -> str:
        """Return the path of the plain dump of a backup that has no manifest."""
        path = os.path.join(folder, os.path.basename(entry.path))
        self._store(entry).fetch(entry, "", path, lambda done, total: progress.note("fetch, bytes", done, total))
        path = self._decrypted(entry.encryption, path)
        if not path.endswith(".gz"):
            return path
        plain = path[: -len(".gz")]
        try:
            with gzip.open(path, "rb") as packed, open(plain, "wb") as stream:
                shutil.copyfileobj(packed, stream, _READ)
        except (OSError, EOFError) as error:
            cause = str(getattr(error, "strerror", None) or "the packed file is cut or damaged")
            raise OpsError(f"unpack backup '{entry.name}'", cause, "Take another backup") from error
        os.unlink(path)
        return plain

    def _decrypted(self, kind: str, path: str) -> str:
        suffix = SUFFIXES[kind]
        if not suffix:
            return path
        plain = path[: -len(suffix)]
        self._crypt.decrypt(kind, path, plain)
        os.unlink(path)
        return plain

    def _local(self) -> LocalStore:
        return t.cast("LocalStore", self._stores[0])

    def _store(self, entry: Entry) -> Store:
        return next((store for store in self._stores if store.place == entry.place), self._stores[0])

    @staticmethod
    def _sweep(parent: str) -> None:
        """Remove what a run left that was killed; only one restores at a time."""
        for name in os.listdir(parent):
            if name.startswith(_WORK):
                shutil.rmtree(os.path.join(parent, name))


def space_needed(entry: Entry) -> int:
    """Return how many bytes it takes at most to make a backup ready. Pure."""
    if entry.manifest is not None:
        plain = sum(each.plain_bytes for each in entry.manifest.files)
        return plain + (entry.bytes if entry.encryption != "none" else 0)
    # A dump is compressed already, so that packing it once more gains nothing: packed, decrypted and plain.
    return entry.bytes * 3


def _file_entry(path: str) -> Entry:
    try:
        found = os.stat(path)
    except OSError as error:
        raise OpsError(f"take backup '{path}'", str(error.strerror), "Pass the path of a dump on the host") from error
    encryption = next((kind for kind, suffix in SUFFIXES.items() if suffix and path.endswith(suffix)), "none")
    return Entry(os.path.basename(path), format_time(found.st_mtime), FILE, FILE, found.st_size, encryption, path)
