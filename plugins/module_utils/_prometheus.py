# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: what Prometheus knows: targets, percentiles, error budgets; asked, not grepped."""

from __future__ import annotations

import json
import math
import typing as t
from urllib.parse import quote

from ._errors import NotKnownError, OpsError
from ._http import Target, fetch
from ._redact import redact
from ._stack import Stack
from ._verdict import CRITICAL, OK, WARNING, Finding

PORT = 9090
# How many targets that are down are told by name.
_TARGETS = 20
REQUESTS, JOBS = "http_request_duration_seconds", "ffmpeg_job_duration_seconds"
_QUANTILES = (0.5, 0.95, 0.99)
# Both windows of a pair must burn: the long one says that it matters, the short one that it is still so.
# Source: the Site Reliability Workbook, "Alerting on SLOs": 14.4 is 2 % of a 30-day budget within an hour, 6 is 5 %
# within six hours.
BURN_PAIRS = ((14.4, "1h", "5m", CRITICAL), (6.0, "6h", "30m", CRITICAL))

Query = t.Callable[[str], list[t.Mapping[str, t.Any]]]


def locate(stack: Stack, url: str | None) -> str:
    """Return the address of Prometheus: the one given, else that of the project's own; empty where there is none."""
    if url:
        return url.rstrip("/")
    for replica in stack.running("prometheus"):
        for host, port in replica.addresses(PORT):
            return f"http://{host}:{port}"
    return ""


def get_json(base: str, path: str, timeout_s: float) -> t.Any:
    """Return the ``data`` of an answer of the Prometheus HTTP API."""
    response = fetch(Target(base + path), timeout_s)
    act = f"ask Prometheus at {base}"
    if response.error:
        raise OpsError(act, response.error)
    if not response.ok:
        raise OpsError(act, f"it answered {response.status}")
    try:
        document = json.loads(response.body)
        return document["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise NotKnownError(act, "its answer is not in the form of its API") from error


def query_of(base: str, timeout_s: float) -> Query:
    """Return a function that asks one instant query and returns its series."""

    def ask(expression: str) -> list[t.Mapping[str, t.Any]]:
        data = get_json(base, f"/api/v1/query?query={quote(expression, safe='')}", timeout_s)
        return list(data.get("result") or []) if isinstance(data, dict) else []

    return ask


def number_of(series: t.Sequence[t.Mapping[str, t.Any]]) -> float | None:
    """Return the one number of an instant query, or None where there is no such series or no number in it."""
    try:
        value = float(series[0]["value"][1])
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def read_prometheus(base: str, query: Query, slo: float, timeout_s: float) -> dict[str, t.Any]:
    """Return targets, percentiles in seconds and burn rates; None stands for a series that is not there."""
    targets = get_json(base, "/api/v1/targets?state=active", timeout_s)
    active = [
        {
            "job": str((target.get("labels") or {}).get("job", "")),
            "instance": str((target.get("labels") or {}).get("instance", "")),
            "up": target.get("health") == "up",
            "error": redact(str(target.get("lastError") or ""))[:200],
        }
        for target in (targets.get("activeTargets") or [])
    ]
    facts: dict[str, t.Any] = {"targets": active, "up": len(query("up == 1")), "percentiles": {}, "burn": []}
    for name in (REQUESTS, JOBS):
        # Every replica tells of all jobs, so the largest is taken of them, not the sum.
        gather = "max" if name == JOBS else "sum"
        facts["percentiles"][name] = {
            f"p{share * 100:g}": number_of(
                query(f"histogram_quantile({share}, {gather} by (le) (rate({name}_bucket[10m])))")
            )
            for share in _QUANTILES
        }
    budget = 1 - slo
    total = f"{REQUESTS}_count"
    # Without a status on the series no failure could be seen, and none seen would look like none.
    labelled = number_of(query(f'count({total}{{status!=""}})'))
    for factor, long, short, severity in BURN_PAIRS:
        burns = []
        for window in (long, short):
            bad = f'(sum(rate({total}{{status=~"5.."}}[{window}])) or vector(0))'
            ratio = number_of(query(f"{bad} / sum(rate({total}[{window}]))"))
            burns.append(None if ratio is None or not labelled else round(ratio / budget, 2))
        facts["burn"].append({"factor": factor, "windows": [long, short], "rates": burns, "severity": severity})
    return facts


def judge_prometheus(facts: t.Mapping[str, t.Any], base: str, slo: float) -> list[Finding]:
    """Judge targets and burn rates, and say plainly which series are not there. Pure."""
    found: list[Finding] = []
    down = [target for target in facts["targets"] if not target["up"]]
    for target in down[:_TARGETS]:
        name = f"{target['job']} {target['instance']}"
        reason = f": {target['error']}" if target["error"] else ""
        summary = f"Prometheus cannot scrape {name}{reason.rstrip('.')}."
        command = (f"curl -s '{base}/api/v1/targets?state=active'",)
        found.append(
            Finding(f"metrics.target.{target['instance']}", "metrics", WARNING, name, summary, dict(target), command)
        )
    if not facts["targets"]:
        summary = "Prometheus scrapes nothing: it has no targets."
        found.append(Finding("metrics.targets", "metrics", WARNING, base, summary))
    for pair in facts["burn"]:
        rates = pair["rates"]
        if all(rate is not None and rate >= pair["factor"] for rate in rates):
            summary = (
                f"Requests fail {rates[0]:.1f} times as fast as an objective of {slo * 100:g} % allows, over "
                f"{pair['windows'][0]} and over {pair['windows'][1]} (limit {pair['factor']:g})."
            )
            found.append(
                Finding(
                    f"slo.burn.{pair['windows'][0]}",
                    "slo",
                    pair["severity"],
                    "error budget",
                    summary,
                    dict(pair),
                    stops=False,
                )
            )
    if not found:
        absent = [
            name for name, values in facts["percentiles"].items() if all(value is None for value in values.values())
        ]
        summary = f"Prometheus reaches all {len(facts['targets'])} targets."
        if absent:
            summary += f" No recent series of {' and '.join(absent)}: their percentiles are not known."
        if all(rate is None for pair in facts["burn"] for rate in pair["rates"]):
            summary += " No series tells failed requests: how fast the error budget burns is not known."
        found.append(
            Finding(
                "metrics", "metrics", OK, base, summary, {"percentiles": facts["percentiles"], "burn": facts["burn"]}
            )
        )
    return found
