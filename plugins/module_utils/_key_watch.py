# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: keys that are watched after an incident. Kept on the host, outside of the database.

A watched key must not come back, by a restore of the database for example, and whoever still tries it is told of.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t

from ._errors import OpsError
from ._key_events import KeyLog
from ._keys import ACTIVE, Key, moment
from ._plan import Action, Plan
from ._state import whole_file

_FILE = "watched_keys.json"
_ADDRESSES_LISTED = 20


@dataclasses.dataclass(frozen=True)
class Watch:
    """One key of a Compose project that is watched. Times in seconds since the epoch.

    ``requests`` and ``active``: as its row was at ``since``. ``prefix`` is empty where it is not known.
    """

    project: str
    key_id: str
    prefix: str
    name: str
    since: float
    until: float
    requests: int | None
    active: bool
    incident: str


def read_watches(state_dir: str) -> list[Watch]:
    """Return the keys that are watched, in order of their ids; none where there is no file."""
    path = os.path.join(state_dir, _FILE)
    try:
        with open(path, encoding="utf-8") as stream:
            stored = json.load(stream)
        return [Watch(**each) for each in stored]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        act = "read which keys are watched"
        raise OpsError(act, f"'{path}' is not as it was written ({type(error).__name__})", "Remove it") from error


def write_watches(state_dir: str, watches: t.Sequence[Watch]) -> None:
    """Keep the keys that are watched; they outlive a crash of the host from then on."""
    try:
        os.makedirs(state_dir, mode=0o700, exist_ok=True)
        text = json.dumps([dataclasses.asdict(watch) for watch in watches], indent=1, sort_keys=True)
        with whole_file(os.path.join(state_dir, _FILE), durable=True) as stream:
            stream.write(text.encode())
    except OSError as error:
        raise OpsError("keep which keys are watched", str(error.strerror), "Pass another state_dir") from error


def plan_watch(
    keys: t.Sequence[Key], watches: t.Sequence[Watch], watch_s: int, now: float, project: str, incident: str
) -> tuple[Plan, list[Watch]]:
    """Return the plan that watches keys for a time, and what is watched then; ``watch_s`` 0 ends it. Pure.

    A key that is watched for as long or longer already stays as it is. What is over is dropped.
    """
    kept = {watch.key_id: watch for watch in watches if watch.until > now}
    before = {key.id: "watched" if key.id in kept else "not watched" for key in keys}
    actions = []
    for key in keys:
        old = kept.get(key.id)
        if watch_s == 0:
            if kept.pop(key.id, None):
                actions.append(Action(key.id, "is no longer watched"))
        elif old is None:
            active = key.state(now) == ACTIVE
            kept[key.id] = Watch(
                project, key.id, key.prefix, key.name, now, now + watch_s, key.requests, active, incident
            )
            actions.append(Action(key.id, "is watched"))
        elif old.active and key.state(now) != ACTIVE:
            kept[key.id] = dataclasses.replace(
                old,
                active=False,
                since=now,
                requests=key.requests,
                prefix=old.prefix or key.prefix,
                until=max(old.until, now + watch_s),
            )
            actions.append(Action(key.id, "is watched as revoked"))
        elif old.until - old.since < watch_s:
            kept[key.id] = dataclasses.replace(old, until=old.since + watch_s)
            actions.append(Action(key.id, "is watched for longer"))
    after = {key.id: "watched" if key.id in kept else "not watched" for key in keys}
    return Plan(before, after, tuple(actions)), sorted(kept.values(), key=lambda watch: watch.key_id)


def judge_watch(watch: Watch, key: Key | None, log: KeyLog | None, now: float) -> dict[str, t.Any]:
    """Return what has become of a watched key: whether it is accepted again, and who still tries it. Pure.

    ``key``: its row now, None where it is gone. ``log``: what the api logged, None where that could not be read.
    """
    events = [
        event
        for event in (log.events if log else ())
        if event.at >= watch.since
        and (event.key_id == watch.key_id.lower() or (event.prefix and event.prefix == watch.prefix))
    ]
    refused = [event for event in events if not event.accepted]
    accepted = [event for event in events if event.accepted]
    grown = key.requests - watch.requests if key and key.requests is not None and watch.requests is not None else 0
    used = bool(accepted) or grown > 0
    live = key is not None and key.state(now) == ACTIVE
    addresses = sorted({event.address for event in events if event.address})
    if watch.active and live:
        said = f"Key {watch.key_id} was used {max(len(accepted), grown)} times since it is watched"
    elif not watch.active and (live or used):
        said = f"Key {watch.key_id} is accepted{'' if live else ' or was, after it was watched'}: revoke it again"
    elif refused:
        said = f"{len(refused)} attempts with key {watch.key_id} were refused, the last {moment(refused[-1].at)}"
    elif log is None or not watch.prefix:
        cause = "the api's log could not be read" if log is None else "its first characters are not known"
        said = f"Whether anybody still tries key {watch.key_id} cannot be told: {cause}"
    elif log.unread:
        said = f"Whether anybody still tries key {watch.key_id} cannot be told: {log.unread_told()}"
    elif log.since > watch.since:
        said = (
            f"Nobody has tried key {watch.key_id} since {moment(log.since)}; whether before, cannot be told: the api's"
            f" logs reach back only to then"
        )
    else:
        said = f"Nobody has tried key {watch.key_id} since {moment(watch.since)}"
    return {
        "key_id": watch.key_id,
        "prefix": watch.prefix,
        "since": moment(watch.since),
        "until": moment(watch.until),
        "incident": watch.incident,
        "came_back": not watch.active and (live or used),
        "used": max(len(accepted), grown),
        "attempts": len(refused) if log and watch.prefix else None,
        "last_attempt_at": moment(refused[-1].at) if refused else None,
        "addresses": addresses[:_ADDRESSES_LISTED],
        "summary": said + ".",
    }
