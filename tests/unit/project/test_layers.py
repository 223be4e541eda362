# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arrows only point right: playbook, role, module, pure core, driver."""

from __future__ import annotations

import ast

import pytest
from house import MODULE_UTILS, MODULES, PLUGINS, constant, imports, parse

EVERY_PLUGIN = sorted(PLUGINS.rglob("*.py"))
# What only one file may import.
OWNERS = {"psycopg2": "_postgres.py", "redis": "_redis.py"}
by_name = pytest.mark.parametrize("path", EVERY_PLUGIN, ids=lambda path: str(path.relative_to(PLUGINS)))
each_util = pytest.mark.parametrize("path", MODULE_UTILS, ids=lambda path: path.stem)
each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)


def names_used(path):
    """Return every name and attribute in a file."""
    tree = parse(path)
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }


@pytest.mark.parametrize(("library", "owner"), OWNERS.items())
def test_a_driver_is_imported_where_it_belongs_and_only_there(library, owner):
    importers = {path.name for path in EVERY_PLUGIN if library in {name.split(".")[0] for name in imports(path)}}
    assert importers == {owner}


@by_name
def test_nothing_starts_a_process_but_by_the_modules_run_command(path):
    assert "subprocess" not in {name.split(".")[0] for name in imports(path)}


@by_name
def test_nothing_needs_celery_on_the_host(path):
    assert not [name for name in imports(path) if name.split(".")[0] in ("celery", "kombu")]


@by_name
def test_only_the_docker_file_opens_local_sockets_or_runs_commands(path):
    assert path.name == "_docker.py" or not names_used(path) & {"AF_UNIX", "system", "popen"}


@each_util
def test_the_core_is_private(path):
    assert path.name.startswith("_")


@each_util
def test_the_core_knows_no_module(path):
    assert not names_used(path) & {"AnsibleModule", "fail_json", "exit_json", "environ", "getenv"}
    assert not [name for name in imports(path) if "AnsibleModule" in name]


@each_util
def test_the_core_imports_nothing_to_its_left(path):
    left = ("modules", "action", "filter", "callback", "doc_fragments")
    assert not [name for name in imports(path) if any(f"plugins.{layer}." in f"{name}." for layer in left)]


@each_module
def test_a_module_imports_only_the_core_of_this_collection(path):
    ours = [name for name in imports(path) if name.startswith("ansible_collections.rendiff.ops.")]
    core = "ansible_collections.rendiff.ops.plugins.module_utils._"
    assert ours
    assert not [name for name in ours if not name.startswith(core)]


@each_module
def test_a_module_is_thin(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines - constant(path, "RETURN").end_lineno <= 60


@each_util
def test_a_file_of_the_core_is_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
