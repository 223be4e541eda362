# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module, the action group and the documentation fragments belong together."""

from __future__ import annotations

import pytest
import yaml
from house import DOCUMENTED, MODULES, PLUGINS, ROOT, constant, load_yaml

NAMES = {path.stem for path in MODULES}
RUNTIME = load_yaml(ROOT / "meta" / "runtime.yml")


def fragments_of(path):
    documentation = yaml.safe_load(constant(path, "DOCUMENTATION").value)
    return set(documentation.get("extends_documentation_fragment", []))


def test_there_are_modules():
    assert MODULES


def test_the_action_group_holds_every_module_and_nothing_else():
    assert RUNTIME["action_groups"] == {"ops": sorted(NAMES)}


@pytest.mark.parametrize("path", DOCUMENTED, ids=lambda path: path.stem)
def test_a_module_says_how_it_behaves_by_the_common_fragment(path):
    assert "rendiff.ops.attributes" in fragments_of(path)


@pytest.mark.parametrize("path", DOCUMENTED, ids=lambda path: path.stem)
def test_a_module_documents_itself_under_its_own_name(path):
    assert yaml.safe_load(constant(path, "DOCUMENTATION").value)["module"] == path.stem


def test_every_fragment_of_ours_is_used_and_every_used_one_exists():
    used = {name for path in DOCUMENTED for name in fragments_of(path) if name.startswith("rendiff.ops.")}
    existing = {f"rendiff.ops.{path.stem}" for path in (PLUGINS / "doc_fragments").glob("*.py")}
    assert {".".join(name.split(".")[:3]) for name in used} == existing


def test_the_common_fragment_names_the_group():
    assert "- rendiff.ops.ops\n" in (PLUGINS / "doc_fragments" / "attributes.py").read_text(encoding="utf-8")
