# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: which key was used from which address, as the api itself logs it.

The api logs the id of a key that it accepts, and the first characters of one that it refuses; never a key or its hash.
"""

from __future__ import annotations

import datetime
import functools
import ipaddress
import json
import re
import time
import typing as t

from ._docker import DockerClient
from ._errors import OpsError
from ._probe import run_probes
from ._stack import Stack

# Lines of one container that are read, the newest.
TAIL = 100_000
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
    """What the containers of the api logged. ``unread``: by name of a container why its log could not be read.

    ``since``: from when on there is any of it, later than asked where the logs do not reach so far back.
    """

    events: tuple[KeyEvent, ...]
    since: float
    unread: t.Mapping[str, str]

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


def read_key_log(client: DockerClient, stack: Stack, since: float, timeout_s: float) -> KeyLog:
    """Return what the api logged of keys since a time in seconds of the epoch."""
    hidden = {
        address for proxy in stack.by_role("proxy") for each in proxy.replicas for address in each.networks.values()
    }
    replicas = stack.running("api")
    probes = {each.name: functools.partial(client.logs, each.id, since, TAIL) for each in replicas}
    events: list[KeyEvent] = []
    unread: dict[str, str] = {}
    begins: list[float] = []
    for name, result in sorted(run_probes(probes, timeout_s).items()) if probes else ():
        if result.value is None:
            unread[name] = str(result.error or "it could not be read in time")
            continue
        lines = result.value.split(b"\n")
        stamps = [match for match in map(_STAMP.match, lines[:_FIRST]) if match]
        begins += [parse_stamp(stamps[0].group(1))] if stamps else []
        events.extend(event for event in (parse_event(line, hidden) for line in lines) if event)
    if replicas and len(unread) == len(replicas):
        name, cause = next(iter(unread.items()))
        raise OpsError(f"read the log of '{name}'", cause.rstrip("."), "Look at docker logs")
    # What containers that are gone have logged is gone with them.
    return KeyLog(tuple(sorted(events)), max(since, min(begins, default=time.time())), unread)


def parse_stamp(text: bytes) -> float:
    """Return the time in UTC that Docker puts in front of a line, in seconds since the epoch. Pure."""
    return datetime.datetime.strptime(text.decode() + "+0000", "%Y-%m-%dT%H:%M:%S%z").timestamp()
