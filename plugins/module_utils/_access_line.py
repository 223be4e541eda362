# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the forms in which a line of an access log comes. Pure.

What comes out is a Hit, seven byte strings: address, time, request and status (``GET /path HTTP/1.1" 200``), size, user
agent, the rest (see ``rest_of``), and the identity of an API key (see ``key_identity``). A part that a form does not
tell is empty. The bytes are as the log has them: data, and hostile.
"""

from __future__ import annotations

import collections
import hashlib
import json
import re
import typing as t

Hit = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]

_TEXT = rb'[^"\\\n]*(?:\\.[^"\\\n]*)*'
# Traefik writes the whole X-Forwarded-For where it trusts one; nothing in the class can be read in two ways.
_BEGIN = (
    rb'^([^ ",\n]+(?:, ?[^ ",\n]+)*) (?:- -|[^ "|\n][^ "\n]* [^\n"\[]*) \[(%b.{26})\] "(%b'
    + _TEXT
    + rb'" \d{3}) (?:(%b\d{1,18})|-)'
)
_FREE = rb"(?: .*)?$"
_AGENT_AND_REST = rb'(?: (?:"-"|"' + _TEXT + rb'") "(' + _TEXT + rb')"((?: .*)?)$|' + _FREE + rb")()"
CLF = re.compile(_BEGIN.replace(b"(%b", b"(") + _AGENT_AND_REST, re.MULTILINE)
# The same language, for whatever has agent and rest has the free end too.
CLF_ADDRESS = re.compile(_BEGIN.replace(b"(%b", b"(?:") + _FREE, re.MULTILINE)
# Part of that language, in which most lines are; these patterns take half the time, and catch the same.
_USUAL = rb'^([^ ",\n]+) - - \[(%b.{26})\] "(%b[^"\\\n]*" \d\d\d) (%b\d{1,18})'
CLF_USUAL = re.compile(_USUAL.replace(b"(%b", b"(") + rb' "[^"\\\n]*" "([^"\\\n]*)"((?: .*)?)()\n', re.MULTILINE)
CLF_USUAL_ADDRESS = re.compile(_USUAL.replace(b"(%b", b"(?:") + rb"(?: .*)?\n", re.MULTILINE)
# Who connected, with the port, as Traefik writes it; one group.
CONNECTED = rb'\[?([^"\\\[\]\x00-\x1f\x7f-\xff]+)\]?:\d{1,5}'
_CONNECTED = re.compile(CONNECTED)
# Traefik's own form goes on with: number of the request, router, address of the service, milliseconds.
_TRAEFIK_REST = re.compile(rb' \d+ "' + _TEXT + rb'" "(' + _TEXT + rb')" (\d{1,12})ms$')
_TRAEFIK_RESTS = re.compile(rb'^ \d+ "' + _TEXT + rb'" "(' + _TEXT + rb')" \d{1,12}ms$', re.MULTILINE)
_ISO = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z| ?[+-]\d\d:?\d\d)?"
_UVICORN = re.compile(
    rb"^(?:(" + _ISO + rb") (?:- )?)?INFO:? +(?:\[?uvicorn\.access\]?:? (?:- )?)?([^\s\",]+)"
    rb' - "(' + _TEXT + rb'" \d{3})(?: [^\n]*)?$'
)
_PREFIX = re.compile(rb"^[A-Za-z0-9][\w.-]{0,127} +\| ?")
_STAMP = re.compile(rb"^" + _ISO + rb" (?=[^- ])")
_COLOUR = re.compile(rb"\x1b\[[\d;]{0,20}m")

# The fields of a JSON line that are used, by their name in lower case.
FIELDS = (
    "clienthost",
    "clientaddr",
    "startutc",
    "time",
    "requestmethod",
    "requestpath",
    "requestprotocol",
    "downstreamstatus",
    "originstatus",
    "downstreamcontentsize",
    "duration",
    "request_user-agent",
    "request_x-api-key",
    "request_authorization",
)
NUMBERS = frozenset((7, 8, 9, 10))
(_HOST, _ADDR, _START, _TIME, _METHOD, _PATH, _PROTOCOL, _STATUS, _ORIGIN, _SIZE, _TOOK, _AGENT, _KEY, _AUTH) = range(
    14
)
_AT = {name: place for place, name in enumerate(FIELDS)}
_HIDDEN = frozenset((b"REDACTED", b"********", b"-", b""))
_KEYS_REMEMBERED = 10_000


class NotAHitError(ValueError):
    """A line that tells of no request; the text is the reason, one of a few words."""


def key_identity(key: bytes) -> bytes:
    """Return what stands for an API key from here on: at most 8 of its characters, never over a quarter, and SHA-256.

    The form is ``prefix:hex``. Nothing that was no printable ASCII is in the prefix.
    """
    start = key[: min(8, len(key) // 4)]
    prefix = re.sub(rb"[^A-Za-z0-9_.-]", b"", start)
    return prefix + b":" + hashlib.sha256(key).hexdigest().encode()


class JsonFields:
    """Makes a Hit of the fields of a JSON line; remembers whether keys came in clear text.

    ``depth`` 0: the address is who connected (ClientAddr), never what X-Forwarded-For says (ClientHost). ``proxied``:
    in how many lines these two differ.
    """

    def __init__(self, depth: int = 0) -> None:
        self.holds_keys = False
        self.proxied = 0
        self._connected = depth == 0
        self._identities: dict[bytes, bytes] = {}

    def hit(self, fields: t.Sequence[bytes]) -> Hit:
        """Return the Hit of fields in the order of FIELDS; what is empty was absent or of a wrong type."""
        key, host, connected = fields[_KEY], fields[_HOST], fields[_ADDR]
        if host != connected and host and connected:
            self.proxied += 1
        if key or fields[_AUTH]:
            key = self._identity(key, fields[_AUTH])
        return (
            connected if self._connected else host or connected,
            fields[_START] or fields[_TIME],
            b'%b %b %b" %b' % (fields[_METHOD], fields[_PATH], fields[_PROTOCOL], fields[_STATUS].zfill(3)),
            fields[_SIZE],
            fields[_AGENT],
            b"\0%b %b" % (fields[_ORIGIN], fields[_TOOK][:-6]),
            key,
        )

    def _identity(self, key: bytes, authorization: bytes) -> bytes:
        if authorization not in _HIDDEN:
            self.holds_keys = True
        if key in _HIDDEN:
            return b""
        self.holds_keys = True
        found = self._identities.get(key)
        if found is None:
            if len(self._identities) >= _KEYS_REMEMBERED:
                self._identities.clear()
            found = self._identities[key] = key_identity(key)
        return found


def rest_of(rest: bytes) -> tuple[str, int | None]:
    """Return of a Hit's rest who answered (``proxy``, ``app`` or ``unknown``), and the milliseconds or None."""
    if rest.startswith(b"\0"):
        origin, _space, took = rest[1:].partition(b" ")
        return ("app" if origin and origin != b"0" else "proxy"), int(took) if took else None
    match = _TRAEFIK_REST.match(rest)
    if not match:
        return "unknown", None
    return ("proxy" if match.group(1) in (b"-", b"") else "app"), int(match.group(2))


def who_answered(rests: t.Sequence[bytes]) -> collections.Counter[str]:
    """Return how often each answered, as ``rest_of`` tells it of each rest."""
    origins = _TRAEFIK_RESTS.findall(b"\n".join(rests))
    if len(origins) == len(rests):
        by_proxy = origins.count(b"-") + origins.count(b"")
        return collections.Counter({"proxy": by_proxy, "app": len(origins) - by_proxy})
    found: collections.Counter[str] = collections.Counter()
    for rest, count in collections.Counter(rests).items():
        found[rest_of(rest)[0]] += count
    return found


def served_by_app(status: bytes, rest: bytes) -> bool:
    """Tell whether the app granted a request: 2xx to the client and, where the log says what the app said, there too.

    Whoever may name anything in a path is refused, and a refusal tells nothing of who owns what is named.
    """
    if not status.startswith(b"2"):
        return False
    if rest.startswith(b"\0"):
        origin = rest[1:].partition(b" ")[0]
        return not origin or (len(origin) == 3 and origin.startswith(b"2"))
    return rest_of(rest)[0] != "proxy"


def as_bytes(place: int, value: t.Any) -> bytes:
    """Return a field's value, of ClientAddr only the host; empty where it is of another type than it must be."""
    if place in NUMBERS:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18:
            return b"%d" % value
        return b""
    raw = value.encode("utf-8", "replace") if isinstance(value, str) else b""
    match = _CONNECTED.fullmatch(raw) if place == _ADDR else None
    return match.group(1) if match else raw


def json_fields(document: t.Mapping[str, t.Any]) -> list[bytes]:
    """Return the fields of a JSON line in the order of FIELDS; raise NotAHitError where it tells of no request."""
    fields = [b""] * len(FIELDS)
    for name, value in document.items():
        place = _AT.get(name) if name in _AT else _AT.get(name.lower())
        if place is not None:
            fields[place] = as_bytes(place, value)
    if not fields[_HOST] and not fields[_ADDR]:
        known = {name.lower() for name in document} & {"clienthost", "clientaddr"}
        raise NotAHitError("wrong_types" if known else "not_a_request")
    if not fields[_STATUS] or len(fields[_STATUS]) > 3:
        raise NotAHitError("wrong_types" if "DownstreamStatus" in document else "not_a_request")
    return fields


def parse_json(line: bytes) -> dict[str, t.Any]:
    """Return the JSON object of a line; raise NotAHitError where it is none."""
    try:
        document = json.loads(line.decode("utf-8", "replace"))
    except RecursionError:
        raise NotAHitError("too_deep") from None
    except ValueError:
        raise NotAHitError("not_json") from None
    if not isinstance(document, dict):
        raise NotAHitError("not_a_request")
    return document


def parse_text(line: bytes) -> tuple[str, Hit] | None:
    """Return form and Hit of a line that is no JSON, or None."""
    match = CLF.match(line)
    if match:
        return "clf", t.cast("Hit", match.groups(b""))
    match = _UVICORN.match(line)
    if match:
        stamp, address, request = match.groups(b"")
        # uvicorn always writes a port, and no brackets around an IPv6 address.
        host = address if address.startswith(b"[") else address.rpartition(b":")[0]
        return "uvicorn", (host or address, stamp, request, b"", b"", b"", b"")
    return None


def bare(line: bytes) -> bytes:
    """Return a line without what ``docker compose logs`` puts before it: one prefix, one time, and colours."""
    line = _COLOUR.sub(b"", line)
    line = _PREFIX.sub(b"", line, count=1)
    if _UVICORN.match(line):
        return line
    return _STAMP.sub(b"", line, count=1)


def unwrap(document: t.Mapping[str, t.Any]) -> bytes | None:
    """Return the line inside one of Docker's json-file log, or None where this is none."""
    inner = document.get("log")
    if isinstance(inner, str) and isinstance(document.get("stream"), str):
        return inner.encode("utf-8", "replace").rstrip(b"\r\n")
    return None
