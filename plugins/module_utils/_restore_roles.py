# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: which roles a dump needs, and the statements that make those that are missing. Pure."""

from __future__ import annotations

import re
import typing as t

# What pg_dump writes above each object, with its owner.
_HEADER = re.compile(r"^-- (?:Data for )?Name: .*; Type: (?P<type>[^;]+); Schema: .*; Owner: (?P<owner>.*)$")
_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[a-z_\x80-\uffff][\w$]*)'
_GRANTEE = re.compile(rf"^(?:GRANT|ALTER DEFAULT PRIVILEGES) .* TO (?P<role>{_IDENTIFIER})(?: WITH GRANT OPTION)?;$")
_CREATE = re.compile(rf"^CREATE ROLE (?P<role>{_IDENTIFIER});$")
_ALTER = re.compile(rf"^ALTER ROLE (?P<role>{_IDENTIFIER}) WITH .*;$")
_MEMBER = re.compile(rf"^GRANT (?P<role>{_IDENTIFIER}) TO (?P<member>{_IDENTIFIER})(?P<option>.*);$")
_GRANTOR = re.compile(rf" GRANTED BY {_IDENTIFIER}")
_ABSENT = re.compile(r'role "(?P<role>[^"]+)" does not exist')


def needed_roles(schema: t.Iterable[str]) -> frozenset[str]:
    """Return the roles that own something in a dump, or that are given rights; from its schema as SQL, by line."""
    found = set()
    kind = ""
    for line in schema:
        line = line.rstrip("\n")
        header = _HEADER.match(line)
        if header:
            kind = header["type"]
            if header["owner"] not in ("", "-"):
                found.add(header["owner"])
        elif kind in ("ACL", "DEFAULT ACL"):
            grant = _GRANTEE.match(line)
            if grant and grant["role"] != "PUBLIC":
                found.add(unquote(grant["role"]))
    return frozenset(found)


def missing_roles(needed: t.Iterable[str], existing: t.Container[str]) -> tuple[str, ...]:
    """Return the roles that the server does not have."""
    return tuple(sorted(role for role in needed if role not in existing))


def role_statements(globals_text: str | None, wanted: t.Container[str], existing: t.Container[str]) -> list[str]:
    """Return what makes some roles as they were, in the order in which it was written; of others nothing.

    Memberships go to roles that are made here, in roles that are there; who gave them is not kept.
    """
    found = []
    for line in (globals_text or "").splitlines():
        made = _CREATE.match(line) or _ALTER.match(line)
        member = _MEMBER.match(line)
        if made and unquote(made["role"]) in wanted:
            found.append(line)
        elif member and unquote(member["member"]) in wanted:
            role = unquote(member["role"])
            if role in wanted or role in existing:
                found.append(_GRANTOR.sub("", line))
    return found


def roles_of(statements: t.Iterable[str]) -> tuple[str, ...]:
    """Return the names of the roles that statements make."""
    made = (_CREATE.match(line) for line in statements)
    return tuple(sorted(unquote(match["role"]) for match in made if match))


def absent_role(complaint: str) -> str:
    """Return the role that the server says it does not have, empty where it says something else."""
    match = _ABSENT.search(complaint)
    return match["role"] if match else ""


def unquote(identifier: str) -> str:
    """Return the name that an identifier in SQL stands for."""
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier
