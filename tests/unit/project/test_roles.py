# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""An action of a role, its argument spec and its defaults say the same; names carry the role's prefix."""

from __future__ import annotations

import re

import pytest
from house import PLAYBOOKS, ROLES, ROOT, SHARED_VARIABLES, load_yaml, mappings, role

each_role = pytest.mark.parametrize("house", [role(path) for path in ROLES], ids=lambda house: house.name)
PREFIXES = tuple(f"{path.name}_" for path in ROLES)


def test_there_are_roles():
    assert ROLES


@each_role
def test_every_public_tasks_file_has_a_spec_and_the_reverse(house):
    assert set(house.specs) == house.actions


@each_role
def test_every_default_is_in_a_spec(house):
    specified = {name for options in house.specs.values() for name in options}
    assert set(house.defaults) <= specified


@each_role
def test_defaults_of_specs_and_defaults_of_the_role_are_equal(house):
    # Ansible checks against the spec but never applies its defaults, so a difference is a lie in the documentation.
    for action, options in house.specs.items():
        for name, option in options.items():
            assert ("default" in option) == (name in house.defaults), f"{action}: {name}"
            assert option.get("default") == house.defaults.get(name), f"{action}: {name}"


@each_role
def test_every_option_of_a_spec_has_a_type_and_a_description(house):
    for action, options in house.specs.items():
        for name, option in options.items():
            assert {"type", "description"} <= set(option), f"{action}: {name}"


def variables_set_by(task):
    """Return the variables a task makes, and those among them that others may read."""
    made = set()
    if isinstance(task.get("register"), str):
        made.add(task["register"])
    for module in ("ansible.builtin.set_fact", "set_fact"):
        facts = task.get(module) or {}
        if module in task and "args" in task:
            # The one place that takes names from data: the filter lets only variables of the undoing role through.
            assert task["args"] == "{{ __incident_entry | rendiff.ops.undo_variables }}"
        made.update(set(facts) - {"cacheable"})
    control = task.get("loop_control") or {}
    made.update(control[key] for key in ("loop_var", "index_var") if key in control)
    return made


def variables_handed_on_by(task):
    """Return the variables of `vars`, and the role they are meant for if it is another."""
    include = task.get("ansible.builtin.include_role") or task.get("ansible.builtin.import_role") or {}
    return set(task.get("vars") or {}), include.get("name", "").rpartition(".")[2]


@each_role
def test_every_variable_of_a_role_carries_its_prefix(house):
    public, private = f"{house.name}_", f"__{house.name}_"
    options = {name for entry in house.specs.values() for name in entry}
    assert not [name for name in options - SHARED_VARIABLES if not name.startswith(public)]
    assert not [name for name in house.defaults if not name.startswith(public)]
    assert not [name for name in house.constants if not name.startswith(private)]
    for path in house.files:
        for task in mappings(load_yaml(path)):
            assert not [name for name in variables_set_by(task) if not name.startswith((public, private))], path
            handed_on, other = variables_handed_on_by(task)
            allowed = (public, private, f"{other}_") if other else (public, private)
            assert not [name for name in handed_on - SHARED_VARIABLES if not name.startswith(allowed)], path


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_variable_of_a_playbook_belongs_to_a_role_or_to_the_playbook(path):
    for task in mappings(load_yaml(path)):
        names = variables_set_by(task) | variables_handed_on_by(task)[0]
        assert not [name for name in names - SHARED_VARIABLES if not name.startswith((*PREFIXES, "__", "ansible_"))]


def test_no_suffix_in_tasks_from():
    # With the suffix Ansible runs the same tasks and validates nothing.
    suffixed = re.compile(r"tasks_from:\s*[\"']?[^\s\"']+\.ya?ml")
    folders = ("roles", "playbooks", "extensions", "tests", "docs", "inventories")
    found = [
        str(path.relative_to(ROOT))
        for folder in folders
        for kind in ("*.yml", "*.md", "*.rst")
        for path in (ROOT / folder).rglob(kind)
        if suffixed.search(path.read_text(encoding="utf-8"))
    ]
    assert not found
