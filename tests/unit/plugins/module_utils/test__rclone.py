# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._backup_crypt import Crypt
from ansible_collections.rendiff.ops.plugins.module_utils._errors import MissingDriverError, OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._rclone import Bucket, Rclone


class Tool:
    """Stands for a program of the host: remembers how it was called, and answers what a test says."""

    def __init__(self, status=0, output="", errors="", log=""):
        self.answer = (status, output, errors)
        self.log = log
        self.calls = []
        self.environments = []

    def __call__(self, argv, *, environ_update=None):
        self.calls.append(list(argv))
        self.environments.append(environ_update or {})
        if self.log and "--log-file" in argv:
            with open(argv[argv.index("--log-file") + 1], "w", encoding="utf-8") as stream:
                stream.write(self.log)
        return self.answer


BUCKET = Bucket("b", "p", "http://s3:1", access_key="AKIA-KEY", secret_key="very/secret")


def test_no_key_is_ever_on_a_command_line():
    tool = Tool(output="[]")
    Rclone(tool, BUCKET, 60).sizes()
    assert not [word for call in tool.calls for word in call if "AKIA" in word or "secret" in word]
    assert tool.environments[0]["RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY"] == "very/secret"
    assert "very" not in repr(BUCKET)
    assert tool.calls[0][:3] == ["timeout", "--kill-after=5", "120"]


def test_without_keys_those_of_the_machine_are_used():
    assert Bucket("b", "p").environment()["RCLONE_CONFIG_STORE_ENV_AUTH"] == "true"
    assert "RCLONE_CONFIG_STORE_ACCESS_KEY_ID" not in Bucket("b", "p").environment()
    assert BUCKET.environment()["RCLONE_CONFIG_STORE_ENV_AUTH"] == "false"


@pytest.mark.parametrize(
    ("tool", "cause"),
    [
        (Tool(1, log='{"level":"error","msg":"SignatureDoesNotMatch: no"}'), "the secret key is wrong"),
        (Tool(1, log="2026/01/01 Failed to lsjson: dial tcp: connection refused"), "nothing listens there"),
        (Tool(3, log="error in ListJSON: directory not found"), "there is no such bucket"),
        (Tool(124), "did not end within"),
        (Tool(1, errors="odd AKIA-KEY very/secret"), r"odd \*+ \*+"),
        (Tool(1), "rclone ended with 1"),
    ],
)
def test_why_it_failed_is_told_without_a_secret(tool, cause):
    with pytest.raises(OpsError, match=cause):
        Rclone(tool, BUCKET, 60).sizes()


def test_without_rclone_the_remedy_is_to_prepare_the_host():
    with pytest.raises(MissingDriverError, match="rendiff.ops.prepare"):
        Rclone(Tool(127), BUCKET, 60).remove("x")


def test_sizes_are_read():
    assert Rclone(Tool(output='[{"Path": "a/b", "Size": 5}]'), BUCKET, 60).sizes() == {"a/b": 5}


def secret(tmp_path, mode=0o600, text="x"):
    path = tmp_path / "secret"
    path.write_text(text, encoding="utf-8")
    os.chmod(path, mode)
    return str(path)


def test_what_encryption_needs_is_seen_before(tmp_path):
    crypt = Crypt(Tool(), {}, 60)
    for kind, recipients, encrypt, cause in (
        ("age", [], True, "there is no recipient"),
        ("age", ["/etc/passwd"], True, "a recipient is none of age"),
        ("age", ["--output=/x"], True, "a recipient is none of age"),
        ("age", [], False, "Pass age_identity_file"),
        ("gpg", [], True, "Pass gpg_passphrase_file"),
    ):
        with pytest.raises(OpsError, match=cause):
            crypt.check(kind, recipients, encrypt=encrypt)
    crypt.check("none", encrypt=True)


@pytest.mark.parametrize(
    ("mode", "text", "cause"), [(0o644, "x", "others than its owner"), (0o620, "x", "others"), (0o600, "", "is empty")]
)
def test_a_file_with_a_secret_is_only_its_owners_and_not_empty(tmp_path, mode, text, cause):
    crypt = Crypt(Tool(), {"gpg_passphrase_file": secret(tmp_path, mode, text)}, 60)
    with pytest.raises(OpsError, match=cause):
        crypt.check("gpg", encrypt=False)


def test_the_passphrase_is_in_no_command(tmp_path):
    tool, path = Tool(), secret(tmp_path, text="hush")
    crypt = Crypt(tool, {"gpg_passphrase_file": path}, 60)
    crypt.check("gpg", encrypt=True)
    crypt.encrypt("gpg", "a", "b", [])
    crypt.decrypt("gpg", "b", "a")
    assert not [word for call in tool.calls for word in call if "hush" in word]
    homes = {call[call.index("--homedir") + 1] for call in tool.calls if "--homedir" in call}
    assert len(homes) == 2
    assert not [home for home in homes if os.path.exists(home)]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


@pytest.mark.parametrize(
    ("tool", "cause"),
    [
        (Tool(2, errors="gpg: decryption failed: Bad session key"), "for another key or passphrase"),
        (Tool(1, errors="age: error: no identity matched any of the recipients"), "for another key or passphrase"),
        (Tool(1, errors="write: No space left on device"), "the disk is full"),
        (Tool(124), "did not end within 60 s"),
        (Tool(127), "it ended with 127"),
    ],
)
def test_why_it_cannot_be_decrypted_is_told(tool, cause):
    with pytest.raises(OpsError, match=cause):
        Crypt(tool, {"age_identity_file": "/i"}, 60).decrypt("age", "a", "b")


def test_a_program_that_is_missing_is_installed_by_prepare():
    with pytest.raises(MissingDriverError, match="there is no age on this host"):
        Crypt(Tool(127), {}, 60).check("age", ["age1x"], encrypt=True)
