# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: every line of the runbook's monitoring reference, answered, as one table. Pure."""

from __future__ import annotations

import typing as t

from ._summary import printable

_NOT_KNOWN = "not known"
_WIDTH = 22


def _size(count: t.Any) -> str:
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def _seconds(value: t.Any) -> str:
    return _NOT_KNOWN if value is None else f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def _service(health: t.Mapping[str, t.Any], measured: t.Mapping[str, t.Any]) -> list[str]:
    lines = [f"{health['verdict']}: {health['summary']}"]
    for subject, figures in (measured.get("latency") or {}).items():
        lines.append(f"{subject}: {_seconds(figures['p50_s'])} median, {_seconds(figures['p95_s'])} p95")
    return lines


def _queues(measured: t.Mapping[str, t.Any]) -> list[str]:
    lines = []
    for queue, row in (measured.get("queues") or {}).items():
        gained = row["gained_per_s"]
        moving = f", {'grows' if gained > 0 else 'drains'} by {abs(gained):g} a second" if gained else ""
        count = len(row["consumers"])
        lines.append(f"{queue}: {row['total']} waiting, {count} {'consumer' if count == 1 else 'consumers'}{moving}")
    if measured.get("unacked"):
        lines.append(f"being worked on: {measured['unacked']['count']}")
    return lines


def _active(measured: t.Mapping[str, t.Any]) -> list[str]:
    workers = measured.get("workers")
    if not workers:
        return []
    lines = [f"{workers['replies']} of {workers['receivers']} workers answered"]
    for task in workers["tasks"][:10]:
        age = "not begun" if task["age_s"] is None else f"for {task['age_s']} s"
        lines.append(f"{task['job_id'] or task['task']} on {task['node']} {age}")
    return lines


def _database(measured: t.Mapping[str, t.Any]) -> list[str]:
    facts = measured.get("postgres")
    if not facts:
        return []
    states = ", ".join(f"{count} {state}" for state, count in facts["by_state"].items())
    return [f"{facts['connections']} of {facts['max_connections']}" + (f" ({states})" if states else "")]


def _memory(measured: t.Mapping[str, t.Any]) -> list[str]:
    return [
        f"{row['name']}: {_size(row['memory_bytes'])}"
        + (f" of {_size(row['memory_limit_bytes'])}" if row["memory_limit_bytes"] else ", no limit")
        + f", {row['cpu_cores']:.2f} CPU"
        for row in measured.get("containers") or []
    ]


def _disk(measured: t.Mapping[str, t.Any]) -> list[str]:
    facts = measured.get("storage")
    if not facts:
        return []
    share = facts["used_bytes"] * 100 / max(1, facts["size_bytes"])
    full = f", full in {facts['full_in_h']:g} h" if facts.get("full_in_h") else ""
    return [f"{facts['path']}: {share:.0f} % of {_size(facts['size_bytes'])}, {_size(facts['free_bytes'])} free{full}"]


def _network(measured: t.Mapping[str, t.Any]) -> list[str]:
    counts = measured.get("connections") or {}
    return [f"{sum(counts.values())} established"] if counts else []


def _errors(measured: t.Mapping[str, t.Any]) -> list[str]:
    logs = measured.get("log_errors")
    if logs is None:
        return []
    lines = [
        f"{name}: {count} times: {kind}"
        for name, kinds in logs.items()
        for kind, count in list((kinds or {}).items())[:3]
    ]
    return lines or ["none"]


def _metrics(measured: t.Mapping[str, t.Any]) -> list[str]:
    facts = measured.get("metrics")
    if not facts:
        return ["no Prometheus was found or it could not be asked"]
    lines = [f"targets: {facts['up']} of {len(facts['targets'])} up"]
    for name, values in facts["percentiles"].items():
        if all(value is None for value in values.values()):
            lines.append(f"{name}: no series in the last 10 minutes")
        else:
            lines.append(f"{name}: " + ", ".join(f"{share} {_seconds(value)}" for share, value in values.items()))
    return lines


def table_of(health: t.Mapping[str, t.Any]) -> list[tuple[str, list[str]]]:
    """Return the rows of the reference section in its own order: what it is, and what is so."""
    measured = health.get("measurements") or {}
    rows = [
        ("Service health", _service(health, measured)),
        ("Queue status", _queues(measured)),
        ("Active jobs", _active(measured)),
        ("Database connections", _database(measured)),
        ("Memory usage", _memory(measured)),
        ("Disk usage", _disk(measured)),
        ("Network connections", _network(measured)),
        ("Error logs", _errors(measured)),
        ("Performance metrics", _metrics(measured)),
    ]
    return [(name, lines or [_NOT_KNOWN]) for name, lines in rows]


def render_table(report: t.Mapping[str, t.Any]) -> str:
    """Return the table of every host for a terminal."""
    lines = []
    for host, health in report["hosts"].items():
        lines += [f"{printable(host)} ({health['checked_at']})", ""]
        for name, values in table_of(health):
            for index, value in enumerate(values):
                lines.append(f"  {name if index == 0 else '':<{_WIDTH}}{printable(value)}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"
