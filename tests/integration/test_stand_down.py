# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""stand_down where a run was killed, where two run at once, and where a host is gone; on real workers and queues."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
import uuid

import pytest
from conftest import ROOT, Module, Sandbox

NAME = "maintenance.set_consumers.low"


class Ledger:
    """The ledger of this host, as far as one incident goes."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.incident = f"test-{uuid.uuid4()}"
        self.write = Module("rendiff_mitigation")
        self.read = Module("rendiff_mitigation_info", incident=self.incident, include_undone=True)
        self.queue = Module("rendiff_queue", project=sandbox.project, queue="low")

    def plan(self, project: str = "") -> None:
        """Write down that the workers of queue 'low' are paused, and how that is undone."""
        written = self.write(
            name=NAME,
            what="Nobody takes jobs of queue 'low'",
            before={"consumed": True},
            after={"consumed": False},
            undo_role="maintenance",
            undo_action="set_consumers",
            undo_variables={
                "maintenance_queue": "low",
                "maintenance_consume": True,
                "maintenance_temporary": False,
            },
            incident=self.incident,
            project=project,
        )
        assert not written.failed, written.output

    def status(self) -> str:
        """Return what became of the entry."""
        (entry,) = self.read().result["mitigations"]
        return str(entry["status"])

    def consumers(self) -> int:
        """Return how many workers take jobs of the queue."""
        looked = Module("rendiff_queue_info", project=self.sandbox.project)().result
        return len(looked["queues"]["queues"]["low"]["consumers"])

    def stand_down(self, *hosts: str, project: str | None = None) -> subprocess.Popen[str]:
        """Start the playbook, for this project unless another is named; for an empty name, for none in particular."""
        inventory = ",".join(["target", *hosts]) + ","
        argv = ["ansible-playbook", "-i", inventory, "-e", "rendiff_hosts=all", "rendiff.ops.stand_down", "-e"]
        named = self.sandbox.project if project is None else project
        settings = {"incident_id": self.incident, **({"rendiff_project": named} if named else {})}
        argv += [json.dumps({**settings, "ansible_python_interpreter": sys.executable})]
        # The host that is gone is reached by ssh, this one is here.
        variables = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_SSH_TIMEOUT": "3"}
        if not hosts:
            argv += ["-c", "local"]
        else:
            argv += ["-e", "ansible_connection={{ 'local' if inventory_hostname == 'target' else 'ssh' }}"]
        return subprocess.Popen(
            argv, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


@pytest.fixture(name="ledger")
def fixture_ledger(one: Sandbox) -> t.Iterator[Ledger]:
    """Return a ledger with one entry, and leave neither it nor the change."""
    ledger = Ledger(one)
    ledger.plan()
    yield ledger
    ledger.queue(state="consumed")
    ledger.write(name=NAME, state="undone")
    ledger.write(name=NAME, state="absent")


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said = process.communicate(timeout=120)[0]
    return process.returncode, said


def test_a_run_that_was_killed_between_the_change_and_its_proof_is_undone(ledger: Ledger) -> None:
    assert ledger.queue(state="paused").result["changed"] and ledger.status() == "planned"
    assert ledger.consumers() == 0
    status, said = ended(ledger.stand_down())
    assert status == 0, said
    assert ledger.status() == "undone" and ledger.consumers() == 1
    status, said = ended(ledger.stand_down())
    assert status == 0 and "changed=0" in said, said


def test_two_at_once_undo_it_once_and_neither_leaves_it_open(ledger: Ledger) -> None:
    ledger.queue(state="paused")
    ledger.write(name=NAME, state="applied")
    results = [ended(process) for process in [ledger.stand_down() for _index in range(2)]]
    # One may be told that the other is at work.
    assert 0 in [status for status, _said in results], results
    assert all(status == 0 or "is at work since" in said for status, said in results), results
    assert ledger.status() == "undone" and ledger.consumers() == 1


def test_a_host_that_is_gone_is_told_and_keeps_no_other_from_standing_down(ledger: Ledger) -> None:
    ledger.queue(state="paused")
    ledger.write(name=NAME, state="applied")
    # 192.0.2.0/24 is for documentation: nobody is there.
    status, said = ended(ledger.stand_down("192.0.2.7"))
    assert status != 0 and "192.0.2.7" in said and "unreachable=1" in said, said
    assert ledger.status() == "undone" and ledger.consumers() == 1


def test_an_undo_works_on_the_project_that_was_changed_and_on_no_other() -> None:
    ledger, other = Ledger(Sandbox("rb")), Sandbox("main")
    ledger.plan(ledger.sandbox.project)
    try:
        assert ledger.queue(state="paused").result["changed"]
        status, said = ended(ledger.stand_down(project=other.project))
        assert status == 0 and "there is nothing to undo" in said, said
        assert ledger.status() == "planned" and ledger.consumers() == 0
        # Two projects look like the service here, and the entry says which of them is meant.
        status, said = ended(ledger.stand_down(project=""))
        assert status == 0 and ledger.status() == "undone" and ledger.consumers() == 1, said
    finally:
        ledger.queue(state="consumed")
        ledger.write(name=NAME, state="undone")
        ledger.write(name=NAME, state="absent")
