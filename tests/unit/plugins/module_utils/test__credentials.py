# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._credentials import parse_url, resolve_postgres, resolve_redis
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError

from .builders import replica, stack

DATABASE = "DATABASE_URL=postgresql+asyncpg://app:p%40ss@postgres:5432/rendiff?sslmode=require"


def nothing(replica, path):
    return None


def test_the_applications_own_url_is_used_at_an_address_that_the_host_reaches():
    found = stack(replica("api", env=[DATABASE]), replica("postgres", address="10.9.9.9"))
    login = resolve_postgres(found, {}, nothing)
    assert (login.host, login.port, login.user, login.database) == ("10.9.9.9", 5432, "app", "rendiff")
    assert (login.password, login.sslmode) == ("p@ss", "require")
    assert "p@ss" not in repr(login)


def test_explicit_options_win_one_by_one():
    found = stack(replica("api", env=[DATABASE]), replica("postgres"))
    login = resolve_postgres(found, {"login_host": "db.internal", "login_port": 6432, "login_user": "ro"}, nothing)
    assert (login.host, login.port, login.user, login.password) == ("db.internal", 6432, "ro", "p@ss")


def test_a_database_outside_compose_keeps_its_own_address():
    found = stack(replica("api", env=["DATABASE_URL=postgres://u:p@db.example.com/x"]))
    assert resolve_postgres(found, {}, nothing).host == "db.example.com"


def test_a_name_that_only_the_network_knows_is_translated():
    found = stack(
        replica("api", env=["DATABASE_URL=postgres://u:p@main-db/x"]),
        replica("postgres", address="10.9.9.9", aliases=["main-db"]),
    )
    assert resolve_postgres(found, {}, nothing).host == "10.9.9.9"


def test_without_a_url_the_database_container_tells():
    found = stack(replica("postgres", env=["POSTGRES_USER=u", "POSTGRES_PASSWORD_FILE=/run/secrets/p"]))
    login = resolve_postgres(found, {}, lambda replica, path: b"from-file\n" if path == "/run/secrets/p" else None)
    assert (login.user, login.database, login.password) == ("u", "u", "from-file")


def test_a_stopped_database_is_said_to_be_stopped():
    found = stack(replica("api", env=[DATABASE]), replica("postgres", state={"Status": "exited"}))
    with pytest.raises(OpsError, match="Cannot reach PostgreSQL: service 'postgres' is stopped"):
        resolve_postgres(found, {}, nothing)


def test_nothing_known_says_what_to_pass():
    with pytest.raises(OpsError, match="Pass login_host"):
        resolve_postgres(stack(replica("api")), {}, nothing)
    with pytest.raises(OpsError, match="Pass redis_host"):
        resolve_redis(stack(replica("api")), {}, nothing)


def test_another_database_or_broker_is_named():
    with pytest.raises(OpsError, match="uses 'mysql', not PostgreSQL"):
        resolve_postgres(stack(replica("api", env=["DATABASE_URL=mysql://h/x"])), {}, nothing)
    with pytest.raises(OpsError, match="uses 'amqp', not Redis"):
        resolve_redis(stack(replica("worker", env=["CELERY_BROKER_URL=amqp://h"])), {}, nothing)


def test_the_brokers_url_gives_database_number_password_and_tls():
    url = "REDIS_URL=rediss://:pw@redis:6380/4"
    found = stack(replica("api", env=[url]), replica("redis"))
    login = resolve_redis(found, {}, nothing)
    assert (login.port, login.db, login.password, login.tls) == (6380, 4, "pw", True)
    assert resolve_redis(found, {"redis_db": 0, "redis_tls": False}, nothing).db == 0
    assert "pw" not in repr(login)


def test_a_broken_url_is_not_repeated():
    with pytest.raises(OpsError) as error:
        parse_url("redis://:hunter2@h:notaport/0", 6379)
    assert "hunter2" not in str(error.value)
