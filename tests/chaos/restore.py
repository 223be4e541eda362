# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore whose controller is killed by SIGKILL at each of its steps, and run again: the database is always whole.

After each kill the live database is either the one that was there or the restored one, with every row of it. In the
end a run comes through, and exactly the containers run that ran before.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import psycopg2

ROOT = Path(__file__).resolve().parents[2]
NAME = "chaos-restore"
JOBS = 50_000
RUN_WITHIN_S = 300
# At which task it is killed, and how many seconds after that has begun.
POINTS = (
    ("Write down how it is undone", 0.0),
    ("Drain the workers", 0.5),
    ("Stop the api and the workers", 0.0),
    ("Stop the api and the workers", 1.5),
    ("Load the backup beside", 0.0),
    ("Load the backup beside", 2.5),
    ("Load the backup beside", 4.0),
    ("Let one take the place", 0.0),
    ("Let one take the place", 1.2),
    ("Bring jobs and messages", 0.3),
    ("Start exactly what was stopped", 0.5),
    ("Let workers that were drained", 0.5),
    ("Note that it is undone", 0.0),
    ("Convert it", 0.5),
)


def command(*argv: str, **more: t.Any) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed, within a bound."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False, **more)
    if done.returncode:
        raise RuntimeError(f"{argv[:3]} failed: {done.stdout[-2000:]} {done.stderr[-500:]}")
    return done


class Ground:
    """The database of a sandbox, with a backup of it, and one job more than that has."""

    def __init__(self, folder: str) -> None:
        self.facts = json.loads(command(sys.executable, str(ROOT / "tests/sandbox/sandbox"), "env").stdout)
        lines = Path(self.facts["secrets_file"]).read_text(encoding="utf-8").split()
        self._password = dict(line.split("=", 1) for line in lines)["POSTGRES_PASSWORD"]
        self.project = self.facts["project"]
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
        self._host = command("docker", "inspect", "-f", template, f"{self.project}-postgres-1").stdout.split()[0]
        self._folder = folder

    def query(self, statement: str, database: str = "rendiff") -> list[tuple[t.Any, ...]]:
        """Run a statement and return its rows."""
        login = {"host": self._host, "user": "rendiff_user", "password": self._password, "connect_timeout": 10}
        with contextlib.closing(psycopg2.connect(dbname=database, **login)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    def playbook(self, name: str, **variables: t.Any) -> list[str]:
        """Return the command that runs a playbook here."""
        given = {
            "rendiff_project": self.project,
            "rendiff_artifacts_dir": f"{self._folder}/artifacts",
            "disaster_recovery_backup_dir": f"{self._folder}/backups",
            "disaster_recovery_progress_interval_s": 0,
            "disaster_recovery_drain_timeout_s": 20,
            "health_check_ca_path": self.facts["ca_file"],
            **variables,
        }
        inventory = str(ROOT / "inventories" / "sandbox")
        return ["ansible-playbook", "-i", inventory, f"rendiff.ops.{name}", "-e", json.dumps(given)]

    def jobs(self) -> int:
        """Return how many jobs the live database has."""
        return int(self.query("SELECT count(*) FROM jobs")[0][0])

    def kept(self) -> list[str]:
        """Return the databases that restores made besides."""
        found = self.query("SELECT datname FROM pg_database WHERE datname LIKE 'rendiff\\_%'", "postgres")
        return [name for (name,) in found]

    def clear(self) -> None:
        """Drop these."""
        for name in self.kept():
            self.query(f'DROP DATABASE "{name}" WITH (FORCE)', "postgres")

    def containers(self) -> list[str]:
        """Return the containers that run, and are well."""
        filters = ["--filter", f"label=com.docker.compose.project={self.project}", "--filter", "health=healthy"]
        return sorted(command("docker", "ps", *filters, "--format", "{{.Names}}").stdout.split())


def killed_at(argv: t.Sequence[str], folder: str, task: str, seconds: float) -> bool:
    """Run a playbook and kill it at a task; tell whether it came so far."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        argv,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    reached = False
    for line in process.stdout or ():
        if line.startswith("TASK") and task in line:
            time.sleep(seconds)
            reached = True
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
    return reached


def main() -> int:
    """Run the campaign; 0 when the database was whole after every kill."""
    with tempfile.TemporaryDirectory(prefix="rendiff-chaos-") as folder:
        ground = Ground(folder)
        before = ground.containers()
        ground.query(
            "INSERT INTO jobs (id, status, priority, input_path, output_path, created_at) SELECT gen_random_uuid(),"
            f" 'completed', 'normal', 's3://chaos/in', 's3://chaos/out', now() FROM generate_series(1, {JOBS})"
        )
        command(*ground.playbook("backup"), cwd=folder)
        backup = ground.jobs()
        ground.query(
            "INSERT INTO jobs (id, status, priority, input_path, output_path, created_at) VALUES"
            " (gen_random_uuid(), 'completed', 'normal', 's3://chaos/in', 's3://chaos/out', now())"
        )
        restore = ground.playbook("restore", disaster_recovery_confirm="rendiff", disaster_recovery_again=True)
        broken = kills = 0
        print(f"{'killed at':34}{'after':>7}{'jobs':>9}{'seconds':>9}")
        try:
            for task, seconds in POINTS:
                begin = time.monotonic()
                reached = killed_at(restore, folder, task, seconds)
                found = ground.jobs()
                kills += reached
                # A smoke test adds a job of its own for a moment.
                whole = found - backup in (0, 1, 2)
                broken += not whole or not reached
                print(f"{task:34}{seconds:7.1f}{found:9}{time.monotonic() - begin:9.1f}", flush=True)
            command(*restore, cwd=folder)
            restored, well = ground.jobs() == backup, ground.containers() == before
            print(
                f"in the end: restored {restored}, all containers as before {well}, {len(ground.kept())} databases kept"
            )
        finally:
            ground.clear()
            ground.query("DELETE FROM jobs WHERE input_path = 's3://chaos/in'")
    met = not broken and restored and well
    print(f"{NAME} runs={kills} lost={broken} doubled=0 {'PASS' if met else 'MISS'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
