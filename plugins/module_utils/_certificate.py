# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the certificate that a server shows, trusted or not, and how long it is good for."""

from __future__ import annotations

import calendar
import socket
import ssl
import time
import typing as t
from urllib.parse import urlsplit

from ._errors import OpsError
from ._http import Target
from ._verdict import CRITICAL, OK, WARNING, Finding

_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18


def fetch_certificate(target: Target, timeout_s: float) -> bytes:
    """Return the certificate that the server shows, in DER; nothing is sent and nothing is trusted."""
    parts = urlsplit(target.url)
    host, port = target.connect_host or parts.hostname or "", target.connect_port or parts.port or 443
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=timeout_s) as connection,
            context.wrap_socket(connection, server_hostname=parts.hostname) as secure,
        ):
            return secure.getpeercert(binary_form=True) or b""
    except OSError as error:
        cause = str(error.strerror or error)
        raise OpsError(f"read the certificate of {parts.hostname}:{port}", cause) from error


def read_element(data: bytes, position: int) -> tuple[int, int, int]:
    """Return tag, start and end of the content of the DER element at ``position``. Source: X.690, 8.1."""
    tag, length = data[position], data[position + 1]
    start = position + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + length > len(data):
        raise ValueError("an element is longer than what holds it")
    return tag, start, start + length


def read_validity(der: bytes) -> tuple[float, float]:
    """Return from when and until when a certificate is good, in seconds since the epoch. Source: RFC 5280, 4.1."""
    try:
        _tag, position, _end = read_element(der, 0)
        _tag, position, _end = read_element(der, position)
        if der[position] == 0xA0:
            position = read_element(der, position)[2]
        # Serial number, signature algorithm and issuer stand before it.
        for _field in range(3):
            position = read_element(der, position)[2]
        _tag, position, _end = read_element(der, position)
        times = []
        for _bound in range(2):
            tag, start, end = read_element(der, position)
            times.append(_read_time(tag, der[start:end].decode("ascii")))
            position = end
    except (IndexError, ValueError) as error:
        raise OpsError("read a certificate", "it is not in a known form") from error
    return times[0], times[1]


def _read_time(tag: int, text: str) -> float:
    if tag == _UTC_TIME:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("no time stands where one must")
    return float(calendar.timegm(time.strptime(text, "%Y%m%d%H%M%SZ")))


def judge_certificate(url: str, validity: tuple[float, float], now: float, limits: t.Mapping[str, t.Any]) -> Finding:
    """Judge a certificate by the days that it has left; ``now`` in seconds since the epoch."""
    begins, ends = validity
    days = (ends - now) / 86400
    date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(ends))
    evidence = {"not_after": date, "days_left": round(days, 1)}
    command = ("Renew it, then run rendiff.ops.health_deep again.",)
    if begins > now:
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(begins))
        return Finding(
            "certificate", "certificate", CRITICAL, url, f"The certificate of {url} begins only {when}.", evidence
        )
    if days < 0:
        summary = f"The certificate of {url} expired {date}: clients refuse it."
        return Finding("certificate", "certificate", CRITICAL, url, summary, evidence, command)
    severity = OK
    if days < limits["certificate_warning_d"]:
        severity = CRITICAL if days < limits["certificate_critical_d"] else WARNING
    left = f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
    summary = f"The certificate of {url} is good for {left} more (until {date})."
    return Finding("certificate", "certificate", severity, url, summary, evidence, command if severity != OK else ())
