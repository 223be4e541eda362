# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: make, revoke and rotate API keys, each change in one transaction."""

from __future__ import annotations

import datetime
import time
import typing as t

from . import _postgres
from ._api_key import PREFIX_LENGTH, hash_key, plan_row
from ._argspec import ArgumentSpec
from ._credentials import POSTGRES_ARGUMENTS, resolve_postgres
from ._docker import DockerClient, RunCommand
from ._errors import OpsError
from ._key_jobs import KeyJobs
from ._key_plan import KeyPlan, Step, made_id, plan_revoke, plan_rotate, require_name
from ._key_proof import BY_KEY, BY_PROBE, Proof, judge_answers, prove_by_probe, unproven
from ._key_watch import plan_watch, read_watches, write_watches
from ._key_write import KeyWriter
from ._keys import ACTIVE, REVOKED, SELECT_ARGUMENTS, Key, KeyTable, find_keys, moment
from ._plan import Action, Plan
from ._revocations import add_revocations, read_revocations
from ._routes import HTTP_ARGUMENTS
from ._schema import introspect, require
from ._stack import STACK_ARGUMENTS, Stack, discover
from ._state import STATE_ARGUMENTS

STATES = ("present", "revoked", "rotated", "watched")
_ACTS = {
    "present": "make an API key",
    "revoked": "revoke the API key",
    "rotated": "rotate the API key",
    "watched": "watch the API key",
}
_HASH_DIGITS = 64

KEY_ARGUMENTS = ArgumentSpec(
    {
        "state": {"type": "str", "required": True, "choices": list(STATES)},
        "name": {"type": "str"},
        "owner": {"type": "str"},
        "concurrent_jobs": {"type": "int", "default": 2},
        "monthly_minutes": {"type": "int", "default": 60},
        "rotation": {"type": "str", "default": ""},
        "grace_s": {"type": "int"},
        "own_raw_jobs": {"type": "bool", "default": False},
        "own_open_jobs": {"type": "bool", "default": True},
        "only_after": {"type": "str"},
        "watch_s": {"type": "int", "default": 604_800},
        "prove_s": {"type": "int", "default": 0},
        "why": {"type": "str", "default": ""},
        "incident": {"type": "str", "default": ""},
        "postgres_timeout_s": {"type": "int", "default": 30},
        # The action plugin's: it makes the keys on the controller, and only their hashes come here.
        "key_path": {"type": "path", "no_log": False},
        "dest": {"type": "path"},
        "encrypt": {"type": "bool", "default": False},
        "new_keys": {"type": "dict", "default": {}, "no_log": False},
        "new_raw_keys": {"type": "dict", "default": {}, "no_log": True},
        "raw_key": {"type": "str", "default": "", "no_log": True},
        "raw_prefix": {"type": "str", "default": ""},
    },
    required_if=[("state", "present", ["name"]), ("state", "rotated", ["grace_s"])],
).merge(SELECT_ARGUMENTS, STACK_ARGUMENTS, POSTGRES_ARGUMENTS, STATE_ARGUMENTS, HTTP_ARGUMENTS)


class KeyChange:
    """One change of keys. ``options`` are those of ``KEY_ARGUMENTS``."""

    def __init__(self, database: _postgres.Database, options: t.Mapping[str, t.Any], project: str = "") -> None:
        self._database = database
        self._project = project
        self._options = options
        self._state: str = options["state"]
        self._act = _ACTS[self._state]
        tables = introspect(database.query)
        self._keys = KeyTable(require(tables, "api_keys"))
        self._writer = KeyWriter(database, self._keys)
        self._jobs = KeyJobs(database, tables.get("jobs"))
        self._now = time.time()
        self._refused: list[Key] = []
        self._check_options()

    def _check_options(self) -> None:
        options = self._options
        for name in ("grace_s", "watch_s", "prove_s"):
            if (options[name] or 0) < 0:
                raise OpsError(self._act, f"{name} is {options[name]}, below 0")
        if self._state == "present":
            require_name(self._act, options["name"])
        if self._state == "rotated" and options["user_id"] and not options["rotation"]:
            cause = "a second run could not tell the keys that it made from those that it should rotate"
            raise OpsError(self._act, cause, "Pass rotation: a name for this rotation, such as that of the incident")
        for identity, new in options["new_keys"].items():
            if len(str(new.get("hash", ""))) != _HASH_DIGITS or not isinstance(new.get("prefix"), str):
                raise OpsError(self._act, f"new_keys has no hash and prefix for {identity}")

    def run(self, check_mode: bool) -> dict[str, t.Any]:
        """Carry it out, or only plan it; return the module's result."""
        if self._state == "present":
            return self._make(check_mode)
        found = find_keys(self._database, self._keys, self._options, self._act, lock=True)
        if self._state == "watched":
            return self._watch(found, check_mode)
        after = self._options["only_after"]
        if after and not self._is_active(after):
            # A rotation that was killed before it made the successor: the key is all that its user has.
            found = []
        plan = self._plan(found)
        self._refused = [step.key for step in plan.steps if plan.plan.after[step.key.id] == REVOKED]
        missing = [identity for identity in plan.needed if identity not in self._options["new_keys"]]
        jobs: dict[str, dict[str, int]] = {}
        noted = 0
        if not check_mode:
            if missing:
                raise OpsError(self._act, f"no new key was made for {missing[0]}", "Run it by its action plugin")
            jobs = {step.key.id: self._apply(step) for step in plan.steps}
            self._database.commit()
            # A run that is killed before this is followed by one that finds the key revoked, and notes it.
            noted = add_revocations(self._options["state_dir"], self._entries(plan))
        else:
            known = {entry["key_hash"] for entry in read_revocations(self._options["state_dir"])}
            noted = len({entry["key_hash"] for entry in self._entries(plan)} - known)
        self._database.rollback()
        moved = sum(count["jobs_owned"] for count in jobs.values())
        return self._result(
            plan.plan, [self._describe(step, jobs.get(step.key.id)) for step in plan.steps], plan.needed
        ) | {
            "changed": plan.plan.changed or noted > 0 or moved > 0,
        }

    def prove(self, proof: Proof) -> list[dict[str, t.Any]]:
        """Return for each key that is revoked now whether every api replica refuses it. After ``run``."""
        raws = self._jobs.owners()
        given = self._options["raw_key"]
        if given:
            raws[hash_key(given)] = given
        # An attempt of ours must not be taken for one of somebody who has it.
        watched = {watch.key_id for watch in read_watches(self._options["state_dir"])}
        refusals = []
        unknown = []
        for key in self._refused:
            raw = raws.get(key.hash.lower()) if key.id not in watched else None
            if raw is None:
                unknown.append(key)
            else:
                refusals.append({"key_id": key.id, **judge_answers(proof.until_refused(raw), BY_KEY)})
        if unknown:
            try:
                shared = prove_by_probe(self._database, self._keys, proof, self._writer)
            except OpsError as error:
                shared = unproven("", BY_PROBE, str(error))
            refusals += [{**shared, "key_id": key.id} for key in unknown]
        return refusals

    def try_to_prove(self, stack: Stack, timeout_s: float) -> list[dict[str, t.Any]]:
        """Return what ``prove`` does. What was done is done: where that cannot be told, this is said, and no error."""
        try:
            return self.prove(Proof(stack, self._options, timeout_s))
        except OpsError as error:
            self._database.rollback()
            return [unproven(key.id, BY_KEY, str(error)) for key in self._refused]

    def _watch(self, found: t.Sequence[Key], check_mode: bool) -> dict[str, t.Any]:
        options = self._options
        watches = read_watches(options["state_dir"])
        raws = self._jobs.owners()
        # Where the site keeps no prefixes, a key that stands in its jobs, or was given, tells it.
        shown = [key._replace(prefix=key.prefix or options["raw_prefix"] or raws.get(key.hash, "")) for key in found]
        shown = [key._replace(prefix=key.prefix[:PREFIX_LENGTH]) for key in shown]
        plan, kept = plan_watch(shown, watches, options["watch_s"], self._now, self._project, options["incident"])
        if plan.changed and not check_mode:
            write_watches(options["state_dir"], kept)
        self._database.rollback()
        return self._result(plan, [key.describe(self._now) for key in found], [])

    def _plan(self, found: t.Sequence[Key]) -> KeyPlan:
        if self._state == "revoked":
            return plan_revoke(found, self._now)
        options = self._options
        return plan_rotate(
            found,
            self._existing(),
            options["rotation"],
            self._now,
            grace=options["grace_s"] > 0,
            all_of_user=bool(options["user_id"]),
        )

    def _is_active(self, identity: str) -> bool:
        return any(key.state(self._now) == ACTIVE for key in self._by_id(identity))

    def _existing(self) -> set[str]:
        sql = _postgres.sql
        statement = sql.SQL("SELECT lower({}::text) FROM {} AS k").format(self._keys.column("id"), self._keys.name)
        return {str(row[0]) for row in self._database.query(statement)}

    def _apply(self, step: Step) -> dict[str, int]:
        if step.make:
            self._writer.follow(step.key, step.successor, self._options["new_keys"][step.successor])
        if step.revoke:
            self._writer.revoke(step.key.id)
        if not step.successor:
            return {"jobs_owned": 0, "jobs_left": 0}
        new = self._options["new_keys"].get(step.successor)
        digest = str(new["hash"]) if new else self._by_id(step.successor)[0].hash
        raw = str(self._options["new_raw_keys"].get(step.successor) or "") if self._options["own_raw_jobs"] else ""
        every = bool(self._options["own_open_jobs"])
        return self._jobs.hand_over(step.key, step.successor, digest, raw, open_too=every)

    def _by_id(self, identity: str, *, lock: bool = False) -> list[Key]:
        condition = _postgres.sql.SQL("lower({}::text) = lower(%s)").format(self._keys.column("id"))
        return self._keys.read(self._database, condition, [identity], lock=lock)

    def _make(self, check_mode: bool) -> dict[str, t.Any]:
        options = self._options
        owner = options["owner"] or ""
        identity = made_id(owner, options["name"])
        found = self._by_id(identity, lock=True)
        if found and found[0].state(self._now) != ACTIVE:
            cause = f"'{options['name']}' was made before and is {found[0].state(self._now)}"
            raise OpsError(self._act, cause, "Pass another name")
        actions = () if found else (Action(identity, "is made"),)
        plan = Plan({} if actions else {identity: ACTIVE}, {identity: ACTIVE}, actions)
        if actions and not check_mode:
            if identity not in options["new_keys"]:
                raise OpsError(self._act, f"no new key was made for {identity}", "Run it by its action plugin")
            self._database.insert(self._keys.table.name, self._row(identity, owner))
            self._database.commit()
        described = {"id": identity, "name": options["name"], "user_id": owner, "was": ACTIVE if found else "absent"}
        return self._result(plan, [{**described, "state": ACTIVE}], [] if found else [identity])

    def _row(self, identity: str, owner: str) -> dict[str, t.Any]:
        options, table = self._options, self._keys.table
        new = options["new_keys"][identity]
        now = datetime.datetime.now(datetime.timezone.utc)
        row = plan_row(table, "", options["name"], owner, now)
        told = {
            "id": identity,
            "hash": str(new["hash"]),
            "prefix": str(new["prefix"]),
            "concurrent_jobs": options["concurrent_jobs"],
            "monthly_minutes": options["monthly_minutes"],
            "description": "Made by rendiff.ops",
        }
        return {**row, **{table.column(name).name: value for name, value in told.items() if table.has(name)}}

    def _entries(self, plan: KeyPlan) -> list[dict[str, t.Any]]:
        return [
            {
                "revoked_at": moment(self._now),
                "key_id": step.key.id,
                "key_hash": step.key.hash,
                "prefix": step.key.prefix,
                "name": step.key.name,
                "user_id": step.key.user_id,
                "successor_id": step.successor or None,
                "why": self._options["why"],
                "incident": self._options["incident"],
            }
            for step in plan.steps
            if step.revoke or not step.key.is_active
        ]

    def _describe(self, step: Step, jobs: t.Mapping[str, int] | None) -> dict[str, t.Any]:
        was = step.key.state(self._now)
        return {
            **step.key.describe(self._now),
            "was": was,
            "state": "revoked" if step.revoke else was,
            "successor_id": step.successor or None,
            **(jobs or {}),
        }

    def _result(self, plan: Plan, keys: t.Sequence[t.Mapping[str, t.Any]], needed: t.Sequence[str]) -> dict[str, t.Any]:
        return {
            "changed": plan.changed,
            "plan_id": plan.plan_id,
            "plan": [f"{action.target}: {action.transition}" for action in sorted(plan.actions)],
            "diff": plan.diff(),
            "api_keys": [dict(key) for key in keys],
            "needed": list(needed),
        }


def change(options: t.Mapping[str, t.Any], run_command: RunCommand, check_mode: bool) -> dict[str, t.Any]:
    """Find the database and change its keys."""
    client = DockerClient(options["docker_host"], options["docker_timeout_s"])
    stack = discover(client, run_command, options["project"], options["service_roles"])
    login = resolve_postgres(stack, options, lambda replica, path: client.read_file(replica.id, path))
    with _postgres.connect(login, float(options["postgres_timeout_s"]), read_only=False) as database:
        keys = KeyChange(database, options, stack.project)
        result = {**keys.run(check_mode), "project": stack.project, "refusals": []}
        if options["prove_s"] and not check_mode:
            result["refusals"] = keys.try_to_prove(stack, float(options["prove_s"]))
        return result
