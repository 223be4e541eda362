# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: take a backup: dumped, read as a whole, encrypted, stored, and only then listed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import socket
import time
import typing as t

from . import _postgres
from ._argspec import ArgumentSpec
from ._backup_choice import LOCAL, OURS, Entry, surplus
from ._backup_crypt import CRYPT_ARGUMENTS, NONE, Crypt
from ._backup_dump import Dumper
from ._backup_ledger import DRILLS, drilled_of, gather, keep_ledgers
from ._backup_manifest import Manifest, backup_name
from ._backup_places import LocalStore
from ._backup_report import describe, say, warnings_of
from ._backup_snapshot import Contents, Snapshot
from ._backup_store import PARTIAL, STORE_ARGUMENTS, Store, open_stores, whose_backups
from ._credentials import POSTGRES_ARGUMENTS, PostgresLogin, resolve_postgres
from ._docker import DockerClient
from ._errors import OpsError
from ._mitigation import format_time
from ._one_off import OneOff
from ._plan import Action, Plan
from ._progress import Progress
from ._rclone import Run
from ._stack import STACK_ARGUMENTS, Stack, discover
from ._state import STATE_ARGUMENTS, hold

TAKE_ARGUMENTS = ArgumentSpec(
    {
        "state": {"type": "str", "choices": ["present", "ledgers"], "default": "present"},
        "encryption": {"type": "str", "choices": ["none", "age", "gpg"], "default": NONE},
        "age_recipients": {"type": "list", "elements": "str", "default": []},
        "keep_local": {"type": "bool", "default": True},
        "keep": {"type": "int", "default": 7},
        "keep_days": {"type": "int", "default": 30},
        "max_age_s": {"type": "int", "default": 0},
        "client_image": {"type": "str"},
        "timeout_s": {"type": "int", "default": 21_600},
        "progress_path": {"type": "path"},
        "progress_interval_s": {"type": "float", "default": 0.0},
    }
).merge(STACK_ARGUMENTS, POSTGRES_ARGUMENTS, STATE_ARGUMENTS, STORE_ARGUMENTS, CRYPT_ARGUMENTS)

ACT = "take a backup"
_CONNECT_S = 10.0
# A dump is smaller than its database, how much is not known before there was one.
_MARGIN = 1.2
# How far clocks may differ, and from when on nobody is still at work on a backup that has no manifest.
_CLOCK_S = 300.0
_LEFT_S = 2 * 86_400.0


def client_image(stack: Stack, options: t.Mapping[str, t.Any]) -> str:
    """Return the image whose clients are used: the database's own, unless another is given."""
    if options["client_image"]:
        return str(options["client_image"])
    for service in stack.by_role("postgres"):
        for replica in service.replicas:
            return replica.image_id
    raise OpsError("find a client of PostgreSQL", "the project has no database of its own", "Pass client_image")


def space_needed(database_bytes: int, entries: t.Iterable[Entry], *, encrypted: bool) -> int:
    """Return how many bytes a backup may need at most while it is taken, by what the last one of it took. Pure."""
    ratios = [
        sum(each.plain_bytes for each in entry.manifest.files) / entry.manifest.database_bytes
        for entry in sorted(entries, key=lambda entry: entry.seconds)
        if entry.manifest is not None and entry.manifest.database_bytes
    ]
    plain = database_bytes * min(1.0, _MARGIN * ratios[-1] if ratios else 1.0)
    return int(plain * (2 if encrypted else 1))


def plan_backup(
    database: str, now: float, targets: t.Sequence[Store], entries: t.Sequence[Entry], retention: t.Mapping[str, t.Any]
) -> Plan:
    """Return what becomes of each place: one more backup, and fewer old ones. Pure.

    ``retention``: ``keep``, ``keep_days``, ``drilled`` and ``host`` of ``surplus``.
    """
    # The new one counts as one of those that stay.
    fresh = Entry("", format_time(now), "", OURS, 0, NONE, "", database)
    actions, before, after = [], {}, {}
    for store in targets:
        own = [entry for entry in entries if entry.place == store.place and entry.kind == OURS]
        same = [entry for entry in own if entry.database == database]
        gone = {entry.name for entry in surplus([*same, fresh], now=now, **retention)}
        actions.append(Action(store.place, "gets a backup"))
        actions += [Action(f"{store.place}/{name}", "is removed", {"name": name}) for name in sorted(gone)]
        before[store.where] = sorted(entry.name for entry in own)
        after[store.where] = [*sorted(entry.name for entry in own if entry.name not in gone), "a new one"]
    return Plan(before, after, tuple(actions))


def recent_of(
    entries: t.Sequence[Entry], targets: t.Sequence[Store], database: str, host: str, times: tuple[float, float]
) -> Manifest | None:
    """Return the newest backup of this host that every place has and that is new enough, or None. Pure.

    One of the future is of a clock that was wrong, and says nothing.
    """
    names = [
        {
            entry.name
            for entry in entries
            if entry.place == store.place and entry.database == database and entry.kind == OURS and entry.host == host
        }
        for store in targets
    ]
    common = set.intersection(*names)
    earliest, latest = times
    found = [entry for entry in entries if entry.name in common and earliest <= entry.seconds <= latest]
    newest = max(found, key=lambda entry: entry.seconds, default=None)
    return newest.manifest if newest is not None else None


class Taking:
    """One backup. ``options`` are those of ``TAKE_ARGUMENTS``."""

    def __init__(
        self, run: Run, options: t.Mapping[str, t.Any], client: DockerClient, stack: Stack, login: PostgresLogin
    ) -> None:
        self._options = options
        self._project = stack.project
        self._login = login
        self._image = client_image(stack, options)
        self._one_off = OneOff(client, stack.project, self._image, login)
        self._timeout_s = float(options["timeout_s"])
        self._crypt = Crypt(run, options, self._timeout_s)
        self._kind: str = options["encryption"]
        self.stores = open_stores(run, options, stack.project)

    def targets(self) -> list[Store]:
        """Return where it is stored."""
        found = [store for store in self.stores if store.place != LOCAL or self._options["keep_local"]]
        if not found:
            raise OpsError(ACT, "it would be kept nowhere", "Pass s3_bucket, or leave keep_local as it is")
        return found

    def check(self, contents: Contents, entries: t.Sequence[Entry]) -> None:
        """See that all is there that is needed, before anything is done."""
        self._crypt.check(self._kind, self._options["age_recipients"], encrypt=True)
        need = space_needed(contents.database_bytes, entries, encrypted=self._kind != NONE)
        folder = self._local().folder
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        figures = os.statvfs(folder)
        free = figures.f_bavail * figures.f_frsize
        if free < need:
            cause = f"it may need {need} bytes, and '{folder}' has {free} free"
            raise OpsError(ACT, cause, "Make room, or pass another backup_dir")

    def take(self, snapshot: Snapshot, contents: Contents, progress: Progress) -> Manifest:
        """Dump, verify, encrypt and store it; return its manifest."""
        name = backup_name(self._login.database, contents.taken_at)
        parent = self._local().folder
        os.makedirs(parent, mode=0o700, exist_ok=True)
        self._sweep(parent)
        folder = os.path.join(parent, PARTIAL + name)
        os.mkdir(folder, 0o700)
        try:
            dumper = Dumper(self._one_off, self._login.database, folder, self._timeout_s, progress)
            rows, newest = dumper.dump(snapshot, contents)
            dumper.verify(contents.tables)
            manifest = dataclasses.replace(
                contents.manifest,
                name=name,
                project=self._project,
                image=self._image,
                host=socket.gethostname(),
                encryption=self._kind,
                files=dumper.seal(self._crypt, self._kind, self._options["age_recipients"]),
                tables=rows,
                newest=newest,
            )
            # The folder itself becomes the local one, so that place comes last.
            for store in reversed(self.targets()):
                store.put(folder, manifest, lambda done, total: progress.note("upload, bytes", done, total))
            return manifest
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def retire(self, plan: Plan) -> None:
        """Remove the backups that the plan names."""
        places = {store.place: store for store in self.stores}
        for action in plan.actions:
            if "name" in action.detail:
                places[action.target.split("/", 1)[0]].remove(action.detail["name"])

    def _local(self) -> LocalStore:
        return t.cast("LocalStore", self.stores[0])

    def _sweep(self, parent: str) -> None:
        """Remove what a run left that was killed. Nobody else takes one here now."""
        self._one_off.sweep()
        for name in os.listdir(parent):
            if name.startswith(PARTIAL):
                shutil.rmtree(os.path.join(parent, name))


def take_backup(options: t.Mapping[str, t.Any], run: Run, check_mode: bool) -> dict[str, t.Any]:
    """Take a backup, or only plan it; return the module's result."""
    started, now = time.monotonic(), time.time()
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    stack = discover(client, run, options["project"], options["service_roles"])
    login = resolve_postgres(stack, options, lambda replica, path: client.read_file(replica.id, path))
    taking = Taking(run, options, client, stack, login)
    targets = taking.targets()
    listed = [store.entries() for store in taking.stores]
    entries = [entry for found, _broken in listed for entry in found]
    host, times = socket.gethostname(), (now - options["max_age_s"], now + _CLOCK_S)
    manifest = recent_of(entries, targets, login.database, host, times) if options["max_age_s"] else None
    plan, swept = Plan({}, {}), list[str]()
    with contextlib.ExitStack() as opened:
        if manifest is None:
            if not check_mode:
                opened.enter_context(hold(options["state_dir"], "backup", ACT))
            database = opened.enter_context(_postgres.connect(login, _CONNECT_S))
            snapshot = Snapshot(database, login.database, float(options["timeout_s"]))
            contents = snapshot.look()
            taking.check(contents, entries)
            drilled = drilled_of(gather(options["state_dir"], targets, DRILLS))
            retention = {"keep": options["keep"], "keep_days": options["keep_days"], "drilled": drilled, "host": host}
            plan = plan_backup(login.database, now, targets, entries, retention)
            manifest = dataclasses.replace(contents.manifest, project=stack.project, encryption=options["encryption"])
            if not check_mode:
                with Progress(options["progress_path"]) as progress:
                    manifest = taking.take(snapshot, contents, progress)
                taking.retire(plan)
                swept = [name for store in targets for name in store.sweep(now - _LEFT_S)]
        kept = keep_ledgers(options["state_dir"], targets, check_mode=check_mode)
    return {
        "changed": plan.changed or bool(kept),
        "plan_id": plan.plan_id,
        "plan": [f"{action.target}: {action.transition}" for action in plan.actions],
        "diff": plan.diff(),
        "backup": describe(manifest, [store.where for store in targets], round(time.monotonic() - started, 1)),
        "ledgers": kept,
        "warnings": warnings_of(manifest)
        + [sentence for _found, broken in listed for sentence in broken]
        + [f"What a run had left of '{name}', which was killed, is removed." for name in swept],
        "msg": say(manifest, targets, plan, check_mode=check_mode),
        "project": stack.project,
    }


def keep_only_ledgers(options: t.Mapping[str, t.Any], run: Run, check_mode: bool) -> dict[str, t.Any]:
    """Bring the ledgers up to date, or only plan it; return the module's result."""
    project = whose_backups(options, run)
    kept = keep_ledgers(options["state_dir"], open_stores(run, options, project), check_mode=check_mode)
    plan = Plan({}, {"ledgers": kept} if kept else {}, tuple(Action(what, "gets what it lacks") for what in kept))
    done = "would be brought" if check_mode else "were brought"
    return {
        "changed": plan.changed,
        "plan_id": plan.plan_id,
        "plan": [f"{action.target}: {action.transition}" for action in plan.actions],
        "diff": plan.diff(),
        "backup": None,
        "ledgers": kept,
        "warnings": [],
        "msg": f"{', '.join(kept)} {done} up to date." if kept else "All ledgers are up to date.",
        "project": project,
    }
