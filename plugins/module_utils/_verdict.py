# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: findings, what caused what, and the one verdict. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

OK, WARNING, UNKNOWN, CRITICAL = "ok", "warning", "unknown", "critical"
# From good to bad. What is not known ranks above a warning: it may hide anything, and is never shown as ok.
SEVERITIES = (OK, WARNING, UNKNOWN, CRITICAL)
FAIL_ON = ("never", WARNING, UNKNOWN, CRITICAL)

# What each component needs to work; the nearest broken one upstream is the cause.
DEPENDS_ON: t.Mapping[str, tuple[str, ...]] = {
    "postgres": ("postgres.container",),
    "redis": ("redis.container",),
    "api": ("api.container", "postgres", "redis"),
    "workers": ("worker.container", "redis"),
    "queues": ("redis", "workers"),
    "entrance": ("proxy.container", "api"),
    "jobs": ("workers", "queues", "postgres", "storage"),
    "certificate": ("entrance",),
    "metrics": ("prometheus.container",),
    "smoke": ("entrance", "api", "postgres", "queues", "workers"),
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it is, in one sentence, with what was seen and what to run next.

    ``blames`` names the components that the thing itself says it fails for; empty where it does not say. ``stops``
    tells whether it keeps its component from working, and so may explain what fails downstream. A ``caused_by`` that
    is given from the start stands, when there is such a finding.
    """

    id: str
    component: str
    severity: str
    subject: str
    summary: str
    evidence: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    commands: tuple[str, ...] = ()
    blames: tuple[str, ...] = ()
    caused_by: str = ""
    stops: bool = True

    def describe(self) -> dict[str, t.Any]:
        """Return it as plain data."""
        return {
            "id": self.id,
            "component": self.component,
            "severity": self.severity,
            "subject": self.subject,
            "summary": self.summary,
            "evidence": dict(self.evidence),
            "commands": list(self.commands),
            "caused_by": self.caused_by or None,
        }


def rank(severity: str) -> int:
    """Return the place of a severity between good and bad."""
    return SEVERITIES.index(severity)


def link_causes(findings: t.Iterable[Finding]) -> list[Finding]:
    """Return the findings with ``caused_by`` set to the nearest broken thing upstream. Pure.

    Only what is critical or unknown can cause something; a warning upstream explains no failure downstream. What
    blames a component that is well has a cause of its own, whatever else is broken.
    """
    findings = list(findings)
    broken: dict[str, Finding] = {}
    identities = {finding.id for finding in findings}
    for finding in findings:
        worst = broken.get(finding.component)
        if not finding.stops:
            continue
        if rank(finding.severity) >= rank(UNKNOWN) and (worst is None or rank(finding.severity) > rank(worst.severity)):
            broken[finding.component] = finding

    def cause_of(finding: Finding) -> str:
        if finding.caused_by in identities:
            return finding.caused_by
        if any(name not in broken for name in finding.blames):
            return ""
        level = list(finding.blames or DEPENDS_ON.get(finding.component, ()))
        while level:
            candidates = [broken[name] for name in level if name in broken]
            if candidates:
                return max(candidates, key=lambda candidate: rank(candidate.severity)).id
            level = [deeper for name in level for deeper in DEPENDS_ON.get(name, ())]
        return ""

    return [
        dataclasses.replace(finding, caused_by=cause_of(finding) if finding.severity != OK else "")
        for finding in findings
    ]


def overall(findings: t.Iterable[Finding]) -> str:
    """Return the worst severity; nothing looked at is unknown, not ok."""
    return max((finding.severity for finding in findings), key=rank, default=UNKNOWN)


def root_causes(findings: t.Iterable[Finding]) -> list[Finding]:
    """Return what is wrong and not explained by something else, worst first, the one that explains most first."""
    findings = list(findings)
    explains = {finding.id: len(consequences(findings, finding.id)) for finding in findings}
    roots = [finding for finding in findings if finding.severity != OK and not finding.caused_by]
    return sorted(roots, key=lambda finding: (-rank(finding.severity), -explains[finding.id], finding.id))


def consequences(findings: t.Sequence[Finding], identity: str) -> list[Finding]:
    """Return everything that a finding caused, directly or through others."""
    found: list[Finding] = []
    pending = [identity]
    while pending:
        current = pending.pop(0)
        direct = [finding for finding in findings if finding.caused_by == current and finding not in found]
        found.extend(direct)
        pending.extend(finding.id for finding in direct)
    return found


def summarize(findings: t.Sequence[Finding]) -> str:
    """Return one or two sentences for a tired person: what is wrong and what it caused."""
    roots = root_causes(findings)
    if not roots:
        if not findings:
            return "Nothing was looked at."
        return f"All {len(findings)} checks are well."
    parts = [roots[0].summary]
    explained = consequences(findings, roots[0].id)
    if explained:
        noun = "finding" if len(explained) == 1 else "findings"
        parts.append(f"It explains {len(explained)} other {noun}.")
    if len(roots) > 1:
        more = (
            "1 more that stands for itself" if len(roots) == 2 else f"{len(roots) - 1} more that stand for themselves"
        )
        parts.append(f"Besides it: {more}.")
    return " ".join(parts)


def plain_finding(plain: t.Mapping[str, t.Any]) -> Finding:
    """Return a finding from what ``describe`` returned."""
    fields = {name: plain[name] for name in ("id", "component", "severity", "subject", "summary", "evidence")}
    return Finding(**fields, commands=tuple(plain["commands"]), caused_by=str(plain["caused_by"] or ""))


def verdict_of(findings: t.Sequence[Finding]) -> dict[str, t.Any]:
    """Return what a report over hosts needs of findings: the verdict, a summary, and what stands for itself."""
    return {
        "verdict": overall(findings),
        "summary": summarize(findings),
        "root_causes": [finding.id for finding in root_causes(findings)],
        "findings": [finding.describe() for finding in findings],
        "hazards": [],
    }


def fails(verdict: str, fail_on: str) -> bool:
    """Tell whether a verdict ends a run as failed, under ``never``, ``warning``, ``unknown`` or ``critical``."""
    return fail_on != "never" and rank(verdict) >= rank(fail_on)
