# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""An option that carries a secret is hidden by `no_log`, and is a string: another type's error would show its value."""

from __future__ import annotations

import importlib
import re

import pytest
import yaml
from house import DOCUMENTED, MODULES, ROLES, constant, role

SECRET = re.compile(
    r"passw(or)?d|passphrase|secret|token|key_material|(^|_)(api|access|private|encryption|integration)_key"
)
# Words at the end that make it a thing about the secret.
ABOUT = re.compile(r"_(file|path|dir|prefix|name|id|ids|hash|hashes|count|length|s|days)$")


def looks_secret(name, option):
    # A switch holds no secret whatever it is called.
    return bool(SECRET.search(name)) and not ABOUT.search(name) and option.get("type") != "bool"


def exposed(options, path=""):
    """Return the secret-looking options, at any depth, that are not hidden strings."""
    found = []
    for name, option in options.items():
        if looks_secret(name, option) and not (option.get("no_log") is True and option.get("type") == "str"):
            found.append(f"{path}{name}")
        found += exposed(option.get("options") or {}, f"{path}{name}.")
    return found


class SpecSeenError(Exception):
    """Ends a module's main() where it would have begun."""


def spec_of(name, monkeypatch):
    """Return the argument spec that a module really hands over."""
    module = importlib.import_module(f"ansible_collections.rendiff.ops.plugins.modules.{name}")
    seen = {}

    def capture(**arguments):
        seen.update(arguments["argument_spec"])
        raise SpecSeenError

    monkeypatch.setattr(module, "AnsibleModule", capture)
    with pytest.raises(SpecSeenError):
        module.main()
    return seen


@pytest.mark.parametrize("name", [path.stem for path in MODULES])
def test_secrets_of_a_module_are_hidden_strings(name, monkeypatch):
    spec = spec_of(name, monkeypatch)
    assert spec
    assert not exposed(spec)


@pytest.mark.parametrize("path", [path for path in DOCUMENTED if path not in MODULES], ids=lambda path: path.stem)
def test_an_action_plugin_takes_no_secrets(path):
    options = yaml.safe_load(constant(path, "DOCUMENTATION").value)["options"]
    assert not [name for name, option in options.items() if looks_secret(name, option)]


@pytest.mark.parametrize("house", [role(path) for path in ROLES], ids=lambda house: house.name)
def test_secrets_of_a_role_are_hidden_strings(house):
    for action, options in house.specs.items():
        assert not exposed(options), action


@pytest.mark.parametrize(
    ("name", "option", "secret"),
    [
        ("login_password", {"type": "str"}, True),
        ("smoke_test_api_key", {"type": "str"}, True),
        ("api_key_file", {"type": "path"}, False),
        ("key_prefix", {"type": "str"}, False),
        ("rotate_secrets", {"type": "bool"}, False),
        ("webhook_token", {"type": "dict"}, True),
    ],
)
def test_what_looks_like_a_secret(name, option, secret):
    assert looks_secret(name, option) is secret
