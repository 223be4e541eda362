# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
import time

from ansible_collections.rendiff.ops.plugins.module_utils._probe import run_probes


def test_probes_run_side_by_side_and_none_can_hold_up_the_rest():
    never = threading.Event()

    def crash():
        raise ValueError("broken")

    begin = time.monotonic()
    results = run_probes({"good": lambda: 7, "bad": crash, "stuck": never.wait}, timeout_s=0.5)
    took = time.monotonic() - begin
    never.set()
    assert results["good"].value == 7
    assert isinstance(results["bad"].error, ValueError)
    assert results["stuck"].timed_out and results["stuck"].value is None
    assert 0.4 < took < 2


def test_the_end_comes_when_the_last_probe_has_answered():
    begin = time.monotonic()
    assert set(run_probes({"a": lambda: 1, "b": lambda: 2}, timeout_s=30)) == {"a", "b"}
    assert time.monotonic() - begin < 5


def test_no_probe_is_no_result():
    assert run_probes({}, timeout_s=1) == {}
