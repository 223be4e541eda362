# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the collection, install the tarball into an empty folder, and run the quick health check from there.

Nothing of the checkout is in reach: no ansible.cfg, an empty HOME, an inventory of its own. The sandbox must be up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SHIPPED = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "REUSE.toml",
    "changelogs",
    "docs",
    "extensions",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
NOT_SHIPPED = ("docs/coverage.yml", "extensions/molecule", "inventories/sandbox", "changelogs/.plugin-cache.yaml")

INVENTORY = """\
rendiff:
  hosts:
    here:
      ansible_connection: local
      ansible_python_interpreter: {python}
"""


def strangers(names: list[str]) -> list[str]:
    """Return the names in a tarball that do not belong into it."""
    return [
        name
        for name in names
        if name.split("/")[0] not in SHIPPED
        or "__pycache__" in name
        or any(name == other or name.startswith(f"{other}/") for other in NOT_SHIPPED)
    ]


def run(*argv: str, cwd: Path, environment: dict[str, str], timeout: int) -> str:
    """Run a command to its end and return what it printed; say what it was if it fails."""
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\n{' '.join(argv)}: exit status {done.returncode}")
    return done.stdout


def main() -> None:
    """Build, install, run, and look at what came out."""
    described = subprocess.run(
        [sys.executable, "tests/sandbox/sandbox", "env"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    project = json.loads(described.stdout)["project"]

    with tempfile.TemporaryDirectory(prefix="rendiff-install-") as base:
        home, empty, collections = Path(base, "home"), Path(base, "empty"), Path(base, "collections")
        home.mkdir()
        empty.mkdir()
        environment = {
            "HOME": str(home),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
            "LC_ALL": "C.UTF-8",
        }

        run(
            "ansible-galaxy",
            "collection",
            "build",
            "--output-path",
            base,
            cwd=ROOT,
            environment=environment,
            timeout=120,
        )
        (tarball,) = Path(base).glob("rendiff-ops-*.tar.gz")
        with tarfile.open(tarball) as archive:
            wrong = strangers(archive.getnames())
        if wrong:
            sys.exit(f"The tarball holds what it should not: {', '.join(wrong)}")

        install = ["ansible-galaxy", "collection", "install", "--offline", "--no-deps", "-p", str(collections)]
        run(*install, str(tarball), cwd=empty, environment=environment, timeout=120)

        inventory = Path(base, "inventory.yml")
        inventory.write_text(INVENTORY.format(python=sys.executable), encoding="utf-8")
        check = ["ansible-playbook", "-i", str(inventory), "rendiff.ops.health_quick"]
        printed = run(
            *check,
            "-e",
            f"rendiff_project={project}",
            cwd=empty,
            environment={**environment, "ANSIBLE_COLLECTIONS_PATH": str(collections)},
            timeout=300,
        )
        latest = empty / "rendiff-artifacts" / "health_quick" / "latest"
        for kind in ("json", "html"):
            if not any(found.stat().st_size for found in latest.glob(f"*.{kind}")):
                sys.exit(f"{printed}\nThe run left no {kind} file in {latest}")
        print(f"{tarball.name}: installed, and rendiff.ops.health_quick ran on {project}")


if __name__ == "__main__":
    main()
