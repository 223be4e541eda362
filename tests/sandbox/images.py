# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's images: named by what goes into them, so that an unchanged one is never built twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from names import HERE, IMAGE_PREFIX
from shell import run, say

# Which files, besides the Dockerfile, decide what a stage holds.
INPUTS = {
    "traefik": (),
    "postgres": ("postgres",),
    "redis": (),
    "prometheus": ("prometheus",),
    "seaweedfs": ("seaweedfs",),
    "app": ("app",),
}
SERVICES = {"app": "api", "seaweedfs": "s3"}

Compose = Callable[..., object]


def _digest(stage: str, base_image: str, celery: str) -> str:
    digest = hashlib.sha256(f"{base_image}\0{celery if stage == 'app' else ''}\0".encode())
    files = [HERE / "Dockerfile", HERE / ".dockerignore"]
    for folder in INPUTS[stage]:
        files += [path for path in (HERE / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    for path in sorted(files):
        digest.update(f"{path.relative_to(HERE)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def names(base_image: str, celery: str) -> dict[str, str]:
    """Return the variables that name each stage's image for Compose."""
    return {
        f"IMAGE_{stage.upper()}": f"{IMAGE_PREFIX}/{stage}:{_digest(stage, base_image, celery)}" for stage in INPUTS
    }


def build_missing(wanted: dict[str, str], compose: Compose) -> None:
    """Build the images that the engine does not have."""
    done = run(["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"], timeout=30)
    have = set(done.stdout.split())
    stages = [stage for stage in INPUTS if wanted[f"IMAGE_{stage.upper()}"] not in have]
    if not stages:
        return
    say(f"building images: {', '.join(stages)}")
    compose("build", "--quiet", *(SERVICES.get(stage, stage) for stage in stages), timeout=1200)


def remove_all() -> None:
    """Remove every image of this checkout."""
    done = run(["docker", "image", "ls", "--quiet", "--filter", f"reference={IMAGE_PREFIX}/*"], timeout=30)
    ids = sorted(set(done.stdout.split()))
    if ids:
        say(f"removing {len(ids)} images")
        run(["docker", "image", "rm", "--force", *ids], timeout=180)
