# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._monitor import render_table, table_of

HEALTH = {
    "verdict": "ok",
    "summary": "All well.",
    "checked_at": "2026-11-23T00:00:00Z",
    "measurements": {
        "queues": {"high": {"total": 3, "consumers": ["w"], "gained_per_s": 2.0}},
        "workers": {
            "receivers": 2,
            "replies": 1,
            "tasks": [{"job_id": "\x1b[31mj", "task": "t", "node": "n", "age_s": 5}],
        },
        "storage": {"path": "/s", "size_bytes": 2**30, "used_bytes": 2**29, "free_bytes": 2**29},
        "log_errors": {"api": {}},
    },
}


def test_every_line_of_the_reference_section_has_its_row_in_order():
    names = [name for name, _lines in table_of({"verdict": "ok", "summary": "x"})]
    assert names == [
        "Service health",
        "Queue status",
        "Active jobs",
        "Database connections",
        "Memory usage",
        "Disk usage",
        "Network connections",
        "Error logs",
        "Performance metrics",
    ]


def test_what_is_not_known_is_said_and_never_zero():
    rows = dict(table_of({"verdict": "ok", "summary": "x"}))
    for name in ("Queue status", "Active jobs", "Database connections", "Error logs", "Disk usage"):
        assert rows[name] == ["not known"]


def test_the_rows_say_what_was_measured_without_steering_the_terminal():
    text = render_table({"hosts": {"h": HEALTH}})
    assert "high: 3 waiting, 1 consumer, grows by 2 a second" in text
    assert "1 of 2 workers answered" in text and "on n for 5 s" in text
    assert "/s: 50 % of 1.0 GiB, 512 MiB free" in text
    assert "\x1b" not in text
