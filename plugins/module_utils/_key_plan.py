# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: which keys are made, revoked and followed by which. Pure.

The id of a successor follows from its predecessor and the name of the rotation: a second run knows by it what the first
has done, wherever that was killed.
"""

from __future__ import annotations

import dataclasses
import typing as t
import uuid

from ._errors import OpsError
from ._keys import ACTIVE, REVOKED, Key
from ._plan import Action, Plan

_NAMESPACE = uuid.UUID("7f0f2f0a-6a44-5c1e-9a0b-0d5b3e5c2a61")


def successor_id(key_id: str, rotation: str) -> str:
    """Return the id that the successor of a key has in a rotation."""
    return str(uuid.uuid5(_NAMESPACE, f"successor/{key_id.lower()}/{rotation}"))


def made_id(user_id: str, name: str) -> str:
    """Return the id of a key that is made under a name for a user."""
    return str(uuid.uuid5(_NAMESPACE, f"present/{user_id}/{name}"))


def is_made_here(key_id: str) -> bool:
    """Tell whether this collection made a key: its ids follow from names, and those of the service are random."""
    try:
        return uuid.UUID(key_id).version == 5
    except ValueError:
        return False


@dataclasses.dataclass(frozen=True)
class Step:
    """What becomes of one key. ``successor`` is the id of the key that follows it, empty where none does.

    ``make``: that key does not exist yet. ``revoke``: this one is revoked now.
    """

    key: Key
    successor: str = ""
    make: bool = False
    revoke: bool = False


@dataclasses.dataclass(frozen=True)
class KeyPlan:
    """The steps, with the plan that check mode, diff and the real run share."""

    steps: tuple[Step, ...]
    plan: Plan

    @property
    def needed(self) -> list[str]:
        """Return the ids of the keys that are to be made."""
        return [step.successor for step in self.steps if step.make]


def plan_revoke(keys: t.Sequence[Key], now: float) -> KeyPlan:
    """Return the plan that makes the service refuse keys."""
    return _plan([Step(key, revoke=key.state(now) != REVOKED or key.is_active) for key in keys], now)


def plan_rotate(
    keys: t.Sequence[Key], existing: t.Collection[str], rotation: str, now: float, *, grace: bool, all_of_user: bool
) -> KeyPlan:
    """Return the plan that gives keys a successor each.

    ``existing``: the ids of all keys that there are. ``grace``: the old ones stay for a time. ``all_of_user``: the keys
    are all of a user, of which those are meant that are active and that this rotation has not made itself.
    """
    own = {successor_id(key.id, rotation) for key in keys} if all_of_user else set()
    steps = []
    for key in keys:
        if key.id.lower() in own:
            continue
        follows = successor_id(key.id, rotation)
        exists = follows in existing
        if all_of_user and key.state(now) != ACTIVE and not exists:
            continue
        active = key.is_active or key.state(now) == ACTIVE
        steps.append(Step(key, follows, make=not exists, revoke=active and not grace))
    return _plan(steps, now)


def _plan(steps: t.Sequence[Step], now: float) -> KeyPlan:
    before, after, actions = {}, {}, []
    for step in steps:
        name = step.key.id
        before[name] = step.key.state(now)
        after[name] = REVOKED if step.revoke else before[name]
        if step.make:
            after[step.successor] = ACTIVE
            actions.append(Action(name, f"is followed by {step.successor}"))
        if step.revoke:
            actions.append(Action(name, "is revoked"))
    return KeyPlan(tuple(steps), Plan(before, after, tuple(actions)))


def require_name(act: str, name: str) -> None:
    """Refuse to make a key without a name that a person could tell it by."""
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise OpsError(act, "it needs a name of 1 to 100 printable characters", "Pass name")
