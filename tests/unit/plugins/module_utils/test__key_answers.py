# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._key_answers import answer_all, summarize
from ansible_collections.rendiff.ops.plugins.module_utils._key_facts import Destination, KeyFacts, unknown_facts
from ansible_collections.rendiff.ops.plugins.module_utils._key_report import report_key
from ansible_collections.rendiff.ops.plugins.module_utils._key_traffic import AddressUse, KeyTraffic
from ansible_collections.rendiff.ops.plugins.module_utils._keys import Key

KEY = Key("k-1", "00" * 32, "Zk3vTq1b", "nightly", "studio", True, False, 5, 0.0, 50.0, None, None)
COUNTS = {"jobs": 2, "completed": 1, "failed": 1, "cancelled": 0, "minutes": 3.5}
NIGHT = tuple(10 if hour == 3 else 0 for hour in range(24))


def facts(**more):
    given = {
        "now": COUNTS,
        "before": {**COUNTS, "jobs": 10},
        "first_at": 0.0,
        "last_at": 50.0,
        "hours": NIGHT,
        "hours_before": NIGHT,
        "output_bytes": 7,
        "destinations": (),
        "foreign_inputs": {},
        "open_jobs": (),
        "keys_of_user": (),
    }
    return KeyFacts(**{**given, **more})


def suspicious(answers):
    return [each["question"] for each in answers if each["suspicious"]]


def test_what_is_as_before_is_not_suspicious():
    traffic = KeyTraffic({"a": AddressUse(requests=3, before=2)}, "", 100.0)
    answers = answer_all(KEY, facts(), traffic, 3600)
    assert suspicious(answers) == [] and len(answers) == 10
    assert "Nothing in its use is unlike before" in summarize(KEY, answers)


def test_each_thing_that_is_unlike_before_is_told():
    traffic = KeyTraffic({"203.0.113.7": AddressUse(3, 0, 1, 10.0, 20.0, {"k-2", "k-9"})}, "", 100.0)
    strange = facts(
        hours=tuple(1 if hour == 14 else 0 for hour in range(24)),
        destinations=(Destination("output", "s3://thief", 1, 0, 0), Destination("webhook", "https://ours", 1, 5, 0)),
        foreign_inputs={"k-7": 2},
        open_jobs=("j-1",),
        keys_of_user=(KEY._replace(id="k-2"),),
    )
    answers = answer_all(KEY, strange, traffic, 3600)
    assert len(suspicious(answers)) == 6
    said = " ".join(each["answer"] for each in answers)
    for words in ("14:00", "New: 203.0.113.7", "s3://thief (output of 1 job)", "2 of key k-7", "1: k-9.", "1: j-1."):
        assert words in said
    assert "https://ours" not in said


def test_where_the_api_sees_only_the_proxy_it_says_so():
    answers = answer_all(KEY, facts(output_bytes=None), KeyTraffic({}, "The api sees only the proxy.", 0.0), 3600)
    unknown = [each["question"] for each in answers if not each["known"]]
    assert len(unknown) == 4 and "4 of 10 questions cannot be answered" in summarize(KEY, answers)


def told(answers=None, **more):
    answers = answers or answer_all(KEY, facts(), KeyTraffic({}, "", 0.0), 3600)
    names = ("addresses", "jobs", "destinations", "events", "open_jobs")
    investigation = {
        "key": {"id": "k-1"},
        "answers": answers,
        "summary": summarize(KEY, answers),
        "project": "rendiff",
        "checked_at": "2026-11-23T03:12:45Z",
        "seconds": 0.1,
        **dict.fromkeys(names, []),
    }
    return report_key(investigation, **more)


REFUSAL = {"key_id": "k-1", "proven": True, "said": "Refused with 401 by all 3 addresses.", "targets": []}


def test_a_report_is_well_only_where_the_refusal_is_proven_and_no_job_is_left():
    assert told()["verdict"] == "ok" and told(refusals=[REFUSAL], open_jobs=0)["verdict"] == "ok"
    left = told(refusals=[REFUSAL], open_jobs=2)
    assert left["verdict"] == "warning" and "2 of its jobs still wait or run" in left["summary"]
    open_door = told(refusals=[{**REFUSAL, "proven": False, "said": "api-2 accepts it."}], open_jobs=0)
    assert open_door["verdict"] == "critical" and "api-2 accepts it" in open_door["summary"]


def test_a_watched_key_that_came_back_is_critical():
    watched = {"key_id": "k-1", "came_back": True, "attempts": 0, "summary": "It is accepted.", "addresses": []}
    assert told(watched=[watched])["verdict"] == "critical"
    assert told(watched=[{**watched, "came_back": False, "attempts": 3}])["verdict"] == "warning"


def answer_to(answers, words):
    (found,) = [each for each in answers if each["question"].startswith(words)]
    return found


def test_a_key_that_was_made_with_it_is_suspicious_and_its_containment_is_a_command():
    backdoor = KEY._replace(id="0b9b7b5e-0000-4000-8000-000000000001", user_id="ops")
    gone = backdoor._replace(id="k-gone", is_active=False)
    answers = answer_all(KEY._replace(is_admin=True), facts(keys_made=(backdoor, gone)), KeyTraffic({}, "", 9.0), 3600)
    made = answer_to(answers, "Which other keys")
    assert made["suspicious"] and made["known"] and made["api_keys"] == [backdoor.id] and len(answers) == 10
    assert "It may have made 2: " in made["answer"] and "k-gone (revoked)" in made["answer"]
    finding = told(answers=answers)["findings"]
    (finding,) = [each for each in finding if each["id"] == "key.question.8"]
    assert finding["severity"] == "warning" and finding["evidence"] == {"api_keys": [backdoor.id]}
    assert finding["commands"][0].endswith(f"-e security_response_key_id={backdoor.id}")


def test_without_times_of_making_an_admin_may_have_made_any():
    admin = answer_all(KEY._replace(is_admin=True), facts(keys_made=None), KeyTraffic({}, "", 9.0), 3600)
    assert not answer_to(admin, "Which other keys")["known"]
    assert answer_to(answer_all(KEY, facts(keys_made=None), KeyTraffic({}, "", 9.0), 3600), "Which other")["known"]


def test_where_no_job_tells_whose_it_is_nothing_is_said_of_jobs():
    answers = answer_all(KEY, unknown_facts((), ()), KeyTraffic({}, "", 9.0), 3600)
    known = [each["question"].split()[0] for each in answers if each["known"]]
    assert known == ["From", "Which", "Which"] and suspicious(answers) == []
    for words in ("What did", "Where did results", "Whose", "How much", "Which of its jobs"):
        assert answer_to(answers, words)["answer"] == "The database does not tell whose a job is."


def test_logs_that_do_not_reach_back_make_no_answer_known():
    short = "The logs reach back only to 2026-11-23T03:12:45Z."
    none = answer_all(KEY, facts(), KeyTraffic({}, short, 0.0), 3600)
    for words in ("From which", "Which keys of others"):
        assert answer_to(none, words)["answer"] == short and not answer_to(none, words)["known"]
    some = answer_all(KEY, facts(), KeyTraffic({"203.0.113.7": AddressUse(3)}, short, 0.0), 3600)
    assert answer_to(some, "From which")["answer"].startswith(f"It was used from 203.0.113.7. {short}")


def test_a_key_that_was_contained_without_evidence_is_reported_so():
    bare = {"key": {"id": "k-1"}, "project": "rendiff", "checked_at": "2026-11-23T03:12:45Z"}
    told_bare = report_key(bare, [REFUSAL], (), None, ["k-1: is revoked"], ["There is no evidence.", "Cannot read it."])
    assert told_bare["verdict"] == "critical" and told_bare["measurements"] == {}
    for words in ("refused everywhere", "the database does not tell", "There is no evidence. Cannot read it."):
        assert words in told_bare["summary"]
    open_jobs = [each["severity"] for each in told_bare["findings"] if each["id"] == "key.open_jobs"]
    assert open_jobs == ["unknown"]


def test_a_key_of_which_no_refusal_was_tried_is_not_called_refused():
    assert "refused" not in told(open_jobs=0)["summary"] and "is revoked" in told(open_jobs=0)["summary"]
