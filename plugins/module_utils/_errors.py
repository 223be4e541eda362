# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the one type of expected failure."""

from __future__ import annotations


class OpsError(Exception):
    """An expected failure, told as ``Cannot <act>: <cause>. <remedy>.`` and never with a secret in it.

    ``act`` is a verb with its object ("read the stack of project 'x'"), ``cause`` names the value and the limit,
    ``remedy`` is the next thing to do, when there is one.
    """

    def __init__(self, act: str, cause: str, remedy: str = "") -> None:
        self.act = act
        self.cause = cause.rstrip(".")
        self.remedy = remedy.rstrip(".")
        super().__init__(str(self))

    def __str__(self) -> str:
        message = f"Cannot {self.act}: {self.cause}."
        return f"{message} {self.remedy}." if self.remedy else message


class NotKnownError(OpsError):
    """We could not look, so nothing is known of the thing itself; never proof that it is down."""


class MissingDriverError(NotKnownError):
    """The host lacks a Python module."""


class LoginRefusedError(NotKnownError):
    """The server answers but does not let us in."""


class NotLocatedError(NotKnownError):
    """The name of the server means nothing on this host, though it may inside the containers."""
