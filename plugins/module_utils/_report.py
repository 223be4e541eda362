# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: a report as one HTML file that needs nothing else. Pure."""

from __future__ import annotations

import html
import json
import typing as t

from ._report_charts import render_charts
from ._report_style import SCRIPT, STYLE
from ._summary import count_by_severity, printable
from ._verdict import OK, rank

# The order in which a request passes through the service, with the names that people use.
_TILES = (
    ("entrance", "From outside"),
    ("api", "Api"),
    ("workers", "Workers"),
    ("queues", "Queues"),
    ("redis", "Redis"),
    ("postgres", "PostgreSQL"),
    ("jobs", "Jobs"),
    ("storage", "Storage"),
    ("certificate", "Certificate"),
    ("logs", "Logs"),
    ("metrics", "Prometheus"),
    ("slo", "Error budget"),
    ("backup", "Backups"),
    ("smoke", "Conversion"),
)

Item = t.Mapping[str, t.Any]


def _text(value: t.Any) -> str:
    return html.escape(printable(value))


def _pill(severity: str) -> str:
    return f'<span class="pill {_text(severity)}">{_text(severity.upper())}</span>'


def _dot(severity: str) -> str:
    return f'<span class="dot {_text(severity)}" role="img" aria-label="{_text(severity)}"></span>'


def _commands(commands: t.Iterable[str]) -> str:
    return "".join(
        f'<div class="command"><code>{_text(command)}</code><button type="button" data-copy>Copy</button></div>'
        for command in commands
    )


def _chain(findings: t.Sequence[Item], identity: str) -> str:
    items = [
        f"<li>{_dot(finding['severity'])}{_text(finding['summary'])}{_chain(findings, finding['id'])}</li>"
        for finding in findings
        if finding["caused_by"] == identity
    ]
    return f'<ul class="chain">{"".join(items)}</ul>' if items else ""


def _causes(health: Item) -> str:
    by_id = {finding["id"]: finding for finding in health["findings"]}
    cards = []
    for identity in health["root_causes"]:
        finding = by_id[identity]
        severity = _text(finding["severity"])
        chain = _chain(health["findings"], identity)
        cards.append(
            f'<div class="cause {severity}"><div class="row">{_pill(finding["severity"])}'
            f"<b>{_text(finding['subject'])}</b></div><p>{_text(finding['summary'])}</p>{chain}"
            f"{_commands(finding['commands'])}</div>"
        )
    return f"<h3>What is wrong, and what it caused</h3>{''.join(cards)}" if cards else ""


def _tiles(findings: t.Sequence[Item]) -> str:
    tiles = []
    for component, label in _TILES:
        own = [finding for finding in findings if finding["component"] == component]
        if not own:
            continue
        worst = max(own, key=lambda finding: rank(finding["severity"]))
        more = f'<p class="soft">and {len(own) - 1} more</p>' if len(own) > 1 else ""
        tiles.append(
            f'<div class="tile"><b>{_dot(worst["severity"])}{_text(label)}</b>'
            f"<p>{_text(worst['summary'])}</p>{more}</div>"
        )
    containers = [finding for finding in findings if finding["component"].endswith(".container")]
    if containers:
        worst = max(containers, key=lambda finding: rank(finding["severity"]))
        well = sum(finding["severity"] == OK for finding in containers)
        said = f"{well} of {len(containers)} services run well." if worst["severity"] == OK else worst["summary"]
        tiles.append(f'<div class="tile"><b>{_dot(worst["severity"])}Containers</b><p>{_text(said)}</p></div>')
    return f'<h3>Part by part</h3><div class="tiles">{"".join(tiles)}</div>' if tiles else ""


def _evidence(evidence: Item) -> str:
    rows = [
        f"<tr><td>{_text(name)}</td><td>{_text(value if isinstance(value, str) else json.dumps(value))}</td></tr>"
        for name, value in evidence.items()
        if value not in (None, "", {}, [])
    ]
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _findings(findings: t.Sequence[Item]) -> str:
    entries = [
        f"<details><summary>{_dot(finding['severity'])}{_text(finding['summary'])}</summary>"
        f"{_evidence(finding['evidence'])}</details>"
        for finding in findings
    ]
    return f"<h3>Everything that was looked at</h3>{''.join(entries)}"


def _story(health: Item) -> str:
    parts = []
    for name, title in (("causes", "What was wrong before"), ("done", "What was done")):
        items = "".join(f"<li>{_text(sentence)}</li>" for sentence in health.get(name) or ())
        parts.append(f"<h3>{title}</h3><ul>{items}</ul>" if items else "")
    return "".join(parts)


def _hazards(hazards: t.Sequence[Item]) -> str:
    if not hazards:
        return ""
    items = "".join(f"<p>{_dot('warning')}{_text(hazard['summary'])}</p>" for hazard in hazards)
    return f"<h3>Dangers in how it is set up</h3>{items}"


def _host(name: str, health: Item) -> str:
    counts = count_by_severity(health["findings"])
    counted = ", ".join(f"{count} {severity}" for severity, count in counts.items() if count)
    project = f"Project {_text(health['project'])} · " if health["project"] else ""
    return (
        f'<section class="host"><div class="row"><h2>{_text(name)}</h2>{_pill(health["verdict"])}</div>'
        f'<p class="soft">{project}checked {_text(health["checked_at"])} in {health["seconds"]:.1f} s'
        f" · {_text(counted)}</p>"
        f"{_causes(health)}{_story(health)}{_tiles(health['findings'])}"
        f"{render_charts(health.get('measurements') or {})}{_hazards(health['hazards'])}{_findings(health['findings'])}"
        "</section>"
    )


def render_html(report: Item) -> str:
    """Return the report as one self-contained page; every value is escaped, nothing is fetched."""
    title, verdict = _text(report["title"]), report["verdict"]
    count = "1 host" if len(report["hosts"]) == 1 else f"{len(report['hosts'])} hosts"
    hosts = "".join(_host(name, health) for name, health in report["hosts"].items())
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}: {_text(verdict)}</title><style>{STYLE}</style></head><body><main>"
        f'<header class="{_text(verdict)}"><div class="row">{_pill(verdict)}<h1>{title}</h1></div>'
        f'<p class="said">{_text(report["summary"])}</p>'
        f'<p class="soft">{_text(report["generated_at"])} · {_text(count)}</p></header>'
        f"{hosts}</main><script>{SCRIPT}</script></body></html>\n"
    )
