# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/coverage.yml misses no command and no danger of the runbook, and names only what exists."""

from __future__ import annotations

import ast

import pytest
from house import ROOT, load_yaml, parse

COVERAGE = load_yaml(ROOT / "docs" / "coverage.yml")
ROWS = COVERAGE["commands"] + COVERAGE["hazards"]
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["id"]))


def procedure_exists(name):
    """Tell whether a playbook, role:action or module of that name is here."""
    role, colon, action = name.partition(":")
    if colon:
        return (ROOT / "roles" / role / "tasks" / f"{action}.yml").is_file()
    return any((ROOT / place).is_file() for place in (f"playbooks/{name}.yml", f"plugins/modules/{name}.py"))


def is_test(test):
    """Tell whether a test of that id is here."""
    scenario = test.removeprefix("molecule:")
    if scenario != test:
        return (ROOT / "extensions" / "molecule" / scenario / "molecule.yml").is_file()
    file, separator, name = test.partition("::")
    path = ROOT / file
    if not (separator and file.startswith("tests/") and path.is_file()):
        return False
    functions = {node.name for node in ast.walk(parse(path)) if isinstance(node, ast.FunctionDef)}
    function = name.rpartition("::")[2].partition("[")[0]
    return function.startswith("test_") and function in functions


def test_every_command_has_a_row():
    expected = [f"{chapter}-{n}" for chapter, count in COVERAGE["chapters"].items() for n in range(1, count + 1)]
    assert [row["id"] for row in COVERAGE["commands"]] == expected
    assert all(row["command"] for row in COVERAGE["commands"])


def test_every_hazard_has_a_row():
    assert [row["id"] for row in COVERAGE["hazards"]] == list(range(1, 90))
    assert all(row["danger"] for row in COVERAGE["hazards"])


@each_row
def test_a_row_is_shown_by_tests_or_planned(row):
    shown = bool(row.get("procedure")) and bool(row.get("tests"))
    assert shown != (row.get("status") == "planned")
    assert set(row) <= {"id", "command", "danger", "procedure", "tests", "status"}


@each_row
def test_what_a_row_names_exists(row):
    assert "procedure" not in row or procedure_exists(row["procedure"]), row["procedure"]
    assert [test for test in row.get("tests", []) if not is_test(test)] == []


@pytest.mark.parametrize(
    "name",
    [
        "molecule:no_such_scenario",
        "molecule",
        "tests/unit/project/test_coverage.py",
        "tests/unit/project/test_coverage.py::test_nothing_of_that_name",
        "tests/unit/project/test_coverage.py::procedure_exists",
        "tests/unit/project/no_such_file.py::test_every_command_has_a_row",
    ],
)
def test_an_invented_test_is_found_out(name):
    assert not is_test(name)


def test_a_real_test_is_recognised():
    assert is_test("tests/unit/project/test_coverage.py::test_every_command_has_a_row")


def test_an_invented_procedure_is_found_out():
    assert not any(map(procedure_exists, ("no_such_playbook", "no_such_role:main", "")))
