# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the bans on disk, and the service of systemd that puts them back after a start.

``<state_dir>/bans.json`` (0600) holds ``{"counters": bool, "bans": [[address, since, until], ...]}``, times in seconds
since the epoch, so in UTC. Beside it stands the program that reads it at a start.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
import os
import sys
import typing as t

from . import _ban_boot
from ._ban_address import parse_span
from ._ban_plan import Kept
from ._docker import RunCommand
from ._errors import OpsError
from ._state import lock, whole_file

SERVICE = "rendiff-ops-bans.service"
UNIT_DIR = "/etc/systemd/system"
SYSTEMD_RUNS = "/run/systemd/system"
_ACT = "keep the bans over a start of the host"
_LOCK_WAIT_S = 30
_SYSTEMD_WAIT_S = 30

# nftables.service empties all tables when it is started, restarted or reloaded; then this one has to run again.
_UNIT = """\
[Unit]
Description=Bans of clients by rendiff.ops, those that are still to last
After=nftables.service firewalld.service
Before=docker.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
RequiresMountsFor="{folder}"

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={command}
ExecReload={command}
TimeoutStartSec=90

[Install]
WantedBy={wanted_by}
"""
_WANTED_BY = ("multi-user.target", "nftables.service")


@dataclasses.dataclass(frozen=True)
class BanFiles:
    """The files of the bans below ``state_dir``; ``unit_dir`` and ``systemd_runs`` are where systemd has its own."""

    state_dir: str
    unit_dir: str = UNIT_DIR
    systemd_runs: str = SYSTEMD_RUNS

    @property
    def bans(self) -> str:
        """Return the path of the bans."""
        return os.path.join(self.state_dir, "bans.json")

    @property
    def program(self) -> str:
        """Return the path of the program that puts them back."""
        return os.path.join(self.state_dir, "bans_boot.py")

    @property
    def unit(self) -> str:
        """Return the path of the service's unit."""
        return os.path.join(self.unit_dir, SERVICE)

    @property
    def links(self) -> tuple[str, ...]:
        """Return the paths of the links that have it started, with the host and whenever nftables.service is."""
        return tuple(os.path.join(self.unit_dir, f"{wants}.wants", SERVICE) for wants in _WANTED_BY)

    def read(self) -> list[Kept]:
        """Return what is kept, sorted; nothing where there is no file."""
        act = f"read '{self.bans}'"
        try:
            with open(self.bans, encoding="utf-8") as stream:
                document = json.load(stream)
            return sorted(Kept(parse_span(text), int(since), int(until)) for text, since, until in document["bans"])
        except FileNotFoundError:
            return []
        except OSError as error:
            raise OpsError(act, str(error.strerror), "Run with become") from error
        except (ValueError, TypeError, LookupError) as error:
            raise OpsError(
                act, "it is not as this collection writes it", "Move it away; the bans in force stay in force"
            ) from error

    def no_start(self) -> str:
        """Return why bans cannot be put back at a start of this host, or nothing."""
        if not os.path.isdir(self.systemd_runs):
            return f"systemd does not run here (there is no {self.systemd_runs}), and nothing else puts bans back"
        for path in (self.program, sys.executable):
            if any(character in path for character in " \t\n\"'%$\\;"):
                return f"'{path}' has characters that have a meaning in a unit of systemd"
        return ""

    def unit_text(self) -> str:
        """Return the unit of the service, with the Python that runs this."""
        command = f"{sys.executable} -I {self.program} {self.bans}"
        return _UNIT.format(folder=self.state_dir, command=command, wanted_by=" ".join(_WANTED_BY))

    def _wanted(self, kept: t.Sequence[Kept], counters: bool) -> dict[str, str]:
        bans = ",\n".join(json.dumps([str(each.span), each.since, each.until]) for each in kept)
        files = {
            self.program: inspect.getsource(_ban_boot),
            self.bans: f'{{"counters": {json.dumps(counters)}, "bans": [\n{bans}\n]}}\n',
        }
        return files if self.no_start() else {**files, self.unit: self.unit_text()}

    def current(self, kept: t.Sequence[Kept]) -> bool:
        """Tell whether the program, unit and link are as they are to be for these bans."""
        if not kept:
            return not any(map(os.path.lexists, (self.bans, self.program, self.unit, *self.links)))
        wanted = self._wanted(kept, True)
        del wanted[self.bans]
        linked = all(map(os.path.islink, self.links)) or bool(self.no_start())
        return linked and all(_content(path) == text for path, text in wanted.items())

    def write(self, kept: t.Sequence[Kept], counters: bool, run_command: RunCommand) -> None:
        """Write everything that these bans need at a start; with none, remove it all. Each file is whole or absent."""
        try:
            if not kept:
                self._remove(run_command)
                return
            os.makedirs(self.state_dir, mode=0o700, exist_ok=True)
            stale = {path: text for path, text in self._wanted(kept, counters).items() if _content(path) != text}
            for path, text in stale.items():
                with whole_file(path, durable=True) as stream:
                    stream.write(text.encode())
            missing = [] if self.no_start() else [link for link in self.links if not os.path.lexists(link)]
            for link in missing:
                os.makedirs(os.path.dirname(link), exist_ok=True)
                os.symlink(self.unit, link)
            if self.unit in stale or missing:
                os.chmod(self.unit, 0o644)
                # Active, so that it is run again together with nftables.service; now it finds the table in place.
                self._systemctl(run_command, "daemon-reload")
                self._systemctl(run_command, "start", SERVICE)
        except OSError as error:
            raise OpsError(_ACT, f"{error.strerror}: '{error.filename}'", "Run with become, as root") from error

    def _remove(self, run_command: RunCommand) -> None:
        had_unit = os.path.lexists(self.unit)
        if had_unit and not self.no_start():
            self._systemctl(run_command, "stop", SERVICE)
        # The bans first: whatever is left after a kill, none of them comes back.
        for path in (self.bans, *self.links, self.unit, self.program):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(self.links[-1]))
        if had_unit and not self.no_start():
            self._systemctl(run_command, "daemon-reload")

    def _systemctl(self, run_command: RunCommand, *arguments: str) -> None:
        status, _output, complaints = run_command(
            ["timeout", "--kill-after=2", str(_SYSTEMD_WAIT_S), "systemctl", "--no-ask-password", *arguments]
        )
        if status != 0:
            lines = complaints.strip().splitlines() or [f"systemctl ended with {status}"]
            remedy = f"The bans are in force. See: systemctl status {SERVICE}"
            raise OpsError(_ACT, f"systemctl {arguments[0]}: {lines[-1][:200]}", remedy)

    @contextlib.contextmanager
    def locked(self, *, create: bool) -> t.Iterator[None]:
        """Hold the bans against a second writer; where there is no folder and none is to be made, nobody writes."""
        try:
            if create:
                os.makedirs(self.state_dir, mode=0o700, exist_ok=True)
            folder = os.open(self.state_dir, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            yield
            return
        except OSError as error:
            raise OpsError(_ACT, f"{error.strerror}: '{self.state_dir}'", "Pass another state_dir") from error
        try:
            if not lock(folder, _LOCK_WAIT_S):
                raise OpsError("change the bans", f"another run held them for {_LOCK_WAIT_S} s")
            yield
        finally:
            os.close(folder)


def _content(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except (FileNotFoundError, ValueError):
        return None
