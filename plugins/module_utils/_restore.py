# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: a backup is restored beside the live database, proven, compared, and takes its place."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t

from ._argspec import ArgumentSpec
from ._backup_choice import FILE, Entry
from ._backup_fetch import FETCH_ARGUMENTS, Fetcher, Obtained
from ._backup_manifest import DUMP
from ._backup_take import client_image
from ._credentials import POSTGRES_ARGUMENTS, resolve_postgres
from ._databases import Held, Server, open_server
from ._docker import DockerClient
from ._errors import OpsError
from ._mitigation import format_time
from ._one_off import OneOff
from ._plan import Action
from ._progress import Progress
from ._rclone import Run
from ._restore_check import check_live, check_rights, check_room, is_empty
from ._restore_compare import Side, compare, look, seconds_of
from ._restore_load import Loader, loading_marker
from ._restore_marker import BESIDE, Marker, option_matches, staging_name
from ._restore_plan import (
    Databases,
    Wanted,
    check_confirm,
    kept_of,
    marker_of,
    plan_beside,
    plan_drop,
    plan_swap,
    plan_undo,
    revoking,
    whole,
)
from ._restore_result import Done, result_of
from ._restore_roles import roles_of
from ._restore_swap import carry, exchange_databases
from ._restore_verify import Prover, revoke_again, revoked_keys
from ._revocations import read_revocations
from ._stack import STACK_ARGUMENTS, Stack, container_of, discover
from ._state import STATE_ARGUMENTS, check_free, hold

RESTORE_ARGUMENTS = ArgumentSpec(
    {
        "state": {"type": "str", "choices": ["beside", "swapped", "undone", "dropped"], "required": True},
        "previous": {"type": "str"},
        "confirm": {"type": "str"},
        "again": {"type": "bool", "default": False},
        "jobs": {"type": "int", "default": 2},
        "amcheck": {"type": "bool", "default": True},
        "timeout_s": {"type": "int", "default": 21_600},
        "postgres_timeout_s": {"type": "int", "default": 60},
        "client_image": {"type": "str"},
        "progress_path": {"type": "path"},
        "progress_interval_s": {"type": "float", "default": 0.0},
    },
    required_if=[("state", "dropped", ["previous"])],
).merge(STACK_ARGUMENTS, POSTGRES_ARGUMENTS, STATE_ARGUMENTS, FETCH_ARGUMENTS)
_VERIFY_S = 60.0


class Restore:
    """One restore on one server. ``options`` are those of ``RESTORE_ARGUMENTS``."""

    def __init__(
        self, server: Server, stack: Stack, client: DockerClient, run: Run, options: t.Mapping[str, t.Any]
    ) -> None:
        self._server = server
        self._docker = client
        self._options = options
        self._live = server.login.database
        self._staging = staging_name(self._live)
        self._container = container_of(stack, server.login.host, server.login.port)
        self._stack = stack
        self._fetcher = Fetcher(run, options, stack.project, self._live)
        self._progress = Progress(None)
        self._alone = False  # Whether all others are kept from a restore now, as check mode does not do.
        self._phases: dict[str, float] = {}

    def run(self, check_mode: bool) -> dict[str, t.Any]:
        """Carry it out, or only plan it; return the module's result."""
        self._alone = not check_mode
        databases = self._server.databases()
        check_live(self._live, databases.get(self._live))
        act = {"beside": self._beside, "swapped": self._swap, "undone": self._undo, "dropped": self._drop}
        with Progress(None if check_mode else self._options["progress_path"]) as self._progress:
            done = act[self._options["state"]](databases, check_mode)
        kept = kept_of(self._live, self._server.databases())
        return result_of(self._options, self._live, done, self._phases, kept, check_mode=check_mode)

    def _beside(self, databases: Databases, check_mode: bool) -> Done:
        # Marked as a restore's, so that none sweeps away what a backup runs at the same time, nor the other way round.
        mark, image = f"{self._stack.project}/restore", client_image(self._stack, self._options)
        clients = OneOff(self._docker, mark, image, self._server.login)
        if not check_mode:
            clients.sweep()
        entry = self._fetcher.entry()
        hashes = {str(each["key_hash"]).lower() for each in self._fetcher.revocations() if each.get("key_hash")}
        with contextlib.ExitStack() as opened:
            stored = entry.manifest.file(DUMP) if entry.manifest is not None else None
            obtained = None if stored is not None else self._obtain(opened, entry)
            sha256 = stored.plain_sha256 if stored is not None else obtained.sha256 if obtained is not None else ""
            source = entry.path if entry.kind == FILE else entry.name
            done = self._plan_beside(databases, Wanted(entry.name, sha256, source), hashes)
            if done.plan.changed and done.marker is None:
                obtained = obtained or self._obtain(opened, entry)
                self._load(clients, databases, obtained, hashes, done, check_mode)
            elif done.marker is not None and not check_mode:
                self._know_as(done.marker)
                done.revoked = revoke_again(self._server, self._staging, hashes) if done.plan.changed else []
        done.taken_at = entry.taken_at
        done.notes += self._fetcher.notes
        if entry.manifest is None:
            done.notes.append("The backup says nothing of its rows, so that they could not be compared with it.")
        self._compare(done, entry)
        return done

    def _know_as(self, marker: Marker) -> None:
        """Let a swap find what is beside as it was named this time, which its marker may not know yet."""
        asked = str(self._options["backup"])
        if not option_matches(asked, marker):
            self._server.comment(self._staging, dataclasses.replace(marker, asked=asked).text())

    def _obtain(self, opened: contextlib.ExitStack, entry: Entry) -> Obtained:
        with self._phase("obtain"):
            return opened.enter_context(self._fetcher.obtain(entry, self._progress, sweep=self._alone))

    def _plan_beside(self, databases: Databases, wanted: Wanted, hashes: t.Container[str]) -> Done:
        held = databases.get(self._staging)
        proven = whole(held, self._live)
        if proven is not None and not proven.holds(wanted.backup, wanted.sha256):
            proven = None
        pending = 0
        if proven is not None:
            with self._server.open(self._staging) as database:
                pending = len(revoked_keys(database, hashes)[1])
        plan = plan_beside(
            self._live,
            wanted,
            databases,
            again=self._options["again"],
            pending=pending,
            staging_empty=is_empty(self._server, held),
        )
        return Done(plan, proven, wanted=wanted)

    def _load(
        self,
        clients: OneOff,
        databases: Databases,
        obtained: Obtained,
        hashes: t.Container[str],
        done: Done,
        check_mode: bool,
    ) -> None:
        options, note = self._options, self._progress.note
        held = databases.get(self._staging)
        loader = Loader(self._server, clients, obtained, databases.get(self._live))
        check_rights(self._server, [held], loader.owner())
        check_room(self._server, self._docker, self._container, obtained, held)
        statements = loader.plan_roles(options["timeout_s"])
        made = tuple(Action(f"role {role}", "is made as in the backup") for role in roles_of(statements))
        done.plan = dataclasses.replace(done.plan, actions=(*made, *done.plan.actions))
        if check_mode:
            return
        begin = time.monotonic()
        marker = loading_marker(self._live, obtained, options["backup"])
        with self._phase("load"):
            if held is not None:
                self._server.drop(held)
            loader.make_roles(statements)
            loader.make(self._staging, loader.owner(), marker)
            try:
                loader.load(self._staging, options["jobs"], options["timeout_s"], note)
            except OpsError:
                # It may have failed because the disk is full, which the live database is on too.
                loader.clear(self._staging)
                raise
            done.notes += loader.settings(self._staging)
        with self._phase("verify"):
            left = max(_VERIFY_S, options["timeout_s"] - (time.monotonic() - begin))
            prover = Prover(self._server, self._staging, obtained.name, left)
            done.proof = prover.prove(obtained.manifest, note, clients if options["amcheck"] else None)
            done.revoked = revoke_again(self._server, self._staging, hashes)
        moment = format_time(time.time())
        done.marker = dataclasses.replace(marker, state=BESIDE, verified_at=moment, since=moment)
        self._server.comment(self._staging, done.marker.text())

    def _swap(self, databases: Databases, check_mode: bool) -> Done:
        options = self._options
        plan, exchange = plan_swap(self._live, options["backup"], databases, again=options["again"], now=time.time())
        if exchange is None:
            return Done(plan, marker_of(databases.get(self._live)))
        done = Done(plan, whole(exchange.new, self._live), kept=exchange.kept)
        carried = carry(exchange.old, exchange.new)
        done.notes += carried.told
        check_rights(self._server, [exchange.old, exchange.new], carried.owner)
        done.taken_at = done.marker.taken_at if done.marker is not None else ""
        hashes = self._revoked_here(done, self._staging)
        self._compare(done, None)
        if not check_mode:
            check_confirm(f"swap database '{self._live}'", options["confirm"], self._live)
            self._progress.note("swap", 0, 0)
            # Days may have gone by since it was loaded.
            done.revoked = revoke_again(self._server, self._staging, hashes)
            with self._phase("swap"):
                done.sessions, done.notes = exchange_databases(self._server, exchange, carried)
        return done

    def _undo(self, databases: Databases, check_mode: bool) -> Done:
        plan, exchange, why_not = plan_undo(self._live, self._options["previous"], databases, now=time.time())
        done = Done(plan, marker_of(databases.get(self._live)), why_not=why_not)
        if exchange is None:
            return done
        done.kept = exchange.kept
        check_rights(self._server, [exchange.old, exchange.new], "")
        if not check_mode:
            check_confirm(f"undo the restore of database '{self._live}'", self._options["confirm"], self._live)
            self._revoke_in_kept(exchange.new, done)
            with self._phase("swap"):
                done.sessions, _told = exchange_databases(self._server, exchange, carry(None, exchange.new))
        return done

    def _drop(self, databases: Databases, check_mode: bool) -> Done:
        name = self._options["previous"]
        plan = plan_drop(self._live, name, databases)
        if plan.changed and not check_mode:
            check_confirm(f"drop database '{name}'", self._options["confirm"], name)
            self._server.drop(databases[name])
        return Done(plan, marker_of(databases.get(name)), kept=name)

    def _revoked_here(self, done: Done, name: str) -> set[str]:
        """Return the hashes of the keys that this host knows to be revoked; put into the plan what they change."""
        hashes = {str(each["key_hash"]).lower() for each in read_revocations(self._options["state_dir"])}
        with self._server.open(name) as database:
            pending = len(revoked_keys(database, hashes)[1])
        if pending:
            done.plan = dataclasses.replace(done.plan, actions=(Action(name, revoking(pending)), *done.plan.actions))
        return hashes

    def _revoke_in_kept(self, kept: Held, done: Done) -> None:
        """Revoke in a database that comes back what was revoked since it went; a damaged one comes as it is."""
        hashes = {str(each["key_hash"]).lower() for each in read_revocations(self._options["state_dir"])}
        try:
            self._server.let_in(kept.name)
            done.revoked = revoke_again(self._server, kept.name, hashes)
        except OpsError as error:
            done.notes.append(f"Keys that were revoked since could not be revoked in it: {error.cause}.")

    def _compare(self, done: Done, entry: Entry | None) -> None:
        """Say what the live database has and the backup has not, as far as that can be known."""
        with self._phase("compare"):
            self._progress.note("compare", 0, 0)
            databases, moment = self._server.databases(), seconds_of(done.taken_at)
            held = databases.get(self._staging)
            manifest = entry.manifest if entry is not None else None
            if done.marker is not None and whole(held, self._live) is not None:
                backup = look(self._server, held, self._staging, moment)
            else:
                # Nothing is loaded: only what the backup says of itself is known.
                backup = Side(tables=dict(manifest.tables) if manifest is not None else None)
            live = look(self._server, databases.get(self._live), self._live, moment, backup.recent_jobs or ())
            done.comparison = compare(live, backup, done.taken_at)

    @contextlib.contextmanager
    def _phase(self, name: str) -> t.Iterator[None]:
        begin = time.monotonic()
        try:
            yield
        finally:
            self._phases[name] = round(time.monotonic() - begin, 2)


def restore(options: t.Mapping[str, t.Any], run: Run, check_mode: bool) -> dict[str, t.Any]:
    """Find the database, and do with it what ``state`` says."""
    if options["jobs"] < 1:
        raise OpsError("restore a database", f"jobs is {options['jobs']}, below 1")
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    stack = discover(client, run, options["project"], options["service_roles"])
    login = resolve_postgres(stack, options, lambda replica, path: client.read_file(replica.id, path))
    with contextlib.ExitStack() as opened:
        act = f"restore database '{login.database}'"
        if check_mode:
            check_free(options["state_dir"], "restore", act)
        else:
            opened.enter_context(hold(options["state_dir"], "restore", act))
        server = opened.enter_context(open_server(login, float(options["postgres_timeout_s"])))
        done = Restore(server, stack, client, run, options).run(check_mode)
    return {**done, "project": stack.project}
