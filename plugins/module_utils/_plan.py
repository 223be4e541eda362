# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the one plan that check mode, diff and the real run share."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

_ID_LENGTH = 16


@dataclasses.dataclass(frozen=True, order=True)
class Action:
    """One step: what becomes of which target. ``detail`` is for the driver and never part of the identity."""

    target: str
    transition: str
    detail: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict, compare=False)


class PlanStream:
    """The running form of a plan, for sets too large to hold: exact totals, a capped sample, one digest.

    Feed it in ascending order of (target, transition); the result is then the ``plan_id`` that a ``Plan`` of the
    same actions has.
    """

    def __init__(self, sample_size: int = 20) -> None:
        self._sample_size = sample_size
        self._digest = hashlib.sha256()
        self._last: tuple[str, str] | None = None
        self.sample: list[Action] = []
        self.totals: dict[str, int] = {}

    def add(self, action: Action) -> None:
        """Count one action into the plan."""
        pair = (action.target, action.transition)
        if self._last is not None and pair < self._last:
            raise ValueError(f"out of order: {pair} after {self._last}")
        self._last = pair
        for part in pair:
            encoded = part.encode("utf-8")
            self._digest.update(b"%d:" % len(encoded))
            self._digest.update(encoded)
        self.totals[action.transition] = self.totals.get(action.transition, 0) + 1
        if len(self.sample) < self._sample_size:
            self.sample.append(action)

    @property
    def changed(self) -> bool:
        """Tell whether anything would be done."""
        return self._last is not None

    @property
    def plan_id(self) -> str:
        """Return the identity of what was added so far: hexadecimal, without times or secrets."""
        return self._digest.hexdigest()[:_ID_LENGTH]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is, what shall be, and the steps between; made by a pure function, carried out by a driver."""

    before: t.Mapping[str, t.Any]
    after: t.Mapping[str, t.Any]
    actions: tuple[Action, ...] = ()

    @property
    def changed(self) -> bool:
        """Tell whether anything would be done."""
        return bool(self.actions)

    @property
    def plan_id(self) -> str:
        """Return the identity of the planned actions, independent of their order."""
        stream = PlanStream(sample_size=0)
        for action in sorted(self.actions):
            stream.add(action)
        return stream.plan_id

    def diff(self) -> dict[str, t.Any]:
        """Return the plan in the form that ``--diff`` prints."""
        return {"before": dict(self.before), "after": dict(self.after)}
