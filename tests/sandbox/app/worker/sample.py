# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the sample input of the sandbox: python -m worker.sample."""

from __future__ import annotations

import subprocess
from pathlib import Path

SAMPLE = Path("/storage/input/sample.mp4")
VIDEO = ["-f", "lavfi", "-i", "testsrc=duration=2:size=320x240:rate=25"]
SOUND = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2"]

if __name__ == "__main__":
    for folder in ("input", "output", "temp"):
        (SAMPLE.parent.parent / folder).mkdir(exist_ok=True)
    if not SAMPLE.exists():
        unfinished = SAMPLE.with_suffix(".tmp")
        codecs = ["-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac", "-f", "mp4"]
        argv = ["ffmpeg", "-y", "-nostdin", "-loglevel", "error", *VIDEO, *SOUND, *codecs, str(unfinished)]
        subprocess.run(argv, check=True, timeout=60)
        unfinished.replace(SAMPLE)
