# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: how a database sorts texts, and with which options one is made that sorts as it. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

_LIBC = "c"
# The provider, and the option that takes its locale, as CREATE DATABASE calls them.
_PROVIDERS = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}


@dataclasses.dataclass(frozen=True)
class Sorting:
    """How a database sorts.

    ``provider``: c for libc, i for ICU, b for the server's own. ``locale`` and ``rules`` are those of the last two.
    """

    encoding: str
    collate: str
    ctype: str
    provider: str = _LIBC
    locale: str = ""
    rules: str = ""

    @property
    def lacks_locale(self) -> bool:
        """Tell whether a database cannot be made of this, as nobody knows the locale of its provider."""
        return self.provider in _PROVIDERS and not self.locale

    def options(self) -> tuple[tuple[str, str], ...]:
        """Return the options of CREATE DATABASE, each with its value."""
        found = [("ENCODING", self.encoding), ("LC_COLLATE", self.collate), ("LC_CTYPE", self.ctype)]
        if self.provider in _PROVIDERS:
            provider, option = _PROVIDERS[self.provider]
            found += [("LOCALE_PROVIDER", provider), (option, self.locale)]
        if self.rules:
            found.append(("ICU_RULES", self.rules))
        return tuple(found)


def sorting_of(encoding: str, row: t.Mapping[str, t.Any]) -> Sorting:
    """Return how a database sorts by its row of pg_database.

    PostgreSQL 14 knows libc alone, 15 and 16 have the locale as ``daticulocale``, 17 and newer as ``datlocale``. Rules
    are there from 16 on.
    """
    return Sorting(
        encoding=encoding,
        collate=row["datcollate"],
        ctype=row["datctype"],
        provider=row.get("datlocprovider") or _LIBC,
        locale=row.get("datlocale") or row.get("daticulocale") or "",
        rules=row.get("daticurules") or "",
    )
