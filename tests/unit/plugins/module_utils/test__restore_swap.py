# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils import _databases, _restore_swap
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._restore_plan import Exchange
from ansible_collections.rendiff.ops.plugins.module_utils._restore_swap import carry

from .test__restore_plan import held

SETTINGS = {("", "work_mem"): "8MB", ("app", "search_path"): '"$user", public'}


def test_what_the_new_one_lacks_goes_on_and_what_differs_is_told():
    old = held("rendiff", settings=SETTINGS, owner="app", limit=50, grants=frozenset([("reader", "CONNECT", False)]))
    new = held(
        "rendiff_restore",
        settings={("", "work_mem"): "4MB", ("", "jit"): "off"},
        owner="admin",
        grants=frozenset([("", "CONNECT", False)]),
    )
    carried = carry(old, new)
    assert carried.settings == {("app", "search_path"): '"$user", public'}
    assert (carried.owner, carried.limit) == ("app", 50)
    assert carried.given == (("reader", "CONNECT", False),) and carried.taken == (("", "CONNECT", False),)
    assert carried.told == (
        "The setting work_mem is '4MB' in the backup; it was '8MB'.",
        "The setting search_path of role 'app' is carried over.",
        "The setting jit is of the backup; it was not set.",
        "The rights on the database are carried over.",
        "The owner stays 'app'.",
        "The limit of sessions stays 50.",
    )


@pytest.mark.parametrize("old", [None, held("rendiff", settings=SETTINGS)])
def test_what_is_the_same_is_left_alone(old):
    carried = carry(old, held("rendiff_restore", settings=SETTINGS))
    assert not (carried.settings or carried.told or carried.owner or carried.given or carried.taken)
    assert carried.limit is None


class Transaction:
    """One transaction in which some settings cannot be set; it keeps the statements that last."""

    def __init__(self, refused):
        self.kept = []
        self._refused = refused
        self._mark = 0

    def execute(self, statement):
        text = statement if isinstance(statement, str) else str(statement)
        if text.startswith("SAVEPOINT"):
            self._mark = len(self.kept)
        elif text.startswith("ROLLBACK TO"):
            del self.kept[self._mark :]
        elif not text.startswith("RELEASE"):
            self.kept.append(text)
            if any(name in text for name in self._refused):
                raise OpsError("query PostgreSQL", "permission denied to set parameter")


def test_a_setting_that_cannot_be_set_stops_nothing_and_is_told_instead(monkeypatch):
    monkeypatch.setattr(_databases, "put_setting", lambda database, name, setting, value: database.execute(setting[1]))
    for name in ("set_state", "put_owner"):
        monkeypatch.setattr(_restore_swap, name, lambda database, *_args, _name=name, **_given: database.execute(_name))
    old = held("rendiff", settings={("", "work_mem"): "8MB", ("app", "log_min_messages"): "error"}, owner="app")
    new = held("rendiff_restore", owner="admin")
    database = Transaction(["log_min_messages"])
    told = _restore_swap._settle(database, Exchange("rendiff", new, None, old, "kept"), carry(old, new))
    assert database.kept == ["set_state", "put_owner", "work_mem", "set_state"]
    assert told == [
        "The setting work_mem is carried over.",
        "The setting log_min_messages of role 'app' could not be set: permission denied to set parameter.",
        "The owner stays 'app'.",
    ]
