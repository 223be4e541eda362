# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._log_health import (
    LogErrors,
    error_of,
    judge_logs,
    read_errors,
)
from ansible_collections.rendiff.ops.plugins.module_utils._thresholds import DEFAULTS

STAMP = "2026-11-23T10:58:19.377123456Z "


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('{"event": "db gone", "level": "error", "timestamp": "x"}', "db gone"),
        ('{"event": "fine", "level": "info", "error": null}', None),
        ("[2026-11-23 10:58:19,377: ERROR/ForkPoolWorker-1] Job failed: 1", "Job failed: 1"),
        ("[2026-11-23 10:58:19,377: INFO/MainProcess] Task error_free received", None),
        ('[2026-11-23 10:58:19,377: ERROR/MainProcess] {"level": "error", "event": "inner"}', "inner"),
        ('[2026-11-23 10:58:19,377: INFO/MainProcess] {"level": "error", "event": "inner"}', "inner"),
        ('INFO:     1.2.3.4:1 - "GET /x?key=1 HTTP/1.1" 500 Internal Server Error', "GET /x answered 500"),
        ('INFO:     1.2.3.4:1 - "GET /errors HTTP/1.1" 200 OK', None),
        ("ERROR:    Exception in ASGI application", "Exception in ASGI application"),
        ("2026-11-23 10:58:19.377 UTC [42] FATAL:  too many connections", "too many connections"),
        ("2026-11-23 10:58:19.377 UTC [42] LOG:  no error here", None),
        ("\x1b[90m2026-11-23T10:58:19Z\x1b[0m \x1b[31mERR\x1b[0m cannot read", "cannot read"),
        ("an error that a person wrote into a sentence", None),
        ("", None),
        ("{" * 5000, None),
    ],
)
def test_an_error_is_told_by_its_level_where_grep_counts_the_word(line, error):
    assert error_of(STAMP + line) == error
    assert error_of(line) == error


def test_hostile_bytes_are_counted_and_harmless():
    errors = read_errors(b"\xff\x00\x1b[2J\n" + b"ERROR: " + b"x" * 10_000 + b"\n")
    assert errors.lines >= 2 and errors.total == 1
    assert all(len(kind) <= 160 for kind in errors.kinds)


def test_no_secret_of_a_log_is_kept():
    assert "hunter2" not in str(read_errors(b"ERROR: login failed password=hunter2").kinds)


def test_many_errors_are_a_warning_and_an_unread_log_is_unknown():
    found = {one.id: one for one in judge_logs({"a": LogErrors(9, {"x": 10}), "b": "no answer"}, 600, DEFAULTS)}
    assert (found["a.errors"].severity, found["b.log"].severity) == ("warning", "unknown")
    assert "10 errors in 10 minutes" in found["a.errors"].summary
    (few,) = judge_logs({"a": LogErrors(9, {"x": 9})}, 600, DEFAULTS)
    assert few.severity == "ok" and "9 errors" in few.summary
