# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the only importer of the Redis driver. Bounded calls, no retries of its own."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import time
import traceback
import typing as t

from ._credentials import RedisLogin
from ._errors import LoginRefusedError, MissingDriverError, NotLocatedError, OpsError
from ._queue import Broadcast, Keys, parse_reply

try:
    import redis
    import redis.backoff
    import redis.retry
except ImportError:
    DRIVER_ERROR: str | None = traceback.format_exc()
else:
    DRIVER_ERROR = None

DRIVER = "redis"
_REFUSALS = (
    "NOAUTH",
    "WRONGPASS",
    "Authentication required",
    "invalid username-password",
    "invalid password",
    "NOPERM",
    "no permissions",
)


class Broker:
    """A Celery broker on Redis."""

    def __init__(self, client: t.Any, login: RedisLogin, keys: Keys) -> None:
        self._client = client
        self._login = login
        self._keys = keys

    def ping(self) -> bool:
        """Tell whether Redis answers a PING."""
        return bool(self._run(self._client.ping))

    def info(self) -> dict[str, t.Any]:
        """Return Redis' own figures."""
        return dict(self._run(self._client.info))

    def queues(self) -> set[str]:
        """Return the queue names that Celery has bound at some time; never proof that one is in use."""
        names: set[str] = set()
        for key in self._run(lambda: list(self._client.scan_iter(self._keys.binding_pattern, count=500))):
            exchange = self._keys.exchange_of(key)
            if exchange is not None:
                names.update(self._keys.queues_in(self._run(functools.partial(self._client.smembers, key))))
        return names

    def lengths(self, queues: t.Iterable[str]) -> dict[str, dict[str, int]]:
        """Return for each queue the messages waiting at each of its priority keys, in one round trip."""
        wanted = [(queue, priority, key) for queue in queues for priority, key in self._keys.of(queue)]

        def read() -> list[int]:
            with self._client.pipeline(transaction=False) as pipeline:
                for _queue, _priority, key in wanted:
                    pipeline.llen(key)
                return t.cast("list[int]", pipeline.execute())

        found: dict[str, dict[str, int]] = {}
        for (queue, priority, _key), length in zip(wanted, self._run(read)):
            found.setdefault(queue, {})[str(priority)] = int(length)
        return found

    def unacked(self) -> int:
        """Return how many messages are delivered and not yet acknowledged."""
        return int(self._run(lambda: self._client.hlen(self._keys.unacked)))

    def broadcast(self, method: str, timeout_s: float) -> Broadcast:
        """Ask every worker one question; see ``ask``."""
        return self.ask([method], timeout_s)[method]

    def ask(
        self,
        methods: t.Sequence[str],
        timeout_s: float,
        *,
        arguments: t.Mapping[str, t.Any] | None = None,
        destination: t.Sequence[str] | None = None,
    ) -> dict[str, Broadcast]:
        """Ask workers several questions at once, all of them or those of ``destination``, within ``timeout_s``.

        An answer is complete when all that Redis delivered the question to have replied, or every destination has.
        Writes a set member and a reply list for each question, and removes both.
        """
        requests = {
            method: self._keys.broadcast(
                method, self._login.db, timeout_s, arguments=arguments, destination=destination
            )
            for method in methods
        }
        deadline = time.monotonic() + timeout_s
        replies: dict[str, list[tuple[str, t.Any]]] = {method: [] for method in methods}
        try:
            commands: list[tuple[t.Any, ...]] = [("SADD", r.binding, r.member) for r in requests.values()]
            commands += [("PUBLISH", r.channel, r.message) for r in requests.values()]
            receivers = dict(zip(methods, (int(count) for count in self.pipeline(commands)[len(requests) :])))
            wanted = {method: len(destination) if destination is not None else receivers[method] for method in methods}
            by_key = {request.reply_key.encode(): method for method, request in requests.items()}
            while True:
                waiting = [key for key, method in by_key.items() if len(replies[method]) < wanted[method]]
                left = deadline - time.monotonic()
                if not waiting or left <= 0.01:
                    break
                raw = self._run(functools.partial(self._client.brpop, waiting, timeout=left))
                if raw is None:
                    break
                method = by_key[raw[0]]
                reply = parse_reply(raw[1], requests[method].ticket)
                if reply is not None:
                    replies[method].append(reply)
        finally:
            with contextlib.suppress(OpsError):
                self.pipeline(
                    [("SREM", r.binding, r.member) for r in requests.values()]
                    + [("DEL", r.reply_key) for r in requests.values()]
                )
        return {method: Broadcast(receivers[method], tuple(replies[method])) for method in methods}

    def command(self, *words: t.Any) -> t.Any:
        """Run one command and return Redis' answer."""
        return self._run(lambda: self._client.execute_command(*words))

    def pipeline(self, commands: t.Sequence[t.Sequence[t.Any]], *, atomic: bool = False) -> list[t.Any]:
        """Run commands in one round trip, as one transaction if ``atomic``; return their answers in order."""

        def send() -> list[t.Any]:
            with self._client.pipeline(transaction=atomic) as pipeline:
                for words in commands:
                    pipeline.execute_command(*words)
                return t.cast("list[t.Any]", pipeline.execute())

        return t.cast("list[t.Any]", self._run(send)) if commands else []

    def script(self, text: str, keys: t.Sequence[t.Any], arguments: t.Sequence[t.Any]) -> t.Any:
        """Run a Lua script, atomic as every script in Redis is; it is sent whole only where Redis lacks it."""
        digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        try:
            return self._client.evalsha(digest, len(keys), *keys, *arguments)
        except redis.exceptions.NoScriptError:
            return self._run(lambda: self._client.eval(text, len(keys), *keys, *arguments))
        except redis.exceptions.RedisError as error:
            raise explain(error, self._login) from error

    def count_like(self, pattern: str) -> int:
        """Return how many keys have a name of this pattern; walks all names in small steps."""
        return int(self._run(lambda: sum(1 for _key in self._client.scan_iter(pattern, count=1000))))

    def delete(self, *keys: str) -> int:
        """Remove keys by their exact names; return how many existed."""
        return int(self._run(lambda: self._client.delete(*[key.encode() for key in keys])))

    def hash_field(self, key: str, field: str) -> str:
        """Return one field of a hash as text, or an empty string."""
        raw = self._run(lambda: self._client.hget(key, field))
        return raw.decode("utf-8", "replace") if raw else ""

    def _run(self, call: t.Callable[[], t.Any]) -> t.Any:
        try:
            return call()
        except redis.exceptions.RedisError as error:
            raise explain(error, self._login) from error


@contextlib.contextmanager
def connect(login: RedisLogin, keys: Keys, timeout_s: float) -> t.Iterator[Broker]:
    """Open a bounded connection and close it; ``timeout_s`` bounds connecting and each answer, in seconds."""
    if DRIVER_ERROR is not None:
        raise MissingDriverError(
            "query Redis",
            f"the Python module {DRIVER} is missing on this host",
            "Run the playbook rendiff.ops.prepare, or install python3-redis",
        )
    client = redis.Redis(
        host=login.host,
        port=login.port,
        db=login.db,
        username=login.user or None,
        password=login.password or None,
        ssl=login.tls,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        # Releases of the driver differ in how often they try again by themselves; here the caller decides.
        retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0),
    )
    try:
        yield Broker(client, login, keys)
    finally:
        client.close()


def explain(error: Exception, login: RedisLogin) -> OpsError:
    """Turn a driver's error into one sentence without the password."""
    cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if login.password:
        cause = cause.replace(login.password, "********")
    act = f"query Redis at {login.host}:{login.port}"
    if any(sign in cause for sign in _REFUSALS):
        return LoginRefusedError(act, cause, "Check the broker's URL in the api container, or pass redis_password")
    if "ame resolution" in cause or "Name or service not known" in cause:
        return NotLocatedError(act, cause, "Pass redis_host and redis_port as this host reaches it")
    return OpsError(act, cause)
