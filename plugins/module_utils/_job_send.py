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

# KEYS: what is remembered. ARGV: for how long, how many to forget, those, and then for each message: its list, the job,
# the version of its row, the message, its task's id. Returns how many were sent.
_SEND = """
local first = 3 + tonumber(ARGV[2])
if first > 3 then redis.call('HDEL', KEYS[1], unpack(ARGV, 3, first - 1)) end
local sent = 0
for i = first, #ARGV, 5 do
  if redis.call('HGET', KEYS[1], ARGV[i + 1]) ~= ARGV[i + 2] then
    redis.call('LPUSH', ARGV[i], ARGV[i + 3])
    redis.call('HSET', KEYS[1], ARGV[i + 1], ARGV[i + 2])
    redis.pcall('HSET', 'job:' .. ARGV[i + 1], 'task_id', ARGV[i + 4], 'status', 'queued')
    sent = sent + 1
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return sent
"""
# What the api keeps of a job beside its row, where it does.
_NOTE = """
for i = 2, #ARGV do
  local key = 'job:' .. ARGV[i]
  if redis.call('EXISTS', key) == 1 then redis.pcall('HSET', key, 'status', ARGV[1]) end
end
"""


class Envelope:
    """Writes messages for jobs of one queue and priority, the very bytes that ``make_message`` returns. Pure."""

    def __init__(self, task: str, queue: str, priority: int) -> None:
        self._arguments = (queue, priority)
        self._task = task
        text = make_message(task, _TASK, _JOB, queue, priority, _TASK).decode().replace("%", "%%")
        body = base64.b64encode(_JOB.encode()).decode()
        self._template = text.replace(body, "%(body)s").replace(_JOB, "%(job)s").replace(_TASK, "%(task)s")

    def write(self, job: str, task_id: str) -> bytes:
        """Return the message for a job."""
        if len(job) != _UUID or not job.isascii() or '"' in job or "\\" in job or "'" in job:
            return make_message(self._task, task_id, job, *self._arguments, task_id)
        body = base64.b64encode(job.encode()).decode()
        return (self._template % {"body": body, "job": job, "task": task_id}).encode()


def new_id() -> str:
    """Return a random id in the form of a UUID of version 4."""
    digits = secrets.token_hex(16)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


class Sender:
    """Sends messages in atomic batches. ``routes``: (queue, priority) by the priority of a row."""

    def __init__(self, broker: Broker, keys: Keys, task: str, routes: t.Mapping[str, tuple[str, int]]) -> None:
        self._broker = broker
        self._key = f"{keys.prefix}rdops:sent"
        self._lists = {name: keys.key_for(*route) for name, route in routes.items()}
        self._envelopes = {name: Envelope(task, *route) for name, route in routes.items()}
        self._kept: list[str] = []

    def send(self, jobs: t.Sequence[tuple[str, str, str]]) -> int:
        """Send for each (job, version, priority), the first to be served first; return how many were not sent before.

        Whatever was sent by the call before must be kept in the database by now.
        """
        arguments: list[t.Any] = [REMEMBERED_S, len(self._kept), *self._kept]
        for job, version, priority in jobs:
            task_id = new_id()
            message = self._envelopes[priority].write(job, task_id)
            arguments += (self._lists[priority], job, version, message, task_id)
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
