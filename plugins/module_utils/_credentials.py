# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: credentials as the containers use them; resolved on the host, never returned."""

from __future__ import annotations

import dataclasses
import typing as t
from urllib.parse import parse_qs, unquote, urlsplit

from ._argspec import ArgumentSpec
from ._compose import Replica
from ._errors import OpsError
from ._stack import Stack

ReadFile = t.Callable[[Replica, str], t.Optional[bytes]]

POSTGRES_ARGUMENTS = ArgumentSpec(
    {
        "login_host": {"type": "str"},
        "login_port": {"type": "int"},
        "login_user": {"type": "str"},
        "login_password": {"type": "str", "no_log": True},
        "login_db": {"type": "str"},
    }
)
REDIS_ARGUMENTS = ArgumentSpec(
    {
        "redis_host": {"type": "str"},
        "redis_port": {"type": "int"},
        "redis_user": {"type": "str"},
        "redis_password": {"type": "str", "no_log": True},
        "redis_db": {"type": "int"},
        "redis_tls": {"type": "bool"},
    }
)

# Where an application keeps the address of its database and of its broker, most specific first.
_DATABASE_VARIABLES = ("DATABASE_URL", "SQLALCHEMY_DATABASE_URI", "POSTGRES_URL")
_BROKER_VARIABLES = ("CELERY_BROKER_URL", "BROKER_URL", "REDIS_URL", "VALKEY_URL")

_PRODUCTS = {"postgres": "PostgreSQL", "redis": "Redis"}


@dataclasses.dataclass(frozen=True)
class PostgresLogin:
    """How to reach PostgreSQL from the Docker host. The password is in no representation of it."""

    host: str
    port: int
    user: str
    database: str
    password: str = dataclasses.field(default="", repr=False)
    sslmode: str = ""


@dataclasses.dataclass(frozen=True)
class RedisLogin:
    """How to reach Redis from the Docker host. The password is in no representation of it."""

    host: str
    port: int
    db: int
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    tls: bool = False


@dataclasses.dataclass(frozen=True)
class ParsedUrl:
    """A service address as an application writes it."""

    scheme: str
    host: str
    port: int
    user: str
    path: str
    query: t.Mapping[str, str]
    password: str = dataclasses.field(default="", repr=False)


def parse_url(text: str, default_port: int) -> ParsedUrl:
    """Split a database or broker URL; the error never repeats the text, which holds a password."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port or default_port
    except ValueError as error:
        raise OpsError("read a connection URL", "it is not a URL") from error
    return ParsedUrl(
        scheme=parts.scheme.split("+")[0],
        host=parts.hostname or "",
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        path=unquote(parts.path.lstrip("/")),
        query={name: values[-1] for name, values in parse_qs(parts.query).items()},
    )


def setting(replica: Replica, name: str, read_file: ReadFile) -> str:
    """Return a container's setting from its environment, or from the file that ``<name>_FILE`` points to."""
    value = replica.environment.get(name, "")
    path = replica.environment.get(f"{name}_FILE", "")
    if not value and path:
        content = read_file(replica, path)
        value = content.decode("utf-8", "replace").strip() if content else ""
    return value


def _application_url(stack: Stack, names: t.Sequence[str], read_file: ReadFile) -> str:
    for role in ("api", "worker"):
        for service in stack.by_role(role):
            for replica in sorted(service.replicas, key=lambda candidate: not candidate.running):
                for name in names:
                    value = setting(replica, name, read_file)
                    if value:
                        return value
    return ""


def _reachable(stack: Stack, role: str, host: str, port: int) -> tuple[str, int]:
    """Translate a Compose service name into an address that the Docker host reaches; leave other hosts alone."""
    services = [service for service in stack.services if service.name == host] or (
        list(stack.by_role(role)) if host in ("", "localhost", "127.0.0.1") else []
    )
    if not services:
        services = [
            service
            for service in stack.by_role(role)
            if any(host in (replica.name, replica.hostname, *replica.aliases) for replica in service.replicas)
        ]
    for service in services:
        for replica in service.running:
            addresses = replica.addresses(port)
            if addresses:
                return addresses[0]
    if services:
        state = services[0].status
        raise OpsError(
            f"reach {_PRODUCTS[role]}", f"service '{services[0].name}' is {state}", "Start it, then run this again"
        )
    return host, port


def resolve_postgres(stack: Stack | None, options: t.Mapping[str, t.Any], read_file: ReadFile) -> PostgresLogin:
    """Return the login from explicit options, else from what the api, a worker or the database container uses."""
    found = ParsedUrl("postgresql", "", 5432, "", "", {})
    if stack is not None:
        url = _application_url(stack, _DATABASE_VARIABLES, read_file)
        if url:
            found = parse_url(url, 5432)
        else:
            for service in stack.by_role("postgres"):
                for replica in service.replicas[:1]:
                    user = setting(replica, "POSTGRES_USER", read_file) or "postgres"
                    found = ParsedUrl(
                        scheme="postgresql",
                        host=service.name,
                        port=5432,
                        user=user,
                        path=setting(replica, "POSTGRES_DB", read_file) or user,
                        query={},
                        password=setting(replica, "POSTGRES_PASSWORD", read_file),
                    )
    if found.scheme not in ("postgresql", "postgres"):
        raise OpsError("reach the database", f"the application uses '{found.scheme}', not PostgreSQL")
    host, port = options.get("login_host") or "", int(options.get("login_port") or found.port)
    if not host:
        if not found.host:
            raise OpsError(
                "reach PostgreSQL", "no container says where it is", "Pass login_host, login_user and login_db"
            )
        host, port = _reachable(stack, "postgres", found.host, port) if stack is not None else (found.host, port)
    return PostgresLogin(
        host=host,
        port=port,
        user=options.get("login_user") or found.user,
        database=options.get("login_db") or found.path or found.user,
        password=options.get("login_password") or found.password,
        sslmode=found.query.get("sslmode", ""),
    )


def resolve_redis(stack: Stack | None, options: t.Mapping[str, t.Any], read_file: ReadFile) -> RedisLogin:
    """Return the login of the Celery broker from explicit options, else from what the api or a worker uses."""
    found = ParsedUrl("redis", "", 6379, "", "0", {})
    if stack is not None:
        url = _application_url(stack, _BROKER_VARIABLES, read_file)
        services = stack.by_role("redis")
        if url:
            found = parse_url(url, 6379)
        elif services and services[0].replicas:
            password = setting(services[0].replicas[0], "REDIS_PASSWORD", read_file)
            found = dataclasses.replace(found, host=services[0].name, password=password)
    if found.scheme not in ("redis", "rediss", "valkey", "valkeys"):
        raise OpsError("reach the broker", f"the application uses '{found.scheme}', not Redis")
    host, port = options.get("redis_host") or "", int(options.get("redis_port") or found.port)
    if not host:
        if not found.host:
            raise OpsError("reach Redis", "no container says where it is", "Pass redis_host")
        host, port = _reachable(stack, "redis", found.host, port) if stack is not None else (found.host, port)
    database = options.get("redis_db")
    if database is None:
        path = found.path or found.query.get("db") or "0"
        database = int(path) if path.isdigit() else 0
    tls = options.get("redis_tls")
    return RedisLogin(
        host=host,
        port=port,
        db=int(database),
        user=options.get("redis_user") or found.user,
        password=options.get("redis_password") or found.password,
        tls=found.scheme in ("rediss", "valkeys") if tls is None else bool(tls),
    )
