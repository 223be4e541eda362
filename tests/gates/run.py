# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the gates, each a target of the Makefile, to the end, and count them.

The last line is `N passed, M failed`; the exit status is 0 only when none failed.

    run.py [--quick]
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / ".cache" / "gates"
GATE_TIMEOUT_S = 2400

# Longest first; they share nothing but the checkout, which they only read.
WITHOUT_SANDBOX = (
    "core-next-code",
    "sanity",
    "ansible-lint",
    "units",
    "docs-lint",
    "mypy",
    "reuse",
    "changelog-lint",
    "yamllint",
    "ruff",
)
# Has a network of its own, and waits a lot for what ends by itself: it does not give way.
ALONE = "integration-alone"
# Has a sandbox of its own, and comes last, when one of two processors is free.
DATABASES = "integration-databases"
NOT_QUICK = ("core-next-code",)
# One after another: they break and mend the same stack, and wait a lot. The others run beside them and give way.
GIVES_WAY = ("nice", "-n", "15")
WITH_SANDBOX = ("install-test", "integration-sandbox", "molecule", "core-next-molecule")

# What tells why a gate failed, among the thousands of lines that a gate may print.
TELLING = re.compile(r"fatal:|FAILED|\[ERROR\]|^E  |error:|Error:|assertion|Executed: Failed|\"msg\":", re.IGNORECASE)
TELLING_LINES = 25

_printing = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Result:
    """How one gate ended."""

    gate: str
    passed: bool
    log: Path | None = None

    def why(self) -> list[str]:
        """Return the lines of the log that tell most, the first ones, since what follows is often their consequence."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log else []
        return [line.strip()[:400] for line in lines if TELLING.search(line)][:TELLING_LINES]


def say(text: str) -> None:
    """Print whole lines at once, since gates end at the same time."""
    with _printing:
        print(text, flush=True)


def make(target: str, first_words: tuple[str, ...] = ()) -> Result:
    """Run a target of the Makefile and report it; its output is shown only when it fails."""
    log = LOGS / f"{target}.log"
    # The outer make's job server and level are none of the inner one's business.
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as output:
        try:
            status: int | str = subprocess.run(
                [*first_words, "make", target],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=GATE_TIMEOUT_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            status = f"no end after {GATE_TIMEOUT_S} s"
    seconds = time.monotonic() - started
    if status == 0:
        say(f"PASS  {target:<20} {seconds:6.1f} s")
    else:
        said = log.read_text(encoding="utf-8", errors="replace").rstrip()
        say(
            f"{said}\nFAIL  {target:<20} {seconds:6.1f} s  ({status}; the lines above, also in {log.relative_to(ROOT)})"
        )
    return Result(target, status == 0, log)


def on_sandbox() -> list[Result]:
    """Start the sandbox and run what needs it."""
    if make("sandbox-up").passed:
        return [make(gate) for gate in WITH_SANDBOX]
    say(f"FAIL  {', '.join(WITH_SANDBOX)}: there is no sandbox to run them on")
    return [Result(gate, passed=False) for gate in WITH_SANDBOX]


def main() -> int:
    """Run the gates and return the exit status."""
    parser = argparse.ArgumentParser(description="Run the gates and count them.")
    parser.add_argument("--quick", action="store_true", help="only the gates that need no sandbox")
    quick = parser.parse_args().quick

    LOGS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with ThreadPoolExecutor(max_workers=2) as pool:
        if quick:
            results = list(pool.map(make, [gate for gate in WITHOUT_SANDBOX if gate not in NOT_QUICK]))
        else:
            sandbox = pool.submit(on_sandbox)
            results = [make(ALONE), *(make(gate, GIVES_WAY) for gate in WITHOUT_SANDBOX), make(DATABASES, GIVES_WAY)]
            results += sandbox.result()

    failed = [result for result in results if not result.passed]
    for result in failed:
        say("\n".join([f"Why {result.gate} failed:", *(f"  {line}" for line in result.why())]))
    if failed:
        say(f"Failed: {', '.join(result.gate for result in failed)}")
    say(f"All gates took {time.monotonic() - started:.0f} s")
    say(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
