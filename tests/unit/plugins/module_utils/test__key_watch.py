# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._key_events import KeyEvent, KeyLog
from ansible_collections.rendiff.ops.plugins.module_utils._key_watch import (
    judge_watch,
    plan_watch,
    read_watches,
    write_watches,
)
from ansible_collections.rendiff.ops.plugins.module_utils._keys import Key

GONE = Key("k-1", "00" * 32, "Zk3vTq1b", "nightly", "studio", False, False, 5, 0.0, 50.0, None, 60.0)
LIVE = GONE._replace(is_active=True, revoked_at=None)


def watch_of(key, now=100.0, watch_s=1000):
    return plan_watch([key], [], watch_s, now, "rendiff", "INC-1")[1]


def test_a_watch_begins_once_is_made_longer_and_ends():
    plan, watches = plan_watch([GONE], [], 1000, 100.0, "rendiff", "INC-1")
    assert plan.changed and watches[0].until == 1100
    again, same = plan_watch([GONE], watches, 1000, 500.0, "rendiff", "")
    assert not again.changed and same == watches
    longer, kept = plan_watch([GONE], watches, 2000, 500.0, "rendiff", "")
    assert longer.changed and (kept[0].since, kept[0].until) == (100, 2100)
    ended, none = plan_watch([GONE], watches, 0, 500.0, "rendiff", "")
    assert ended.changed and none == [] and not plan_watch([GONE], none, 0, 500.0, "rendiff", "")[0].changed
    over, begun = plan_watch([GONE], watches, 1000, 2000.0, "rendiff", "")
    assert over.changed and begun[0].since == 2000


def test_what_is_kept_is_read_again_and_a_spoiled_file_is_told(tmp_path):
    watches = watch_of(GONE)
    write_watches(str(tmp_path / "state"), watches)
    assert read_watches(str(tmp_path / "state")) == watches and read_watches(str(tmp_path / "none")) == []
    assert (tmp_path / "state" / "watched_keys.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "state" / "watched_keys.json").write_text("[7]")
    with pytest.raises(OpsError, match="is not as it was written"):
        read_watches(str(tmp_path / "state"))


def test_attempts_are_counted_from_the_beginning_of_the_watch():
    log = KeyLog((KeyEvent(50.0, "a", "", "Zk3vTq1b"), KeyEvent(150.0, "203.0.113.7", "", "Zk3vTq1b")), 0.0, {})
    told = judge_watch(watch_of(GONE)[0], GONE, log, 200.0)
    assert (told["attempts"], told["addresses"], told["came_back"]) == (1, ["203.0.113.7"], False)
    quiet = judge_watch(watch_of(GONE)[0], GONE, KeyLog((), 0.0, {}), 200.0)
    assert quiet["attempts"] == 0 and "Nobody has tried" in quiet["summary"]


def test_what_is_not_known_is_not_called_none():
    without = judge_watch(watch_of(GONE)[0], GONE, None, 200.0)
    nameless = judge_watch(watch_of(GONE._replace(prefix=""))[0], GONE, KeyLog((), 0.0, {}), 200.0)
    assert without["attempts"] is None and nameless["attempts"] is None
    assert "cannot be told" in without["summary"] and "cannot be told" in nameless["summary"]


@pytest.mark.parametrize(
    "key, events",
    [(LIVE, ()), (GONE._replace(requests=6), ()), (GONE, (KeyEvent(150.0, "a", "k-1", ""),))],
    ids=["active again", "counted", "logged"],
)
def test_a_revoked_key_that_is_accepted_again_is_told(key, events):
    told = judge_watch(watch_of(GONE)[0], key, KeyLog(events, 0.0, {}), 200.0)
    assert told["came_back"] and "revoke it again" in told["summary"]


def test_a_key_that_was_active_when_the_watch_began_does_not_come_back():
    told = judge_watch(watch_of(LIVE)[0], LIVE._replace(requests=9), KeyLog((), 0.0, {}), 200.0)
    assert not told["came_back"] and told["used"] == 4 and "4 times" in told["summary"]


def test_a_key_that_is_revoked_while_it_is_watched_is_watched_as_revoked_from_then_on():
    live = watch_of(LIVE)
    plan, (kept,) = plan_watch([GONE._replace(requests=9)], live, 1000, 500.0, "rendiff", "")
    assert [action.transition for action in plan.actions] == ["is watched as revoked"]
    assert (kept.active, kept.since, kept.until, kept.requests) == (False, 500.0, 1500.0, 9)
    assert not plan_watch([GONE], [kept], 1000, 600.0, "rendiff", "")[0].changed
    assert not plan_watch([LIVE], live, 1000, 500.0, "rendiff", "")[0].changed
    assert judge_watch(kept, LIVE, KeyLog((), 0.0, {}), 700.0)["came_back"]
    assert not judge_watch(kept, GONE._replace(requests=9), KeyLog((), 0.0, {}), 700.0)["came_back"]


def test_nobody_is_said_to_have_tried_only_for_what_the_logs_tell():
    (watch,) = watch_of(GONE)
    short = judge_watch(watch, GONE, KeyLog((), 160.0, {}), 200.0)["summary"]
    assert "since 1970-01-01T00:02:40Z; whether before, cannot be told" in short
    broken = judge_watch(watch, GONE, KeyLog((), 0.0, {"api-2": "no such driver"}), 200.0)["summary"]
    assert "cannot be told: the log of 'api-2' could not be read: no such driver" in broken and "Nobody" not in broken
