# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loading of a restore, against bare `pg_restore -j` of the same dump into a fresh database of the same server.

Both with as many jobs, in a container of the server's own image, in turns of which each begins with the other one. Ours
is the phase ``load`` as the module tells it, with all that belongs to it: roles, the database itself, its settings. The
peer's database is made before its clock runs. The last restore is checked as a whole and swapped in.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from conftest import ROOT, Answer, Sandbox, docker
from restore_common import Scratch, Server, take

NAME = "bench-restore"
GOAL = 1.15
PEER_MIN_S = 60.0
ROWS = int(os.environ.get("BENCH_ROWS", "7000000"))
TURNS = int(os.environ.get("BENCH_TURNS", "2"))
SANDBOX = os.environ.get("BENCH_SANDBOX", "main")
JOBS = 2
PEER_TIMEOUT_S = 1800
PHASES = ("obtain", "load", "verify", "compare", "swap")
STEPS = 20
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'jobs' AND indexname LIKE 'idx%'"
FILL = """
INSERT INTO jobs (id, status, priority, input_path, output_path, options, progress, output_size, api_key, worker_id,
                  created_at, started_at, completed_at, updated_at)
SELECT gen_random_uuid(), 'completed', 'normal', '/storage/in/' || md5(n::text) || '.mov',
       '/storage/out/' || md5(n::text) || '.mp4', '{"codec": "h264", "crf": 23}', 100, n * 1000::bigint,
       md5((n %% 500)::text) || md5((n %% 500)::text), 'worker-' || n %% 8, at, at, at, at
FROM (SELECT n, now() - n * interval '1 second' AS at FROM generate_series(%s, %s) AS n) AS made
"""


def say(text: str) -> None:
    """Print a line, with what else the machine has to do."""
    print(f"{text}; load {os.getloadavg()[0]:.1f}", flush=True)


class Ground:
    """The database that is restored, its backup, and the one that the peer loads."""

    def __init__(self, scratch: Scratch, backups: Path) -> None:
        self.scratch = scratch
        self._backups = backups
        self._peer = f"{scratch.name}_peer"
        self._image = docker("inspect", "-f", "{{.Image}}", scratch.server.container)
        self._dump = Path()

    def make(self) -> None:
        """Make the database and its backup."""
        self.scratch.make(jobs=0)
        begin, step = time.perf_counter(), ROWS // STEPS
        indexes = self.scratch.query(INDEXES)
        for name, _definition in indexes:
            self.scratch.query(f"DROP INDEX {name}")
        for number in range(STEPS):
            self.scratch.query(FILL, number * step + 1, (number + 1) * step)
        for _name, definition in indexes:
            self.scratch.query(definition)
        # Or the server would do so by itself, in the middle of a turn.
        self.scratch.query("VACUUM ANALYZE")
        ((size,),) = self.scratch.query("SELECT pg_database_size(current_database())")
        say(f"{step * STEPS} jobs, {size >> 20} MiB, made in {time.perf_counter() - begin:.1f} s")
        begin = time.perf_counter()
        name = take(self.scratch)
        (self._dump,) = self._backups.rglob(f"{name}/database.dump")
        say(f"backup of {self._dump.stat().st_size >> 20} MiB taken in {time.perf_counter() - begin:.1f} s")

    def peer(self) -> float:
        """Load the dump into a fresh database, bare; return the seconds."""
        server = self.scratch.server
        server.query("postgres", f"CREATE DATABASE {self._peer} TEMPLATE template0")
        argv = ["docker", "run", "--rm", "--name", self._peer, "--network", f"container:{server.container}"]
        # The image says which project it was built for; a container that inherits that would be taken for a part of it.
        argv += ["--label", f"com.docker.compose.project={NAME}", "--env", "PGPASSWORD", "--user", "0:0"]
        argv += ["--volume", f"{self._dump}:/dump:ro", "--entrypoint", "pg_restore", self._image]
        argv += ["-j", str(JOBS), "-h", "127.0.0.1", "-U", "rendiff_user", "-d", self._peer, "/dump"]
        password = server.sandbox.secrets["POSTGRES_PASSWORD"]
        self._settle()
        try:
            begin = time.perf_counter()
            subprocess.run(argv, timeout=PEER_TIMEOUT_S, check=True, env={**os.environ, "PGPASSWORD": password})
            seconds = time.perf_counter() - begin
            assert self._rows(self._peer) == self._rows(self.scratch.name)
        finally:
            subprocess.run(["docker", "rm", "--force", self._peer], capture_output=True, timeout=60, check=False)
            server.query("postgres", f"DROP DATABASE {self._peer} WITH (FORCE)")
        return seconds

    def ours(self, *, last: bool) -> dict[str, float]:
        """Restore; return the seconds of each phase. The last one is checked as a whole and swapped in."""
        self._settle()
        phases = self._phases(self.scratch.beside(jobs=JOBS, amcheck=last, postgres_timeout_s=600))
        assert self._rows(self.scratch.staging) == self._rows(self.scratch.name)
        if last:
            swapped = self._phases(self.scratch.swap())
            return {name: phases.get(name, 0.0) + swapped.get(name, 0.0) for name in PHASES}
        self.scratch.server.query("postgres", f"DROP DATABASE {self.scratch.staging} WITH (FORCE)")
        return phases

    @staticmethod
    def _phases(answer: Answer) -> dict[str, float]:
        assert answer.result["changed"], answer.output
        return dict(answer.result["restore"]["phases"])

    def _rows(self, database: str) -> list[tuple[t.Any, ...]]:
        return self.scratch.server.query(database, "SELECT count(*), sum(output_size) FROM jobs")

    def _settle(self) -> None:
        """Have written what was done before, so that no turn pays for another one."""
        self.scratch.server.query("postgres", "CHECKPOINT")


def measure(ground: Ground) -> tuple[float, float]:
    """Return the medians of the peer and of ours."""
    peers: list[float] = []
    phases: list[dict[str, float]] = []
    for turn in range(1, TURNS + 1):
        for mine in (False, True) if turn % 2 else (True, False):
            if mine:
                phases.append(ground.ours(last=turn == TURNS))
                told = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in phases[-1].items())
                say(f"turn {turn}: ours {told}")
            else:
                peers.append(ground.peer())
                say(f"turn {turn}: peer {peers[-1]:.2f} s")
    whole = phases[-1]
    told = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in whole.items())
    print(f"a whole restore, with every index checked and the swap: {sum(whole.values()):.1f} s, of these {told}")
    peer, ours = statistics.median(peers), statistics.median(each["load"] for each in phases)
    print(f"median of {TURNS}: peer {peer:.2f} s, ours {ours:.2f} s, {JOBS} jobs each")
    return peer, ours


def main() -> int:
    """Run the benchmark; 0 when it meets its goal."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache", prefix=f"{NAME}-") as folder:
        backups = Path(folder) / "backups"
        scratch = Scratch(Server(Sandbox(SANDBOX)), Path(folder), backups)
        try:
            ground = Ground(scratch, backups)
            ground.make()
            peer, ours = measure(ground)
        finally:
            scratch.drop_all()
    ratio = ours / peer
    if peer < PEER_MIN_S:
        print(f"The peer took less than {PEER_MIN_S:g} s. Raise BENCH_ROWS above {ROWS}.", file=sys.stderr)
    met = ratio <= GOAL and peer >= PEER_MIN_S
    print(f"{NAME} ratio={ratio:.2f} goal<={GOAL} {'PASS' if met else 'MISS'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
