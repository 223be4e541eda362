# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rules are checked on: the files of this checkout, read once."""

from __future__ import annotations

import ast
import dataclasses
import functools
import sys
import typing as t
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "plugins"
# An action plugin that works on the controller has its documentation, and nothing else, in a module of its name.
DOCUMENTED = sorted((PLUGINS / "modules").glob("*.py"))
MODULES = [path for path in DOCUMENTED if "def main()" in path.read_text(encoding="utf-8")]
MODULE_UTILS = sorted((PLUGINS / "module_utils").glob("*.py"))
ROLES = sorted(path for path in (ROOT / "roles").glob("*") if path.is_dir())
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))

# The only variables that belong to no role.
SHARED_VARIABLES = {"rendiff_hosts", "rendiff_project", "rendiff_artifacts_dir", "rendiff_plan"}


class _AnyTag(yaml.SafeLoader):
    """Reads `!vault` and `!unsafe` as what they stand on."""


def _plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> t.Any:
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_AnyTag.add_multi_constructor("!", _plain)


def load_yaml(path: Path) -> t.Any:
    """Return what a YAML file holds, None for a missing or empty one."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_AnyTag) if path.exists() else None


@functools.cache
def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file, which must be valid for the oldest managed Python."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 9))


def constant(path: Path, name: str) -> ast.Constant:
    """Return the literal that a Python file assigns to a name at its top level."""
    for node in parse(path).body:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)):
            continue
        if any(isinstance(target, ast.Name) and target.id == name for target in node.targets):
            return node.value
    raise AssertionError(f"{path.relative_to(ROOT)} assigns no literal to {name}")


def imports(path: Path) -> set[str]:
    """Return the dotted names a Python file imports, wherever in it; of a relative import also `plugins`."""
    found: set[str] = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = [*(["plugins"] if node.level == 2 else []), *([node.module] if node.module else [])]
            found.update(".".join([*source, alias.name]) for alias in node.names)
    return found


@dataclasses.dataclass(frozen=True)
class Role:
    """The parts of a role that the rules compare."""

    name: str
    defaults: dict[str, t.Any]
    constants: dict[str, t.Any]
    specs: dict[str, dict[str, t.Any]]
    actions: set[str]
    files: tuple[Path, ...]


def role(path: Path) -> Role:
    """Read a role."""
    specs = (load_yaml(path / "meta" / "argument_specs.yml") or {}).get("argument_specs", {})
    return Role(
        name=path.name,
        defaults=load_yaml(path / "defaults" / "main.yml") or {},
        constants=load_yaml(path / "vars" / "main.yml") or {},
        specs={action: spec.get("options") or {} for action, spec in specs.items()},
        actions={file.stem for file in (path / "tasks").glob("*.yml") if not file.stem.startswith("_")},
        files=tuple(sorted([*(path / "tasks").rglob("*.yml"), *(path / "handlers").rglob("*.yml")])),
    )


def mappings(data: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """Yield every mapping in parsed YAML, at any depth."""
    if isinstance(data, dict):
        yield data
        for value in data.values():
            yield from mappings(value)
    elif isinstance(data, list):
        for value in data:
            yield from mappings(value)


# The link made by `make` gives this checkout its name, so that plugins can be imported here as Ansible does it.
COLLECTIONS = ROOT / ".ansible" / "collections"
if str(COLLECTIONS) not in sys.path:
    sys.path.insert(0, str(COLLECTIONS))
