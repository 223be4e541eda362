# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: addresses, routes, times and texts of an access log, in one spelling each. Pure."""

from __future__ import annotations

import calendar
import ipaddress
import re
import typing as t

from ._redact import redact

_V4 = re.compile(rb"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\Z")
_PORT = re.compile(rb":\d{1,5}\Z")
_IDS = re.compile(rb"/(?:[0-9]+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{16,})(?=[/ ?#;]|\Z)")
_QUERY = re.compile(rb"[?#;]")
_METHOD = re.compile(rb"[A-Z]{1,20}\Z")
_JOB = re.compile(rb"(?i)(?:/api/v\d{1,3})?/jobs/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/|\Z)")
_CREATION = re.compile(rb"/(?:convert|jobs)/?\Z")
_MONTHS = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_CLF_TIME = re.compile(rb"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d\d)(\d\d)\Z")
_ISO_TIME = re.compile(rb"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?:Z| ?([+-]\d\d):?(\d\d))?\Z")
_PATH_MAX = 400
SHOWN_MAX = 200
REMEMBERED = 50_000

K = t.TypeVar("K")
V = t.TypeVar("V")


class Remembered(dict[K, V]):
    """A cache of a pure function that never holds more than a bound; it forgets all at once."""

    def __init__(self, make: t.Callable[[K], V], bound: int = REMEMBERED) -> None:
        super().__init__()
        self._make = make
        self._bound = bound

    def __missing__(self, name: K) -> V:
        if len(self) >= self._bound:
            self.clear()
        value = self[name] = self._make(name)
        return value


def address_of(raw: bytes, depth: int = 1) -> bytes:
    """Return an address in its one spelling, without brackets, port and zone; empty where there is none.

    A list is what came in X-Forwarded-For: of it counts the entry ``depth`` from the right, which a trusted proxy
    wrote, for what stands to the left of it is what the client claims. Depth 0 counts as 1. IPv4 inside IPv6 is IPv4.
    """
    if _V4.match(raw):
        return raw
    if b"," in raw:
        parts = [part.strip() for part in raw.split(b",")]
        raw = parts[-min(max(1, depth), len(parts))]
    if raw.startswith(b"["):
        raw = raw[1:].partition(b"]")[0]
    elif raw.count(b":") == 1:
        raw = _PORT.sub(b"", raw)
    try:
        address = ipaddress.ip_address(raw.partition(b"%")[0].decode("ascii"))
    except ValueError:
        return b""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address).encode()


def network_of(address: bytes) -> bytes:
    """Return the /24 of an IPv4 address, or the /64 of an IPv6 address, as ``address_of`` spells them."""
    if b":" not in address:
        return address.rpartition(b".")[0] + b".0/24"
    packed = ipaddress.IPv6Address(address.decode()).packed[:8] + bytes(8)
    return str(ipaddress.IPv6Address(packed)).encode() + b"/64"


def split_request(request: bytes) -> tuple[bytes, bytes]:
    """Return method and path, without the query, of ``GET /path?query HTTP/1.1``; both empty where it is none."""
    method, _space, rest = request.partition(b" ")
    target = rest.rpartition(b" ")[0] or rest
    if not _METHOD.match(method) or not target:
        return b"", b""
    if not target.startswith(b"/") and b"://" in target:
        # A request to a proxy names scheme and host, which every scanner chooses anew.
        target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
    return method, _QUERY.split(target, 1)[0][:_PATH_MAX]


def shape_of(request: bytes) -> bytes:
    """Return a request with ids, numbers and long hex in its path as {id}; with or without a status after it."""
    return _IDS.sub(b"/{id}", request)


def shapes_of(requests: t.Sequence[bytes]) -> list[bytes]:
    """Return ``shape_of`` of each of many requests, each with a status after it."""
    found = _IDS.sub(b"/{id}", b"\n".join(requests)).split(b"\n")
    return found if len(found) == len(requests) else [shape_of(request) for request in requests]


def route_of(request: bytes) -> bytes:
    """Return method and path with ids, numbers and long hex as {id}, without the query; ``(no request)`` if none."""
    request = shape_of(request)
    method, path = split_request(request)
    if not method:
        return b"(no request)"
    return method + b" " + path


def job_of(request: bytes) -> bytes:
    """Return the id of the job that ``/jobs/ID`` or ``/api/vN/jobs/ID`` names, in lower case, or an empty one.

    Below any other path the app has no jobs, so an id there is only what a client wrote.
    """
    match = _JOB.match(split_request(request)[1])
    return match.group(1).lower() if match else b""


def is_creation(request: bytes) -> bool:
    """Tell whether a request would make a job: a POST to ``.../convert`` or ``.../jobs``."""
    method, path = split_request(request)
    return method == b"POST" and bool(_CREATION.search(path))


def seconds_of(stamp: bytes) -> int:
    """Return a time in whole seconds of the epoch, 0 where it is none. A time without a zone is taken for UTC."""
    return _parse_time(stamp)[0]


def moment_of(stamp: bytes) -> float:
    """Return a time in seconds of the epoch with their fraction, 0 where it is none."""
    second, fraction = _parse_time(stamp)
    return second + float(b"0." + fraction) if fraction else float(second)


def _parse_time(stamp: bytes) -> tuple[int, bytes]:
    match = _CLF_TIME.match(stamp)
    if match:
        day, name, year, hour, minute, second, zone_hours, zone_minutes = match.groups()
        month, fraction = _MONTHS.get(name, 0), b""
    else:
        match = _ISO_TIME.match(stamp)
        if not match:
            return 0, b""
        year, written, day, hour, minute, second, fraction, zone_hours, zone_minutes = match.groups(b"")
        month = int(written)
    if not 1 <= month <= 12 or not 1 <= int(day) <= 31 or int(year) < 1971 or int(hour) > 23 or int(minute) > 59:
        return 0, b""
    whole = calendar.timegm((int(year), month, int(day), int(hour), int(minute), min(int(second), 59)))
    offset = int(zone_hours or 0) * 3600
    offset += int(zone_minutes or 0) * 60 * (-1 if zone_hours.startswith(b"-") else 1)
    return max(0, whole - offset), fraction


def show(raw: bytes, length: int = SHOWN_MAX) -> str:
    """Return text of a log for people: what is printable, the rest as ``\\xNN``, cut, and without what looks secret.

    It stays data: no result of a module is ever rendered by Ansible, whatever braces are in it.
    """
    text = raw[: 4 * length].decode("utf-8", "backslashreplace")
    shown = "".join(c if c.isprintable() else "".join(f"\\x{b:02x}" for b in c.encode()) for c in text)
    # A path as a whole looks like a random key where its parts do not.
    shown = "/".join(redact(part) for part in shown.split("/"))
    return shown if len(shown) <= length else shown[: length - 3] + "..."
