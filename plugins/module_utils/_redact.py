# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: text from logs, queries and errors, without what may be a secret. Pure."""

from __future__ import annotations

import re

_MASK = "********"
# A name that sounds secret, in any spelling: PGPASSWORD, apiKey, X-API-Key, --token, secret_access_key.
_WORD = re.compile(r"[\w.-]+")
_SOUNDS = re.compile(
    r"(?i)passw(?:or)?d|passphrase|pwd|secret|token|credential|signature|authorization|cookie|^-*auth$|"
    r"(?:api|access|private|encryption|signing)[\s_-]?key"
)
_TWO_WORDS = re.compile(r"(?i)\b(?:api|access|private|encryption|signing)\s+key$")
# What a name is told from its value by, and the value.
_VALUE = re.compile(r"[\"']?\s{0,3}(?:[:=]|\s)\s{0,3}[\"']?((?:(?:bearer|basic)\s+)?[^\s\"',;&)}\]]+)", re.IGNORECASE)
# Longer names are none; what is longer than this is cut before it is looked at, for a message is told in fewer words.
_NAME_LENGTH, LENGTH = 80, 1000
_IN_URL = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+@")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
# What looks like a random key: 32 characters or more of an alphabet that keys use, with digits and letters mixed.
_RANDOM = re.compile(r"(?<![\w/-])(?=[A-Za-z0-9_+/=-]*\d)(?=[A-Za-z0-9_+/=-]*[A-Za-z])[A-Za-z0-9_+/=-]{32,}(?![\w/-])")
_UUID = re.compile(r"(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
_PLAIN_WORDS = frozenset(("is", "was", "not", "for", "of", "has", "failed", "expired", "invalid", "missing", "error"))

# A literal, also one that was cut off, with the backslashes of an E'' one.
_LITERAL = re.compile(r"\b[eE]'(?:[^'\\]|''|\\.)*(?:'|$)|'(?:[^']|'')*(?:'|$)|\$(\w*)\$.*?(?:\$\1\$|$)", re.DOTALL)
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

    def random(match: re.Match[str]) -> str:
        return match.group(0) if _UUID.match(match.group(0)) else _MASK

    text = text[:LENGTH]
    text = _IN_URL.sub(rf"\g<1>{_MASK}@", text)
    text = _BEARER.sub(rf"\g<1> {_MASK}", text)
    return _RANDOM.sub(random, _mask_named(text))


def _mask_named(text: str) -> str:
    """Mask the value after each name that sounds secret; every character is looked at a bounded number of times."""
    parts = []
    done = 0
    for word in _WORD.finditer(text):
        if word.start() < done:
            continue
        # "api key" is two words, and the first of them alone sounds like nothing.
        name = text[max(word.start() - 11, word.end() - _NAME_LENGTH, 0) : word.end()]
        if not _SOUNDS.search(word.group()[-_NAME_LENGTH:]) and not _TWO_WORDS.search(name):
            continue
        value = _VALUE.match(text, word.end())
        # "authentication token is missing" names no token.
        if value and value.group(1).lower() not in _PLAIN_WORDS:
            parts += [text[done : value.start(1)], _MASK]
            done = value.end()
    return "".join([*parts, text[done:]])


def redact_statement(text: str) -> str:
    """Return a statement of SQL without its literals, on one line."""
    return redact(" ".join(_LITERAL.sub("?", text).split()))


def generalize(text: str) -> str:
    """Return a message with ids, numbers and paths taken out, so that messages of one kind are the same."""
    text = " ".join(redact(text).split())
    return _NUMBER.sub("N", _PATH.sub("PATH", _ID.sub("ID", text)))
