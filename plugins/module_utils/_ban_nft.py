# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the table of bans in the kernel, by the command nft. No other table is ever named."""

from __future__ import annotations

import json
import os
import typing as t

from ._ban_boot import FAMILY, NFT_PATHS, SETS, TABLE, element_command, table_commands
from ._ban_plan import BanPlan
from ._ban_table import ACT, Element, Table, parse_table
from ._errors import OpsError

CHANGE = "change the bans"
# A hundred thousand elements take about two seconds.
_TIMEOUT_S = 60
_LOST_RACE = ("No such file or directory", "File exists", "conflicting intervals", "interval overlaps")


class RunWithInput(t.Protocol):
    """Runs an argument list without a shell, ``data`` on its standard input; gives exit status, output and errors."""

    def __call__(self, args: list[str], *, data: str | None = None) -> tuple[int, str, str]: ...


class LostRaceError(OpsError):
    """An element ran out, or another one came, between the look and the change."""


def find_nft(exists: t.Callable[[str], bool] = os.path.exists) -> str:
    """Return the path of nft, or raise OpsError that names its package."""
    for path in NFT_PATHS:
        if exists(path):
            return path
    raise OpsError(
        ACT, "this host has no nft", "Install the package nftables; the playbook rendiff.ops.prepare does it"
    )


class Nft:
    """The table, read and changed by ``nft``; each call is bounded."""

    def __init__(self, run_command: RunWithInput, path: str) -> None:
        self.run = run_command
        self._path = path

    def _call(self, act: str, *arguments: str, data: str | None = None) -> tuple[int, str, str]:
        # In the C locale, because the words of an error tell what it is.
        bounded = ["timeout", "--kill-after=2", str(_TIMEOUT_S), "env", "LC_ALL=C", self._path, *arguments]
        status, output, complaints = self.run(bounded, data=data)
        if status in (124, 137):
            raise OpsError(act, f"nft did not end within {_TIMEOUT_S} s")
        return status, output, complaints

    def read(self) -> Table:
        """Return the table as it is."""
        for _attempt in range(2):
            if not self._exists():
                return Table()
            status, output, complaints = self._call(ACT, "-j", "list", "table", FAMILY, TABLE)
            if status == 0:
                return parse_table(_json(output))
        raise _refusal(ACT, complaints)

    def _exists(self) -> bool:
        status, output, complaints = self._call(ACT, "-j", "list", "tables")
        if status != 0:
            raise _refusal(ACT, complaints)
        tables = [each["table"] for each in _json(output)["nftables"] if "table" in each]
        return any((each["family"], each["name"]) == (FAMILY, TABLE) for each in tables)

    def counts_elements(self) -> bool:
        """Tell whether this nft and this kernel can count for each element; nothing is changed."""
        probe = f"add table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n{table_commands(True)}"
        return self._call(ACT, "-c", "-f", "-", data=probe)[0] == 0

    def apply(self, plan: BanPlan, counters: bool) -> None:
        """Carry out a plan in one transaction: the kernel does all of it or nothing."""
        status, _output, complaints = self._call(CHANGE, "-f", "-", data=render(plan, counters))
        if status == 0:
            return
        if any(words in complaints for words in _LOST_RACE):
            raise LostRaceError(CHANGE, f"they changed meanwhile: {_first(complaints)}", "Run again")
        raise _refusal(CHANGE, complaints)


def render(plan: BanPlan, counters: bool) -> str:
    """Return the commands that carry out a plan. Pure."""
    own = f"table {FAMILY} {TABLE}"
    # To add it first makes the deletion right whether it is there or not.
    if plan.drop:
        return f"add {own}\ndelete {own}\n"
    parts = [f"add {own}\ndelete {own}\n", table_commands(counters)] if plan.rebuild else []
    parts += [_element_commands("delete", plan.delete), _element_commands("add", plan.add)]
    return "".join(parts)


def _element_commands(verb: str, elements: t.Sequence[Element]) -> str:
    return "".join(
        element_command(
            verb,
            version,
            trial,
            [(str(e.span), e.seconds_left) for e in elements if e.trial == trial and e.span.version == version],
        )
        for version, trial in SETS
    )


def _json(output: str) -> t.Any:
    try:
        return json.loads(output)
    except ValueError as error:
        raise OpsError(
            ACT, "nft printed no JSON", "Install the nft of the distribution; it is built with JSON"
        ) from error


def _first(complaints: str) -> str:
    lines = [line for line in complaints.splitlines() if "Error" in line] or complaints.strip().splitlines()
    return lines[0].rpartition("Error: ")[2][:200] if lines else "nft said nothing"


def _refusal(act: str, complaints: str) -> OpsError:
    cause = _first(complaints)
    if "JSON support not compiled-in" in complaints:
        return OpsError(act, "this nft is built without JSON", "Install the nft of the distribution")
    remedy = "The kernel needs nf_tables with sets of intervals and timeouts; modprobe nf_tables tells more"
    if "not permitted" in cause:
        remedy = "Run as root of the host; in a container it needs CAP_NET_ADMIN"
    return OpsError(act, f"the kernel refused: {cause}", remedy)
