# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One conversion by ffmpeg, with its progress."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

FORMATS = {
    ".mp4": ["-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac", "-f", "mp4"],
    ".mkv": ["-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac", "-f", "matroska"],
    ".webm": ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-f", "webm"],
}
QUIET = ["-hide_banner", "-nostdin", "-loglevel", "error", "-nostats"]


class ConversionError(Exception):
    """ffmpeg refused or failed; the text is the end of what it said."""


def _length(source: Path) -> float:
    """Return the length of the source in seconds, as ffmpeg reports it when it is given no output."""
    argv = ["ffmpeg", "-hide_banner", "-i", str(source)]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r"Duration: (\d+):(\d+):([\d.]+)", said.stderr)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else 0.0


def _command(source: Path, target: Path, suffix: str, options: dict[str, Any]) -> list[str]:
    seconds = options.get("seconds")
    # A job that lasts: the source over and over, read at the speed at which it would play.
    loop = ["-re", "-stream_loop", "-1"] if seconds else []
    bound = ["-t", str(float(seconds))] if seconds else []
    codec = ["-c:v", "no_such_codec", "-f", "mp4"] if options.get("fail") else FORMATS[suffix]
    return ["ffmpeg", "-y", *QUIET, "-progress", "pipe:1", *loop, "-i", str(source), *bound, *codec, str(target)]


def convert(source: Path, target: Path, options: dict[str, Any], report: Callable[[float], None]) -> int:
    """Convert source to target, reporting percent done; return the size of the result in bytes."""
    if target.suffix not in FORMATS:
        raise ConversionError(f"Cannot write '{target.name}': known endings are {', '.join(FORMATS)}")
    length = float(options.get("seconds") or 0) or _length(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Renamed at the end: nobody may take half an output for a whole one.
    unfinished = target.with_name(target.name + ".tmp")
    with tempfile.TemporaryFile("w+") as errors:
        argv = _command(source, unfinished, target.suffix, options)
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            for line in process.stdout or ():
                if line.startswith("out_time_us=") and line[12:].strip().isdigit() and length:
                    report(min(99.0, int(line[12:]) / 10_000 / length))
        if process.returncode != 0:
            unfinished.unlink(missing_ok=True)
            errors.seek(0)
            raise ConversionError(f"ffmpeg exit {process.returncode}: {errors.read().strip()[-1500:]}")
    unfinished.replace(target)
    return target.stat().st_size
