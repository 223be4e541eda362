# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: plans that were shown and may be approved, kept on the host, each under its identity."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import time
import typing as t

from ._errors import OpsError
from ._plan import Action, PlanStream
from ._state import make_folder, whole_file

FOLDER = "plans"
KEPT_S = 7 * 86_400
_SIZE = 2000
_NAME = re.compile(r"^[0-9a-f]{16}$")

Pairs = t.Iterable[t.Sequence[tuple[str, str]]]


def save_plan(state_dir: str, plan_id: str, pairs: Pairs) -> str:
    """Keep a plan for ``KEPT_S`` seconds, and remove those that are older; return where it is."""
    try:
        folder = make_folder(state_dir, FOLDER)
        path = os.path.join(folder, f"{plan_id}.gz")
        with whole_file(path) as stream, gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=1) as packed:
            for some in pairs:
                packed.write("".join(f"{action} {_one_line(target)}\n" for target, action in some).encode())
        for name in os.listdir(folder):
            old = os.path.join(folder, name)
            with contextlib.suppress(FileNotFoundError):
                if time.time() - os.stat(old).st_mtime > KEPT_S:
                    os.unlink(old)
    except OSError as error:
        cause = str(error.strerror)
        raise OpsError(f"keep the plan in '{state_dir}'", cause, "Run with become, or pass state_dir") from error
    return path


def load_plan(state_dir: str, plan_id: str) -> t.Iterator[list[tuple[str, str]]]:
    """Yield (target, transition) of an approved plan; raise where it is not there, or not the one it says it is."""
    act = f"apply plan '{plan_id[:40]}'"
    if not _NAME.match(plan_id):
        raise OpsError(act, "that is no plan_id", "Pass the plan_id that a run with --check returned")
    path = os.path.join(state_dir, FOLDER, f"{plan_id}.gz")
    stream = PlanStream(sample_size=0)
    some: list[tuple[str, str]] = []
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as packed:
            for line in packed:
                action, target = line.rstrip("\n").split(" ", 1)
                target = _as_it_was(target)
                stream.add(Action(target, action))
                some.append((target, action))
                if len(some) == _SIZE:
                    yield some
                    some = []
    except FileNotFoundError as error:
        days = KEPT_S // 86_400
        raise OpsError(
            act, f"this host has no such plan, or it is older than {days} days", "Run with --check again"
        ) from error
    except (OSError, EOFError, ValueError) as error:
        raise OpsError(act, f"'{path}' is damaged", "Run with --check again") from error
    if stream.plan_id != plan_id:
        raise OpsError(act, f"'{path}' holds another plan", "Run with --check again")
    yield some


def _one_line(target: str) -> str:
    return target.replace("\\", "\\\\").replace("\n", "\\n") if "\n" in target or "\\" in target else target


def _as_it_was(line: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found.group(1) == "n" else found.group(1), line)
