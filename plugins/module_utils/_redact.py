# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: text from logs, queries and errors, without what may be a secret. Pure."""

from __future__ import annotations

import re

_MASK = "********"
# A name that sounds secret, in any spelling, before a value: password=x, "apiKey": "x", X-API-Key: x, --token x.
_NAMED = re.compile(
    r"(?i)((?:[\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|credential|signature|authorization|cookie|auth|"
    r"(?:api|access|private|encryption|signing)[\s_-]?key)[\w.-]*)[\"']?\s*(?:[:=]|\s)\s*[\"']?)"
    r"((?:(?:bearer|basic)\s+)?[^\s\"',;&)}\]]+)"
)
_IN_URL = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+@")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
# What looks like a random key: 32 characters or more of an alphabet that keys use, with digits and letters mixed.
_RANDOM = re.compile(r"(?<![\w/-])(?=[A-Za-z0-9_+/=-]*\d)(?=[A-Za-z0-9_+/=-]*[A-Za-z])[A-Za-z0-9_+/=-]{32,}(?![\w/-])")
_UUID = re.compile(r"(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
_PLAIN_WORDS = frozenset(("is", "was", "not", "for", "of", "has", "failed", "expired", "invalid", "missing", "error"))

_LITERAL = re.compile(r"'(?:[^']|'')*'|\$\w*\$.*?\$\w*\$", re.DOTALL)
_NUMBER = re.compile(r"\b\d[\d.,:]*\b|0x[0-9a-f]+\b")
_ID = re.compile(r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{12,64}\b")
_PATH = re.compile(r"(?<!\w)/(?:[\w.@+-]+/)+[\w.@+-]*")


# The same words as in a name of a variable or a field.
_SECRET_NAME = re.compile(
    r"(?i)passw(?:or)?d|passphrase|pwd$|secret|token|credential|authorization|cookie|"
    r"(?:^|_|-)(?:api|access|private|encryption|signing)[_-]?key$"
)


def looks_secret(name: str) -> bool:
    """Tell whether something of this name is likely to hold a secret."""
    return bool(_SECRET_NAME.search(name))


def redact(text: str) -> str:
    """Return text with everything masked that has the name or the look of a secret; rather too much than too little."""

    def named(match: re.Match[str]) -> str:
        # "authentication token is missing" names no token.
        return match.group(0) if match.group(2).lower() in _PLAIN_WORDS else match.group(1) + _MASK

    def random(match: re.Match[str]) -> str:
        return match.group(0) if _UUID.match(match.group(0)) else _MASK

    text = _IN_URL.sub(rf"\g<1>{_MASK}@", text)
    text = _BEARER.sub(rf"\g<1> {_MASK}", text)
    return _RANDOM.sub(random, _NAMED.sub(named, text))


def redact_statement(text: str) -> str:
    """Return a statement of SQL without its literals, on one line."""
    return redact(" ".join(_LITERAL.sub("?", text).split()))


def generalize(text: str) -> str:
    """Return a message with ids, numbers and paths taken out, so that messages of one kind are the same."""
    text = " ".join(redact(text).split())
    return _NUMBER.sub("N", _PATH.sub("PATH", _ID.sub("ID", text)))
