# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: blocks of an access log to Hits, fast where that is proved to be the same. Pure.

A block of whole lines is read by one pattern at once. Only when that pattern matched as often as there are lines did it
match every line, for it is bound to begin and end of a line; else the block is read line by line. The pattern for JSON
is learned from a line that was parsed: the same names in the same order, each value a number or a string without
escapes, so what it matches is JSON, flat, and has no name twice. Each other line goes through the JSON parser.
"""

from __future__ import annotations

import collections
import re
import typing as t

from ._access_line import (
    CLF,
    CLF_ADDRESS,
    CLF_USUAL,
    CLF_USUAL_ADDRESS,
    CONNECTED,
    FIELDS,
    NUMBERS,
    Hit,
    JsonFields,
    NotAHitError,
    bare,
    json_fields,
    parse_json,
    parse_text,
    unwrap,
)

LINE_MAX = 65_536
# What stands for the rest of a compressed file that cannot be read.
DAMAGED = b"\0damaged"
_SHAPES = 4
_FIELDS_MAX = 60
_STRING = rb'[^"\\\x00-\x1f\x7f-\xff]*'
_NUMBER = rb"(?:0|[1-9]\d{0,17})"
_CONNECTED = re.compile(CONNECTED)
_NAME = re.compile(r"^[A-Za-z0-9_-]{1,80}$")


class Shape:
    """A pattern for JSON lines that are like one that was seen."""

    def __init__(self, whole: re.Pattern[bytes], host: re.Pattern[bytes] | None, places: tuple[int, ...]) -> None:
        self.whole = whole
        # Two groups: who connected, and ClientHost where that is another one. None where a line does not tell both.
        self.host = host
        # Where in the groups of a match each of FIELDS is; past the last group stands an empty one.
        self.places = places

    def fields(self, groups: tuple[bytes, ...]) -> list[bytes]:
        """Return the fields of a match in the order of FIELDS."""
        groups = (*groups, b"")
        return [groups[place] for place in self.places]


def learn_shape(document: t.Mapping[str, t.Any]) -> Shape | None:
    """Return a pattern for lines like this one, or None where it could be read in two ways."""
    names = [name.lower() for name in document]
    if len(set(names)) != len(names) or len(names) > _FIELDS_MAX or not document.get("ClientHost"):
        return None
    whole, host, groups = [], [], []
    for name, value in document.items():
        place = FIELDS.index(name.lower()) if name.lower() in FIELDS else -1
        number = isinstance(value, int) and not isinstance(value, bool)
        if (
            not _NAME.match(name)
            or not (number or isinstance(value, str))
            or (place >= 0 and number != (place in NUMBERS))
            or (name.lower() == "clientaddr" and not _CONNECTED.fullmatch(str(value).encode("utf-8", "replace")))
        ):
            return None
        key = b'"%b":' % name.encode()
        if name == "ClientHost":
            bound = rb'[^"\\\x00-\x1f\x7f-\xff]+'
        elif name.lower() == "clientaddr":
            bound = CONNECTED
        elif name == "DownstreamStatus":
            bound = rb"(?:0|[1-9]\d{0,2})"
        else:
            bound = _NUMBER if number else _STRING
        value_form, quote = bound, b"" if number else b'"'
        caught = value_form if value_form == CONNECTED else b"(" + value_form + b")"
        whole.append(key + quote + (caught if place >= 0 else value_form) + quote)
        host.append(key + quote + (rb"(?:\1|" + caught + b")" if name == "ClientHost" else value_form) + quote)
        if place >= 0:
            groups.append(place)
    if len(groups) < 2 or "DownstreamStatus" not in document:
        return None
    places = tuple(groups.index(place) if place in groups else len(groups) for place in range(len(FIELDS)))
    order = [name for name in names if name in ("clientaddr", "clienthost")]
    # What is compared with another must come after it.
    both = order == ["clientaddr", "clienthost"]
    return Shape(_pattern(whole), _pattern(host) if both else None, places)


def _pattern(parts: t.Sequence[bytes]) -> re.Pattern[bytes]:
    return re.compile(rb"^\{" + b",".join(parts) + rb"\}$", re.MULTILINE)


def has_long_line(block: bytes, line_max: int = LINE_MAX) -> bool:
    """Tell whether a line of the block may be longer than the bound; no long line is missed."""
    step = line_max // 2
    return any(block.find(b"\n", at, at + step) < 0 for at in range(0, len(block), step) if at + step <= len(block))


class Parser:
    """Turns blocks into Hits and counts what it skipped, by reason, and what it read, by form."""

    def __init__(self, line_max: int = LINE_MAX, *, fast: bool = True, depth: int = 0) -> None:
        self.skipped: collections.Counter[str] = collections.Counter()
        self.formats: collections.Counter[str] = collections.Counter()
        self.json = JsonFields(depth)
        self._depth = depth
        self._line_max = line_max
        self._fast = fast
        self._shapes: list[Shape] = []
        self._last = ""

    def hits(self, block: bytes) -> list[Hit]:
        """Return the Hits of a block of whole lines, each ended by a newline."""
        if self._is_fast(block):
            lines = block.count(b"\n")
            if self._last == "clf":
                for pattern in (CLF_USUAL, CLF):
                    found = pattern.findall(block)
                    if len(found) == lines:
                        self.formats["clf"] += lines
                        return t.cast("list[Hit]", found)
            elif self._shapes:
                shape = self._shapes[0]
                found = shape.whole.findall(block)
                if len(found) == lines:
                    self.formats["json"] += lines
                    make, fields = self.json.hit, shape.fields
                    return [make(fields(groups)) for groups in found]
        return [hit for hit in map(self._hit, block.split(b"\n")[:-1]) if hit is not None]

    def addresses(self, block: bytes) -> list[bytes]:
        """Return only the addresses of what ``hits`` would return."""
        if self._is_fast(block):
            lines = block.count(b"\n")
            found = self._addresses(block, lines)
            if len(found) == lines:
                self.formats[self._last] += lines
                return found
        return [hit[0] for hit in self.hits(block)]

    def _is_fast(self, block: bytes) -> bool:
        # Before the end of a line there may be a carriage return, which no pattern for a block leaves out.
        return self._fast and self._last != "" and b"\r" not in block and not has_long_line(block, self._line_max)

    def _addresses(self, block: bytes, lines: int) -> list[bytes]:
        """Return the addresses of the lines that are as most are."""
        if self._last == "clf":
            found = CLF_USUAL_ADDRESS.findall(block)
            return found if len(found) == lines else CLF_ADDRESS.findall(block)
        pattern = self._shapes[0].host if self._shapes else None
        if pattern is None:
            return []
        pairs = pattern.findall(block)
        if len(pairs) != lines:
            return []
        self.json.proxied += sum(1 for _connected, other in pairs if other)
        return [other or connected for connected, other in pairs] if self._depth else [pair[0] for pair in pairs]

    def _hit(self, line: bytes) -> Hit | None:
        try:
            return self.parse(line)
        except NotAHitError as reason:
            self.skipped[str(reason)] += 1
            return None

    def parse(self, line: bytes) -> Hit:
        """Return the Hit of one line without its newline; raise NotAHitError with the reason where it is none."""
        if len(line) > self._line_max:
            raise NotAHitError("too_long")
        line = line.rstrip(b"\r")
        if not line.strip():
            raise NotAHitError("empty")
        if not line.startswith(b"{"):
            found = parse_text(line)
            if found is not None:
                return self._count(*found)
            line = bare(line)
        if line.startswith(b"{"):
            return self._parse_json(line)
        found = parse_text(line)
        if found is None:
            raise NotAHitError("damaged" if line == DAMAGED else "unknown_format")
        return self._count(*found)

    def _count(self, form: str, hit: Hit) -> Hit:
        self.formats[form] += 1
        if form == "clf":
            self._last = form
        return hit

    def _parse_json(self, line: bytes) -> Hit:
        for shape in self._shapes if self._fast else ():
            match = shape.whole.match(line)
            if match:
                return self._count_json(shape.fields(match.groups()), shape)
        document = parse_json(line)
        inner = unwrap(document)
        if inner is not None:
            return self._parse_inner(inner)
        fields = json_fields(document)
        shape_of = learn_shape(document) if self._fast else None
        if shape_of is not None:
            del self._shapes[_SHAPES - 1 :]
        return self._count_json(fields, shape_of)

    def _count_json(self, fields: t.Sequence[bytes], shape: Shape | None) -> Hit:
        self._last = "json"
        self.formats["json"] += 1
        if shape is not None and (not self._shapes or self._shapes[0] is not shape):
            # The newest stands first, and a block is tried by it.
            self._shapes = [shape, *(other for other in self._shapes if other is not shape)][:_SHAPES]
        return self.json.hit(fields)

    def _parse_inner(self, line: bytes) -> Hit:
        """Return the Hit of a line that Docker wrapped; what is wrapped twice is none."""
        if line.startswith(b"{"):
            self.formats["json"] += 1
            return self.json.hit(json_fields(parse_json(line)))
        found = parse_text(line) or parse_text(bare(line))
        if found is None:
            raise NotAHitError("unknown_format" if line.strip() else "empty")
        self.formats[found[0]] += 1
        return found[1]
