# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: how many processes run in a container, and the connections each may open. Pure."""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing as t

# What SQLAlchemy's pool opens where nothing else is said: pool_size and max_overflow.
DEFAULT_POOL, DEFAULT_OVERFLOW = 5, 10
_POOL = ("DATABASE_POOL_SIZE", "DB_POOL_SIZE", "SQLALCHEMY_POOL_SIZE", "POOL_SIZE")
_OVERFLOW = ("DATABASE_MAX_OVERFLOW", "DB_MAX_OVERFLOW", "SQLALCHEMY_MAX_OVERFLOW", "MAX_OVERFLOW")
_WORKER_PROCESSES = ("CELERY_WORKER_CONCURRENCY", "CELERYD_CONCURRENCY", "WORKER_CONCURRENCY")
_API_PROCESSES = ("API_WORKERS", "WEB_CONCURRENCY", "UVICORN_WORKERS", "GUNICORN_WORKERS")
# Of these pools all tasks share one process, and so one pool of connections.
_ONE_PROCESS = ("solo", "threads", "gevent", "eventlet")


@dataclasses.dataclass(frozen=True)
class Load:
    """What one service may open: ``replicas`` x ``processes`` x (``pool`` + ``overflow``) connections.

    ``assumed`` says in a sentence each what could not be read from the container.
    """

    service: str
    replicas: int
    processes: int
    pool: int
    overflow: int
    assumed: tuple[str, ...] = ()

    @property
    def connections(self) -> int:
        """Return the most connections that it may open."""
        return self.replicas * self.processes * (self.pool + self.overflow)

    def arithmetic(self) -> str:
        """Return the sum as a person would write it."""
        return (
            f"{self.service} {self.replicas} x {self.processes} x ({self.pool} + {self.overflow}) = {self.connections}"
        )


def words_of(command: t.Sequence[str]) -> list[str]:
    """Return the words of a command, also of one that is given to a shell as one text."""
    words: list[str] = []
    for argument in command:
        try:
            words += shlex.split(argument) if " " in argument else [argument]
        except ValueError:
            words += argument.split()
    return words


def option_of(command: t.Sequence[str], *names: str, value: str = ".+") -> str:
    """Return the value of a command line option whose value has a form, or an empty string."""
    words = words_of(command)
    for at, word in enumerate(words):
        for name in names:
            if word == name and at + 1 < len(words) and re.fullmatch(value, words[at + 1]):
                return words[at + 1]
            joined = f"{name}=" if name.startswith("--") else name
            if word.startswith(joined) and word != joined and re.fullmatch(value, word[len(joined) :]):
                return word[len(joined) :]
    return ""


def queues_of(command: t.Sequence[str]) -> tuple[str, ...]:
    """Return the queues that a worker is started with, none where its command does not tell."""
    return tuple(name for name in option_of(command, "-Q", "--queues", value=r"[\w.,:-]+").split(",") if name)


def _number(environment: t.Mapping[str, str], names: t.Sequence[str]) -> int | None:
    for name in names:
        if environment.get(name, "").strip().isdigit():
            return int(environment[name])
    return None


def processes_of(role: str, command: t.Sequence[str], environment: t.Mapping[str, str], cpus: int) -> tuple[int, str]:
    """Return how many processes of a container use the database, and what was assumed for that."""
    if role == "worker":
        if option_of(command, "-P", "--pool", value="[a-z]+") in _ONE_PROCESS:
            return 1, ""
        autoscale = option_of(command, "--autoscale", value=r"\d+(,\d+)?").split(",")[0]
        told = autoscale or option_of(command, "-c", "--concurrency", value=r"\d+")
        number = int(told) if told else _number(environment, _WORKER_PROCESSES)
        assumed = f"how many processes it runs is not told; Celery's default of {cpus}, one a CPU, was taken"
        return (cpus, assumed) if number is None else (max(1, number), "")
    told = option_of(command, "-w", "--workers", value=r"\d+")
    number = int(told) if told else _number(environment, _API_PROCESSES)
    return (1, "") if number is None else (max(1, number), "")


def load_of(
    service: str,
    role: str,
    replicas: int,
    command: t.Sequence[str],
    environment: t.Mapping[str, str],
    *,
    cpus: int,
    pool: int | None = None,
    overflow: int | None = None,
) -> Load:
    """Return what a service may open. ``pool`` and ``overflow`` are told by a person and win."""
    processes, assumed = processes_of(role, command, environment, cpus)
    said = [f"{service}: {assumed}"] if assumed else []
    size = _number(environment, _POOL) if pool is None else pool
    more = _number(environment, _OVERFLOW) if overflow is None else overflow
    if size is None or more is None:
        size = DEFAULT_POOL if size is None else size
        more = DEFAULT_OVERFLOW if more is None else more
        said.append(f"{service}: its pool is not in its environment; SQLAlchemy's default, {size} + {more}, was taken")
    return Load(service, replicas, processes, size, more, tuple(said))
