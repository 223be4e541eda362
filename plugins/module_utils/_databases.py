# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the databases of a server, looked at and changed from another one of it."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from . import _postgres
from ._credentials import PostgresLogin
from ._database_sorting import Sorting, sorting_of
from ._errors import LoginRefusedError, OpsError

Setting = tuple[str, str]
Grant = tuple[str, str, bool]

_DATABASES = """
SELECT d.oid::bigint, d.datname::text, pg_get_userbyid(d.datdba)::text, d.datallowconn, d.datconnlimit,
    shobj_description(d.oid, 'pg_database'), pg_encoding_to_char(d.encoding)::text, to_jsonb(d)
FROM pg_database AS d WHERE NOT d.datistemplate
"""
# A grantee without a name is everybody; the owner's own rights go with the ownership.
_GRANTS = """
SELECT d.datname::text, CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee)::text END,
    a.privilege_type::text, a.is_grantable
FROM pg_database AS d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
WHERE NOT d.datistemplate AND a.grantee <> d.datdba
"""
_SETTINGS = """
SELECT d.datname::text, coalesce(r.rolname::text, ''), split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase
LEFT JOIN pg_roles AS r ON r.oid = s.setrole, unnest(s.setconfig) AS c
"""
_RIGHTS = """
SELECT r.rolsuper, r.rolcreatedb, pg_has_role(r.oid, 'pg_signal_backend', 'USAGE')
FROM pg_roles AS r WHERE r.rolname = current_user
"""
_FOREIGN = """
SELECT DISTINCT a.usename::text FROM pg_stat_activity AS a JOIN pg_roles AS r ON r.oid = a.usesysid
WHERE a.datid = ANY (%s) AND (r.rolsuper OR NOT (pg_has_role(a.usesysid, 'USAGE') OR %s))
"""
# What the server ends by itself when a database is renamed or dropped is not ours to end.
_END = """
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datid = ANY (%s) AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
AND coalesce(backend_type, '') <> 'autovacuum worker'
"""
# Their values are lists of names: as one literal they would become one name.
_LISTS = frozenset(
    ("search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries", "createrole_self_grant")
)
_ATTEMPTS = 3


@dataclasses.dataclass(frozen=True)
class Held:
    """A database of the server."""

    oid: int
    name: str
    owner: str
    connectable: bool
    limit: int
    comment: str | None
    sorting: Sorting
    grants: frozenset[Grant] = frozenset()
    settings: t.Mapping[Setting, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Rights:
    """What the role that we log in as may do."""

    superuser: bool
    make: bool
    end: bool


class Server:
    """What is done from outside of the database that it is done to; each statement is kept at once."""

    def __init__(self, login: PostgresLogin, name: str, database: _postgres.Database, timeout_s: float) -> None:
        self.login = login
        self.timeout_s = timeout_s
        self.database = database
        self._name = name

    def open(self, name: str, *, read_only: bool = True) -> t.ContextManager[_postgres.Database]:
        """Open another database of the server."""
        return _postgres.connect(dataclasses.replace(self.login, database=name), self.timeout_s, read_only=read_only)

    def beside(self, *, autocommit: bool = False) -> t.ContextManager[_postgres.Database]:
        """Open a second connection to where this one is."""
        login = dataclasses.replace(self.login, database=self._name)
        return _postgres.connect(login, self.timeout_s, read_only=False, autocommit=autocommit)

    def databases(self) -> dict[str, Held]:
        """Return every database that is no template, by its name."""
        grants: dict[str, set[Grant]] = {}
        for database, *grant in self.database.query(_GRANTS):
            grants.setdefault(database, set()).add((grant[0], grant[1], grant[2]))
        settings: dict[str, dict[Setting, str]] = {}
        for database, role, name, value in self.database.query(_SETTINGS):
            settings.setdefault(database, {})[role, name] = value
        found = {}
        for oid, name, owner, connectable, limit, comment, encoding, row in self.database.query(_DATABASES):
            found[name] = Held(
                oid=int(oid),
                name=name,
                owner=owner,
                connectable=connectable,
                limit=limit,
                comment=comment,
                sorting=sorting_of(encoding, row),
                grants=frozenset(grants.get(name, ())),
                settings=settings.get(name, {}),
            )
        return found

    def rights(self) -> Rights:
        """Return what we may do."""
        return Rights(*self.database.query(_RIGHTS)[0])

    def may_own(self, role: str) -> bool:
        """Tell whether we may make a database of this role, and rename it."""
        return bool(self.database.query("SELECT pg_has_role(%s, 'USAGE')", [role])[0][0])

    def roles(self) -> frozenset[str]:
        """Return the names of all roles."""
        return frozenset(row[0] for row in self.database.query("SELECT rolname::text FROM pg_roles"))

    def obstacles(self, held: t.Sequence[Held], rights: Rights) -> list[tuple[str, str]]:
        """Return what stands in the way of renaming databases, and what to do, in words."""
        names, oids = [each.name for each in held], [each.oid for each in held]
        found = []
        rows = self.database.query("SELECT gid FROM pg_prepared_xacts WHERE database = ANY (%s)", [names])
        if rows:
            found.append((f"{len(rows)} prepared transactions are open in it, such as '{rows[0][0]}'", "End them"))
        rows = self.database.query(
            "SELECT slot_name FROM pg_replication_slots WHERE database = ANY (%s) AND active", [names]
        )
        if rows:
            found.append((f"the replication slot '{rows[0][0]}' of it is in use", "Stop who reads from it"))
        for (user,) in [] if rights.superuser else self.database.query(_FOREIGN, [oids, rights.end]):
            found.append((f"'{self.login.user}' may not end the session of '{user}' in it", "End it"))
        return found

    def bytes_of(self, name: str) -> int:
        """Return how much a database takes."""
        return int(self.database.query("SELECT pg_database_size(%s)", [name])[0][0])

    def comment(self, name: str, text: str | None) -> None:
        """Give a database its comment."""
        self.database.execute(_comment(name, text))

    def let_in(self, name: str) -> None:
        """Let sessions into a database."""
        self.database.execute(_alter(name, "ALLOW_CONNECTIONS true"))

    def drop(self, held: Held) -> None:
        """Remove a database for good, with the sessions that are in it."""
        # One that a crash left half removed can be removed, and nothing else.
        if held.limit != -2:
            self.database.execute(_alter(held.name, "ALLOW_CONNECTIONS false"))
        for attempt in range(_ATTEMPTS):
            self.database.query(_END, [[held.oid]])
            try:
                self.database.execute(
                    _postgres.sql.SQL("DROP DATABASE IF EXISTS {}").format(_postgres.sql.Identifier(held.name))
                )
                return
            except OpsError:
                if attempt == _ATTEMPTS - 1:
                    raise

    def end_sessions(self, held: t.Sequence[Held]) -> int:
        """End the sessions in some databases once; return how many there were."""
        return int(self.database.query(_END, [[each.oid for each in held]])[0][0])


@contextlib.contextmanager
def open_server(login: PostgresLogin, timeout_s: float) -> t.Iterator[Server]:
    """Connect to a database of the server that is not the one of the login."""
    refused: OpsError | None = None
    for name in ("postgres", "template1"):
        if name == login.database:
            continue
        with contextlib.ExitStack() as stack:
            elsewhere = dataclasses.replace(login, database=name)
            try:
                database = stack.enter_context(
                    _postgres.connect(elsewhere, timeout_s, read_only=False, autocommit=True)
                )
            except LoginRefusedError as error:
                refused = refused or error
                continue
            yield Server(login, name, database, timeout_s)
            return
    raise refused or OpsError("reach the server", "no database is left to do it from")


def _alter(name: str, change: str) -> t.Any:
    """Return a change of a database; ``change`` is one of our own words."""
    sql = _postgres.sql
    return sql.SQL("ALTER DATABASE {} {}").format(sql.Identifier(name), sql.SQL(change))


def _comment(name: str, text: str | None) -> t.Any:
    sql = _postgres.sql
    return sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(text))


def rename(database: _postgres.Database, old: str, new: str) -> None:
    """Rename a database; whoever wants into it waits until the transaction has ended."""
    sql = _postgres.sql
    database.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new)))


def set_state(database: _postgres.Database, name: str, *, connectable: bool, comment: str | None) -> None:
    """Let a database be entered or not, and say what it is."""
    database.execute(_alter(name, f"ALLOW_CONNECTIONS {'true' if connectable else 'false'}"))
    database.execute(_comment(name, comment))


def put_setting(database: _postgres.Database, name: str, setting: Setting, value: str) -> None:
    """Give a database a setting, of one role or of all, in a transaction."""
    sql = _postgres.sql
    role, parameter = setting
    target = sql.SQL("DATABASE {}").format(sql.Identifier(name))
    if role:
        target = sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), sql.Identifier(name))
    words = sql.SQL(".").join(sql.Identifier(part) for part in parameter.split("."))
    if parameter in _LISTS:
        database.query("SELECT set_config(%s, %s, true)", [parameter, value])
        database.execute(sql.SQL("ALTER {} SET {} FROM CURRENT").format(target, words))
    else:
        database.execute(sql.SQL("ALTER {} SET {} TO {}").format(target, words, sql.Literal(value)))


def setting_words(setting: Setting) -> str:
    """Return how a setting is called in a sentence. Pure."""
    return setting[1] + (f" of role '{setting[0]}'" if setting[0] else "")


def try_setting(database: _postgres.Database, name: str, setting: Setting, value: str) -> str:
    """Give a database a setting, in a transaction that goes on if that cannot be; return why not, in a sentence."""
    database.execute("SAVEPOINT rendiff_ops")
    try:
        put_setting(database, name, setting, value)
    except OpsError as error:
        database.execute("ROLLBACK TO SAVEPOINT rendiff_ops")
        return f"The setting {setting_words(setting)} could not be set: {error.cause}."
    database.execute("RELEASE SAVEPOINT rendiff_ops")
    return ""


def put_grant(database: _postgres.Database, name: str, grant: Grant, *, give: bool) -> None:
    """Give a role a right on a database, or take it; the right is one of the server's own words."""
    sql = _postgres.sql
    grantee = sql.Identifier(grant[0]) if grant[0] else sql.SQL("PUBLIC")
    words = sql.SQL("GRANT {} ON DATABASE {} TO {}{}" if give else "REVOKE {} ON DATABASE {} FROM {}{}")
    option = sql.SQL(" WITH GRANT OPTION" if give and grant[2] else "")
    database.execute(words.format(sql.SQL(grant[1]), sql.Identifier(name), grantee, option))


def put_limit(database: _postgres.Database, name: str, limit: int) -> None:
    """Set how many sessions a database may have."""
    database.execute(_alter(name, f"CONNECTION LIMIT {int(limit)}"))


def put_owner(database: _postgres.Database, name: str, owner: str) -> None:
    """Give a database another owner."""
    sql = _postgres.sql
    database.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(owner)))
