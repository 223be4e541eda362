# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._backup_fetch import Obtained
from ansible_collections.rendiff.ops.plugins.module_utils._credentials import PostgresLogin
from ansible_collections.rendiff.ops.plugins.module_utils._databases import Rights
from ansible_collections.rendiff.ops.plugins.module_utils._docker import ExecResult
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._restore_check import (
    check_live,
    check_rights,
    check_room,
    parse_free,
    space_needed,
)
from ansible_collections.rendiff.ops.plugins.module_utils._restore_marker import BEFORE, LIVE
from ansible_collections.rendiff.ops.plugins.module_utils._restore_verify import differences

from .builders import replica
from .test__restore_plan import held, marker
from .test__restore_result import MANIFEST

DF = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 100 60 40 60% /var/lib/postgresql/data\n"


@pytest.mark.parametrize(
    ("output", "free"), [(DF, 40 * 1024), ("", None), ("df: no such file", None), ("a b c d e f", None)]
)
def test_the_room_is_read_from_df(output, free):
    assert parse_free(output) == free


def test_what_is_not_told_is_guessed_rather_too_large():
    assert space_needed(MANIFEST, 10) == 1100
    assert space_needed(None, 1000) == 6600


class FakeServer:
    """A server of one role."""

    login = PostgresLogin("h", 5432, "app", "rendiff")

    def __init__(self, *, superuser=False, make=True, owns=("app",), obstacles=()):
        self._rights = Rights(superuser, make, False)
        self._owns = owns
        self._obstacles = obstacles

    def rights(self):
        return self._rights

    def may_own(self, role):
        return role in self._owns

    def obstacles(self, _held, _rights):
        return list(self._obstacles)

    def bytes_of(self, _name):
        return 500


class FakeDocker:
    """A container in which df tells how much is free, or nothing."""

    def __init__(self, free):
        self.free = free

    def execute(self, _container, argv, _timeout_s):
        assert argv == ["df", "-Pk", "/data"]
        if self.free is None:
            raise OpsError("run df", "there is none")
        return ExecResult(0, f"head\n/dev/x 1 1 {self.free} 1% /data\n".encode(), b"")


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (FakeServer(make=False), "role 'app' may not make databases"),
        (FakeServer(owns=()), "role 'app' is not of role 'app', which owns it. Pass login_user=app"),
        (
            FakeServer(obstacles=[("the replication slot 's' of it is in use", "Stop who reads from it")]),
            "is in use. Stop who reads from it, then run this again",
        ),
    ],
)
def test_what_the_server_would_refuse_is_refused_before(server, words):
    with pytest.raises(OpsError) as error:
        check_rights(server, [held("rendiff"), None], "")
    assert words in str(error.value)


def test_whoever_may_do_it_may():
    check_rights(FakeServer(), [held("rendiff"), None], "app")
    check_rights(FakeServer(superuser=True, make=False), [], "")


@pytest.mark.parametrize(
    ("free", "dropped", "enough"), [(2, None, True), (1, None, False), (1, "x", True), (None, None, True)]
)
def test_a_backup_that_does_not_fit_is_refused(tmp_path, free, dropped, enough):
    (tmp_path / "dump").write_bytes(b"x" * 10)
    obtained = Obtained("b", "t", str(tmp_path), "dump", "s", None, MANIFEST, ())
    container = replica("postgres", env=["PGDATA=/data"])
    arguments = (FakeServer(), FakeDocker(free), container, obtained, held(dropped) if dropped else None)
    if enough:
        check_room(*arguments)
    else:
        with pytest.raises(OpsError, match="it needs about 1,100 bytes .* and 1,024 are free. Drop what"):
            check_room(*arguments)
    check_room(FakeServer(), FakeDocker(0), None, obtained, None)


def test_only_the_services_own_database_is_restored():
    check_live("rendiff", None)
    check_live("rendiff", held("rendiff", marker(LIVE)))
    with pytest.raises(OpsError, match="it is the server's own"):
        check_live("postgres", None)
    name = "rendiff_before_20261127T130000Z"
    with pytest.raises(OpsError, match="Pass login_db=rendiff"):
        check_live(name, held(name, marker(BEFORE)))


def test_a_backup_is_what_it_says_row_by_row():
    assert differences(MANIFEST, {"public.jobs": 5, "public.api_keys": 2, "public.new": 1}, ["r2", "r1"]) == []
    assert differences(MANIFEST, {"public.jobs": 4}, []) == [
        "table 'public.api_keys' is missing",
        "table 'public.jobs' has 4 rows, and the backup has 5",
        "the schema's revision is none, and the backup has r1, r2",
    ]
