# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: messages from list to list in atomic steps, so that a kill between any two loses none."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from ._errors import OpsError
from ._message import priority_of
from ._queue_plan import Names, Route, Trash

BATCH = 500
# Up to this length single messages are taken out of the middle of a list; Redis then walks it for each of them.
_SHORT = 20_000
_TRIES = 1000

# Puts lists aside under new names, all or none. KEYS: the lists, then their new names.
_PUT_ASIDE = """
local n, counts = #KEYS / 2, {}
for i = 1, n do
  counts[i] = redis.call('LLEN', KEYS[i])
  if redis.call('EXISTS', KEYS[n + i]) == 1 then return -1 end
end
for i = 1, n do
  if counts[i] > 0 then redis.call('RENAME', KEYS[i], KEYS[n + i]) end
end
return counts
"""
# One step of putting KEYS[1] back in front of what waits in KEYS[2]; returns 0 when nothing is left to do. Whatever
# stands between, the two lists one after the other are in order. Pushes come before removals: a full Redis refuses
# the first of them, and then nothing has happened.
_PUT_BACK = """
local aside, waiting, limit = redis.call('LLEN', KEYS[1]), redis.call('LLEN', KEYS[2]), tonumber(ARGV[1])
if aside == 0 then return 0 end
if waiting == 0 then redis.call('RENAME', KEYS[1], KEYS[2]) return 0 end
if aside <= limit then
  redis.call('RPUSH', KEYS[2], unpack(redis.call('LRANGE', KEYS[1], 0, -1)))
  redis.call('DEL', KEYS[1])
  return 0
end
local n = math.min(waiting, limit)
local items = redis.call('LRANGE', KEYS[2], -n, -1)
for i = #items, 1, -1 do redis.call('LPUSH', KEYS[1], items[i]) end
redis.call('LTRIM', KEYS[2], 0, -n - 1)
if n == waiting then redis.call('RENAME', KEYS[1], KEYS[2]) return 0 end
return 1
"""
# Moves messages from the end that is served next, each only while its bytes are there. KEYS: source, target, where
# those wait that stay. ARGV: the bytes that were read and those to write, none for one that stays.
_MOVE = """
local moved, held = 0, 0
for i = 1, #ARGV, 2 do
  if redis.call('LINDEX', KEYS[1], -1) == ARGV[i] then
    if ARGV[i + 1] == '' then
      redis.call('LPUSH', KEYS[3], ARGV[i])
      held = held + 1
    else
      redis.call('LPUSH', KEYS[2], ARGV[i + 1])
      moved = moved + 1
    end
    redis.call('RPOP', KEYS[1])
  end
end
return {moved, held}
"""
# Moves one message from anywhere in a list.
_MOVE_ONE = """
redis.call('LPUSH', KEYS[2], ARGV[2])
if redis.call('LREM', KEYS[1], -1, ARGV[1]) == 1 then return 1 end
redis.call('LPOP', KEYS[2])
return 0
"""


class Scripts(t.Protocol):
    """What is needed of a broker."""

    def command(self, *words: t.Any) -> t.Any:
        """Run one command."""

    def script(self, text: str, keys: t.Sequence[t.Any], arguments: t.Sequence[t.Any]) -> t.Any:
        """Run a Lua script."""


@dataclasses.dataclass
class Moved:
    """What a move did. ``left``: messages that a worker would stop at; they stay where they are."""

    moved: int = 0
    left: int = 0
    batches: int = 0
    left_sample: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    found: set[str] = dataclasses.field(default_factory=set)

    def note_left(self, step: int, problems: t.Sequence[str], sample_size: int) -> None:
        """Count one message that stays because of what it is."""
        self.left += 1
        if len(self.left_sample) < sample_size:
            self.left_sample.append({"priority_key": step, "why": list(problems)})


Beat = t.Callable[[], None]


def put_aside(broker: Scripts, names: Names, stamp: str, steps: t.Sequence[int]) -> int:
    """Rename every list of a queue into a trash of this stamp; return how many messages that were."""
    sources = [names.list_of(step) for step in steps]
    counts = broker.script(_PUT_ASIDE, [*sources, *(names.trash(stamp, step) for step in steps)], [])
    if counts == -1:
        raise OpsError(f"empty queue '{names.queue}'", f"there is a trash '{stamp}' already", "Run this again")
    return sum(int(count) for count in counts)


def put_back(broker: Scripts, aside: str, target: str, beat: Beat) -> int:
    """Put a list back in front of what waits, in order; return in how many steps."""
    steps = 1
    while int(broker.script(_PUT_BACK, [aside, target], [BATCH])):
        steps += 1
        beat()
    return steps


def put_trash_back(broker: Scripts, names: Names, trash: Trash, beat: Beat) -> None:
    """Put a trash back; remembered first, so that a second run after a kill goes on with the same one."""
    broker.command("SET", names.refilled, trash.stamp)
    for step in sorted(trash.lists):
        put_back(broker, names.trash(trash.stamp, step), names.list_of(step), beat)


def drop_trash(broker: Scripts, names: Names, trash: Trash) -> None:
    """Remove a trash for good; remembered first, so that a second run does not drop another."""
    broker.command("SET", names.refilled, trash.stamp)
    broker.command("UNLINK", *(names.trash(trash.stamp, step) for step in sorted(trash.lists)))


def put_parked_back(broker: Scripts, names: Names, beat: Beat) -> int:
    """Put parked messages behind what waits, the oldest first, each in the list of its priority; return how many."""
    source = names.keys.parked(names.queue)
    waiting = int(broker.command("LLEN", source))
    moved = 0
    while waiting > 0:
        raws: list[bytes] = broker.command("LRANGE", source, -min(BATCH, waiting), -1)[::-1]
        if not raws:
            break
        for target, same in itertools.groupby(raws, lambda raw: names.keys.key_for(names.queue, priority_of(raw))):
            beat()
            # What the script is told to keep goes there as well: an empty message is one that it would keep.
            counts = broker.script(_MOVE, [source, target, target], [word for raw in same for word in (raw, raw)])
            moved += sum(int(count) for count in counts)
        waiting -= len(raws)
    return moved


def end_killed_move(broker: Scripts, names: Names, steps: t.Sequence[int], beat: Beat) -> None:
    """Put back what a killed move had passed over."""
    for step in steps:
        put_back(broker, names.held(step), names.list_of(step), beat)


def move(
    broker: Scripts, names: Names, route: Route, known_tasks: t.Collection[str], beat: Beat, *, sample_size: int = 20
) -> Moved:
    """Move what waits now, those served first first, each message once; what a consumer takes meanwhile is its own."""
    done = Moved()
    for step, source, target in route.sources():
        waiting = int(broker.command("LLEN", source))
        if route.job_ids and waiting <= _SHORT:
            _move_single(broker, route, (step, source, target), known_tasks, beat, done)
        else:
            _move_all(broker, names, route, (step, source, target), known_tasks, beat, done, waiting, sample_size)
            put_back(broker, names.held(step), source, beat)
        if route.job_ids and done.found >= route.job_ids:
            break
    return done


def _move_all(
    broker: Scripts,
    names: Names,
    route: Route,
    lists: tuple[int, str, str],
    known_tasks: t.Collection[str],
    beat: Beat,
    done: Moved,
    waiting: int,
    sample_size: int,
) -> None:
    step, source, target = lists
    tries = 0
    while waiting > 0:
        raws: list[bytes] = broker.command("LRANGE", source, -min(BATCH, waiting), -1)[::-1]
        if not raws:
            return
        arguments: list[bytes] = []
        stays: list[tuple[str, ...]] = []
        ids: list[str] = []
        for raw in raws:
            new, message = route.rewrite(raw, step, known_tasks)
            arguments += [raw, new or b""]
            if new is not None:
                ids.append(message.job_id)
            elif message.problems:
                stays.append(message.problems)
        beat()
        moved, held = (int(count) for count in broker.script(_MOVE, [source, target, names.held(step)], arguments))
        if not moved + held:
            # Something was put in front, or all were taken: look again.
            tries += 1
            if tries > _TRIES:
                raise OpsError(f"move queue '{names.queue}'", "it changes faster than it can be read", "Pause it first")
            continue
        done.moved += moved
        done.batches += 1
        done.found.update(ids)
        for problems in stays:
            done.note_left(step, problems, sample_size)
        waiting -= len(raws)
        if route.job_ids and done.found >= route.job_ids:
            return


def _move_single(
    broker: Scripts,
    route: Route,
    lists: tuple[int, str, str],
    known_tasks: t.Collection[str],
    beat: Beat,
    done: Moved,
) -> None:
    step, source, target = lists
    chosen: list[tuple[bytes, bytes, str]] = []
    # From the end where messages arrive, so that none that stays is missed while others leave.
    begin = 0
    while True:
        raws: list[bytes] = broker.command("LRANGE", source, begin, begin + BATCH - 1)
        for raw in raws:
            new, message = route.rewrite(raw, step, known_tasks)
            if new is not None:
                chosen.append((raw, new, message.job_id))
        begin += len(raws)
        if len(raws) < BATCH:
            break
    for raw, new, job in reversed(chosen):
        beat()
        if int(broker.script(_MOVE_ONE, [source, target], [raw, new])):
            done.moved += 1
            done.found.add(job)
            done.batches += 1
