# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: files encrypted by age or gpg of the host. No secret is on a command line."""

from __future__ import annotations

import os
import tempfile
import typing as t

from ._argspec import ArgumentSpec
from ._errors import MissingDriverError, OpsError
from ._rclone import Run

NONE, AGE, GPG = "none", "age", "gpg"

CRYPT_ARGUMENTS = ArgumentSpec(
    {
        "age_identity_file": {"type": "path"},
        "gpg_passphrase_file": {"type": "path", "no_log": False},
    }
)


class Crypt:
    """Encrypts and decrypts whole files; ``options`` are those of ``CRYPT_ARGUMENTS``, of the host's files."""

    def __init__(self, run: Run, options: t.Mapping[str, t.Any], timeout_s: float) -> None:
        self._run = run
        self._identity = options.get("age_identity_file") or ""
        self._passphrase = options.get("gpg_passphrase_file") or ""
        self._timeout_s = timeout_s

    def check(self, kind: str, recipients: t.Sequence[str] = (), *, encrypt: bool) -> None:
        """See that everything is there that is needed, before anything is done."""
        act = f"{'encrypt' if encrypt else 'decrypt'} the backup by {kind}"
        if kind == AGE and encrypt and not recipients:
            raise OpsError(act, "there is no recipient", "Pass age_recipients, lines such as age1...")
        if kind == AGE and encrypt and any(not recipient.startswith(("age1", "ssh-")) for recipient in recipients):
            raise OpsError(act, "a recipient is none of age", "Pass public keys, such as age1... or ssh-ed25519 ...")
        if kind == AGE and not encrypt:
            _check_secret(act, self._identity, "age_identity_file")
        if kind == GPG:
            _check_secret(act, self._passphrase, "gpg_passphrase_file")
        if kind != NONE:
            status, _output, _errors = self._run(["timeout", "10", kind, "--version"])
            if status != 0:
                raise MissingDriverError(
                    act, f"there is no {kind} on this host", f"Run the playbook rendiff.ops.prepare, or install {kind}"
                )

    def encrypt(self, kind: str, source: str, target: str, recipients: t.Sequence[str]) -> None:
        """Write ``target``, the encrypted form of ``source``."""
        if kind == AGE:
            words = ["age", "--encrypt", "--output", target]
            for recipient in recipients:
                words += ["--recipient", recipient]
            self._do("encrypt the backup by age", [*words, source])
            return
        with tempfile.TemporaryDirectory(prefix="rendiff-ops-") as home:
            # What is compressed already gains nothing by a second time.
            words = [*self._gpg(home), "--symmetric", "--cipher-algo", "AES256", "--compress-algo", "none"]
            self._do("encrypt the backup by gpg", [*words, "--output", target, source])

    def decrypt(self, kind: str, source: str, target: str) -> None:
        """Write ``target``, the plain form of ``source``; a wrong key or a changed file is an error."""
        if kind == AGE:
            words = ["age", "--decrypt", "--identity", self._identity, "--output", target, source]
            self._do("decrypt the backup by age", words)
            return
        with tempfile.TemporaryDirectory(prefix="rendiff-ops-") as home:
            self._do("decrypt the backup by gpg", [*self._gpg(home), "--output", target, "--decrypt", source])

    def _gpg(self, home: str) -> list[str]:
        # A home of its own: neither the keys nor the agent of whoever is logged in have a say.
        words = ["gpg", "--homedir", home, "--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback"]
        return [*words, "--no-symkey-cache", "--passphrase-file", self._passphrase]

    def _do(self, act: str, words: list[str]) -> None:
        status, _output, errors = self._run(
            ["timeout", "--kill-after=5", f"{self._timeout_s:g}", *words], environ_update={"LC_ALL": "C"}
        )
        if status == 0:
            return
        if status in (124, 137):
            raise OpsError(act, f"it did not end within {self._timeout_s:g} s", "Give it more time by timeout_s")
        if "Bad session key" in errors or "no identity matched" in errors:
            raise OpsError(act, "it was encrypted for another key or passphrase", "Pass the right one")
        if "No space left" in errors:
            raise OpsError(act, "the disk is full", "Make room, or pass another work_dir")
        lines = [line.strip() for line in errors.splitlines() if line.strip() and "report unexpected" not in line]
        raise OpsError(act, (lines[0] if lines else f"it ended with {status}")[:300], "Take another backup")


def _check_secret(act: str, path: str, option: str) -> None:
    if not path:
        raise OpsError(act, "the secret for it is not given", f"Pass {option}, a file on the host that only root reads")
    try:
        mode = os.stat(path).st_mode
        with open(path, "rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise OpsError(act, f"'{path}' cannot be read: {error.strerror}", f"Correct {option}") from error
    if mode & 0o077:
        raise OpsError(act, f"others than its owner may use '{path}'", f"Protect it: chmod 600 {path}")
    if empty:
        raise OpsError(act, f"'{path}' is empty", f"Put the secret into it, or correct {option}")
