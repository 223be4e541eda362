# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: which key was used from which address, as the api itself logs it.

The api logs the id of a key that it accepts, and the first characters of one that it refuses; never a key or its hash.
"""

from __future__ import annotations

import collections
import contextlib
import datetime
import functools
import ipaddress
import itertools
import json
import re
import time
import typing as t

from ._docker import DockerClient
from ._docker_stream import stream_logs
from ._mitigation import format_time
from ._probe import run_probes
from ._stack import Stack

# Uses of keys of one container that are kept, the newest, and as many attempts.
EVENTS_MAX = 100_000
_LOOK_EVERY = 1000
_GRACE_S = 5.0
_LINE_MAX = 8192
# Lines among which one has a time.
_FIRST = 100
_STAMP = re.compile(rb"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\S* ")
_IDS = ("key_id", "api_key_id")
_PREFIXES = ("key_prefix", "api_key_prefix")


class KeyEvent(t.NamedTuple):
    """One use of a key, or one attempt. ``at``: seconds since the epoch. Either ``key_id`` or ``prefix`` is set.

    ``address`` is empty where the api saw nothing but the proxy.
    """

    at: float
    address: str
    key_id: str
    prefix: str

    @property
    def accepted(self) -> bool:
        """Tell whether the api accepted the key."""
        return bool(self.key_id)


class KeyLog(t.NamedTuple):
    """What the containers of the api logged. ``unread``: by name of a container why its log is not all read.

    ``since``: from when on there is all of it, later than asked where a log does not reach so far back.
    ``read``: whether any could be read.
    """

    events: tuple[KeyEvent, ...]
    since: float
    unread: t.Mapping[str, str]
    read: bool = True

    def unread_told(self) -> str:
        """Return for a sentence which log could not be read, and why."""
        name, cause = min(self.unread.items())
        return f"the log of '{name}' could not be read: {cause}"

    def missing(self, since: float) -> str:
        """Return in a sentence why these logs do not tell all that was done since a time; empty where they do."""
        if self.unread:
            said = self.unread_told()
            return f"{said[0].upper()}{said[1:]}."
        if self.since > since:
            return f"The logs reach back only to {format_time(self.since)}."
        if not self.addresses_known:
            return "The api sees only the proxy. Let it trust the proxy's header (uvicorn --forwarded-allow-ips)."
        return ""

    @property
    def addresses_known(self) -> bool:
        """Tell whether the api saw the addresses of its clients, and not only the proxy's."""
        return not self.events or any(event.address for event in self.events)


def parse_event(line: bytes, hidden: t.Collection[str]) -> KeyEvent | None:
    """Return the use of a key that a line tells of, or None. Pure. ``hidden``: addresses of the proxy."""
    stamp = _STAMP.match(line)
    start = line.find(b"{")
    if stamp is None or start < 0 or len(line) > _LINE_MAX or b"key_" not in line:
        return None
    try:
        document = json.loads(line[start:].decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    key_id, prefix = _first(document, _IDS), _first(document, _PREFIXES)
    if not key_id and not prefix:
        return None
    address = _address(document.get("client_ip"))
    return KeyEvent(
        parse_stamp(stamp.group(1)), "" if address in hidden else address, key_id.lower(), "" if key_id else prefix
    )


def _first(document: t.Mapping[str, t.Any], names: t.Sequence[str]) -> str:
    for name in names:
        value = document.get(name)
        if isinstance(value, str) and value and value.isprintable():
            return value[:64]
    return ""


def _address(value: t.Any) -> str:
    try:
        address = ipaddress.ip_address(value) if isinstance(value, str) else None
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address) if address else ""


class _Kept:
    """The newest events of one container, uses and attempts apart: attempts cost nothing, uses need a key."""

    def __init__(self) -> None:
        self.events: tuple[collections.deque[KeyEvent], ...] = (
            collections.deque(maxlen=EVENTS_MAX),
            collections.deque(maxlen=EVENTS_MAX),
        )
        self.dropped_at = 0.0

    def add(self, event: KeyEvent) -> None:
        """Keep an event; the oldest of its kind goes where there are too many."""
        kept = self.events[event.accepted]
        if len(kept) == EVENTS_MAX:
            self.dropped_at = max(self.dropped_at, kept[0].at + 1)
        kept.append(event)


def read_lines(chunks: t.Iterable[bytes]) -> t.Generator[bytes, None, None]:
    """Yield whole lines from pieces; one that is too long to matter is left out, however long it is. Pure."""
    left, skip = b"", False
    for chunk in chunks:
        first, *rest = chunk.split(b"\n")
        left = b"" if skip else left + first
        if not rest:
            skip = skip or len(left) > _LINE_MAX
            continue
        if not skip:
            yield left
        yield from rest[:-1]
        left, skip = rest[-1], False
    if left and not skip:
        yield left


class _ContainerLog(t.NamedTuple):
    events: list[KeyEvent]
    begin: float
    missing: str


def _read_container(
    client: DockerClient, container: str, since: float, timeout_s: float, hidden: t.Collection[str]
) -> _ContainerLog:
    """Return what one container logged of keys, read as a stream: however many other lines there are, none is lost."""
    now = time.time()
    begin = now
    # What it logged first of all: a log that is merely quiet reaches further back than its next line.
    with contextlib.closing(read_lines(stream_logs(client, container, None, now, timestamps=True))) as lines:
        stamps = (match for match in map(_STAMP.match, itertools.islice(lines, _FIRST)) if match)
        stamp = next(stamps, None)
        begin = parse_stamp(stamp.group(1)) if stamp else now
    kept = _Kept()
    deadline = time.monotonic() + timeout_s
    missing = ""
    with contextlib.closing(read_lines(stream_logs(client, container, since, now, timestamps=True))) as lines:
        for number, line in enumerate(lines):
            event = parse_event(line, hidden) if b"key_" in line else None
            if event:
                kept.add(event)
            if number % _LOOK_EVERY == 0 and time.monotonic() > deadline:
                stamp = _STAMP.match(line)
                upto = stamp.group(1).decode() + "Z" if stamp else "somewhere"
                missing = f"it could be read only up to {upto} within {timeout_s:g} s"
                break
    return _ContainerLog([*kept.events[0], *kept.events[1]], max(begin, kept.dropped_at), missing)


def read_key_log(client: DockerClient, stack: Stack, since: float, timeout_s: float) -> KeyLog:
    """Return what the api logged of keys since a time in seconds of the epoch."""
    hidden = {
        address for proxy in stack.by_role("proxy") for each in proxy.replicas for address in each.networks.values()
    }
    replicas = stack.running("api")
    probes = {
        each.name: functools.partial(_read_container, client, each.id, since, timeout_s, hidden) for each in replicas
    }
    events: list[KeyEvent] = []
    unread: dict[str, str] = {}
    begins: list[float] = []
    # What a container sends is bounded by time, and each wait for it by the client.
    for name, result in sorted(run_probes(probes, timeout_s + _GRACE_S).items()) if probes else ():
        if result.value is None:
            unread[name] = str(result.error or "it could not be read in time").rstrip(".")
            continue
        events.extend(result.value.events)
        begins.append(result.value.begin)
        if result.value.missing:
            unread[name] = result.value.missing
    # What containers that are gone have logged is gone with them, and a log tells nothing of before it began.
    reach = max(since, *begins) if begins else time.time()
    return KeyLog(tuple(sorted(events)), reach, unread, bool(begins))


def parse_stamp(text: bytes) -> float:
    """Return the time in UTC that Docker puts in front of a line, in seconds since the epoch. Pure."""
    return datetime.datetime.strptime(text.decode() + "+0000", "%Y-%m-%dT%H:%M:%S%z").timestamp()
