# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's own certificate authority and the proxy's certificate."""

from __future__ import annotations

import tempfile
from pathlib import Path

from names import HOST, Sandbox
from shell import run, say

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
DAYS = "825"


def _openssl(*arguments: str) -> None:
    run(["openssl", *arguments], timeout=60)


def ensure(sandbox: Sandbox) -> None:
    """Make the CA and the leaf once; they appear together or not at all."""
    if sandbox.tls_dir.exists():
        return
    say("making a certificate authority")
    with tempfile.TemporaryDirectory(dir=sandbox.state_dir) as name:
        folder = Path(name) / "tls"
        folder.mkdir()
        ca_key, ca_crt, key, request = (str(folder / part) for part in ("ca.key", "ca.crt", "leaf.key", "leaf.csr"))
        extensions = folder / "leaf.ext"
        extensions.write_text(
            f"subjectAltName=DNS:{HOST},DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n"
            "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
            "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        ca_usage = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        ca_name = ("-subj", "/CN=Rendiff sandbox CA")
        _openssl("req", "-x509", *CURVE, "-days", DAYS, "-keyout", ca_key, "-out", ca_crt, *ca_name, *ca_usage)
        _openssl("req", *CURVE, "-keyout", key, "-out", request, "-subj", f"/CN={HOST}")
        sign = ("-CA", ca_crt, "-CAkey", ca_key, "-CAcreateserial", "-days", DAYS, "-extfile", str(extensions))
        _openssl("x509", "-req", "-in", request, *sign, "-out", str(folder / "leaf.crt"))
        folder.replace(sandbox.tls_dir)
