# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff.ops.restore as a whole: what fails leaves database and service as they were, and what is killed is rerun."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import typing as t
import uuid
from pathlib import Path

import pytest
from backups_common import Scratch, dump_by_hand
from conftest import ROOT, Module, Sandbox, docker, run, until
from core_common import Core

from ansible_collections.rendiff.ops.plugins.module_utils._backup_take import TAKE_ARGUMENTS, take_backup
from ansible_collections.rendiff.ops.plugins.module_utils._writers import WRITERS_ARGUMENTS, change_writers

LIVE = "rendiff"
WRITERS = ("api-1", "api-2", "worker-cpu-1")


class Site:
    """The playbook on a sandbox, with folders of its own for backups and artifacts."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.database = Scratch(sandbox, LIVE)
        self.folder = folder
        self.variables = {
            "rendiff_project": sandbox.project,
            "rendiff_artifacts_dir": str(folder / "artifacts"),
            "disaster_recovery_backup_dir": str(folder / "backups"),
            "disaster_recovery_progress_interval_s": 0,
            "disaster_recovery_drain_timeout_s": 20,
            "disaster_recovery_amcheck": False,
            "health_check_ca_path": sandbox.facts["ca_file"],
        }
        options = {
            "project": sandbox.project,
            "backup_dir": str(folder / "backups"),
            "state_dir": str(folder / "state"),
        }
        self.take = Core(take_backup, TAKE_ARGUMENTS, changes=True, **options)

    def command(self, name: str, **variables: t.Any) -> list[str]:
        """Return the command that runs a playbook on this sandbox."""
        argv = ["ansible-playbook", "-i", "target,", "-c", "local", f"rendiff.ops.{name}"]
        return [*argv, "-e", json.dumps({**self.variables, "rendiff_hosts": "target", **variables})]

    def play(self, name: str, **variables: t.Any) -> subprocess.CompletedProcess[str]:
        """Run a playbook to its end."""
        return run(self.command(name, **variables), env=environment(), cwd=self.folder)

    def restore(self, **variables: t.Any) -> subprocess.CompletedProcess[str]:
        """Restore, confirmed."""
        return self.play("restore", disaster_recovery_confirm=LIVE, **variables)

    def running(self) -> set[str]:
        """Return which of the writers run, and are well."""
        listed = docker(
            *("ps", "--filter", f"label=com.docker.compose.project={self.sandbox.project}"),
            *("--filter", "health=healthy", "--format", "{{.Names}}"),
        )
        return {name.removeprefix(f"{self.sandbox.project}-") for name in listed.split()} & set(WRITERS)

    def started(self) -> dict[str, str]:
        """Return when each of the writers was started."""
        names = [f"{self.sandbox.project}-{name}" for name in WRITERS]
        times = docker("inspect", "-f", "{{.State.StartedAt}}", *names).split()
        return dict(zip(names, times))

    def agreed(self) -> bool:
        """Tell whether jobs and messages are known to agree with the database."""
        path = Path(f"/var/lib/rendiff-ops/mitigations/disaster_recovery.disagree.{self.sandbox.project}.json")
        return json.loads(path.read_text(encoding="utf-8"))["status"] == "undone"

    def databases(self) -> list[str]:
        """Return the databases of the service, whatever their names became."""
        found = self.database.query(
            r"SELECT datname FROM pg_database WHERE datname LIKE 'rendiff%%' ORDER BY 1", database="postgres"
        )
        return [name for (name,) in found]

    def identity(self) -> int:
        """Return what tells one database from another, whatever its name is."""
        found = self.database.query("SELECT oid FROM pg_database WHERE datname = %s", LIVE, database="postgres")
        return int(found[0][0])

    def clear(self) -> None:
        """Drop what restores kept, and nothing else."""
        for name in self.databases():
            if name.startswith(("rendiff_before_", "rendiff_undone_", "rendiff_restore")):
                self.database.query(f'DROP DATABASE "{name}" WITH (FORCE)', database="postgres")


def environment() -> dict[str, str]:
    """Return what ansible-playbook needs."""
    python = sys.executable
    return {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_PYTHON_INTERPRETER": python}


@pytest.fixture(name="site")
def fixture_site(one: Sandbox, tmp_path: Path) -> t.Iterator[Site]:
    """Return the playbook with a backup of the sandbox's own database, and leave the sandbox as it was."""
    site = Site(one, tmp_path)
    taken = site.take()
    assert not taken.failed, taken.output
    marked = str(uuid.uuid4())
    # Only the live database has it, so that it tells which one is live.
    site.database.query(
        "INSERT INTO jobs (id, status, input_path, output_path) VALUES (%s, 'cancelled', 'a', 'b')", marked
    )
    try:
        yield site
    finally:
        if site.running() != set(WRITERS):
            site.play("stand_down")
        site.clear()
        site.database.query("DELETE FROM jobs WHERE id = %s", marked)
        one.wait_until_well()


def test_what_is_damaged_is_seen_before_the_service_stops(site: Site) -> None:
    before, started = site.identity(), site.started()
    (folder,) = [path for path in (site.folder / "backups" / site.sandbox.project).iterdir() if path.is_dir()]
    dump = folder / "database.dump"
    content = bytearray(dump.read_bytes())
    content[-20] ^= 1
    dump.write_bytes(content)
    done = site.restore()
    assert done.returncode != 0
    assert "its SHA-256 differs" in done.stdout
    assert site.started() == started
    assert site.identity() == before


@pytest.fixture(name="other")
def fixture_other(site: Site) -> t.Iterator[Scratch]:
    """Return a database of the same shape, to dump what the service cannot use."""
    other = Scratch(site.sandbox, "rdops_other")
    other.make(jobs=20)
    try:
        yield other
    finally:
        other.drop()


def test_what_cannot_be_loaded_changes_nothing_and_the_service_goes_on(site: Site, other: Scratch) -> None:
    """A dump on the host that is whole, and whose rows a check refuses when they are loaded."""
    other.query("CREATE FUNCTION fine(text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true'")
    other.query("ALTER TABLE jobs ADD CHECK (fine(status))")
    other.query("CREATE OR REPLACE FUNCTION fine(text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT false'")
    dump = site.folder / "refused.dump"
    dump_by_hand(other, dump)
    before, started = site.identity(), site.started()
    done = site.restore(disaster_recovery_backup=str(dump))
    assert done.returncode != 0
    assert "pg_restore failed" in done.stdout
    # It was stopped for it, and runs again.
    assert not set(site.started().items()) & set(started.items())
    assert site.running() == set(WRITERS)
    assert site.identity() == before
    assert site.databases() == [LIVE]
    assert f"'{LIVE}' is as it was" in done.stdout


def test_when_the_service_does_not_work_with_it_the_old_database_comes_back_with_its_jobs(
    site: Site, other: Scratch
) -> None:
    other.query("ALTER TABLE jobs RENAME COLUMN input_path TO path_of_input")
    dump = site.folder / "other_shape.dump"
    dump_by_hand(other, dump)
    before = site.identity()
    # Two run, and one waits with its message.
    jobs = site.sandbox.submit("--count", "3", "--seconds", "12")
    done = site.restore(disaster_recovery_backup=str(dump), disaster_recovery_drain_timeout_s=1)
    assert done.returncode != 0
    assert f"'{LIVE}' is again what it was" in done.stdout
    assert site.identity() == before
    assert site.running() == set(WRITERS)
    # What was tried is kept to be looked at, under a name that says so.
    assert [name for name in site.databases() if name.startswith("rendiff_undone_")]
    for job in jobs:
        until(lambda job=job: site.sandbox.status(job) == "completed", f"job {job} is done", within_s=150)


def killed_when(site: Site, moment: t.Callable[[], t.Any]) -> None:
    """Start a restore, and kill the controller as soon as something is so."""
    process = subprocess.Popen(
        site.command("restore", disaster_recovery_confirm=LIVE),
        env=environment(),
        cwd=site.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(moment, "the moment to kill it")
        assert process.poll() is None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def test_a_controller_that_is_killed_is_gone_on_with(site: Site) -> None:
    before = site.identity()
    site.variables["disaster_recovery_smoke"] = False
    killed_when(site, lambda: site.identity() != before)
    swapped = site.identity()
    assert not site.agreed()
    done = site.restore()
    assert done.returncode == 0, done.stdout[-4000:]
    assert site.identity() == swapped
    assert site.agreed()
    assert site.running() == set(WRITERS)
    undone = site.play("restore_undo", disaster_recovery_confirm=LIVE)
    assert undone.returncode == 0, undone.stdout[-4000:]
    assert site.identity() == before


def test_what_was_stopped_by_a_run_that_is_gone_is_started_by_stand_down(one: Sandbox, site: Site) -> None:
    before = site.identity()
    killed_when(site, lambda: not site.running())
    assert site.identity() == before
    done = site.play("stand_down")
    assert done.returncode == 0, done.stdout[-4000:]
    until(lambda: site.running() == set(WRITERS), "all writers run again")


def test_only_what_ran_is_started_again(one: Sandbox, tmp_path: Path) -> None:
    writers = Core(change_writers, WRITERS_ARGUMENTS, changes=True, project=one.project, state_dir=str(tmp_path))
    docker("stop", one.container("api", 2))
    # One that is paused holds its connections, and writes as soon as somebody lets it.
    docker("pause", one.container("api", 1))
    try:
        planned = writers(state="stopped", check=True)
        assert one.container("api", 1) in planned.result["writers"]
        stopped = writers(state="stopped", stop_grace_s=20)
        assert planned.result["writers"] == stopped.result["writers"]
        assert one.container("api", 2) not in stopped.result["writers"]
        assert not writers(state="stopped").result["changed"]
        started = Module("rendiff_writers", project=one.project, state_dir=str(tmp_path))(state="started")
        assert sorted(started.result["writers"]) == sorted(stopped.result["writers"])
        assert docker("inspect", "-f", "{{.State.Status}}", one.container("api", 2)) == "exited"
        assert not writers(state="started").result["changed"]
    finally:
        docker("start", one.container("api", 2))
        one.wait_until_well()
