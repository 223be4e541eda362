# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import html.parser

from ansible_collections.rendiff.ops.plugins.module_utils._report import render_html
from ansible_collections.rendiff.ops.plugins.module_utils._summary import combine, unreachable

NOW = "2026-11-23T03:00:00Z"
HOSTILE = "<script>alert('x')</script>\x1b[31m\" onload=\"x"


class Reader(html.parser.HTMLParser):
    """Collects the tags, and what is fetched from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.fetched, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ("meta", "link"):
            self.open.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href", "onload")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def finding(identity, severity, caused_by=None, component="redis"):
    return {
        "id": identity,
        "component": component,
        "severity": severity,
        "subject": HOSTILE,
        "summary": f"{identity}: {HOSTILE}",
        "evidence": {HOSTILE: {"a": [HOSTILE]}, "empty": None},
        "commands": [f"docker start {HOSTILE}"],
        "caused_by": caused_by,
    }


def page(*findings):
    health = {
        "project": HOSTILE,
        "verdict": "critical",
        "summary": HOSTILE,
        "root_causes": [f["id"] for f in findings if not f["caused_by"] and f["severity"] != "ok"],
        "findings": list(findings),
        "hazards": [{"id": "x", "subject": HOSTILE, "summary": HOSTILE}],
        "checked_at": NOW,
        "seconds": 1.0,
    }
    return render_html(combine(HOSTILE, {HOSTILE: health}, NOW))


def test_text_from_outside_stays_text_and_nothing_is_fetched():
    text = page(finding("cause", "critical"), finding("symptom", "unknown", "cause", "queues"), finding("w", "ok"))
    reader = Reader(text)
    assert reader.open == []
    assert reader.tags.count("script") == 1
    assert reader.fetched == []
    assert "\x1b" not in text


def test_the_symptom_stands_below_its_cause():
    text = page(finding("cause", "critical"), finding("symptom", "unknown", "cause", "queues"))
    card = text.split('class="cause critical"', 1)[1].split("Part by part", 1)[0]
    assert card.index("cause: ") < card.index('<ul class="chain">') < card.index("symptom: ")
    assert text.count('class="cause ') == 1


def test_a_host_of_which_nothing_is_known_is_shown():
    text = render_html(combine("t", {"h": unreachable("h", "no route", NOW)}, NOW))
    assert "Nothing is known of host &#x27;h&#x27;" in text and 'class="pill unknown"' in text
