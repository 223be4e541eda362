# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: load a backup into a new database beside the live one."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
import typing as t

from . import _postgres
from ._backup_dump import conninfo
from ._backup_fetch import Obtained
from ._backup_manifest import Manifest
from ._database_sorting import Sorting
from ._databases import Held, Server, setting_words, try_setting
from ._errors import OpsError
from ._one_off import FOLDER, OneOff
from ._restore_marker import LOADING, Marker
from ._restore_roles import absent_role, missing_roles, needed_roles, role_statements, roles_of

Note = t.Callable[[str, int, int], None]

_SCHEMA = ".rendiff-ops-schema.sql"
_EVERY_S = 1.0
_ATTEMPTS = 3


class Loader:
    """Loads one backup. ``live`` is the database beside which it is loaded, None where there is none."""

    def __init__(self, server: Server, client: OneOff, obtained: Obtained, live: Held | None) -> None:
        self._server = server
        self._client = client
        self._obtained = obtained
        self._live = live
        self._act = f"load backup '{obtained.name}'"

    def plan_roles(self, timeout_s: float) -> list[str]:
        """Return the statements that make the roles which the dump needs and the server lacks."""
        existing = self._server.roles()
        needed = set(needed_roles(self._schema(timeout_s)))
        missing = missing_roles(needed, existing)
        statements = role_statements(self._obtained.globals_text, missing, existing)
        lost = [role for role in missing if role not in roles_of(statements)]
        if lost:
            raise self._without(lost[0])
        return statements

    def make_roles(self, statements: t.Sequence[str]) -> tuple[str, ...]:
        """Make roles, all or none; return their names."""
        if statements:
            with self._server.beside() as database:
                for statement in statements:
                    database.execute(statement)
                database.commit()
        return roles_of(statements)

    def make(self, name: str, owner: str, marker: Marker) -> None:
        """Make the empty database, marked as not proven."""
        statement = self._create(name, owner)
        for attempt in range(_ATTEMPTS):
            try:
                self._server.database.execute(statement)
                break
            except OpsError:
                # A run that was killed may be making it at this moment: then it is there when this has failed.
                made = self._server.databases().get(name)
                if made is None or attempt == _ATTEMPTS - 1:
                    raise
                self._server.drop(made)
        self._server.comment(name, marker.text())

    def load(self, name: str, jobs: int, timeout_s: float, note: Note) -> None:
        """Run pg_restore, which stops at the first error."""
        argv = ["pg_restore", "--exit-on-error", "--no-password", f"--jobs={jobs}", f"--dbname={conninfo(name)}"]
        manifest, last = self._obtained.manifest, 0.0
        total = manifest.database_bytes if manifest is not None else 0

        def beat(_line: str) -> None:
            nonlocal last
            if time.monotonic() - last >= _EVERY_S:
                # Before it is asked: a server that is slow to tell is not asked at once again.
                last = time.monotonic()
                note("load, bytes", min(self._server.bytes_of(name), total), total)

        ended = self._client.run(
            [*argv, f"{FOLDER}/{self._obtained.dump}"], timeout_s, folder=self._obtained.folder, beat=beat
        )
        if ended.status != 0:
            role = absent_role("\n".join(ended.lines))
            raise (
                self._without(role)
                if role
                else OpsError(self._act, f"pg_restore failed: {ended.cause()}", "The live database is as it was")
            )

    def clear(self, name: str) -> None:
        """Remove what was loaded and is of no use; where that fails too, the next run does it."""
        with contextlib.suppress(OpsError):
            held = self._server.databases().get(name)
            if held is not None:
                self._server.drop(held)

    def settings(self, name: str) -> list[str]:
        """Give the database the settings that the backup's had; return which of them cannot be set, in sentences."""
        settings = self._obtained.manifest.settings if self._obtained.manifest is not None else ()
        roles, notes = self._server.roles() | {""}, []
        with self._server.beside() as database:
            for each in settings:
                role, (parameter, _equals, value) = str(each["role"]), str(each["setting"]).partition("=")
                if role in roles:
                    notes.append(try_setting(database, name, (role, parameter), value))
                else:
                    words = setting_words((role, parameter))
                    notes.append(f"The setting {words} could not be set: this server does not have that role.")
            database.commit()
        return [note for note in notes if note]

    def owner(self) -> str:
        """Return who shall own it: as in the backup, else as now, else who loads it."""
        manifest, roles = self._obtained.manifest, self._server.roles()
        candidates = [manifest.owner if manifest else "", self._live.owner if self._live else ""]
        usable = [role for role in candidates if role in roles and self._server.may_own(role)]
        return usable[0] if usable else self._server.login.user

    def _create(self, name: str, owner: str) -> t.Any:
        sql = _postgres.sql
        words = "CREATE DATABASE {} WITH TEMPLATE template0 OWNER {}"
        names: list[t.Any] = [sql.Identifier(name), sql.Identifier(owner)]
        sorting = sorting_wanted(self._obtained.manifest, self._live)
        if sorting is not None:
            if sorting.lacks_locale:
                raise OpsError(
                    self._act,
                    f"it is sorted by provider '{sorting.provider}', and neither it nor a live database tells by which"
                    " locale",
                    f"Make an empty database '{self._server.login.database}' as it was, then run this again",
                )
            for option, value in sorting.options():
                words += f" {option} {{}}"
                names.append(sql.Literal(value))
        return sql.SQL(words).format(*names)

    def _schema(self, timeout_s: float) -> list[str]:
        """Return the schema in the dump as lines of SQL; a dump that cannot be read is an error here."""
        obtained = self._obtained
        path = os.path.join(obtained.folder, _SCHEMA)
        argv = ["pg_restore", "--schema-only", f"--file={FOLDER}/{_SCHEMA}", f"{FOLDER}/{obtained.dump}"]
        try:
            ended = self._client.run(argv, timeout_s, folder=obtained.folder)
            if ended.status != 0:
                raise OpsError(self._act, f"pg_restore cannot read it: {ended.cause()}", "Use another backup")
            with open(path, encoding="utf-8", errors="replace") as stream:
                return stream.readlines()
        except OSError as error:
            raise OpsError(self._act, f"{error.strerror}: '{path}'", "Run with become, as root") from error
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)

    def _without(self, role: str) -> OpsError:
        return OpsError(
            self._act,
            f"it has objects or rights of role '{role}', which this server does not have",
            f'Make it (CREATE ROLE "{role}"), or use a backup that holds its roles. The live database is as it was',
        )


def loading_marker(live: str, obtained: Obtained, asked: str) -> Marker:
    """Return the marker of a database that is not proven yet. Pure."""
    return Marker(LOADING, live, obtained.name, asked, obtained.sha256, obtained.taken_at)


def sorting_wanted(manifest: Manifest | None, live: Held | None) -> Sorting | None:
    """Return how the database shall sort: as in the backup, else as the live one does; None: as the server likes. Pure.

    A backup of before the manifest told the locale gets that of a live database with the same provider.
    """
    if manifest is None:
        return live.sorting if live is not None else None
    told = Sorting(
        encoding=manifest.encoding,
        collate=manifest.collate,
        ctype=manifest.ctype,
        provider=manifest.locale_provider,
        locale=manifest.locale,
        rules=manifest.icu_rules,
    )
    if told.lacks_locale and live is not None and live.sorting.provider == told.provider:
        return dataclasses.replace(told, locale=live.sorting.locale, rules=live.sorting.rules)
    return told
