# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: a report for the terminal, for people who are tired. Pure."""

from __future__ import annotations

import typing as t

from ._verdict import OK, SEVERITIES, UNKNOWN, rank

_MARKS = {"ok": "OK", "warning": "WARNING", "unknown": "UNKNOWN", "critical": "CRITICAL"}
_INDENT = " " * 12


def printable(text: t.Any) -> str:
    """Return text without control characters: what a container or a log says must not steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in str(text))


def combine(title: str, hosts: t.Mapping[str, t.Mapping[str, t.Any]], now: str) -> dict[str, t.Any]:
    """Return the one report over several hosts; its verdict is the worst of theirs, and no host at all is unknown."""
    verdicts = [str(health["verdict"]) for health in hosts.values()]
    verdict = max(verdicts, key=rank, default=UNKNOWN)
    bad = [name for name, health in hosts.items() if health["verdict"] != OK]
    if len(hosts) == 1:
        summary = str(next(iter(hosts.values()))["summary"])
    elif bad:
        worst = max(bad, key=lambda name: rank(str(hosts[name]["verdict"])))
        summary = f"{len(bad)} of {len(hosts)} hosts are not well. {worst}: {hosts[worst]['summary']}"
    else:
        summary = f"All {len(hosts)} hosts are well." if hosts else "No host was looked at."
    return {"title": title, "verdict": verdict, "summary": summary, "generated_at": now, "hosts": dict(hosts)}


def unreachable(host: str, reason: str, now: str) -> dict[str, t.Any]:
    """Return the health of a host that could not be asked: unknown, with the reason."""
    finding: dict[str, t.Any] = {
        "id": "host",
        "component": "host",
        "severity": UNKNOWN,
        "subject": host,
        "summary": f"Nothing is known of host '{host}': {reason.strip().rstrip('.')}.",
        "evidence": {},
        "commands": [f"ansible -m ansible.builtin.ping {host}"],
        "caused_by": None,
    }
    return {
        "project": "",
        "verdict": UNKNOWN,
        "summary": finding["summary"],
        "root_causes": ["host"],
        "findings": [finding],
        "hazards": [],
        "checked_at": now,
        "seconds": 0.0,
    }


def explained_by(findings: t.Sequence[t.Mapping[str, t.Any]], identity: str) -> list[t.Mapping[str, t.Any]]:
    """Return the findings that one finding caused, directly or through others, nearest first."""
    found: list[t.Mapping[str, t.Any]] = []
    pending = [identity]
    while pending:
        current = pending.pop(0)
        direct = [finding for finding in findings if finding["caused_by"] == current and finding not in found]
        found.extend(direct)
        pending.extend(str(finding["id"]) for finding in direct)
    return found


def render_text(report: t.Mapping[str, t.Any]) -> str:
    """Return the report as lines for a terminal: causes first, what each explains, and what to type next."""
    lines = [f"{printable(report['title'])}: {_MARKS[report['verdict']]}", ""]
    for host, health in report["hosts"].items():
        findings = health["findings"]
        about = f"project {health['project']}, " if health["project"] else ""
        lines.append(f"  {printable(host)} ({about}{health['checked_at']}, {health['seconds']:.1f} s)")
        by_id = {finding["id"]: finding for finding in findings}
        for identity in health["root_causes"]:
            finding = by_id[identity]
            lines.append(f"  {_MARKS[finding['severity']]:<10}{printable(finding['summary'])}")
            lines.extend(f"{_INDENT}-> {printable(other['summary'])}" for other in explained_by(findings, identity))
            lines.extend(f"{_INDENT}next: {printable(command)}" for command in finding["commands"])
        lines.extend(f"  {'WAS':<10}{printable(sentence)}" for sentence in health.get("causes") or ())
        lines.extend(f"  {'DONE':<10}{printable(sentence)}" for sentence in health.get("done") or ())
        well = [finding for finding in findings if finding["severity"] == OK]
        if not health["root_causes"]:
            lines.extend(f"  {'OK':<10}{printable(finding['summary'])}" for finding in well)
        elif well:
            lines.append(f"  {'OK':<10}{len(well)} other checks are well.")
        lines.extend(f"  {'NOTE':<10}{printable(hazard['summary'])}" for hazard in health["hazards"])
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def count_by_severity(findings: t.Iterable[t.Mapping[str, t.Any]]) -> dict[str, int]:
    """Return how many findings there are of each severity, worst first."""
    counts = dict.fromkeys(reversed(SEVERITIES), 0)
    for finding in findings:
        counts[finding["severity"]] += 1
    return counts
