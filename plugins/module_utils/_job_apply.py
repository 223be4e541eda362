# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: carry out what was planned for jobs, in batches of which each is whole.

In every batch the rows are locked in the version that was judged, then the broker is changed, then the rows are kept. A
worker that takes a message meanwhile waits for its row. Whoever kills this between two steps leaves a row that looks as
it did before, and a second run does what is still to be done.
"""

from __future__ import annotations

import dataclasses
import typing as t

from . import _postgres
from ._errors import OpsError
from ._job_evidence import Evidence
from ._job_find import THIN_SAME, WALK_MAX, Found, find_messages, park_message_call
from ._job_plan import PARK_MESSAGE
from ._job_rows import CANCELLED, FAILED, WAITING, JobTable
from ._job_send import Sender
from ._job_stop import GoingOn, Stopper
from ._job_verdict import CANCEL, MARK, PARK, RESTORE, SEND, STOP, SWEEP, THIN
from ._queue import Keys
from ._redis import Broker
from ._unacked import RESTORE as RESTORE_SCRIPT
from ._unacked import drop_call, park_call, restore_call

BATCH = 1000
# Jobs whose messages are looked for in one pass over the queues.
_GROUP = 2000
_LOCKED = 200
# Row by row, by their key and then by their place, whatever the statistics of the table say: a whole scan in every
# batch would be quadratic. A row that is locked keeps its place, which in parts of a table may be that of others too.
_PICKED = (
    "WITH picked AS (SELECT o.id, j.place, o.n FROM rdops_order AS o CROSS JOIN LATERAL"
    " (SELECT j.ctid AS place FROM {table} AS j WHERE {key} = o.id AND {version} = o.version FOR UPDATE SKIP LOCKED)"
    " AS j WHERE o.action = %s AND o.n = ANY (%s))"
)

Beat = t.Callable[[], None]
Progress = t.Callable[[str, int, int], None]


class Todo(t.NamedTuple):
    """One planned step."""

    n: int
    job: str
    version: str
    priority: str
    copies: int


@dataclasses.dataclass
class Done:
    """What was done, and what was not any more, by action. ``still_running``: jobs that did not stop.

    For ``ended``, ``going_on`` and ``unseen`` see ``_job_stop.Stopped``.
    """

    done: dict[str, int] = dataclasses.field(default_factory=dict)
    moved_on: dict[str, int] = dataclasses.field(default_factory=dict)
    sent_before: int = 0
    still_running: list[str] = dataclasses.field(default_factory=list)
    ended: list[str] = dataclasses.field(default_factory=list)
    going_on: list[GoingOn] = dataclasses.field(default_factory=list)
    unseen: list[str] = dataclasses.field(default_factory=list)

    def note(self, action: str, done: int, planned: int) -> None:
        """Count one batch."""
        self.done[action] = self.done.get(action, 0) + done
        if planned > done:
            self.moved_on[action] = self.moved_on.get(action, 0) + planned - done


@dataclasses.dataclass(frozen=True)
class Spellings:
    """How this site writes the statuses that are set."""

    queued: str
    failed: str
    cancelled: str


class Applier:
    """Carries out ``rdops_order``. ``poison``: messages to park, by their names in the plan."""

    def __init__(
        self,
        database: _postgres.Database,
        table: JobTable,
        broker: Broker,
        keys: Keys,
        sender: Sender,
        stopper: Stopper,
        evidence: Evidence,
        spellings: Spellings,
        poison: t.Mapping[str, Found],
        beat: Beat,
        progress: Progress,
    ) -> None:
        self._database = database
        self._table = table
        self._broker = broker
        self._keys = keys
        self._sender = sender
        self._stopper = stopper
        self._evidence = evidence
        self._spellings = spellings
        self._poison = poison
        self._beat = beat
        self._progress = progress
        self.result = Done()

    def run(self, totals: t.Mapping[str, int]) -> Done:
        """Carry everything out; ``totals``: how many steps of which action there are."""
        steps: tuple[tuple[str, int, t.Callable[[list[Todo]], int]], ...] = (
            (PARK_MESSAGE, _LOCKED, self._park_messages),
            (THIN, _GROUP, lambda todo: self._remove(THIN, todo)),
            (SWEEP, _GROUP, lambda todo: self._remove(SWEEP, todo)),
            (CANCEL, _GROUP, lambda todo: self._remove(CANCEL, todo)),
            (STOP, _LOCKED, self._stop),
            (MARK, BATCH, lambda todo: len(self._update(MARK, todo, self._assign(WAITING, again=True)))),
            (PARK, _LOCKED, self._park),
            (RESTORE, _LOCKED, self._restore),
            (SEND, BATCH, self._send),
        )
        for action, size, work in steps:
            total, at, last = totals.get(action, 0), 0, 0
            while at < total:
                todo = self._read(action, last, size)
                if not todo:
                    break
                self._beat()
                self.result.note(action, work(todo), len(todo))
                at, last = at + len(todo), todo[-1].n
                self._progress(action, at, total)
        self._sender.forget()
        return self.result

    def _read(self, action: str, after: int, size: int) -> list[Todo]:
        rows = self._database.query(
            "SELECT n, job, version, priority, copies FROM rdops_order"
            " WHERE action = %s AND n > %s ORDER BY n LIMIT %s",
            [action, after, size],
        )
        return [Todo._make(row) for row in rows]

    def _assign(self, kind: tuple[str, ...], *, again: bool = False, error: str = "") -> list[tuple[t.Any, t.Any]]:
        """Return (column, value) for a row that becomes of a kind of status. ``again``: it counts as another try."""
        sql, table, spellings = _postgres.sql, self._table, self._spellings
        written: dict[tuple[str, ...], str]
        written = {WAITING: spellings.queued, FAILED: spellings.failed, CANCELLED: spellings.cancelled}
        pairs: list[tuple[str, t.Any]] = [("status", sql.Literal(written[kind]))]
        if kind == WAITING:
            pairs += [("progress", sql.SQL("0")), ("completed_at", sql.NULL), ("error_message", sql.NULL)]
            pairs += [("worker_id", sql.NULL), ("stage", sql.Literal("queued"))]
        else:
            pairs += [("completed_at", None), ("error_message", sql.Literal(error) if error else sql.NULL)]
            if kind == CANCELLED:
                pairs.pop()
        if again:
            pairs.append(("attempts", sql.SQL("{} + 1").format(table.attempts())))
        pairs.append(("updated_at", None))
        return [
            (table.bare(name), table.now(name) if value is None else value) for name, value in pairs if table.has(name)
        ]

    def _update(
        self, action: str, todo: t.Sequence[Todo], assigned: t.Sequence[tuple[t.Any, t.Any]], *, keep: bool = True
    ) -> list[Todo]:
        """Change the rows that are as they were judged, and return their steps, in order."""
        sql, table = _postgres.sql, self._table
        statement = sql.SQL(
            _PICKED + " UPDATE {table} AS j SET {assigned} FROM picked"
            " WHERE j.ctid = picked.place AND {key} = picked.id RETURNING picked.n"
        ).format(
            key=table.key,
            table=table.name,
            version=table.version(),
            assigned=sql.SQL(", ").join(sql.SQL("{} = {}").format(column, value) for column, value in assigned),
        )
        changed = {row[0] for row in self._database.query(statement, [action, [step.n for step in todo]])}
        if keep:
            self._database.commit()
        return [step for step in todo if step.n in changed]

    def _lock(self, action: str, todo: t.Sequence[Todo]) -> list[Todo]:
        """Lock the rows that are as they were judged, and return their steps, in order."""
        statement = _postgres.sql.SQL(_PICKED + " SELECT n FROM picked").format(
            key=self._table.key, table=self._table.name, version=self._table.version()
        )
        locked = {row[0] for row in self._database.query(statement, [action, [step.n for step in todo]])}
        return [step for step in todo if step.n in locked]

    def _send(self, todo: list[Todo]) -> int:
        steps = self._update(SEND, todo, self._assign(WAITING, again=True), keep=False)
        if steps:
            sent = self._sender.send([(step.job, step.version, step.priority) for step in steps])
            self.result.sent_before += len(steps) - sent
        self._database.commit()
        return len(steps)

    def _restore(self, todo: list[Todo]) -> int:
        restored = []
        # The oldest comes first; what is put back is served at once, so it is put back last.
        for step in reversed(self._lock(RESTORE, todo)):
            entries = self._evidence.orphans.get(step.job.lower(), [])
            if entries and int(self._broker.script(RESTORE_SCRIPT, *restore_call(entries[0], self._keys))):
                restored.append(step)
        if restored:
            self._update(RESTORE, restored, self._assign(WAITING, again=True), keep=False)
        self._database.commit()
        return len(restored)

    def _park(self, todo: list[Todo]) -> int:
        parked = []
        for step in self._lock(PARK, todo):
            entries = self._evidence.orphans.get(step.job.lower(), [])
            if all(int(self._broker.script(*park_call(entry, self._keys))) for entry in entries):
                parked.append(step)
        if parked:
            error = "Parked by rendiff.ops: it was tried as often as is allowed, and its worker was lost each time."
            self._update(PARK, parked, self._assign(FAILED, error=error), keep=False)
        self._database.commit()
        return len(parked)

    def _stop(self, todo: list[Todo]) -> int:
        steps = self._update(STOP, todo, self._assign(CANCELLED))
        self._sender.note_status([step.job for step in steps], self._spellings.cancelled)
        jobs = {step.job.lower() for step in steps}
        stopped = self._stopper.stop(jobs, self._evidence, terminate=True)
        self.result.still_running += stopped.still_running
        self.result.ended += stopped.ended
        self.result.going_on += stopped.going_on
        self.result.unseen += stopped.unseen
        return len(steps)

    def _park_messages(self, todo: list[Todo]) -> int:
        parked = 0
        for step in todo:
            found = self._poison[step.job]
            parked += int(self._broker.script(*park_message_call(found, self._keys)))
        return parked

    def _remove(self, action: str, todo: list[Todo]) -> int:
        """Take messages of some jobs out of the queues; a row is cancelled when all of its messages are out."""
        jobs = {step.job.lower() for step in todo}
        found = find_messages(self._broker, self._evidence.places, jobs, self._beat)
        walk = sum(message.walk for messages in found.values() for message in messages)
        if walk > WALK_MAX:
            raise OpsError(
                f"{action} jobs",
                f"the messages of {len(found)} of them lie deep in long queues, and Redis would stand still",
                "Lower max_jobs, or take all messages out with rendiff_queue state=emptied",
            )
        done = 0
        for at in range(0, len(todo), _LOCKED):
            self._beat()
            done += self._remove_batch(action, todo[at : at + _LOCKED], found)
        return done

    def _remove_batch(self, action: str, todo: list[Todo], found: t.Mapping[str, list[Found]]) -> int:
        out = []
        for step in self._lock(action, todo):
            job = step.job.lower()
            messages, orphans = list(found.get(job, [])), self._evidence.orphans.get(job, [])
            removed = 0
            if action == THIN and job not in self._evidence.held:
                # Another look than the one that counted them: one stays, that is served first.
                if not messages:
                    continue
                kept = messages.pop()
                if kept.copies > 1:
                    removed += int(self._broker.script(THIN_SAME, [kept.place.key], [kept.raw]))
            removed += sum(int(count) for count in self._broker.pipeline([each.removal for each in messages]))
            for entry in orphans:
                removed += int(self._broker.script(*drop_call(entry, self._keys)))
            if removed or (action == CANCEL and not step.copies):
                out.append(step)
        if action == CANCEL and out:
            self._update(CANCEL, out, self._assign(CANCELLED), keep=False)
        self._database.commit()
        if action == CANCEL and out:
            self._sender.note_status([step.job for step in out], self._spellings.cancelled)
            self._stopper.stop({step.job.lower() for step in out}, self._evidence, terminate=False)
        return len(out)
