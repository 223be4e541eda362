# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: from the figures of an access log to what people and other procedures read. Pure."""

from __future__ import annotations

import time
import typing as t

from ._access_rates import judge_rates
from ._access_rows import Detail
from ._access_scan import Scan
from ._access_tally import Tally
from ._access_text import network_of, show
from ._access_top import Top

_ROUTES_OF_AN_ADDRESS = 5


def at(moment: float | None) -> str | None:
    """Return a time in seconds of the epoch as text in UTC; None where there is none."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)) if moment else None


def share_of(part: float, whole: float) -> float | None:
    """Return a share between 0 and 1; None of nothing."""
    return round(part / whole, 4) if whole else None


def compare(name: bytes, requests: int, before: Top, window_s: float, baseline_s: float) -> dict[str, t.Any]:
    """Return what a name did in the baseline: requests, whether it is new (None: not known), and its rate against it.

    ``factor`` is the rate in the window divided by the one in the baseline, each over its seconds; None if it is new.
    """
    earlier = before.seen(name)
    known = earlier > 0 or before.exact
    per_second, earlier_per_second = requests / max(1.0, window_s), earlier / max(1.0, baseline_s)
    return {
        "baseline_requests": earlier,
        "is_new": earlier == 0 if known else None,
        "factor": round(per_second / earlier_per_second, 2) if earlier else None,
    }


class _Window:
    """How long window and baseline are; without a baseline nothing is compared."""

    def __init__(self, tally: Tally, now: float) -> None:
        settings = tally.settings
        self.compares = settings.baseline is not None and settings.since is not None
        until = now if settings.until is None else settings.until
        self.seconds = until - settings.since if settings.since is not None else 0.0
        self.baseline_s = (settings.since or 0) - (settings.baseline or 0)

    def compare(self, name: bytes, requests: int, before: Top) -> dict[str, t.Any]:
        if not self.compares:
            return {}
        return compare(name, requests, before, self.seconds, self.baseline_s)


def describe(scan: Scan, top: int, now: float) -> dict[str, t.Any]:
    """Return the whole result but its source. ``now`` in seconds of the epoch."""
    tally, window = scan.tally, _Window(scan.tally, now)
    requests = tally.figures["requests"]
    skipped = {**scan.parser.skipped, "no_address": tally.figures["no_address"]}
    best = tally.addresses.most(top)
    details = scan.details([name for name, _count, _error in best])
    settings = tally.settings
    result: dict[str, t.Any] = {
        "lines": sum(skipped.values()) + sum(scan.parser.formats.values()) - skipped["no_address"],
        "requests": requests,
        "complete": scan.complete,
        "formats": dict(sorted(scan.parser.formats.items())),
        "skipped": {reason: count for reason, count in sorted(skipped.items()) if count},
        "filtered": tally.figures["filtered"],
        "window": {
            "since": at(settings.since),
            "until": at(settings.until),
            "baseline_since": at(settings.baseline),
            "before": None if scan.passed_over else tally.figures["before"],
            "after": tally.figures["after"],
            "baseline_requests": tally.baseline.total,
        },
        "without_time": tally.figures["without_time"],
        "first_seen": at(tally.first),
        "last_seen": at(tally.last),
        "log_holds_keys": scan.parser.json.holds_keys,
        "proxied": {
            "requests": scan.parser.json.proxied,
            "share": share_of(scan.parser.json.proxied, scan.parser.formats["json"]),
        },
        "addresses": [
            {
                "address": name.decode(),
                "network": network_of(name).decode(),
                **_counted(count, error, requests),
                **_detailed(detail),
                **window.compare(name, count - error, tally.baseline),
            }
            for (name, count, error), detail in zip(best, details)
        ],
        "networks": [
            {
                "network": name.decode(),
                **_counted(count, error, requests),
                **window.compare(name, count - error, tally.baseline_networks),
            }
            for name, count, error in tally.networks.most(top)
        ],
        "api_keys": [
            {
                "prefix": show(name.partition(b":")[0]),
                "sha256": name.partition(b":")[2].decode(),
                **_counted(count, error, requests),
            }
            for name, count, error in tally.api_keys.most(top)
        ],
        "routes": _named("route", tally.routes, top, requests),
        "user_agents": _named("user_agent", tally.agents, top, requests),
        "statuses": {status.decode(): count for status, count in sorted(tally.statuses.items())},
        **_shares(tally, requests),
        "limited": {
            "by_proxy": tally.figures["limited_by_proxy"],
            "by_app": tally.figures["limited_by_app"],
            "unknown": tally.figures["limited_by_unknown"],
        },
        "rates": _rates(tally),
        "tracked": {
            name: counts.describe()
            for name, counts in (
                ("addresses", tally.addresses),
                ("networks", tally.networks),
                ("api_keys", tally.api_keys),
                ("routes", tally.routes),
                ("user_agents", tally.agents),
            )
        },
        "ties": tally.ties.describe() if tally.ties is not None else None,
        "checked_at": at(now),
    }
    result["summary"] = summarize(result)
    return result


def _counted(count: int, error: int, requests: int) -> dict[str, t.Any]:
    return {"requests": count, "error": error, "share": share_of(count, requests)}


def _named(what: str, counts: Top, top: int, requests: int) -> list[dict[str, t.Any]]:
    return [{what: show(name), **_counted(count, error, requests)} for name, count, error in counts.most(top)]


def _shares(tally: Tally, requests: int) -> dict[str, t.Any]:
    def share(first: bytes) -> float | None:
        count = sum(count for status, count in tally.statuses.items() if status.startswith(first))
        return share_of(count, requests) if tally.statuses else None

    return {"share_4xx": share(b"4"), "share_5xx": share(b"5")}


def _detailed(detail: Detail) -> dict[str, t.Any]:
    """Return what one address did; ``detailed``: of how many requests this is told."""
    statuses: dict[str, int] = {}
    routes: dict[bytes, int] = {}
    for kind, count in detail.kinds.items():
        status, _space, route = kind.partition(b" ")
        statuses[status.decode()] = statuses.get(status.decode(), 0) + count
        routes[route] = routes.get(route, 0) + count
    errors = sum(count for status, count in statuses.items() if status[0] in "45")
    most = sorted(routes.items(), key=lambda item: (-item[1], item[0]))[:_ROUTES_OF_AN_ADDRESS]
    return {
        "detailed": detail.requests,
        "peak_per_second": detail.peak if detail.seconds else None,
        "errors_share": share_of(errors, detail.requests),
        "statuses": dict(sorted(statuses.items())),
        "routes": [{"route": show(route), "requests": count} for route, count in most],
        "user_agents": detail.user_agents(),
        "bytes": detail.size,
    }


def _rates(tally: Tally) -> dict[str, t.Any]:
    usual = tally.baseline_rates if tally.baseline.total else None
    rates = judge_rates(tally.rates, usual)
    if rates["peak"]:
        rates["peak"] = {"at": at(rates["peak"]["second"]), "requests": rates["peak"]["requests"]}
    rates["bursts"] = [{**burst, "start": at(burst["start"])} for burst in rates["bursts"]]
    return rates


def summarize(result: t.Mapping[str, t.Any]) -> str:
    """Return one or two sentences for a tired person."""
    requests = result["requests"]
    if not requests:
        skipped = sum(result["skipped"].values())
        why = f"{skipped} lines were read, and none of them tells of a request" if skipped else "there is no line in it"
        window = result["window"]
        if result["filtered"] or window["before"] is None or window["before"] or window["after"]:
            why = "none of its requests is within what was asked for"
        return f"No request is counted: {why}."
    said = f"{requests} requests from {_number(result, 'addresses')} addresses"
    if result["first_seen"]:
        said += f" between {result['first_seen']} and {result['last_seen']}"
    if result["addresses"]:
        best = result["addresses"][0]
        new = ", which is new" if best.get("is_new") else ""
        said += f"; the most, {best['requests']} ({best['share']:.0%}), came from {best['address']}{new}"
    said += "."
    if result["limited"]["by_proxy"] or result["limited"]["by_app"]:
        limited = result["limited"]
        said += f" The proxy refused {limited['by_proxy']} of them as too many, the api {limited['by_app']}."
    if result["rates"]["bursts_total"]:
        said += f" {result['rates']['bursts_total']} bursts stand out."
    if result["without_time"]:
        said += f" {result['without_time']} lines have no time, so there are no rates of them."
    if result["log_holds_keys"]:
        said += " The log holds API keys in clear text."
    if not result["complete"]:
        said += " There was no time to read all of it."
    return said


def _number(result: t.Mapping[str, t.Any], what: str) -> str:
    tracked = result["tracked"][what]
    return f"{tracked['distinct']}" if tracked["exact"] else f"more than {tracked['distinct']}"
