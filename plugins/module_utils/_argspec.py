# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: argument specs that compose and refuse to hide one option behind another."""

from __future__ import annotations

import typing as t


class ArgumentSpec:
    """The options of a module, and the rules between them, as one value that can be merged."""

    def __init__(
        self,
        options: t.Mapping[str, t.Mapping[str, t.Any]] | None = None,
        *,
        mutually_exclusive: t.Sequence[t.Sequence[str]] = (),
        required_together: t.Sequence[t.Sequence[str]] = (),
        required_one_of: t.Sequence[t.Sequence[str]] = (),
        required_if: t.Sequence[t.Sequence[t.Any]] = (),
        required_by: t.Mapping[str, t.Sequence[str]] | None = None,
    ) -> None:
        self.options = dict(options or {})
        self.mutually_exclusive = list(mutually_exclusive)
        self.required_together = list(required_together)
        self.required_one_of = list(required_one_of)
        self.required_if = list(required_if)
        self.required_by = dict(required_by or {})

    def merge(self, *others: ArgumentSpec) -> ArgumentSpec:
        """Return a new spec with the options and rules of all; an option defined twice is a programming error."""
        merged = ArgumentSpec(
            self.options,
            mutually_exclusive=self.mutually_exclusive,
            required_together=self.required_together,
            required_one_of=self.required_one_of,
            required_if=self.required_if,
            required_by=self.required_by,
        )
        for other in others:
            twice = sorted(
                merged.options.keys() & other.options.keys() | merged.required_by.keys() & other.required_by.keys()
            )
            if twice:
                raise ValueError(f"defined twice: {', '.join(twice)}")
            merged.options.update(other.options)
            merged.required_by.update(other.required_by)
            merged.mutually_exclusive.extend(other.mutually_exclusive)
            merged.required_together.extend(other.required_together)
            merged.required_one_of.extend(other.required_one_of)
            merged.required_if.extend(other.required_if)
        return merged

    def to_kwargs(self) -> dict[str, t.Any]:
        """Return the keyword arguments for the module's constructor."""
        return {
            "argument_spec": dict(self.options),
            "mutually_exclusive": self.mutually_exclusive,
            "required_together": self.required_together,
            "required_one_of": self.required_one_of,
            "required_if": self.required_if,
            "required_by": self.required_by,
        }
