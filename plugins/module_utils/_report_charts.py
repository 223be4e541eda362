# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the pictures of the HTML report: bars of HTML alone, each with its numbers. Pure."""

from __future__ import annotations

import html
import typing as t

from ._summary import printable

_SENDERS = 20
_PHASES = ("dns", "connect", "tls", "first_byte", "read")
_PHASE_WORDS = {"dns": "name", "connect": "connect", "tls": "TLS", "first_byte": "first byte", "read": "rest"}

_RESTORE_WORDS = {
    "stop": "let nothing write",
    "obtain": "fetch",
    "load": "load",
    "verify": "prove",
    "compare": "compare",
    "swap": "swap",
    "rest": "start again",
}


def _text(value: t.Any) -> str:
    return html.escape(printable(value))


def _bar(label: str, parts: t.Sequence[tuple[str, float]], said: str, limit: float) -> str:
    """Return one row: a bar of parts, each a share of ``limit``, with what it says in words."""
    inner = "".join(
        f'<i class="{_text(kind)}" style="width:{min(100.0, max(0.4, value * 100 / limit)):.2f}%"></i>'
        for kind, value in parts
        if value > 0 and limit > 0
    )
    return (
        f'<div class="bar"><span>{_text(label)}</span><div class="track">{inner}</div><span>{_text(said)}</span></div>'
    )


def _latency(measured: t.Mapping[str, t.Any]) -> str:
    figures = measured.get("latency") or {}
    longest = max((sum(row["phases_s"].values()) for row in figures.values()), default=0.0)
    if not longest:
        return ""
    rows = []
    for subject, row in figures.items():
        parts = [(phase, row["phases_s"].get(phase, 0.0)) for phase in _PHASES]
        if row["p50_s"] is None:
            rows.append(_bar(subject, [], "no answer", longest))
            continue
        said = f"{row['p50_s'] * 1000:.0f} ms, p95 {row['p95_s'] * 1000:.0f}, max {row['max_s'] * 1000:.0f}"
        rows.append(_bar(subject, parts, said, longest))
    legend = "".join(f'<span><i class="{phase}"></i>{_text(_PHASE_WORDS[phase])}</span>' for phase in _PHASES)
    return f'<h3>Time to answer</h3><div class="legend">{legend}</div>{"".join(rows)}'


def _queues(measured: t.Mapping[str, t.Any]) -> str:
    queues = measured.get("queues") or {}
    if not queues:
        return ""
    deepest = max(max((row["total"] for row in queues.values()), default=0), 1)
    rows = []
    for queue, row in queues.items():
        consumers = len(row["consumers"])
        gained = row["gained_per_s"]
        moving = f", {'+' if gained > 0 else ''}{gained:g}/s" if gained else ""
        empty = f", empty in {row['empty_in_s']} s" if row.get("empty_in_s") else ""
        said = f"{row['total']} waiting{moving}{empty}; {consumers} {'consumer' if consumers == 1 else 'consumers'}"
        kind = "poisoned" if row.get("poison") else "waiting" if consumers or not row["total"] else "stuck"
        rows.append(_bar(queue, [(kind, row["total"])], said, deepest))
    return f"<h3>Queues</h3>{''.join(rows)}"


def _verdicts(measured: t.Mapping[str, t.Any]) -> str:
    verdicts = measured.get("verdicts") or {}
    most = max(verdicts.values(), default=0)
    rows = [
        _bar(name, [("waiting" if name in ("waiting", "running", "ended") else "stuck", count)], f"{count:,}", most)
        for name, count in sorted(verdicts.items(), key=lambda pair: -pair[1])
    ]
    return f"<h3>What is true of the jobs</h3>{''.join(rows)}" if rows else ""


def _memory(measured: t.Mapping[str, t.Any]) -> str:
    rows = []
    for row in measured.get("containers") or []:
        limit = row["memory_limit_bytes"]
        if limit:
            kind = "stuck" if row["memory_bytes"] > 0.9 * limit else "waiting"
            said = f"{row['memory_bytes'] // 2**20} of {limit // 2**20} MiB, {row['cpu_cores']:.2f} CPU"
            rows.append(_bar(row["name"], [(kind, row["memory_bytes"])], said, limit))
    return f"<h3>Memory of containers</h3>{''.join(rows)}" if rows else ""


def _space(measured: t.Mapping[str, t.Any]) -> str:
    facts = measured.get("storage")
    if not facts or not facts["size_bytes"]:
        return ""
    share = facts["used_bytes"] / facts["size_bytes"]
    said = f"{share * 100:.0f} % of {facts['size_bytes'] / 2**30:.1f} GiB"
    if facts.get("full_in_h"):
        said += f", full in {facts['full_in_h']:g} h"
    kind = "stuck" if share > 0.85 else "waiting"
    return f"<h3>Storage</h3>{_bar(facts['path'], [(kind, facts['used_bytes'])], said, facts['size_bytes'])}"


def _traffic(measured: t.Mapping[str, t.Any]) -> str:
    """Draw who sends most; what is to be banned or limited stands out."""
    traffic, plan = measured.get("traffic"), measured.get("plan") or {}
    senders = (traffic or {}).get("addresses") or []
    if not senders:
        return ""
    decided = {each["address"]: each["decision"] for each in plan.get("candidates") or []}
    most = max(each["requests"] for each in senders)
    rows = []
    for each in senders[:_SENDERS]:
        decision = decided.get(each["address"], "spare")
        kind = {"ban": "stuck", "limit": "poisoned"}.get(decision, "waiting")
        said = f"{each['requests']:,} requests, {each['peak_per_second']} in the worst second"
        said += f"; {decision}" if decision != "spare" else ""
        rows.append(_bar(each["address"], [(kind, each["requests"])], said, most))
    return f"<h3>Who sends most</h3>{''.join(rows)}"


def _phases(measured: t.Mapping[str, t.Any]) -> str:
    """Draw how long each phase of a restore took."""
    phases = measured.get("phases") or {}
    whole = sum(phases.values())
    if not whole:
        return ""
    rows = [
        _bar(_RESTORE_WORDS.get(name, name), [("waiting", seconds)], f"{seconds:.1f} s", whole)
        for name, seconds in phases.items()
    ]
    return f"<h3>How long it took, {whole:.0f} s in all</h3>{''.join(rows)}"


def render_charts(measured: t.Mapping[str, t.Any]) -> str:
    """Return the pictures of what was measured; nothing for what was not."""
    drawn = "".join(part(measured) for part in (_latency, _queues, _verdicts, _memory, _space, _traffic, _phases))
    return f'<div class="charts">{drawn}</div>' if drawn else ""
