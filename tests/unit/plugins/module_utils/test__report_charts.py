# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._report_charts import render_charts

HOSTILE = "<script>x</script>"


def test_nothing_measured_draws_nothing():
    assert render_charts({}) == ""
    assert render_charts({"queues": {}, "containers": [], "latency": {}}) == ""


def test_bars_carry_their_numbers_and_names_stay_text():
    drawn = render_charts(
        {
            "latency": {
                HOSTILE: {"p50_s": 0.01, "p95_s": 0.02, "max_s": 0.03, "phases_s": {"connect": 0.01, "tls": 0.03}}
            },
            "queues": {HOSTILE: {"total": 5, "gained_per_s": 1.5, "empty_in_s": None, "consumers": [], "poison": 0}},
            "containers": [{"name": "a", "memory_bytes": 95, "memory_limit_bytes": 100, "cpu_cores": 0.5}],
            "storage": {"path": "/s", "size_bytes": 100, "used_bytes": 96, "full_in_h": 3.0},
        }
    )
    assert "<script>" not in drawn and "&lt;script&gt;" in drawn
    assert "10 ms, p95 20, max 30" in drawn
    assert '<i class="connect" style="width:25.00%">' in drawn and '<i class="tls" style="width:75.00%">' in drawn
    assert "5 waiting, +1.5/s; 0 consumers" in drawn and 'class="stuck"' in drawn
    assert "96 % of 0.0 GiB, full in 3 h" in drawn
