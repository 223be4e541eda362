# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the only importer of the PostgreSQL driver. Bounded connections, expected errors only."""

from __future__ import annotations

import contextlib
import io
import traceback
import typing as t

from ._credentials import PostgresLogin
from ._errors import LoginRefusedError, MissingDriverError, NotKnownError, NotLocatedError, OpsError

try:
    import psycopg2
    import psycopg2.extensions
    from psycopg2 import sql
except ImportError:
    DRIVER_ERROR: str | None = traceback.format_exc()
else:
    DRIVER_ERROR = None

# Also the driver's own way to put names into statements, for the queries of other files.
__all__ = ("DRIVER", "DRIVER_ERROR", "Database", "connect", "explain", "sql")

DRIVER = "psycopg2"
# What a cell of COPY may not hold as it is. The first comes first, or it would escape the others again.
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_SPECIAL = frozenset(character for character, _written in _ESCAPES)
# libpq tells a refused login only in words; these are the server's, in the language that the driver asks for.
_REFUSALS = ("authentication failed", "no password supplied", "no pg_hba.conf entry", "does not exist")


class Database:
    """One connection; everything done through it is one transaction unless it is read-only."""

    def __init__(self, connection: t.Any, login: PostgresLogin) -> None:
        self._connection = connection
        self._login = login

    def query(self, statement: t.Any, parameters: t.Sequence[t.Any] = ()) -> list[tuple[t.Any, ...]]:
        """Run a statement and return its rows; values travel as parameters, names as ``identifier()``."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, parameters or None)
                return list(cursor.fetchall()) if cursor.description else []
        except psycopg2.Error as error:
            raise explain(error, self._login) from error

    def execute(self, statement: t.Any, parameters: t.Sequence[t.Any] = ()) -> int:
        """Run a statement and return the number of rows that it touched."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, parameters or None)
                return int(cursor.rowcount)
        except psycopg2.Error as error:
            raise explain(error, self._login) from error

    def insert(self, table: str, row: t.Mapping[str, t.Any]) -> None:
        """Insert one row; table and column names are quoted as identifiers."""
        columns = list(row)
        self.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(sql.Identifier(column) for column in columns),
                sql.SQL(", ").join(sql.Placeholder() for _column in columns),
            ),
            [row[column] for column in columns],
        )

    def delete(self, table: str, column: str, value: t.Any) -> int:
        """Delete the rows whose column has this value; return how many."""
        return self.execute(
            sql.SQL("DELETE FROM {} WHERE {}::text = %s").format(sql.Identifier(table), sql.Identifier(column)), [value]
        )

    def select(
        self, table: str, columns: t.Sequence[str], where: str, value: t.Any, *, like: bool = False
    ) -> list[tuple[t.Any, ...]]:
        """Return some columns of the rows in which ``where`` equals (or is LIKE) the value, compared as text."""
        return self.query(
            sql.SQL("SELECT {} FROM {} WHERE {}::text {} %s").format(
                sql.SQL(", ").join(sql.Identifier(column) for column in columns),
                sql.Identifier(table),
                sql.Identifier(where),
                sql.SQL("LIKE" if like else "="),
            ),
            [value],
        )

    def stream(self, statement: t.Any, parameters: t.Sequence[t.Any] = (), *, size: int) -> t.Iterator[list[t.Any]]:
        """Yield the rows of a query in lists of at most ``size``, without holding them all; one stream at a time."""
        try:
            with self._connection.cursor(name="rendiff_ops") as cursor:
                cursor.execute(statement, parameters or None)
                while True:
                    rows = cursor.fetchmany(size)
                    if not rows:
                        return
                    yield rows
        except psycopg2.Error as error:
            raise explain(error, self._login) from error

    def copy(self, table: str, rows: t.Iterable[t.Sequence[str | None]]) -> None:
        """Write rows of texts into all columns of a table; None is NULL."""
        text = _copy_text(list(rows))
        statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
        try:
            with self._connection.cursor() as cursor:
                cursor.copy_expert(statement, io.StringIO(text))
        except psycopg2.Error as error:
            raise explain(error, self._login) from error

    def commit(self) -> None:
        """End the transaction and keep what it did."""
        try:
            self._connection.commit()
        except psycopg2.Error as error:
            raise explain(error, self._login) from error

    def rollback(self) -> None:
        """End the transaction and undo what it did."""
        try:
            self._connection.rollback()
        except psycopg2.Error as error:
            raise explain(error, self._login) from error


@contextlib.contextmanager
def connect(
    login: PostgresLogin, timeout_s: float, *, read_only: bool = True, autocommit: bool = False
) -> t.Iterator[Database]:
    """Open a bounded connection; roll back what was not committed; close in every case.

    ``timeout_s`` bounds connecting, each statement, and each wait for a lock, in seconds. ``autocommit``: for what the
    server does in no transaction, such as making a database; each statement is then kept at once.
    """
    if DRIVER_ERROR is not None:
        raise MissingDriverError(
            "query PostgreSQL",
            f"the Python module {DRIVER} is missing on this host",
            "Run the playbook rendiff.ops.prepare, or install python3-psycopg2",
        )
    milliseconds = int(timeout_s * 1000)
    parameters: dict[str, t.Any] = {
        "host": login.host,
        "port": login.port,
        "user": login.user,
        "dbname": login.database,
        "connect_timeout": max(2, round(timeout_s)),
        "application_name": "rendiff.ops",
        "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}",
        "tcp_user_timeout": milliseconds,
    }
    if login.password:
        parameters["password"] = login.password
    if login.sslmode:
        parameters["sslmode"] = login.sslmode
    try:
        connection = psycopg2.connect(**parameters)
        connection.set_session(isolation_level="READ COMMITTED", readonly=read_only, autocommit=autocommit)
    except psycopg2.Error as error:
        raise explain(error, login) from error
    try:
        yield Database(connection, login)
    finally:
        # A connection that the server already closed cannot be rolled back, and need not be.
        with contextlib.suppress(psycopg2.Error):
            connection.rollback()
        connection.close()


def _copy_text(rows: t.Sequence[t.Sequence[str | None]]) -> str:
    """Return rows as COPY reads them."""
    try:
        lines = ["\t".join(t.cast("t.Sequence[str]", row)) for row in rows]
    except TypeError:
        lines = []
    text = "\n".join(lines) + "\n"
    # Mostly there is nothing to escape, which is seen of all at once.
    plain = "\\" not in text and "\r" not in text and text.count("\n") == len(rows)
    if lines and plain and text.count("\t") == sum(map(len, rows)) - len(rows):
        return text
    return "".join("\t".join("\\N" if cell is None else _escape(cell) for cell in row) + "\n" for row in rows)


def _escape(text: str) -> str:
    """Return a text as a cell of COPY."""
    if not _SPECIAL.isdisjoint(text):
        for character, written in _ESCAPES:
            text = text.replace(character, written)
    return text


def explain(error: t.Any, login: PostgresLogin) -> OpsError:
    """Turn a driver's error into one sentence without the password."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    cause = lines[0]
    for marker in ("FATAL:", "ERROR:"):
        for line in lines:
            if marker in line:
                cause = line.split(marker, 1)[1].strip()
    if login.password:
        cause = cause.replace(login.password, "********")
    act = f"query PostgreSQL at {login.host}:{login.port} as '{login.user}'"
    if any(sign in cause for sign in _REFUSALS):
        return LoginRefusedError(
            act, cause, "Check the application's database URL, or pass login_user and login_password"
        )
    if "canceling statement" in cause or "permission denied" in cause:
        # It answers; only this look was refused or took too long.
        return NotKnownError(act, cause)
    if "could not translate host name" in cause:
        return NotLocatedError(act, cause, "Pass login_host and login_port as this host reaches it")
    return OpsError(act, cause)
