# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: where a Compose file sets something of a service, to name the line. Pure.

Only good enough to point at a line: what is true comes from Compose itself. A managed host need not have a YAML parser.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

_MERGED = re.compile(r"\*([A-Za-z0-9_.-]+)")


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a Compose file."""

    path: str
    number: int
    text: str

    def __str__(self) -> str:
        """Return it as a sentence refers to it."""
        return f"line {self.number} of '{self.path}' ({self.text})"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _content(line: str) -> str:
    return re.sub(r"(^|\s)#.*$", "", line).rstrip()


def _block(lines: t.Sequence[str], start: int) -> range:
    """Return the numbers of a key's line and of all lines that belong to it."""
    end = start + 1
    while end < len(lines):
        text = _content(lines[end])
        # A list may stand as deep as its own key.
        beside = text.lstrip().startswith("- ") and _indent(text) == _indent(lines[start])
        if text.strip() and _indent(text) <= _indent(lines[start]) and not beside:
            break
        end += 1
    return range(start, end)


def _service_block(lines: t.Sequence[str], service: str) -> range | None:
    tops = [n for n, line in enumerate(lines) if re.match(r"services\s*:", _content(line))]
    if not tops:
        return None
    name = re.compile(rf"""\s+["']?{re.escape(service)}["']?\s*:""")
    depth = None
    for number in _block(lines, tops[0])[1:]:
        text = _content(lines[number])
        if not text.strip():
            continue
        depth = _indent(text) if depth is None else depth
        if _indent(text) == depth and name.match(text):
            return _block(lines, number)
    return None


def _search(lines: t.Sequence[str], block: range, key: str, containing: str, seen: set[str]) -> int | None:
    wanted = re.compile(rf"""(^|[\s{{,])["']?{re.escape(key)}["']?\s*:""")
    for number in block:
        if wanted.search(_content(lines[number])):
            inner = _block(lines, number)
            found = [n for n in inner if containing in _content(lines[n])]
            if found:
                return found[0]
    for number in block:
        text = _content(lines[number])
        for anchor in _MERGED.findall(text) if "<<" in text else ():
            if anchor in seen:
                continue
            seen.add(anchor)
            for at, line in enumerate(lines):
                if re.search(rf"&{re.escape(anchor)}(\s|$)", _content(line)):
                    inner_found = _search(lines, _block(lines, at), key, containing, seen)
                    if inner_found is not None:
                        return inner_found
    return None


def find_line(files: t.Mapping[str, str], service: str, key: str, containing: str = "") -> Line | None:
    """Return the line that sets ``key`` of a service, or the one below it that holds a text; the last file wins."""
    for path, text in reversed(list(files.items())):
        lines = text.splitlines()
        block = _service_block(lines, service)
        number = _search(lines, block, key, containing, set()) if block is not None else None
        if number is not None:
            return Line(path, number + 1, lines[number].strip())
    return None


def find_service(files: t.Mapping[str, str], service: str) -> Line | None:
    """Return the line at which a service begins; the last file wins."""
    for path, text in reversed(list(files.items())):
        lines = text.splitlines()
        block = _service_block(lines, service)
        if block is not None:
            return Line(path, block.start + 1, lines[block.start].strip())
    return None
