# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one base image: pulled where a registry answers, else built from the mirror that this Debian host itself uses."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

from names import IMAGE_PREFIX
from shell import SandboxError, os_release, run, say

PUBLIC = "debian:bookworm-slim"
SUITE = "bookworm"
LOCAL = f"{IMAGE_PREFIX}/base:{SUITE}"
HOST_CA_DIR = Path("/usr/local/share/ca-certificates")
# Documentation and translations are a third of a minimal Debian and of no use in a test fixture.
EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


def _present(image: str) -> bool:
    return run(["docker", "image", "inspect", image], timeout=30, check=False).returncode == 0


def _pull(silence: float = 20, in_all: float = 300) -> bool:
    """Pull the public image; give up early when no registry has answered within the silence bound."""
    say(f"pulling {PUBLIC}")
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(["docker", "pull", PUBLIC], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        started = time.monotonic()
        while process.poll() is None:
            output.seek(0)
            answered = b"Pulling" in output.read()
            if time.monotonic() - started > (in_all if answered else silence):
                process.kill()
                process.wait()
                break
            time.sleep(0.2)
        return process.returncode == 0


def _sources() -> list[str]:
    """Return apt source lines for the suite on the mirrors that this host uses."""
    done = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)"], timeout=60)
    own = os_release()
    if own.get("ID") != "debian":
        raise SandboxError(f"No registry answers and this host is not Debian: run 'docker load' with {PUBLIC} first")
    codename = own["VERSION_CODENAME"]
    uris = {release: uri for uri, _space, release in (line.partition(" ") for line in done.stdout.splitlines())}
    if codename not in uris:
        raise SandboxError(f"No registry answers and apt knows no mirror for {codename} to build {PUBLIC} from")
    wanted = {SUITE: codename, f"{SUITE}-updates": f"{codename}-updates", f"{SUITE}-security": f"{codename}-security"}
    return [f"deb {uris[ours]} {suite} main" for suite, ours in wanted.items() if ours in uris]


def _host_trust(target: Path) -> None:
    """Pack the CAs that this host was told to trust, for pip in a build to get through where the host gets through."""
    with tarfile.open(target, "w") as pack:
        for certificate in sorted(HOST_CA_DIR.glob("*.crt")):
            pack.add(certificate, f"usr/local/share/ca-certificates/{certificate.name}", recursive=False)
        text = b"[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n"
        member = tarfile.TarInfo("etc/pip.conf")
        member.size = len(text)
        member.mode = 0o644
        pack.addfile(member, io.BytesIO(text))


def _build() -> None:
    if os.geteuid() != 0 or shutil.which("mmdebstrap") is None:
        raise SandboxError(
            f"No registry answers, and building a base image needs root and mmdebstrap: load {PUBLIC} into Docker first"
        )
    say(f"no registry answers: building a {SUITE} base image from this host's Debian mirror")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = folder / "sources.list"
        sources.write_text("\n".join(_sources()) + "\n")
        trust = folder / "trust.tar"
        _host_trust(trust)
        root = folder / "root.tar"
        options = [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED]
        hooks = [f"--customize-hook=tar-in {trust} /", '--customize-hook=chroot "$1" update-ca-certificates']
        include = "--include=ca-certificates"
        argv = ["mmdebstrap", "--variant=minbase", include, *options, *hooks, SUITE, str(root), str(sources)]
        run(argv, timeout=600)
        run(["docker", "import", "--change", 'CMD ["bash"]', str(root), LOCAL], timeout=180)


def ensure() -> str:
    """Return the name of a base image that the engine has, after making it if need be."""
    for image in (LOCAL, PUBLIC):
        if _present(image):
            return image
    if _pull():
        return PUBLIC
    _build()
    return LOCAL
