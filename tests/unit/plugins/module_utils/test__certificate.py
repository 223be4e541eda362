# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import calendar
import ssl

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._certificate import judge_certificate, read_validity
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._thresholds import DEFAULTS

DAY = 86400


def element(tag, content):
    length = bytes([len(content)]) if len(content) < 128 else b"\x82" + len(content).to_bytes(2, "big")
    return bytes([tag]) + length + content


def certificate(begins, ends, tag=0x17):
    version = element(0xA0, element(0x02, b"\x02"))
    validity = element(0x30, element(tag, begins) + element(tag, ends))
    fields = version + element(0x02, b"\x01") + element(0x30, b"") + element(0x30, bytes(200)) + validity
    return element(0x30, element(0x30, fields))


@pytest.mark.parametrize(
    ("begins", "ends", "tag"),
    [(b"250101000000Z", b"260102030405Z", 0x17), (b"20250101000000Z", b"20260102030405Z", 0x18)],
)
def test_both_forms_of_time_are_read(begins, ends, tag):
    expected = (calendar.timegm((2025, 1, 1, 0, 0, 0)), calendar.timegm((2026, 1, 2, 3, 4, 5)))
    assert read_validity(certificate(begins, ends, tag)) == expected


def test_a_year_of_the_last_century_stays_there():
    assert read_validity(certificate(b"700101000000Z", b"491231000000Z"))[0] == 0


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x05ab", b"\x30\x84\xff\xff\xff\xff", bytes(50)])
def test_what_is_no_certificate_is_refused(der):
    with pytest.raises(OpsError, match="Cannot read a certificate"):
        read_validity(der)


def test_a_real_certificate_is_read_as_the_standard_library_reads_it():
    context = ssl.create_default_context()
    ders, decoded = context.get_ca_certs(binary_form=True), context.get_ca_certs()
    assert ders
    for der, facts in list(zip(ders, decoded))[:20]:
        assert read_validity(der) == (
            ssl.cert_time_to_seconds(facts["notBefore"]),
            ssl.cert_time_to_seconds(facts["notAfter"]),
        )


@pytest.mark.parametrize(
    ("days", "severity"), [(100, "ok"), (20, "warning"), (2, "critical"), (0.5, "critical"), (-1, "critical")]
)
def test_days_left_decide(days, severity):
    found = judge_certificate("https://x", (0.0, (1000 + days) * DAY), 1000 * DAY, DEFAULTS)
    assert found.severity == severity


def test_one_that_begins_later_is_told():
    assert "begins only" in judge_certificate("https://x", (2000.0, 9e9), 1000.0, DEFAULTS).summary
