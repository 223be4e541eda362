# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._restore_report import report_exchange

RESTORE = {
    "database": "rendiff",
    "backup": "rendiff-20260120T031500Z",
    "taken_at": "2026-01-20T03:15:00Z",
    "previous": "rendiff_before_20260121T000000Z",
    "phases": {"load": 5.0, "verify": 2.0},
    "tables": {"public.jobs": 10},
    "checked_indexes": 7,
    "not_checked": None,
    "revoked_again": ["k1"],
    "lost": ["3 jobs will be gone."],
    "not_compared": [],
    "notes": ["The limit of sessions stays 50."],
}
SMOKE = {"verdict": "ok", "summary": "All 6 checks are well."}


def facts(**parts):
    swapped = {**RESTORE, "phases": {"swap": 0.2}, "tables": {}, "checked_indexes": None, "revoked_again": []}
    common = {
        "state": "swapped",
        "planned": {"restore": RESTORE, "project": "p", "plan": ["rendiff_restore: is loaded"], "msg": "It would be."},
        "beside": {"restore": RESTORE, "plan": ["rendiff_restore: is loaded"], "msg": "It is whole."},
        "swapped": {"changed": True, "restore": swapped, "plan": ["rendiff_restore: becomes rendiff"], "msg": "It is."},
        "undone": {},
        "jobs": {"msg": "1 job is sent again."},
        "looked": {},
        "smoked": {"smoke": SMOKE},
        "failed": [],
        "began_at": 1000,
        "stopped_at": 1010,
        "ended_at": 1050,
    }
    return {**common, **parts}


def test_what_was_restored_from_when_what_was_lost_where_the_old_one_is_and_how_to_go_back():
    report = report_exchange(facts())
    assert report["verdict"] == "warning"
    for said in ("backup rendiff-20260120T031500Z", "3 jobs will be gone", "rendiff_before_", "away for 40 s"):
        assert said in report["summary"]
    done = " ".join(report["done"])
    assert "rendiff.ops.restore_undo -e disaster_recovery_confirm=rendiff" in done
    assert "restore_drop -e disaster_recovery_previous=rendiff_before_20260121T000000Z" in done


def test_what_else_is_worth_knowing_is_a_finding_of_whichever_step_noted_it():
    def notes(**parts):
        found = report_exchange(facts(**parts))["findings"]
        return {each["id"]: (each["severity"], each["summary"]) for each in found if "restore.note." in each["id"]}

    limit = ("warning", "The limit of sessions stays 50.")
    # Two steps that note the same are one finding.
    assert notes() == {"restore.note.1": limit}
    beside = {"restore": {**RESTORE, "notes": ["S3 is down."]}}
    undone = {"restore": {**RESTORE, "notes": ["No key was revoked in it."]}, "changed": True}
    assert notes(beside=beside, undone=undone) == {
        "restore.note.1": ("warning", "S3 is down."),
        "restore.note.2": limit,
        "restore.note.3": ("warning", "No key was revoked in it."),
    }
    quiet = {**RESTORE, "notes": []}
    assert notes(beside={"restore": quiet}, swapped={"changed": True, "restore": quiet, "msg": "It is."}) == {}


def test_the_phases_add_up_to_the_whole():
    phases = report_exchange(facts())["measurements"]["phases"]
    assert phases == {"stop": 10.0, "load": 5.0, "verify": 2.0, "swap": 0.2, "rest": pytest.approx(32.8)}


def test_what_only_the_first_step_looked_at_is_not_lost():
    restored = report_exchange(facts())["measurements"]["restore"]
    assert restored["tables"] == {"public.jobs": 10}
    assert restored["checked_indexes"] == 7
    assert restored["revoked_again"] == ["k1"]


def test_a_restore_that_failed_says_that_the_database_is_as_it_was():
    report = report_exchange(facts(beside={}, swapped={}, jobs={}, smoked={}, failed=["Cannot read it."]))
    assert report["verdict"] == "critical"
    assert report["summary"] == "'rendiff' is as it was. Cannot read it."
    assert not [line for line in report["done"] if "restore_undo" in line]


LIVE_ALREADY = "'rendiff' is this backup already."


@pytest.mark.parametrize(
    "swapped",
    [{"changed": False, "skipped": True}, {"changed": False, "restore": RESTORE, "plan": [], "msg": "It is."}],
)
@pytest.mark.parametrize("failed", [[], ["An api does not start."]])
def test_what_an_earlier_run_had_swapped_is_never_told_to_be_as_it_was(swapped, failed):
    planned = {"restore": {**RESTORE, "verified_at": None}, "project": "p", "plan": [], "msg": LIVE_ALREADY}
    # Steps that were left out leave their mark behind.
    left_out = {"changed": False, "skipped": True}
    report = report_exchange(facts(planned=planned, beside={}, swapped=swapped, undone=left_out, failed=failed))
    assert report["summary"] == " ".join([LIVE_ALREADY, *failed])
    (exchange,) = [each for each in report["findings"] if each["id"] == "restore.exchange"]
    assert (exchange["severity"], exchange["summary"]) == ("ok", LIVE_ALREADY)
    assert not [line for line in report["done"] if "To go back" in line]


@pytest.mark.parametrize("step", ["swapped", "undone"])
def test_after_an_exchange_that_failed_nobody_is_told_what_the_database_is(step):
    lost = {"failed": True, "changed": False, "msg": "The connection is gone."}
    report = report_exchange(facts(**{step: lost}, failed=["The connection is gone."]))
    assert report["verdict"] == "critical" and "as it was" not in report["summary"]
    assert report["summary"].startswith("The connection is gone. It is not certain what 'rendiff' is now")
    assert report["summary"].endswith(
        "without a confirmation, which changes nothing: ansible-playbook rendiff.ops.restore"
    )
    (exchange,) = [each for each in report["findings"] if each["id"] == "restore.exchange"]
    assert exchange["severity"] == "unknown" and "not certain" in exchange["summary"]


def test_a_clock_that_is_set_back_makes_no_time_negative():
    report = report_exchange(facts(began_at=1000, stopped_at=900, ended_at=800))
    assert report["seconds"] == 0 and "away for 0 s" in report["summary"]
    assert min(report["measurements"]["phases"].values()) >= 0


def test_a_restore_that_was_taken_back_says_so_and_offers_no_way_back():
    report = report_exchange(facts(undone={"restore": RESTORE, "plan": ["back"]}, failed=["No video came out."]))
    assert report["verdict"] == "critical"
    assert report["summary"].startswith("'rendiff' is again what it was. No video came out.")
    assert not [line for line in report["done"] if "To go back" in line]


def test_what_could_not_be_compared_is_never_well():
    beside = {**RESTORE, "not_compared": ["The live database does not answer."], "lost": []}
    swapped = {**RESTORE, "lost": [], "not_compared": []}
    report = report_exchange(
        facts(beside={"restore": beside}, swapped={"changed": True, "restore": swapped, "msg": "It is."})
    )
    assert report["verdict"] == "unknown"


def test_names_of_databases_are_quoted_in_what_is_to_be_typed():
    hostile = {**RESTORE, "previous": "a b;c", "database": "x y"}
    swapped = {"changed": True, "restore": hostile, "msg": "It is."}
    done = " ".join(report_exchange(facts(planned={"restore": hostile, "project": "p"}, swapped=swapped))["done"])
    # In JSON, as Ansible takes a bare value apart at its spaces.
    assert """restore_undo -e '{"disaster_recovery_confirm": "x y"}'""" in done
    assert """-e '{"disaster_recovery_previous": "a b;c", "disaster_recovery_confirm": "a b;c"}'""" in done
