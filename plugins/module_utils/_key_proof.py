# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: that a revoked key is really refused, by every api replica and through the proxy."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import threading
import time
import typing as t

from . import _postgres
from ._api_key import make_key, plan_row
from ._errors import OpsError
from ._http import Target, fetch_here
from ._key_write import KeyWriter, remove_leftovers
from ._keys import KeyTable
from ._probe import run_probes
from ._routes import public_target, replica_target
from ._stack import Stack

PROBE_NAME = "rendiff-ops-proof"
_PATH = "/api/v1/jobs?limit=1"
_REFUSED, _FORBIDDEN = 401, 403
_UNSEEN = "it answers 403 without a key as well, so it may not look at one"
# A container in such a state answers later, with what it has in memory.
_MAY_ANSWER = ("paused", "restarting")
_PAUSE_S = 0.5
_REQUEST_S = 5.0
# No run lasts so long: what is older was left by one that was killed.
_PROBE_OLD_S = 3600
BY_KEY, BY_PROBE = "the key itself", "a key of its own that was made and revoked for it"


class Answer(t.NamedTuple):
    """How one address answers a key. ``status``: that of HTTP, 0 where there is none; ``error`` then says why.

    ``error`` also tells of an answer that says nothing of the key.
    """

    target: str
    status: int
    error: str = ""

    @property
    def refused(self) -> bool:
        """Tell whether the key was refused, rather than accepted, or not even looked at."""
        return self.status in (_REFUSED, _FORBIDDEN) and not self.error


def judge_answers(answers: t.Sequence[Answer], by: str) -> dict[str, t.Any]:
    """Return whether every address refuses, and in a sentence which does not. Pure."""
    left = [answer for answer in answers if not answer.refused]
    if not answers:
        said = "Nothing runs that could answer the key"
    elif left:
        shown = "; ".join(f"{answer.target} {_told(answer)}" for answer in left)
        said = f"It is not proven that the key is refused everywhere: {shown}"
    else:
        said = f"Refused with {answers[0].status} by all {len(answers)} addresses, tried with {by}"
    return {
        "proven": bool(answers) and not left,
        "by": by,
        "targets": [answer._asdict() for answer in answers],
        "said": said + ".",
    }


def _told(answer: Answer) -> str:
    if answer.status == _FORBIDDEN and answer.error:
        return f"answered {answer.status}, which is no refusal: {answer.error}"
    if answer.error:
        return f"did not answer ({answer.error.rstrip('.')})"
    return "accepts it" if 200 <= answer.status < 300 else f"answered {answer.status}, which is no refusal"


def unproven(key_id: str, by: str, why: str) -> dict[str, t.Any]:
    """Return, as ``judge_answers`` does, that it could not even be tried whether a key is refused. Pure."""
    said = f"It is not proven that the key is refused everywhere: {why.rstrip('.')}."
    return {"key_id": key_id, "proven": False, "by": by, "targets": [], "said": said}


class Proof:
    """Asks every replica at its own address, and the proxy. ``options``: those of ``HTTP_ARGUMENTS``."""

    def __init__(self, stack: Stack, options: t.Mapping[str, t.Any], timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._targets: dict[str, Target] = {}
        self._missing: list[Answer] = []
        every = [replica for service in stack.by_role("api") for replica in service.replicas]
        for replica in every:
            target = replica_target(replica, options) if replica.running else None
            if replica.state in _MAY_ANSWER:
                self._missing.append(Answer(replica.name, 0, f"it is {replica.state}"))
            elif replica.running and target is None:
                self._missing.append(Answer(replica.name, 0, "the host cannot reach it"))
            elif target is not None:
                self._targets[replica.name] = target
        if stack.by_role("proxy") or options.get("public_url"):
            try:
                self._targets["the proxy"] = public_target(stack, options)
            except OpsError as error:
                self._missing.append(Answer("the proxy", 0, str(error)))

    def until_refused(self, raw: str) -> list[Answer]:
        """Ask until every address refuses, or the time is over; return the last answer of each."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            answers = self.ask(raw)
            if all(answer.refused for answer in answers) or time.monotonic() >= deadline:
                return answers + self._missing
            threading.Event().wait(_PAUSE_S)

    def ask(self, raw: str) -> list[Answer]:
        """Return how each address answers a key, all asked at the same time."""
        probes = {name: functools.partial(_ask, target, raw) for name, target in self._targets.items()}
        if not probes:
            return []
        answers = []
        for name, result in sorted(run_probes(probes, 3 * _REQUEST_S).items()):
            status, error = result.value if result.value is not None else (0, str(result.error or "no answer"))
            answers.append(Answer(name, status, error))
        return self._doubted(answers)

    def _doubted(self, answers: t.Sequence[Answer]) -> list[Answer]:
        """Return the answers; a list of allowed addresses answers 403 whatever the key is, and proves nothing."""
        forbidden = [answer.target for answer in answers if answer.status == _FORBIDDEN]
        probes = {name: functools.partial(_ask, self._targets[name], "") for name in forbidden}
        without = run_probes(probes, 3 * _REQUEST_S) if probes else {}
        unseen = {name for name, result in without.items() if (result.value or (_FORBIDDEN,))[0] == _FORBIDDEN}
        return [answer._replace(error=_UNSEEN) if answer.target in unseen else answer for answer in answers]


def _ask(target: Target, raw: str) -> tuple[int, str]:
    dialled = dataclasses.replace(target, url=target.url + _PATH)
    response = fetch_here(dialled, _REQUEST_S, headers={"X-API-Key": raw} if raw else {})
    return response.status, response.error


def prove_by_probe(database: _postgres.Database, keys: KeyTable, proof: Proof, writer: KeyWriter) -> dict[str, t.Any]:
    """Prove it with another key, where the one that is meant is known by its hash alone.

    The key is made, must be accepted everywhere, is revoked in the same way, must be refused, and is removed. One that
    a killed run left behind is removed first.
    """
    raw = make_key()
    now = time.time()
    name = f"{PROBE_NAME}-{int(now)}"
    row = plan_row(keys.table, raw, name, PROBE_NAME, datetime.datetime.now(datetime.timezone.utc))
    identity = keys.table.column("id").name
    remove_leftovers(database, keys.table, PROBE_NAME, now - _PROBE_OLD_S)
    database.insert(keys.table.name, row)
    database.commit()
    try:
        before = {answer.target for answer in proof.ask(raw) if not 200 <= answer.status < 300}
        writer.revoke(str(row[identity]))
        database.commit()
        answers = [
            Answer(answer.target, 0, "it did not accept a good key either") if answer.target in before else answer
            for answer in proof.until_refused(raw)
        ]
    finally:
        # After a statement that failed nothing else is heard until this.
        database.rollback()
        database.delete(keys.table.name, identity, row[identity])
        database.commit()
    return judge_answers(answers, BY_PROBE)
