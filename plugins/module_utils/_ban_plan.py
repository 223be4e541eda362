# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what becomes of the bans. Pure: the table, the file and the clock come in as values."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ._ban_address import Span, SpanIndex, disjoint
from ._ban_boot import MAX_TTL_S
from ._ban_guard import Protected, Refused, hits, refuse_protected, spare
from ._ban_table import Element, Table
from ._plan import Action, Plan

PRESENT, CONFIRMED, ABSENT, CLEARED = "present", "confirmed", "absent", "cleared"
SAMPLE = 20
# Targets of actions that are about no address.
OF_THE_WHOLE = TABLE, FILES = ("the table", "the files")
# What the file says of an untouched ban may differ by so many seconds from what the kernel says: its time begins when
# the kernel has it, and clocks are set.
_SAME_S = 30
# What ends within so many seconds is not worth to be put back.
_WORTH_S = 3

Timed = dict[Span, int]


@dataclasses.dataclass(frozen=True, order=True)
class Kept:
    """A ban that is meant to last over a start of the host; times are seconds since the epoch."""

    span: Span
    since: int
    until: int


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is asked for.

    ``targets`` are private ones of ``asked`` that are meant; ``skip`` leaves out what must not be banned.
    """

    state: str
    asked: tuple[Span, ...] = ()
    ttl_s: int = 0
    probation_s: int = 0
    targets: tuple[Span, ...] = ()
    skip: bool = False

    @functools.cached_property
    def spans(self) -> list[Span]:
        """Return what is asked for in order, without overlaps."""
        return disjoint(self.asked)


@dataclasses.dataclass(frozen=True)
class BanPlan:
    """The plan, and what carries it out.

    ``rebuild``: the table is made anew, whole. ``drop``: it goes. ``delete`` and ``add`` are elements of its sets, in a
    rebuild ``add`` is all of them. ``kept`` is what shall stand in the file.
    """

    plan: Plan
    kept: tuple[Kept, ...] = ()
    delete: tuple[Element, ...] = ()
    add: tuple[Element, ...] = ()
    rebuild: bool = False
    drop: bool = False
    lapsed: tuple[Span, ...] = ()
    not_restored: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    total: int = 0

    @property
    def changes_table(self) -> bool:
        """Tell whether the kernel has to be told something."""
        return self.rebuild or self.drop or bool(self.delete or self.add)


def enough(seconds: int) -> int:
    """Return how much of a ban must be left for it to stay as it is: half, so that a second run changes nothing."""
    return (seconds + 1) // 2


def covered(span: Span, timed: Timed, index: SpanIndex, least_s: int) -> bool:
    """Tell whether every address of a span is banned for at least so many seconds more."""
    size = 0
    for each in index.overlapping(span):
        if timed[each] >= least_s:
            size += min(each.last, span.last) - max(each.first, span.first) + 1
    return size == span.size


def lay(timed: Timed, spans: t.Sequence[Span], seconds: int) -> Timed:
    """Return the bans with these laid over them: no address is banned for less than it was; ``spans`` are disjoint."""
    longer = SpanIndex(span for span, left in timed.items() if left > seconds)
    result = cut({span: left for span, left in timed.items() if left <= seconds}, spans)
    result.update({span: timed[span] for span in longer.spans})
    for span in spans:
        result.update(dict.fromkeys(longer.without(span), seconds))
    return result


def cut(timed: Timed, spans: t.Sequence[Span]) -> Timed:
    """Return the bans with these taken out of them; ``spans`` are disjoint."""
    holes = SpanIndex(spans)
    # Part of one that ends within the second is not worth a new element, and to nft no seconds are no limit.
    return {piece: left for span, left in timed.items() for piece in holes.without(span) if left > 0 or piece == span}


def plan_bans(
    table: Table,
    wanted: Wanted,
    protected: t.Sequence[Protected],
    kept: t.Sequence[Kept],
    now: float,
    prepared: t.Callable[[t.Sequence[Kept]], bool] = lambda _kept: True,
) -> BanPlan:
    """Return what has to be done; raise OpsError where a ban would hit what must never be banned and is not skipped.

    ``kept`` is what stands in the file, ``now`` in seconds since the epoch; ``prepared`` tells whether the host is
    prepared to put such bans back at its next start. A ban with half of its time or more left
    stays as it is; one with less gets its whole time; none is ever shortened.
    """
    before = _timed(table, trial=False), _timed(table, trial=True)
    lasting = [each for each in kept if each.until > now + _WORTH_S]
    hard = [each for each in protected if not each.soft]
    actions: list[Action] = []
    lapsed: list[Span] = []
    not_restored: list[str] = []
    refused: tuple[Refused, ...] = ()
    lost: list[Kept] = []
    if wanted.state in (ABSENT, CLEARED):
        after, lost = _lift(before, wanted, lasting, actions)
    else:
        wanted, refused = _permitted(wanted, tuple(before[1]), protected, hard)
        start, not_restored = _restore(before[0], lasting, hard, int(now), actions)
        after, lapsed = _ban((start, before[1]), wanted, actions)
    file = sorted(_keep(after[0], before[0], lasting, int(now)) + lost)
    empty = not (after[0] or after[1])
    lifting = wanted.state in (ABSENT, CLEARED)
    rebuild = not empty and not table.healthy
    drop = table.present and empty and lifting
    if rebuild and table.present:
        actions.append(Action(TABLE, f"mended: {table.why}"))
    if drop:
        actions.append(Action(TABLE, "removed"))
    # What ran out by itself is no change of ours, until nothing is left.
    if not actions and (file != sorted(lasting) or not prepared(file if file or lifting else kept)):
        actions.append(Action(FILES, "written"))
    gone, new = _difference(before, after)
    return BanPlan(
        plan=Plan(_shown(before, gone), _shown(after, new), tuple(actions)),
        kept=tuple(file),
        delete=() if rebuild or drop else gone,
        add=() if drop else tuple(each for each in _elements(after) if each.seconds_left > 0) if rebuild else new,
        rebuild=rebuild,
        drop=drop,
        lapsed=tuple(lapsed),
        not_restored=tuple(not_restored),
        refused=refused,
        total=len(after[0]) + len(after[1]),
    )


def _permitted(
    wanted: Wanted, on_trial: tuple[Span, ...], protected: t.Sequence[Protected], hard: t.Sequence[Protected]
) -> tuple[Wanted, tuple[Refused, ...]]:
    """Return what is to be banned, by name, and what of it was left out; refuse all of it where that is not wished."""
    # What is confirmed without a name was allowed when it was put on trial, private or not.
    asked, guarded = (wanted.asked, protected) if wanted.asked else (on_trial, hard)
    if not wanted.skip:
        refuse_protected(asked, guarded, wanted.targets)
    named = wanted.asked or (on_trial if wanted.state == CONFIRMED else ())
    if not wanted.skip:
        return dataclasses.replace(wanted, asked=named), ()
    spared = spare(named, guarded, wanted.targets)
    return dataclasses.replace(wanted, asked=spared.spans, targets=spared.targets), spared.refused


def _timed(table: Table, *, trial: bool) -> Timed:
    return {each.span: each.seconds_left for each in table.elements if each.trial == trial}


def _lift(
    before: tuple[Timed, Timed], wanted: Wanted, lasting: t.Sequence[Kept], actions: list[Action]
) -> tuple[tuple[Timed, Timed], list[Kept]]:
    """Return the bans without those that are to go, and what stands only in the file and is to stay there."""
    in_file = {each.span: each for each in lasting}
    everything = [SpanIndex(spans) for spans in (before[0], before[1], disjoint(in_file))]
    if wanted.state == CLEARED:
        spans = disjoint({*before[0], *before[1], *in_file})
    else:
        spans = [span for span in wanted.spans if any(index.overlapping(span) for index in everything)]
    actions.extend(Action(str(span), "lifted") for span in spans)
    lost = []
    for each in lasting:
        for piece in everything[0].without(each.span):
            lost += [Kept(left, each.since, each.until) for left in SpanIndex(spans).without(piece)]
    return (cut(before[0], spans), cut(before[1], spans)), lost


def _restore(
    confirmed: Timed, lasting: t.Sequence[Kept], hard: t.Sequence[Protected], now: int, actions: list[Action]
) -> tuple[Timed, list[str]]:
    """Return the bans with those that only the file has, but for such as would now hit a protected one."""
    index, guarded = SpanIndex(confirmed), SpanIndex(disjoint(each.span for each in hard))
    result, refused = dict(confirmed), []
    for each in lasting:
        for piece in index.without(each.span):
            if guarded.overlapping(piece):
                refused += hits([piece], hard, ())
                actions.append(Action(str(piece), "not restored"))
            else:
                result[piece] = each.until - now
                actions.append(Action(str(piece), "restored"))
    return result, refused


def _ban(before: tuple[Timed, Timed], wanted: Wanted, actions: list[Action]) -> tuple[tuple[Timed, Timed], list[Span]]:
    """Return the bans with those that are wanted, and which of those to confirm are over already."""
    confirmed, trial = before
    known, tried = SpanIndex(confirmed), SpanIndex(trial)
    spans, lapsed = list(wanted.spans), []
    if wanted.state == CONFIRMED:
        lapsed = [span for span in spans if not (covered(span, trial, tried, 1) or covered(span, confirmed, known, 1))]
        over = frozenset(lapsed)
        spans = [span for span in spans if span not in over]
    short = [span for span in spans if not covered(span, confirmed, known, enough(wanted.ttl_s))]
    if wanted.state == PRESENT and wanted.probation_s:
        short = [span for span in short if not covered(span, trial, tried, enough(wanted.probation_s))]
        actions.extend(Action(str(span), "banned on trial") for span in short)
        return (confirmed, lay(trial, short, wanted.probation_s)), lapsed
    on_trial = [span for span in spans if tried.overlapping(span)]
    confirming, lengthening = frozenset(on_trial), frozenset(short)
    for span in spans:
        if span in confirming:
            actions.append(Action(str(span), "confirmed"))
        elif span in lengthening:
            actions.append(Action(str(span), "banned for longer" if known.overlapping(span) else "banned"))
    return (lay(confirmed, short, wanted.ttl_s), cut(trial, on_trial)), lapsed


def _keep(confirmed: Timed, before: Timed, lasting: t.Sequence[Kept], now: int) -> list[Kept]:
    """Return what has to stand in the file for these bans; an entry that says the same stays as it is."""
    known = {each.span: each for each in lasting}
    result = []
    for span, left in confirmed.items():
        if left <= _WORTH_S:
            continue
        until = now + min(left, MAX_TTL_S)
        old = known.get(span)
        if old is not None and before.get(span, left) == left and abs(old.until - until) <= _SAME_S:
            result.append(old)
        else:
            result.append(Kept(span, now, until))
    return result


def _elements(timed: tuple[Timed, Timed]) -> tuple[Element, ...]:
    return tuple(
        Element(span, left, bool(place)) for place, bans in enumerate(timed) for span, left in sorted(bans.items())
    )


def _difference(
    before: tuple[Timed, Timed], after: tuple[Timed, Timed]
) -> tuple[tuple[Element, ...], tuple[Element, ...]]:
    """Return the elements that go and those that come; one that gets another time does both."""
    old, new = set(_elements(before)), set(_elements(after))
    return tuple(sorted(old - new)), tuple(sorted(new - old))


def _shown(timed: tuple[Timed, Timed], touched: t.Sequence[Element]) -> dict[str, t.Any]:
    """Return one side of the diff: exact totals, and the first of the elements that change."""
    shown = {
        str(each.span): f"{'on trial' if each.trial else 'banned'}, {each.seconds_left} s" for each in touched[:SAMPLE]
    }
    return {"banned": len(timed[0]), "on_trial": len(timed[1]), "changing": len(touched), "first_of_them": shown}
