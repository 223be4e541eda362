# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: dump a database of one snapshot, read the dump as a whole, and seal its files."""

from __future__ import annotations

import hashlib
import os
import re
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ._backup_crypt import Crypt
from ._backup_manifest import DUMP, GLOBALS, SUFFIXES, StoredFile
from ._backup_snapshot import Contents, Snapshot
from ._errors import OpsError
from ._one_off import FOLDER, Beat, OneOff
from ._progress import Progress

_DUMPED = re.compile(r'dumping contents of table "(?P<name>.*)"$')
_READ = 1 << 20


class Dumper:
    """Makes the files of one backup in ``folder`` of the host. ``timeout_s`` bounds each step."""

    def __init__(self, one_off: OneOff, database: str, folder: str, timeout_s: float, progress: Progress) -> None:
        self._one_off = one_off
        self._database = database
        self._folder = folder
        self._timeout_s = timeout_s
        self._progress = progress

    def dump(self, snapshot: Snapshot, contents: Contents) -> tuple[dict[str, int], dict[str, str]]:
        """Dump the snapshot while its rows are counted; return the rows of each table, and the newest times."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            counting = pool.submit(snapshot.count, contents)
            self._database_of(contents)
            counted = counting.result()
        self._roles(contents)
        return counted

    def verify(self, tables: t.Collection[tuple[str, str]]) -> None:
        """See that the dump holds every table, and read all of it."""
        self._progress.note("verify", 0, 0)
        act = "verify the dump"
        self._run(["pg_restore", "--list", f"--file={FOLDER}/list", f"{FOLDER}/{DUMP}"], act)
        path = os.path.join(self._folder, "list")
        with open(path, encoding="utf-8", errors="replace") as stream:
            missing = missing_tables(stream.read(), tables)
        os.unlink(path)
        if missing:
            raise OpsError(act, f"it does not hold {', '.join(missing[:5])}", "Run this again")
        # The list is at the beginning of the file: only whoever reads all of it knows that all of it is there.
        self._run(["pg_restore", "--file=/dev/null", f"{FOLDER}/{DUMP}"], act)

    def seal(self, crypt: Crypt, kind: str, recipients: t.Sequence[str]) -> tuple[StoredFile, ...]:
        """Encrypt each file where that is wished, remove what is plain, and return what is stored."""
        return tuple(self._seal(name, crypt, kind, recipients) for name in (DUMP, GLOBALS))

    def _database_of(self, contents: Contents) -> None:
        total = sum(contents.tables.values())
        sizes = {f"{schema}.{table}": size for (schema, table), size in contents.tables.items()}
        seen: dict[str, int] = {}

        def beat(line: str) -> None:
            found = _DUMPED.search(line)
            if found:
                seen[found["name"]] = sizes.get(found["name"], 0)
            # The last one that was named is not done yet.
            self._progress.note("dump, bytes of tables", sum(list(seen.values())[:-1]), total)

        argv = ["pg_dump", "--format=custom", "--verbose", "--no-password", f"--snapshot={contents.snapshot}"]
        argv += [f"--file={FOLDER}/{DUMP}", f"--dbname={conninfo(self._database)}"]
        self._run(argv, f"dump database '{self._database}'", beat)

    def _roles(self, contents: Contents) -> None:
        # Only a superuser may read the hashes of the passwords of roles.
        words = [] if contents.superuser else ["--no-role-passwords"]
        argv = ["pg_dumpall", "--globals-only", "--no-password", *words, f"--file={FOLDER}/{GLOBALS}"]
        self._run([*argv, f"--dbname={conninfo(self._database)}"], "dump the roles")

    def _seal(self, name: str, crypt: Crypt, kind: str, recipients: t.Sequence[str]) -> StoredFile:
        path = os.path.join(self._folder, name)
        os.chmod(path, 0o600)
        plain_bytes, plain_sha256 = os.path.getsize(path), sha256_of(path)
        sealed = path + SUFFIXES[kind]
        if sealed != path:
            self._progress.note("encrypt", 0, 0)
            crypt.encrypt(kind, path, sealed, recipients)
            os.unlink(path)
            os.chmod(sealed, 0o600)
        with open(sealed, "rb") as stream:
            os.fsync(stream.fileno())
        size, digest = (plain_bytes, plain_sha256) if sealed == path else (os.path.getsize(sealed), sha256_of(sealed))
        return StoredFile(os.path.basename(sealed), size, digest, plain_bytes, plain_sha256)

    def _run(self, argv: list[str], act: str, beat: Beat | None = None) -> None:
        ended = self._one_off.run(argv, self._timeout_s, folder=self._folder, beat=beat)
        if ended.status:
            full = any("No space left" in line for line in ended.lines)
            remedy = "Make room, then run this again" if full else "Look at the log of the database"
            raise OpsError(act, ended.cause(), remedy)


def conninfo(database: str) -> str:
    """Return the name of a database as libpq reads it, whatever characters it has. Pure."""
    escaped = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{escaped}'"


def missing_tables(listed: str, tables: t.Iterable[tuple[str, str]]) -> list[str]:
    """Return the tables whose rows are not in what ``pg_restore --list`` printed. Pure."""
    return sorted(f"{schema}.{table}" for schema, table in tables if f" TABLE DATA {schema} {table} " not in listed)


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while True:
            chunk = stream.read(_READ)
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)
