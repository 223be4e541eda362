# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: where Traefik says that it writes its access log. Pure.

Traefik takes its static configuration from one place only: a file, else its command line, else its environment.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

CONFIG_FILES = ("/etc/traefik/traefik.toml", "/etc/traefik/traefik.yaml", "/etc/traefik/traefik.yml")
_STREAMS = ("/dev/stdout", "/dev/stderr", "/proc/self/fd/1", "/proc/self/fd/2")
_YAML_KEY = re.compile(r"^(\s*)([A-Za-z]+)\s*:\s*(.*?)\s*$")
_TOML_TABLE = re.compile(r"^\s*\[\s*([A-Za-z.]+)\s*\]")
_TOML_KEY = re.compile(r"^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$")


@dataclasses.dataclass(frozen=True)
class AccessLog:
    """Whether there is an access log, where (empty: standard output), and who says so."""

    enabled: bool
    path: str
    said_by: str


def is_traefik(command: t.Sequence[str], image: str) -> bool:
    """Tell whether a container is Traefik, whatever its service is called."""
    program = command[0].rsplit("/", 1)[-1] if command else ""
    return (
        "traefik" in program or "traefik" in image or any(_flag(word)[0].startswith("providers.") for word in command)
    )


def config_file_of(command: t.Sequence[str]) -> tuple[str, ...]:
    """Return the files in which Traefik would look for its static configuration."""
    named = [value for name, value in _flags(command) if name == "configfile" and value]
    return tuple(named[-1:]) or CONFIG_FILES


def _flag(word: str) -> tuple[str, str]:
    if not word.startswith("--"):
        return "", ""
    name, equals, value = word[2:].partition("=")
    return name.lower(), value if equals else ""


def _flags(command: t.Sequence[str]) -> t.Iterator[tuple[str, str]]:
    for place, word in enumerate(command):
        name, value = _flag(word)
        following = command[place + 1] if place + 1 < len(command) else ""
        if name and "=" not in word and following and not following.startswith("-"):
            value = following
        if name:
            yield name, value


def find_access_log(
    command: t.Sequence[str], environment: t.Mapping[str, str], config: str | None, config_path: str = ""
) -> AccessLog:
    """Return what Traefik was told about its access log. ``config``: the text of its file, None where it has none."""
    if config is not None:
        pairs = _toml(config) if config_path.endswith(".toml") else _yaml(config)
        return _judge(pairs, f"the file '{config_path}'")
    flags = [(name.partition(".")[2], value) for name, value in _flags(command) if name.split(".")[0] == "accesslog"]
    if any(name for name, _value in _flags(command)):
        return _judge(flags, "its command line")
    prefix = "TRAEFIK_ACCESSLOG"
    pairs = [
        (name[len(prefix) :].lstrip("_").lower().replace("_", "."), value)
        for name, value in environment.items()
        if name.upper() == prefix or name.upper().startswith(prefix + "_")
    ]
    return _judge(pairs, "its environment")


def _judge(pairs: t.Sequence[tuple[str, str]], said_by: str) -> AccessLog:
    """Return the log of options such as ("", "true") and ("filepath", "/x"); any of them turns it on."""
    values = dict(pairs)
    enabled = bool(values) and values.get("", "true").lower() not in ("false", "0", "null", "~")
    path = values.get("filepath", "")
    return AccessLog(enabled, "" if path in _STREAMS else path, said_by)


def _plain(value: str) -> str:
    value = value if value[:1] in ("'", '"') else re.split(r"(?:^|\s)#", value, maxsplit=1)[0].strip()
    return value.strip("'\"") if value[:1] not in ("'", '"') else value[1:].partition(value[0])[0]


def _yaml(text: str) -> list[tuple[str, str]]:
    """Return the options below ``accessLog:`` of a YAML file; only as much of YAML is read as such a file needs."""
    found: list[tuple[str, str]] = []
    inside, depth = False, -1
    for line in text.splitlines():
        match = _YAML_KEY.match(line)
        if not match or line.lstrip().startswith("#"):
            continue
        indent, name, value = len(match.group(1)), match.group(2).lower(), _plain(match.group(3))
        if indent == 0:
            inside, depth = name == "accesslog", -1
            if inside:
                found.append(("", "true" if value in ("", "{}") or value.startswith("{") else value))
                found += [
                    (key.strip().strip("'\"").lower(), _plain(item.strip()))
                    for key, colon, item in (part.partition(":") for part in value.strip("{}").split(","))
                    if colon
                ]
        elif inside and (depth < 0 or indent == depth):
            depth = indent
            found.append((name, value))
    return found


def _toml(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    inside = False
    for line in text.splitlines():
        table = _TOML_TABLE.match(line)
        if table:
            inside = table.group(1).lower() == "accesslog"
            if inside:
                found.append(("", "true"))
            continue
        match = _TOML_KEY.match(line)
        if inside and match:
            found.append((match.group(1).lower(), _plain(match.group(2))))
    return found
