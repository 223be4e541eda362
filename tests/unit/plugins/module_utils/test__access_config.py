# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._access_config import (
    CONFIG_FILES,
    config_file_of,
    find_access_log,
    is_traefik,
)

YAML = """
entryPoints:
  web:
    address: ":80"
accessLog:   # who sends what
  filePath: "/var/log/traefik/access.log"
  format: json
  fields:
    headers:
      names:
        filePath: keep
log:
  filePath: /var/log/traefik/traefik.log
"""
TOML = """
[log]
  filePath = "/var/log/traefik/traefik.log"
[accessLog]
  filePath = '/var/log/traefik/access.log'
[accessLog.fields]
  filePath = "no"
"""
WHERE = "/var/log/traefik/access.log"


@pytest.mark.parametrize(
    ("command", "enabled", "path"),
    [
        (["--accesslog=true", f"--accesslog.filepath={WHERE}"], True, WHERE),
        ([f"--accessLog.filePath={WHERE}"], True, WHERE),
        (["--accesslog", "--api"], True, ""),
        (["--accesslog.filepath", WHERE], True, WHERE),
        (["--accesslog.format=json"], True, ""),
        (["--accesslog=true", "--accesslog.filepath=/dev/stdout"], True, ""),
        (["--accesslog=false"], False, ""),
        (["--api=true", f"--log.filepath={WHERE}"], False, ""),
    ],
)
def test_the_command_line_says_where(command, enabled, path):
    log = find_access_log(["traefik", *command], {"TRAEFIK_ACCESSLOG": "true"}, None)
    assert (log.enabled, log.path, log.said_by) == (enabled, path, "its command line")


@pytest.mark.parametrize(
    ("environment", "enabled", "path"),
    [
        ({"TRAEFIK_ACCESSLOG": "true", "TRAEFIK_ACCESSLOG_FILEPATH": WHERE}, True, WHERE),
        ({"TRAEFIK_ACCESSLOG_FILEPATH": WHERE}, True, WHERE),
        ({"TRAEFIK_ACCESSLOG": "false"}, False, ""),
        ({"TRAEFIK_LOG_FILEPATH": WHERE}, False, ""),
        ({}, False, ""),
    ],
)
def test_without_flags_the_environment_says_where(environment, enabled, path):
    log = find_access_log(["traefik"], environment, None)
    assert (log.enabled, log.path, log.said_by) == (enabled, path, "its environment")


@pytest.mark.parametrize(
    ("text", "name", "enabled", "path"),
    [
        (YAML, "traefik.yml", True, WHERE),
        (TOML, "traefik.toml", True, WHERE),
        ("accessLog: {}\n", "traefik.yml", True, ""),
        (f"accessLog: {{filePath: {WHERE}, format: json}}\n", "traefik.yml", True, WHERE),
        ("accessLog:\n", "traefik.yml", True, ""),
        ("# accessLog:\nlog:\n  filePath: /x\n", "traefik.yml", False, ""),
        ("[log]\nfilePath = '/x'\n", "traefik.toml", False, ""),
        ("", "traefik.yml", False, ""),
    ],
)
def test_a_file_says_it_alone(text, name, enabled, path):
    log = find_access_log(["traefik", "--accesslog.filepath=/other"], {}, text, f"/etc/traefik/{name}")
    assert (log.enabled, log.path) == (enabled, path)
    assert name in log.said_by


def test_where_the_file_would_be():
    assert config_file_of(["traefik", "--configFile=/x.yml"]) == ("/x.yml",)
    assert config_file_of(["traefik", "--configfile", "/x.yml"]) == ("/x.yml",)
    assert config_file_of(["traefik"]) == CONFIG_FILES


@pytest.mark.parametrize(
    ("command", "image", "expected"),
    [
        (["traefik"], "x", True),
        (["/entrypoint.sh", "--providers.docker=true"], "x", True),
        (["nginx", "-g", "daemon off;"], "nginx:1", False),
        (["/entrypoint.sh"], "docker.io/traefik:v3", True),
        ([], "", False),
    ],
)
def test_whether_it_is_traefik(command, image, expected):
    assert is_traefik(command, image) is expected
