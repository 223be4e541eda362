# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every part of the sandbox's command line needs: one way to run a program, one expected failure, one voice."""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

STARTED = time.monotonic()


class SandboxError(Exception):
    """An expected failure; its text is the whole message that the operator sees."""


def say(text: str) -> None:
    """Print one progress line on stderr, so that stdout stays free for JSON."""
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", file=sys.stderr, flush=True)


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and capture its output; with check, a failure is a SandboxError that quotes it.

    env, when given, is the whole environment.
    """
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=env,
            check=False,
        )
    except FileNotFoundError as error:
        raise SandboxError(f"Cannot run {argv[0]}: it is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"{' '.join(argv[:4])} did not finish within {timeout:.0f} s") from error
    if check and done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()[-12:]
        raise SandboxError(f"{' '.join(argv[:4])} failed (exit {done.returncode}):\n  " + "\n  ".join(words))
    return done


def wait_until(what: str, ready: Callable[[], bool], *, timeout: float, every: float = 0.5) -> None:
    """Call ready until it is true; the error names what was waited for."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            raise SandboxError(f"{what} did not come about within {timeout:.0f} s")
        time.sleep(every)


def os_release() -> dict[str, str]:
    """Return what the machine says it is; the standard library reads this only from Python 3.10 on."""
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip("\"'") for name, _equals, value in (line.partition("=") for line in lines)}


@contextlib.contextmanager
def locked(path: Path, timeout: float = 900) -> Iterator[None]:
    """Hold an exclusive lock: two commands that build or remove the same things must not overlap."""
    with path.open("w") as handle:
        deadline = time.monotonic() + timeout
        told = False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise SandboxError("Another sandbox command has been running for too long; see ps") from error
                if not told:
                    say("waiting for another sandbox command of this checkout")
                    told = True
                time.sleep(0.5)
        yield
