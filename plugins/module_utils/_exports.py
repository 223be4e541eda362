# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: a report for other programs: a node_exporter textfile, and one line. Pure."""

from __future__ import annotations

import calendar
import time
import typing as t

from ._summary import printable
from ._verdict import SEVERITIES, rank

_METRICS = (
    ("rendiff_health_verdict", "Worst severity found: 0 ok, 1 warning, 2 unknown, 3 critical"),
    ("rendiff_health_finding", "A finding that is not ok, by its severity"),
    ("rendiff_health_checked_timestamp_seconds", "When the check was made"),
    ("rendiff_health_duration_seconds", "How long the check took"),
    ("rendiff_queue_messages", "Messages waiting in a queue, over all its priorities"),
    ("rendiff_queue_consumers", "Workers that consume a queue"),
    ("rendiff_unacked_messages", "Messages delivered and not acknowledged"),
    ("rendiff_jobs", "Jobs by status"),
    ("rendiff_database_connections", "Connections in use"),
    ("rendiff_storage_used_bytes", "Bytes in use in the storage"),
    ("rendiff_storage_size_bytes", "Size of the storage"),
    ("rendiff_certificate_days_left", "Days that the certificate is still good for"),
    ("rendiff_latency_p95_seconds", "95th percentile of the time to answer"),
)


def _label(value: t.Any) -> str:
    return printable(value).replace("\\", r"\\").replace('"', r"\"")


def metrics_text(health: t.Mapping[str, t.Any]) -> str:
    """Return one host's report in the text format of Prometheus, whole families together, as its format asks."""
    samples: dict[str, list[tuple[dict[str, t.Any], float]]] = {name: [] for name, _help in _METRICS}
    measured = health.get("measurements") or {}
    samples["rendiff_health_verdict"].append(({}, SEVERITIES.index(health["verdict"])))
    samples["rendiff_health_duration_seconds"].append(({}, health["seconds"]))
    checked = calendar.timegm(time.strptime(health["checked_at"], "%Y-%m-%dT%H:%M:%SZ"))
    samples["rendiff_health_checked_timestamp_seconds"].append(({}, checked))
    for finding in health["findings"]:
        if finding["severity"] != "ok":
            labels = {name: finding[name] for name in ("id", "component", "severity")}
            samples["rendiff_health_finding"].append((labels, 1))
    for queue, row in (measured.get("queues") or {}).items():
        samples["rendiff_queue_messages"].append(({"queue": queue}, row["total"]))
        samples["rendiff_queue_consumers"].append(({"queue": queue}, len(row["consumers"])))
    for status, count in ((measured.get("jobs") or {}).get("counts") or {}).items():
        samples["rendiff_jobs"].append(({"status": status}, count))
    for subject, figures in (measured.get("latency") or {}).items():
        if figures["p95_s"] is not None:
            samples["rendiff_latency_p95_seconds"].append(({"target": subject}, figures["p95_s"]))
    for name, part, field in (
        ("rendiff_unacked_messages", "unacked", "count"),
        ("rendiff_database_connections", "postgres", "connections"),
        ("rendiff_storage_used_bytes", "storage", "used_bytes"),
        ("rendiff_storage_size_bytes", "storage", "size_bytes"),
        ("rendiff_certificate_days_left", "certificate", "days_left"),
    ):
        if measured.get(part):
            samples[name].append(({}, measured[part][field]))
    lines = []
    for name, text in _METRICS:
        if samples[name]:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        # A series may stand only once, or the whole file is refused.
        written = {}
        for labels, value in samples[name]:
            every = {"project": health["project"], **labels}
            inside = ",".join(f'{key}="{_label(entry)}"' for key, entry in every.items())
            written[f"{name}{{{inside}}}"] = f"{value:.10g}"
        lines += [f"{series} {value}" for series, value in written.items()]
    return "\n".join(lines) + "\n"


def status_line(report: t.Mapping[str, t.Any]) -> str:
    """Return the verdict over all hosts in one line, as monitoring plugins print it."""
    bad = sum(finding["severity"] != "ok" for health in report["hosts"].values() for finding in health["findings"])
    total = sum(len(health["findings"]) for health in report["hosts"].values())
    worst = max((rank(str(health["verdict"])) for health in report["hosts"].values()), default=rank("unknown"))
    return f"{SEVERITIES[worst].upper()} - {printable(report['summary'])} | findings={bad} checks={total}"
