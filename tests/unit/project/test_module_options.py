# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks pass only options that their module has.

ansible-lint checks this too, but not for what runs as an action plugin: copy, template, assert, command and our own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from house import ROOT, load_yaml, mappings

FOLDERS = ("roles/*/tasks", "roles/*/handlers", "playbooks", "extensions/molecule/*", "tests/ee")
FILES = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/*.yml") if path.name != "molecule.yml")
MODULE = re.compile(r"^[a-z_]+\.[a-z_]+\.[a-z0-9_]+$")
# Their options are the names of the variables they set.
ANY_OPTION = {"ansible.builtin.set_fact", "ansible.builtin.add_host"}


def module_calls(path):
    """Yield each module a file calls, with the names of the options given to it."""
    for task in mappings(load_yaml(path)):
        for module, options in task.items():
            if isinstance(module, str) and MODULE.match(module) and module not in ANY_OPTION:
                beside = task.get("args") or {}
                yield module, {*(options if isinstance(options, dict) else {}), *beside}


@pytest.fixture(scope="module")
def known_options():
    """Return the options and their aliases of every module called anywhere here."""
    modules = {module for path in FILES for module, _options in module_calls(path)} - {
        "ansible.builtin.import_playbook"
    }
    program = Path(sys.executable).with_name("ansible-doc")
    listed = subprocess.run(
        [str(program), "--json", "--type", "module", *sorted(modules)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return {
        module: {
            alias
            for name, option in (documented["doc"].get("options") or {}).items()
            for alias in (name, *option.get("aliases", []))
        }
        for module, documented in json.loads(listed.stdout).items()
    } | {"ansible.builtin.import_playbook": set()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_tasks_pass_only_options_their_module_has(path, known_options):
    wrong = [
        f"{module}: {option}"
        for module, options in module_calls(path)
        for option in sorted(options - known_options[module])
    ]
    assert not wrong
