# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the questions of an investigation of one API key, answered in sentences. Pure."""

from __future__ import annotations

import typing as t

from ._key_facts import Destination, KeyFacts
from ._key_traffic import KeyTraffic
from ._keys import Key, moment

_SHOWN = 5
# The place of the question about other keys.
_OF_KEYS = 7
_OWNERLESS = "The database does not tell whose a job is."
# A share of all requests below which an hour of the day is not one at which the key is usually at work.
_USUAL_SHARE = 0.02


def answer_all(key: Key, facts: KeyFacts, traffic: KeyTraffic, window_s: int) -> list[dict[str, t.Any]]:
    """Return question, answer, whether it is known, and whether it is suspicious, for each of the ten questions.

    ``api_keys``: ids of active keys that the answer makes suspicious.
    """
    new = traffic.new
    own = {other.id.lower() for other in facts.keys_of_user}
    neighbours = {other for use in traffic.addresses.values() for other in use.other_keys} - own
    foreign = [each for each in facts.destinations if each.is_foreign]
    unusual = _unusual_hours(facts)
    active = [other for other in facts.keys_of_user if other.is_active]
    inputs = sum(facts.foreign_inputs.values())
    seen = traffic.known
    made = [other for other in facts.keys_made or () if other.is_active]
    told = facts.jobs_known
    makes = facts.keys_made is not None or not key.is_admin
    rows: list[tuple[str, str, bool, bool]] = [
        ("When was it used, and at its usual hours?", _hours(key, facts, unusual), told, bool(unusual)),
        ("From which addresses, and which are new?", _addresses(traffic, new), seen, bool(new)),
        ("What did its jobs do?", _jobs(facts, window_s), told, False),
        ("Where did results and notices go?", _told(facts, _places(facts.destinations, foreign)), told, bool(foreign)),
        ("Whose files did it read?", _told(facts, _inputs(facts.foreign_inputs)), told, inputs > 0),
        ("How much did it get out?", _told(facts, _bytes(facts)), facts.output_bytes is not None, False),
        ("Which keys of others come from these addresses?", _neighbours(traffic, neighbours), seen, bool(neighbours)),
        ("Which other keys does its user have, or were made with it?", _others(active, facts), makes, bool(made)),
        (
            "Which of its jobs still wait or run?",
            _told(facts, _ids(set(facts.open_jobs), "None")),
            told,
            bool(facts.open_jobs),
        ),
        ("Where did it leak?", _leak(traffic, new), False, False),
    ]
    return [
        {
            "question": question,
            "answer": answer,
            "known": known,
            "suspicious": suspicious,
            "api_keys": [other.id for other in made] if number == _OF_KEYS else [],
        }
        for number, (question, answer, known, suspicious) in enumerate(rows)
    ]


def summarize(key: Key, answers: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    """Return what an investigation found, in a sentence or two."""
    found = [str(each["answer"]) for each in answers if each["suspicious"]]
    unknown = sum(not each["known"] for each in answers)
    said = " ".join(found) if found else "Nothing in its use is unlike before."
    return f"Key {key.named()}: {said} {unknown} of {len(answers)} questions cannot be answered from what is kept here."


def _hours(key: Key, facts: KeyFacts, unusual: t.Sequence[int]) -> str:
    last = moment(key.last_used_at) or moment(facts.last_at)
    said = f"Last used {last}." if last else "Nobody has used it as far as the database tells."
    if not facts.jobs_known:
        return f"{said} {_OWNERLESS}"
    if not any(facts.hours_before):
        return said + " It has no jobs of before to compare with."
    if unusual:
        hours = ", ".join(f"{hour}:00" for hour in unusual)
        return f"{said} It had jobs at {hours} UTC, hours at which it hardly ever had any."
    return said + " Its jobs came at its usual hours."


def _unusual_hours(facts: KeyFacts) -> list[int]:
    total = sum(facts.hours_before)
    if not total:
        return []
    pairs = enumerate(zip(facts.hours, facts.hours_before))
    return [hour for hour, (count, before) in pairs if count and before / total < _USUAL_SHARE]


def _addresses(traffic: KeyTraffic, new: t.Sequence[str]) -> str:
    used = [address for address, use in traffic.busiest() if use.requests]
    refused = sum(use.refused for use in traffic.addresses.values())
    if traffic.missing and not used and not refused:
        return traffic.missing
    said = f"It was used from {_some(used)}." if used else "It was not used as far as the api's logs reach."
    if refused:
        said += f" {refused} attempts were refused."
    if traffic.missing:
        said += f" {traffic.missing}"
    if not traffic.compared_s:
        return said + " The logs do not reach further back, so none can be called new."
    return said + (f" New: {_some(new)}." if new else " None is new." if used else "")


def _jobs(facts: KeyFacts, window_s: int) -> str:
    if not facts.jobs_known:
        return _OWNERLESS
    count = facts.now
    if not count:
        return f"It has submitted none in {window_s // 3600} h."
    before = facts.before.get("jobs", 0)
    ended = ", ".join(f"{count[name]:.0f} {name}" for name in ("completed", "failed", "cancelled"))
    return (
        f"{count['jobs']:.0f} in {window_s // 3600} h ({before:.0f} in the time before): {ended},"
        f" {count['minutes']:.1f} minutes of work."
    )


def _places(places: t.Sequence[Destination], foreign: t.Sequence[Destination]) -> str:
    if not places:
        return "Nothing left the service's own storage."
    if not foreign:
        return f"To {_some([each.place for each in places])}, as before."
    shown = [f"{each.place} ({each.kind} of {_count(each.jobs)})" for each in foreign]
    return f"To places that no key has ever used before: {_some(shown)}."


def _inputs(inputs: t.Mapping[str, int]) -> str:
    if not inputs:
        return "Only its own."
    shown = [f"{count} of key {owner}" for owner, count in sorted(inputs.items(), key=lambda item: -item[1])]
    return f"It read files of others: {_some(shown)}."


def _bytes(facts: KeyFacts) -> str:
    if facts.output_bytes is None:
        return "The database keeps no sizes of results."
    return f"Its results of the window are {facts.output_bytes} bytes; whether they were fetched, an access log tells."


def _ids(found: t.Collection[str], none: str) -> str:
    return f"{len(found)}: {_some(sorted(found))}." if found else f"{none}."


def _told(facts: KeyFacts, said: str) -> str:
    return said if facts.jobs_known else _OWNERLESS


def _neighbours(traffic: KeyTraffic, neighbours: t.Collection[str]) -> str:
    if not traffic.missing:
        return _ids(neighbours, "None")
    return f"{_ids(neighbours, '')} {traffic.missing}" if neighbours else traffic.missing


def _others(active: t.Sequence[Key], facts: KeyFacts) -> str:
    said = _ids({key.id for key in active}, "No other active key")
    if facts.keys_made is None:
        return said + " Which were made with it cannot be told: the database keeps no time of that."
    if not facts.keys_made:
        return said
    made = sorted(f"{key.id}{'' if key.is_active else ' (revoked)'}" for key in facts.keys_made)
    return f"{said} It may have made {len(made)}: {_some(made)}."


def _leak(traffic: KeyTraffic, new: t.Sequence[str]) -> str:
    if not new:
        return "The service cannot know. Search repositories, tickets and logs for its first characters."
    first = min(traffic.addresses[address].first_at for address in new)
    return (
        f"The service cannot know. It was first used from a new address at {moment(first)}; look at what came before."
    )


def _some(items: t.Sequence[str]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _count(jobs: int) -> str:
    return "1 job" if jobs == 1 else f"{jobs} jobs"
