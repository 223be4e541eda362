# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: objects of an S3 store, moved by rclone on the host. No key is ever on a command line."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
import threading
import typing as t

from ._errors import MissingDriverError, OpsError

_REMOTE = "store"
_CA_VARIABLE = "AWS_CA_BUNDLE"
_NOT_FOUND = 3
_MISSING = (126, 127)
_TIMED_OUT = (124, 137)
_SHORT_S = 120.0
_POLL_S = 0.5
_BAD = ("error", "critical", "alert", "fatal", "emergency")
# What S3 says, in the words that its clients print, and what that means here.
_CAUSES = (
    ("NoSuchBucket", "there is no such bucket", "Make the bucket, or correct the name"),
    ("directory not found", "there is no such bucket", "Make the bucket, or correct the name"),
    ("SignatureDoesNotMatch", "the secret key is wrong", "Pass the right keys"),
    ("InvalidAccessKeyId", "the access key is unknown there", "Pass the right keys"),
    ("AccessDenied", "the keys may not do that", "Allow it, or pass other keys"),
    ("no such host", "the name of the endpoint is unknown", "Correct s3_endpoint"),
    ("connection refused", "nothing listens there", "Start the store, or correct s3_endpoint"),
    ("i/o timeout", "it does not answer", "Look at the store and the network"),
)

Note = t.Callable[[int, int], None]


class Run(t.Protocol):
    """Runs an argument list without a shell; returns exit status, output and errors."""

    def __call__(self, argv: list[str], *, environ_update: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Run it to its end."""


@dataclasses.dataclass(frozen=True)
class Bucket:
    """A place in an S3 store. Empty keys mean those of the environment or of the machine's role."""

    name: str
    prefix: str
    endpoint: str = ""
    region: str = ""
    ca_file: str = ""
    access_key: str = dataclasses.field(default="", repr=False)
    secret_key: str = dataclasses.field(default="", repr=False)

    def environment(self) -> dict[str, str]:
        """Return how rclone is told of it. Source: rclone's documentation, "Environment Variables"."""
        prefix = f"RCLONE_CONFIG_{_REMOTE.upper()}_"
        told = {
            "TYPE": "s3",
            "PROVIDER": "Other" if self.endpoint else "AWS",
            "ENDPOINT": self.endpoint,
            "REGION": self.region,
            "ACCESS_KEY_ID": self.access_key,
            "SECRET_ACCESS_KEY": self.secret_key,
            "ENV_AUTH": "false" if self.access_key else "true",
            # A bucket that is missing is an error, never something to make on the way.
            "NO_CHECK_BUCKET": "true",
        }
        known = {prefix + name: value for name, value in told.items() if value}
        # rclone fails where the tools of AWS are told of a CA; it has an option of its own for that.
        return {**known, "RCLONE_CONFIG": "/dev/null", _CA_VARIABLE: ""}


class Rclone:
    """Lists, reads, writes and removes objects below a bucket's prefix; every call has a bound."""

    def __init__(self, run: Run, bucket: Bucket, timeout_s: float) -> None:
        self._run = run
        self._bucket = bucket
        self._timeout_s = timeout_s

    def sizes(self, path: str = "") -> dict[str, int]:
        """Return the bytes of each object below a path; none where there is no such path."""
        words = ["lsjson", "--recursive", "--files-only", "--no-mimetype", "--no-modtime", self._at(path)]
        listed = self._call("list", words, _SHORT_S)
        if not listed:
            # For rclone a bucket that is missing is like one that is empty.
            words = ["lsf", "--max-depth", "1", "--dirs-only", f"{_REMOTE}:{self._bucket.name}"]
            self._call("list", words, _SHORT_S)
        return {str(item["Path"]): int(item["Size"]) for item in json.loads(listed or "[]")}

    def fetch(self, path: str, target: str, note: Note | None = None) -> None:
        """Copy one object into a file."""
        self._call(f"fetch '{path}' from", ["copyto", self._at(path), target], self._timeout_s, note)

    def fetch_all(self, path: str, folder: str, pattern: str) -> None:
        """Copy every object below a path whose name matches a pattern into a folder."""
        self._call("read", ["copy", "--include", pattern, self._at(path), folder], _SHORT_S)

    def put(self, source: str, path: str, note: Note | None = None) -> None:
        """Copy a file to an object; it is there as a whole or not at all."""
        self._call(f"put '{path}' into", ["copyto", source, self._at(path)], self._timeout_s, note)

    def sha256(self, path: str) -> str:
        """Read an object as a whole and return its SHA-256."""
        words = ["hashsum", "sha256", "--download", self._at(path)]
        return (self._call(f"read '{path}' back from", words, self._timeout_s).split() or [""])[0]

    def remove(self, path: str) -> None:
        """Remove one object."""
        self._call(f"remove '{path}' from", ["deletefile", self._at(path)], _SHORT_S)

    def _at(self, path: str) -> str:
        return f"{_REMOTE}:" + "/".join(part for part in (self._bucket.name, self._bucket.prefix, path) if part)

    def _call(self, act: str, words: list[str], timeout_s: float, note: Note | None = None) -> str:
        with tempfile.TemporaryDirectory(prefix="rendiff-ops-") as folder:
            log = os.path.join(folder, "log")
            argv = ["timeout", "--kill-after=5", f"{timeout_s:g}", "rclone", *words, "--retries", "2"]
            argv += ["--low-level-retries", "3", "--contimeout", "10s", "--timeout", "60s"]
            argv += ["--log-file", log, "--use-json-log", "--log-level", "INFO", "--stats", "1s"]
            argv += ["--ca-cert", self._bucket.ca_file] if self._bucket.ca_file else []
            with _watching(log, note):
                status, output, errors = self._run(argv, environ_update=self._bucket.environment())
            told = errors + _complaints(log)
        if status == 0:
            return output
        # There is no such directory. In S3 that is an empty one, but for the bucket itself.
        if status == _NOT_FOUND and words[0] in ("lsjson", "copy"):
            return ""
        raise self._explain(f"{act} s3://{self._bucket.name}", status, told, timeout_s)

    def _explain(self, act: str, status: int, told: str, timeout_s: float) -> OpsError:
        if status in _MISSING:
            return MissingDriverError(
                act, "there is no rclone on this host", "Run the playbook rendiff.ops.prepare, or install rclone"
            )
        if status in _TIMED_OUT:
            return OpsError(act, f"it did not end within {timeout_s:g} s", "Look at the store and the network")
        for sign, cause, remedy in _CAUSES:
            if sign in told:
                return OpsError(act, cause, remedy)
        lines = [line for line in told.splitlines() if line.strip()]
        text = lines[-1][:300] if lines else f"rclone ended with {status}"
        for secret in (self._bucket.secret_key, self._bucket.access_key):
            text = text.replace(secret, "********") if secret else text
        return OpsError(act, text)


def _log_lines(path: str) -> list[dict[str, t.Any]]:
    """Return the lines of rclone's log. Its last one, on why it failed, is plain text."""
    found: list[dict[str, t.Any]] = []
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                try:
                    found.append(dict(json.loads(line)))
                except (ValueError, TypeError):
                    found.append({"level": "error", "msg": line.strip()})
    except FileNotFoundError:
        return []
    return found


def _complaints(log: str) -> str:
    return "\n".join(str(line.get("msg")) for line in _log_lines(log) if line.get("level") in _BAD)


@contextlib.contextmanager
def _watching(log: str, note: Note | None) -> t.Iterator[None]:
    """Tell how far rclone is, from its own log, while the block runs."""
    if note is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_POLL_S):
            stats = [line["stats"] for line in _log_lines(log) if isinstance(line.get("stats"), dict)]
            if stats:
                note(int(stats[-1].get("bytes") or 0), int(stats[-1].get("totalBytes") or 0))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
