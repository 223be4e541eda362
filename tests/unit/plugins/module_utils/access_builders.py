# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import json
import random
import typing as t

from ansible_collections.rendiff.ops.plugins.module_utils._access_log import ACCESS_LOG_ARGUMENTS, make_settings, read
from ansible_collections.rendiff.ops.plugins.module_utils._access_source import from_paths

START = 1_795_403_565  # 2026-11-23T03:12:45Z
KEY = "Zk3vTq1bX9sL0pQw7eRt5yUi2oAs4dFg6hJk8lMn"
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"


def options(**changes: t.Any) -> dict[str, t.Any]:
    """Return the module's options with their defaults."""
    return {**{name: option.get("default") for name, option in ACCESS_LOG_ARGUMENTS.options.items()}, **changes}


def look_at(path: t.Any, now: float = START + 3600, **changes: t.Any) -> dict[str, t.Any]:
    """Return what a file tells."""
    given = options(path=str(path), **changes)
    return read(from_paths([given["path"]]), make_settings(given, now), given, now)


def traefik(address: str = "203.0.113.7", second: int = 0, **changes: t.Any) -> bytes:
    """Return a line as Traefik 3 writes it as JSON; a field of None is left out."""
    when = datetime.datetime.fromtimestamp(START + second, datetime.timezone.utc)
    fields = {
        "ClientAddr": f"{address}:40588" if ":" not in address else f"[{address}]:40588",
        "ClientHost": address,
        "ClientPort": "40588",
        "ClientUsername": "-",
        "DownstreamContentSize": 127,
        "DownstreamStatus": 200,
        "Duration": 16_504_082,
        "OriginContentSize": 127,
        "OriginStatus": 200,
        "RequestCount": 1,
        "RequestHost": "rendiff.localhost",
        "RequestMethod": "GET",
        "RequestPath": "/api/v1/health",
        "RequestProtocol": "HTTP/1.1",
        "RouterName": "api@docker",
        "StartUTC": when.strftime("%Y-%m-%dT%H:%M:%S.256078856Z"),
        "entryPointName": "web",
        "level": "info",
        "msg": "",
        "request_User-Agent": AGENT,
        "time": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **changes,
    }
    present = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(present, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def clf(
    address: str = "203.0.113.7",
    second: int = 0,
    request: str = "GET /api/v1/health HTTP/1.1",
    status: int = 200,
    size: t.Any = 127,
    agent: str = AGENT,
    rest: str = ' 42 "api@docker" "http://172.19.0.5:8000" 16ms',
) -> bytes:
    """Return a line in the common form as Traefik goes on with it."""
    when = datetime.datetime.fromtimestamp(START + second, datetime.timezone.utc).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return f'{address} - - [{when}] "{request}" {status} {size} "-" "{agent}"{rest}'.encode()


def uvicorn(address: str = "203.0.113.7", request: str = "GET /api/v1/health HTTP/1.1", status: int = 200) -> bytes:
    """Return a line as uvicorn writes it."""
    return f'INFO:     {address}:33998 - "{request}" {status} OK'.encode()


def write_log(path: t.Any, lines: t.Iterable[bytes]) -> t.Any:
    """Write lines into a file and return its path."""
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def random_line(source: random.Random) -> bytes:
    """Return a line of any form, well or not, as logs and those who write into them may have it."""
    address = source.choice(
        [f"203.0.113.{source.randrange(40)}", f"2001:db8::{source.randrange(9)}", "::ffff:192.0.2.1"]
    )
    agent = source.choice([AGENT, 'x","ClientHost":"6.6.6.6', "\\", '"', "\x1b[2J", "ü", "\u2028", "", "a" * 300])
    path = source.choice([f"/api/v1/jobs/{source.randrange(99)}", "/x?key=1", "/{{ 7*7 }}", "/%s", "//", "*", "/a b"])
    second = source.randrange(120)
    status = source.choice([200, 201, 404, 429, 500])
    kind = source.randrange(12)
    if kind < 4:
        odd = source.choice([{}, {"DownstreamStatus": "200"}, {"OriginStatus": 0}, {"x": {"ClientHost": "6.6.6.6"}}])
        odd = odd or source.choice([{}, {"x": [1]}, {"x": 1.5}, {"x": None}, {"request_X-Api-Key": KEY}, {"n": -1}])
        changes = {"RequestPath": path, "DownstreamStatus": status, "request_User-Agent": agent, **odd}
        return traefik(address, second, **changes)
    if kind < 8:
        agent = agent.replace("\\", "\\\\").replace('"', '\\"')
        return clf(address, second, f"GET {path} HTTP/1.1", status, source.choice([1, "-", 10**17, 300_000]), agent)
    if kind == 8:
        return uvicorn(address, f"POST {path} HTTP/1.1", status)
    whole = source.choice([traefik(address, second), clf(address, second), uvicorn(address)])
    if kind == 9:
        return source.choice([b"traefik-1  | ", b"a | b | ", b"\x1b[36mtraefik-1  | \x1b[0m"]) + whole
    if kind == 10:
        return json.dumps({"log": whole.decode() + "\n", "stream": "stdout", "time": "x"}).encode()
    cut = source.randrange(len(whole))
    return source.choice([whole[:cut], whole[cut:], whole + whole, whole + b"\r", b"\xff\x00" + whole, b"{" * cut, b""])
