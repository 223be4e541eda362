# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: one database takes the place of another, with no moment in which there is none.

All of it is one transaction. From its first renaming on, whoever wants into the live database waits for its end; those
who are in it are ended from a second connection. A run that is killed leaves everything as it was.
"""

from __future__ import annotations

import dataclasses
import threading
import typing as t

from . import _postgres
from ._databases import (
    Grant,
    Held,
    Server,
    Setting,
    put_grant,
    put_limit,
    put_owner,
    rename,
    set_state,
    setting_words,
    try_setting,
)
from ._errors import OpsError
from ._restore_plan import Exchange

# The server waits five seconds each time until nobody is in a database any more.
_ATTEMPTS = 4
_EVERY_S = 0.05


@dataclasses.dataclass(frozen=True)
class Carried:
    """What is the database's own and not in its tables, and goes on to the new one; ``told`` in words."""

    owner: str = ""
    limit: int | None = None
    settings: t.Mapping[Setting, str] = dataclasses.field(default_factory=dict)
    given: tuple[Grant, ...] = ()
    taken: tuple[Grant, ...] = ()
    told: tuple[str, ...] = ()


def carry(old: Held | None, new: Held) -> Carried:
    """Return what the new database lacks of the old one; a setting that both have stays as the backup has it. Pure."""
    if old is None:
        return Carried()
    told = []
    missing = {setting: value for setting, value in old.settings.items() if setting not in new.settings}
    for setting, value in sorted(old.settings.items()):
        if setting in missing:
            told.append(_carried_over(setting))
        elif new.settings[setting] != value:
            told.append(
                f"The setting {setting_words(setting)} is '{new.settings[setting]}' in the backup; it was '{value}'."
            )
    told += [
        f"The setting {setting[1]} is of the backup; it was not set."
        for setting in sorted(new.settings)
        if setting not in old.settings
    ]
    # The owner's rights are not among the grants, so the owner comes first.
    given = tuple(sorted(old.grants - new.grants))
    taken = tuple(sorted(grant for grant in new.grants - old.grants))
    if given or taken:
        told.append("The rights on the database are carried over.")
    if old.owner != new.owner:
        told.append(f"The owner stays '{old.owner}'.")
    if old.limit != new.limit:
        told.append(f"The limit of sessions stays {old.limit}.")
    return Carried(
        owner=old.owner if old.owner != new.owner else "",
        limit=old.limit if old.limit != new.limit else None,
        settings=missing,
        given=given,
        taken=taken,
        told=tuple(told),
    )


def _carried_over(setting: Setting) -> str:
    return f"The setting {setting_words(setting)} is carried over."


class _Ender(threading.Thread):
    """Ends the sessions in some databases, again and again, until it is told to stop."""

    def __init__(self, server: Server, held: t.Sequence[Held]) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._held = held
        self._over = threading.Event()
        self.ended = 0
        self.error: OpsError | None = None

    def run(self) -> None:
        try:
            with self._server.beside(autocommit=True) as database:
                ending = Server(self._server.login, "", database, self._server.timeout_s)
                while not self._over.is_set():
                    self.ended += ending.end_sessions(self._held)
                    self._over.wait(_EVERY_S)
        except OpsError as error:
            self.error = error

    def stop(self) -> None:
        """Stop, and be sure of it."""
        self._over.set()
        self.join()


def exchange_databases(server: Server, exchange: Exchange, carried: Carried) -> tuple[int, list[str]]:
    """Carry it out; return how many sessions were ended, and what was carried over, as it came to be."""
    held = [each for each in (exchange.old, exchange.new) if each is not None]
    act = f"swap database '{exchange.live}'"
    with server.beside() as database:
        ender = _Ender(server, held)
        ender.start()
        try:
            for attempt in range(_ATTEMPTS):
                try:
                    _rename(database, exchange)
                    break
                except OpsError as error:
                    database.rollback()
                    if attempt == _ATTEMPTS - 1:
                        cause = ender.error.cause if ender.error is not None else error.cause
                        raise OpsError(
                            act, cause, "Nothing is changed. Stop what holds it, then run this again"
                        ) from error
        finally:
            # Before the end of the transaction: whoever comes in after it is in the new database.
            ender.stop()
        told = _settle(database, exchange, carried)
        database.commit()
        return ender.ended, told


def _rename(database: _postgres.Database, exchange: Exchange) -> None:
    if exchange.old is not None:
        rename(database, exchange.live, exchange.kept)
    rename(database, exchange.new.name, exchange.live)


def _settle(database: _postgres.Database, exchange: Exchange, carried: Carried) -> list[str]:
    live, told = exchange.live, list(carried.told)
    if exchange.old is not None:
        # No writer finds it by accident, and what it holds stays what it was at this moment.
        set_state(database, exchange.kept, connectable=False, comment=exchange.old_comment)
    if carried.owner:
        put_owner(database, live, carried.owner)
    for grants, give in ((carried.taken, False), (carried.given, True)):
        for grant in grants:
            put_grant(database, live, grant, give=give)
    if carried.limit is not None:
        put_limit(database, live, carried.limit)
    for setting, value in carried.settings.items():
        why_not = try_setting(database, live, setting, value)
        if why_not:
            told[told.index(_carried_over(setting))] = why_not
    set_state(database, live, connectable=True, comment=exchange.new_comment)
    return told
