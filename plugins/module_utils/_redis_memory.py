# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: how much memory the broker may use, and what it does when that is full. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ._errors import OpsError
from ._plan import Action, Plan

ACT = "set the broker's memory"
NOEVICTION = "noeviction"
# Of what its container may have. The rest is for connections, copies while it saves, and what fragments.
MAX_SHARE = 75
CONTAINER, HOST, OPTION = "container", "host", "memory_limit"
FILE = "configuration file"

# As Redis itself reads sizes. Source: redis.conf, "Note on units".
_UNITS = {
    "": 1,
    "b": 1,
    "k": 10**3,
    "kb": 2**10,
    "m": 10**6,
    "mb": 2**20,
    "g": 10**9,
    "gb": 2**30,
}
_SIZE = re.compile(r"^([0-9]{1,18})\s*([a-z]{0,2})$")
# Newer releases know more policies, and an undo must know those too.
_POLICY = re.compile(r"^(noeviction|(allkeys|volatile)-[a-z]{2,10})$")
_WORD = r"--{}[\s=]+[\"']?([A-Za-z0-9-]+)"
_SIZE_MAX = 2**63 - 1


@dataclasses.dataclass(frozen=True)
class Settings:
    """What Redis may use, in bytes, 0 without a bound, and its policy when that is full."""

    maxmemory_bytes: int
    policy: str

    def describe(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Limit:
    """Above how many bytes the kernel kills, of what (``subject``), and who says so: container, host or option."""

    memory_bytes: int
    source: str
    subject: str

    @property
    def usable_bytes(self) -> int:
        """Return how much of it Redis may be given."""
        return self.memory_bytes * MAX_SHARE // 100


def parse_size(text: t.Any, name: str) -> int:
    """Return bytes of a size as Redis reads it; ``name`` is the option that it was given in."""
    match = _SIZE.match(str(text).strip().lower())
    unit = _UNITS.get(match.group(2)) if match else None
    if match is None or unit is None or int(match.group(1)) * unit > _SIZE_MAX:
        raise OpsError(
            ACT, f"'{str(text)[:40]}' is no size for {name}", "Pass bytes, or a number with kb, mb or gb such as 300mb"
        )
    return int(match.group(1)) * unit


def mib(size: int) -> str:
    """Return bytes as a person reads them, with the exact number."""
    return f"{size} bytes ({size / 2**20:.1f} MiB)"


def smallest(candidates: t.Iterable[Limit]) -> Limit | None:
    """Return the limit that is met first, or None where none is known."""
    return min(
        (limit for limit in candidates if limit.memory_bytes > 0), key=lambda limit: limit.memory_bytes, default=None
    )


def choose(options: t.Mapping[str, t.Any], limit: Limit | None) -> Settings:
    """Return the settings that the options ask for: a size, or a share of the limit in percent."""
    policy = str(options["policy"]).strip().lower()
    if options["maxmemory"] is not None:
        return Settings(parse_size(options["maxmemory"], "maxmemory"), policy)
    limit = _known(limit)
    share = options["share"]
    if share is None:
        if limit.source == HOST:
            raise OpsError(
                ACT,
                f"{limit.subject} has no memory limit of its own, and all else on the host needs memory too",
                "Pass maxmemory, or share in percent of the host's memory; better, give the container a limit",
            )
        share = MAX_SHARE
    if not 0 < share <= MAX_SHARE:
        raise OpsError(
            ACT,
            f"a share of {share} % is not between 1 and {MAX_SHARE} %: above it, the kernel would kill the broker",
            f"Pass a share of at most {MAX_SHARE}",
        )
    return Settings(limit.memory_bytes * share // 100, policy)


def _known(limit: Limit | None) -> Limit:
    if limit is None:
        raise OpsError(
            ACT,
            "Redis runs in no container of the project, so it is not known how much memory it may have",
            "Pass memory_limit, the memory of the machine or service that it runs on",
        )
    return limit


def check_settings(wanted: Settings, used_bytes: int, limit: Limit | None, *, restore: bool) -> None:
    """Refuse what would lose messages, get the broker killed, or stop every write.

    ``restore`` is for an undo: a former state is given back though it would be refused today, unless that would throw
    away messages or stop writes at this very moment.
    """
    if not _POLICY.match(wanted.policy):
        raise OpsError(
            ACT, f"'{wanted.policy[:40]}' is no policy of Redis", f"Use {NOEVICTION}, or one that begins with volatile-"
        )
    if not restore:
        _check_rules(wanted, limit)
    size = wanted.maxmemory_bytes
    if size and used_bytes >= size:
        effect = "every write would fail, and no job could be sent"
        if wanted.policy != NOEVICTION:
            effect = "Redis would throw away keys at once"
        remedy = "Pass more than is used, or let the queues drain first"
        if limit is not None and used_bytes >= limit.usable_bytes:
            remedy = (
                f"Give it more memory than the {mib(limit.memory_bytes)} of {limit.subject}, or let the queues drain"
            )
        raise OpsError(ACT, f"maxmemory {mib(size)} is below the {mib(used_bytes)} used now: {effect}", remedy)


def _check_rules(wanted: Settings, limit: Limit | None) -> None:
    if wanted.policy.startswith("allkeys-"):
        raise OpsError(
            ACT,
            f"with {wanted.policy} Redis throws away any key when it is full, and a queue with its jobs is one",
            f"Use {NOEVICTION}, or a volatile- policy, which throws away only what expires by itself",
        )
    if not wanted.maxmemory_bytes:
        raise OpsError(
            ACT, "maxmemory 0 is no bound: Redis would grow until the kernel kills it", "Pass a size, or a share"
        )
    limit = _known(limit)
    if wanted.maxmemory_bytes > limit.usable_bytes:
        raise OpsError(
            ACT,
            f"maxmemory {mib(wanted.maxmemory_bytes)} is above {MAX_SHARE} % of the {mib(limit.memory_bytes)} that "
            f"{limit.subject} has: the kernel would kill the broker before Redis stops at its own bound",
            f"Pass at most {limit.usable_bytes}, or raise the limit of {limit.subject} first",
        )


def plan_memory(current: Settings, wanted: Settings, *, rewrite: bool) -> Plan:
    """Return the steps between, in an order in which no moment is worse than what was and what shall be.

    More memory comes before another policy, which a full Redis then does not feel; less memory comes after it, when
    nothing is thrown away any more. ``rewrite``: the configuration file shall say the same.
    """
    actions = []
    if current.maxmemory_bytes != wanted.maxmemory_bytes:
        size = str(wanted.maxmemory_bytes)
        actions.append(Action("maxmemory", f"becomes {size}", {"value": size}))
    if current.policy != wanted.policy:
        policy = Action("maxmemory-policy", f"becomes {wanted.policy}", {"value": wanted.policy})
        grows = not wanted.maxmemory_bytes or 0 < current.maxmemory_bytes < wanted.maxmemory_bytes
        actions.insert(len(actions) if grows else 0, policy)
    if rewrite:
        actions.append(Action(FILE, "is rewritten"))
    return Plan(current.describe(), wanted.describe(), tuple(actions))


def settings_of_file(text: str) -> Settings:
    """Return what a configuration file says; what it does not say is as Redis has it by default."""
    size, policy = 0, NOEVICTION
    for line in text.splitlines():
        name, _space, rest = line.strip().partition(" ")
        value = rest.strip().strip("\"'")
        if name.lower() == "maxmemory":
            size = parse_size(value, "maxmemory in its configuration file")
        elif name.lower() == "maxmemory-policy":
            policy = value.lower()
    return Settings(size, policy)


def settings_at_start(command: t.Sequence[str] | None, text: str | None, has_file: bool) -> Settings | None:
    """Return the settings that Redis has after a restart, or None where that cannot be told.

    ``command`` of its container, which wins over ``text`` of its configuration file. Source: redis-server's usage.
    """
    if command is None or (has_file and text is None):
        return None
    line = " ".join(command)
    try:
        base = settings_of_file(text) if text is not None else Settings(0, NOEVICTION)
        sizes = re.findall(_WORD.format("maxmemory"), line)
        size = parse_size(sizes[-1], "maxmemory of its command") if sizes else base.maxmemory_bytes
    except OpsError:
        return None
    policies = re.findall(_WORD.format("maxmemory-policy"), line)
    known = len(sizes) == len(re.findall(r"--maxmemory(?![\w-])", line))
    known = known and len(policies) == line.count("--maxmemory-policy")
    return Settings(size, policies[-1].lower() if policies else base.policy) if known else None


def say_restart(wanted: Settings, at_start: Settings | None, *, has_file: bool) -> str:
    """Return in one sentence what a restart of Redis makes of it."""
    if at_start == wanted:
        return "It outlives a restart of Redis."
    where = "its command line or its configuration file" if has_file else "its command line"
    if at_start is None:
        return f"A restart of Redis returns to what {where} says, which could not be read."
    size = mib(at_start.maxmemory_bytes) if at_start.maxmemory_bytes else "no bound"
    return (
        f"A restart of Redis returns to {size} and {at_start.policy}, which {where} says: change it there to keep this."
    )
