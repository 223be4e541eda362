# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._argspec import ArgumentSpec


def test_merge_keeps_options_and_rules_of_all():
    merged = ArgumentSpec({"a": {"type": "str"}}, required_together=[["a", "b"]]).merge(
        ArgumentSpec({"b": {"type": "int"}}, required_if=[["a", "x", ["b"]]], required_by={"b": ["a"]})
    )
    kwargs = merged.to_kwargs()
    assert kwargs["argument_spec"] == {"a": {"type": "str"}, "b": {"type": "int"}}
    assert kwargs["required_together"] == [["a", "b"]]
    assert kwargs["required_if"] == [["a", "x", ["b"]]]
    assert kwargs["required_by"] == {"b": ["a"]}


def test_merge_refuses_an_option_defined_twice():
    with pytest.raises(ValueError, match="defined twice: a"):
        ArgumentSpec({"a": {}}).merge(ArgumentSpec({"a": {}}))


def test_merge_leaves_the_original_alone():
    base = ArgumentSpec({"a": {}})
    base.merge(ArgumentSpec({"b": {}}, mutually_exclusive=[["a", "b"]]))
    assert base.to_kwargs()["argument_spec"] == {"a": {}}
    assert base.to_kwargs()["mutually_exclusive"] == []
