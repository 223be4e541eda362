# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: one changer of queues and jobs at a time, held by a key that expires by itself."""

from __future__ import annotations

import datetime
import json
import secrets
import types
import typing as t

from ._errors import OpsError
from ._queue import Keys

TTL_S = 60

_REFRESH = """
local held = redis.call('GET', KEYS[1])
if held == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if held then return -1 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 2
"""
_INHERIT = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Scripts(t.Protocol):
    """What is needed of a broker: it runs a command, and a Lua script."""

    def command(self, *words: t.Any) -> t.Any:
        """Run one command."""

    def script(self, text: str, keys: t.Sequence[t.Any], arguments: t.Sequence[t.Any]) -> t.Any:
        """Run a Lua script."""


class Busy:
    """Hold the right to change queues and jobs of one broker while the block runs.

    ``what`` is a verb with its object ("move queue 'default'"), as it ends up in another's error. A run that was
    killed holds it for at most ``TTL_S`` seconds more; ``refresh`` before every batch.

    ``heir``: who has the same here is known to be dead, as something else excludes two of them; it is taken over.
    """

    def __init__(self, broker: Scripts, keys: Keys, what: str, *, ttl_s: float = TTL_S, heir: str = "") -> None:
        self._broker = broker
        self._key = f"{keys.prefix}rdops:busy"
        self._what = what
        self._ttl_ms = int(ttl_s * 1000)
        now = datetime.datetime.now(datetime.timezone.utc)
        value = {"what": what, "token": secrets.token_hex(16), "since": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
        self._value = json.dumps({**value, "heir": heir} if heir else value)
        self._heir = heir

    def __enter__(self) -> Busy:
        """Take it, or say who has it."""
        if not self._broker.command("SET", self._key, self._value, "NX", "PX", self._ttl_ms):
            held = self._broker.command("GET", self._key)
            ours = bool(self._heir) and heir_of(held) == self._heir
            if not ours or not int(self._broker.script(_INHERIT, [self._key], [held, self._value, self._ttl_ms])):
                raise self._held()
        return self

    def refresh(self) -> None:
        """Hold it for a full time more; raise where another has taken it meanwhile."""
        if int(self._broker.script(_REFRESH, [self._key], [self._value, self._ttl_ms])) < 0:
            raise self._held()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        """Give it back if it is still ours; the end of the work is never an error for that it could not be."""
        try:
            self._broker.script(_RELEASE, [self._key], [self._value])
        except OpsError:
            # It expires by itself; the failure that led here, or the next command, says what is wrong with Redis.
            return

    def _held(self) -> OpsError:
        raw = self._broker.command("GET", self._key)
        left_ms = int(self._broker.command("PTTL", self._key))
        what, since = describe_holder(raw)
        after = "run this again"
        if left_ms > 0:
            after = f"wait {-(-left_ms // 1000)} s"
        elif left_ms == -1:
            after = f"remove the key '{self._key}', which never expires"
        remedy = f"Wait for it, or after it was killed {after}"
        return OpsError(self._what, f"'{what}' is at work since {since}", remedy)


def heir_of(raw: bytes | None) -> str:
    """Return who may take the key over once its holder is dead, empty where nobody may. Pure."""
    try:
        return str(json.loads(raw or b"{}").get("heir") or "")
    except (ValueError, AttributeError):
        return ""


def describe_holder(raw: bytes | None) -> tuple[str, str]:
    """Return (what, since when) from the value of the key, leniently. Pure."""
    try:
        value = json.loads(raw or b"{}")
        return str(value.get("what") or "another run"), str(value.get("since") or "a moment ago")
    except (ValueError, AttributeError):
        return "something that is not of this collection", "an unknown time"
