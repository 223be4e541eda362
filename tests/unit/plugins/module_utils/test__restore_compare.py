# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._keys import Key
from ansible_collections.rendiff.ops.plugins.module_utils._restore_compare import Side, compare

TAKEN = "2026-11-27T13:00:00Z"
MADE = 1_795_784_460.0


def key(identity, *, active=True, expires=None):
    return Key(identity, f"hash-{identity}", "", f"name-{identity}", "", active, False, None, None, None, expires, None)


def test_what_is_only_live_is_told():
    live = Side(
        tables={"public.jobs": 7, "public.api_keys": 2, "public.notes": 9, "public.only": 1},
        newest_job=MADE,
        newer_jobs=(2, MADE),
        keys=[key("same"), key("new"), key("spent", expires=1.0)],
    )
    backup = Side(
        tables={"public.jobs": 5, "public.api_keys": 1, "public.notes": 8},
        newest_job=MADE - 120,
        keys=[key("same")],
    )
    found = compare(live, backup, TAKEN)
    assert found.lost == [
        "Table 'public.notes' has 1 row more than the backup.",
        "Table 'public.only' with 1 row is not in the backup.",
        "2 jobs of after the backup of 2026-11-27 13:00:00 UTC will be gone, the newest of 2026-11-27 13:01:00 UTC.",
        "2 API keys of after the backup will be gone (1 active): new ('name-new'), spent ('name-spent').",
    ]
    assert found.figures["jobs"] == {
        "newest_live": "2026-11-27T13:01:00Z",
        "newest_backup": "2026-11-27T12:59:00Z",
        "only_live": 2,
    }
    assert found.figures["tables"]["public.only"] == {"live": 1, "backup": None}
    assert found.figures["keys"] == {"only_live": ["new", "spent"], "active_lost": ["new"], "accepted_again": []}
    assert found.not_compared == []


@pytest.mark.parametrize(
    ("now", "then", "figure", "words"),
    [
        ([key("a")], [key("a", active=False)], "active_lost", "1 API key accepted now will be refused: a ('name-a')."),
        ([key("a", active=False)], [key("a")], "accepted_again", "1 API key refused now will be accepted again"),
        ([], [key("a")], "accepted_again", "1 API key refused now will be accepted again"),
        ([key("a")], [key("a", expires=time.time() + 3600)], None, None),
    ],
)
def test_keys_whose_state_would_change_are_told(now, then, figure, words):
    found = compare(Side(keys=now), Side(keys=then), TAKEN)
    changed = {name: ids for name, ids in found.figures["keys"].items() if ids}
    assert changed == ({figure: ["a"]} if figure else {})
    assert [words in sentence for sentence in found.lost] == ([True] if words else [])


def test_what_could_not_be_looked_at_is_never_told_to_be_lost():
    found = compare(Side(told=["'rendiff' is absent: nothing of it was compared."]), Side({"public.jobs": 5}), TAKEN)
    assert found.lost == [] and found.not_compared == ["'rendiff' is absent: nothing of it was compared."]
    assert compare(Side({"public.jobs": 5}), Side(), TAKEN).lost == []
