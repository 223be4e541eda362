# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: messages that make jobs run again, each sent once however often a run is killed.

A message is sent before the change of its row is kept, so between the two a kill leaves a message for a row that still
looks stuck. Which message was sent for which version of a row is therefore remembered beside the queues until the row
is kept; a second run finds it and keeps the row without sending again. A row that was touched has another version.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import typing as t

from ._message import make_message
from ._queue import Keys
from ._redis import Broker

# Longer than any batch, shorter than anybody's patience: until then a version is taken for sent.
REMEMBERED_S = 300
_UUID = 36
_JOB = "0" * 8 + "-1111-2222-3333-" + "4" * 12
_TASK = "5" * 8 + "-6666-7777-8888-" + "9" * 12

# KEYS: what is remembered. ARGV: for how long, then JSON: the jobs to forget; the envelopes, each as its list and the
# pieces of its text; and for each message: its envelope, the job, the version of its row, its task's id, and what is
# written between the pieces, or all of the message. Returns how many were sent. The text is put together here, as a
# thousand whole messages take longer to pack and to send than to write.
_SEND = """
local call = redis.call
local forgotten, envelopes, messages = cjson.decode(ARGV[2]), cjson.decode(ARGV[3]), cjson.decode(ARGV[4])
if #forgotten > 0 then call('HDEL', KEYS[1], unpack(forgotten)) end
local names, remember, lists = {}, {}, {}
for at, it in ipairs(messages) do names[at] = it[2] end
local before = call('HMGET', KEYS[1], unpack(names))
for at, it in ipairs(messages) do
  local envelope, job, version, task, body = envelopes[it[1]], it[2], it[3], it[4], it[5]
  if before[at] ~= version then
    local text = body
    if not it[6] then
      local values = {job = job, task = task, body = body}
      local pieces = {}
      for place, piece in ipairs(envelope.pieces) do pieces[place] = place % 2 == 0 and values[piece] or piece end
      text = table.concat(pieces)
    end
    lists[envelope.list] = lists[envelope.list] or {}
    table.insert(lists[envelope.list], text)
    remember[#remember + 1], remember[#remember + 2] = job, version
    redis.pcall('HSET', 'job:' .. job, 'task_id', task, 'status', 'queued')
  end
end
-- A key of another type fails here, before anything is sent.
for list in pairs(lists) do call('LLEN', list) end
for list, texts in pairs(lists) do call('LPUSH', list, unpack(texts)) end
if #remember > 0 then call('HSET', KEYS[1], unpack(remember)) end
call('EXPIRE', KEYS[1], ARGV[1])
return #remember / 2
"""
# What the api keeps of a job beside its row, where it does.
_NOTE = """
for i = 2, #ARGV do
  local key = 'job:' .. ARGV[i]
  if redis.call('EXISTS', key) == 1 then redis.pcall('HSET', key, 'status', ARGV[1]) end
end
"""


class Envelope:
    """Writes messages for jobs of one queue and priority, the very bytes that ``make_message`` returns. Pure.

    ``pieces`` is the text, with the name of what is written there at every second place: body, job or task.
    """

    def __init__(self, task: str, queue: str, priority: int) -> None:
        self._arguments = (queue, priority)
        self._task = task
        text = make_message(task, _TASK, _JOB, queue, priority, _TASK).decode()
        names = {_body(_JOB): "body", _JOB: "job", _TASK: "task"}
        parts = re.split(f"({'|'.join(re.escape(value) for value in names)})", text)
        self.pieces = [names[part] if at % 2 else part for at, part in enumerate(parts)]

    def write(self, job: str, task_id: str) -> tuple[str, bool]:
        """Return what is written between the pieces, and False; of an odd id all of the message, and True."""
        if len(job) != _UUID or not job.isascii() or '"' in job or "\\" in job or "'" in job:
            return make_message(self._task, task_id, job, *self._arguments, task_id).decode(), True
        return _body(job), False


def _body(job: str) -> str:
    return base64.b64encode(job.encode()).decode()


def new_id() -> str:
    """Return a random id in the form of a UUID of version 4."""
    digits = secrets.token_hex(16)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


class Sender:
    """Sends messages in atomic batches. ``routes``: (queue, priority) by the priority of a row."""

    def __init__(self, broker: Broker, keys: Keys, task: str, routes: t.Mapping[str, tuple[str, int]]) -> None:
        self._broker = broker
        self._key = f"{keys.prefix}rdops:sent"
        self._envelopes = {name: Envelope(task, *route) for name, route in routes.items()}
        self._places = {name: at for at, name in enumerate(self._envelopes, start=1)}
        self._described = json.dumps(
            [
                {"list": keys.key_for(*routes[name]), "pieces": envelope.pieces}
                for name, envelope in self._envelopes.items()
            ]
        )
        self._kept: list[str] = []

    def send(self, jobs: t.Sequence[tuple[str, str, str]]) -> int:
        """Send for each (job, version, priority), the first to be served first; return how many were not sent before.

        Whatever was sent by the call before must be kept in the database by now.
        """
        messages = []
        for job, version, priority in jobs:
            task_id = new_id()
            messages.append(
                (self._places[priority], job, version, task_id, *self._envelopes[priority].write(job, task_id))
            )
        arguments = [REMEMBERED_S, json.dumps(self._kept), self._described, json.dumps(messages)]
        sent = int(self._broker.script(_SEND, [self._key], arguments))
        self._kept = [job for job, _version, _priority in jobs]
        return sent

    def note_status(self, jobs: t.Sequence[str], status: str) -> None:
        """Write a status also where the api keeps one beside the row."""
        self._broker.script(_NOTE, [], [status, *jobs])

    def forget(self) -> None:
        """Forget the last batch, which is kept in the database by now."""
        if self._kept:
            self._broker.command("HDEL", self._key, *self._kept)
            self._kept = []
