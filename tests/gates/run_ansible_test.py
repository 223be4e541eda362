# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-test's sanity or unit tests of the interpreter this script runs on.

run_ansible_test.py sanity|units
"""

from __future__ import annotations

import glob
import inspect
import os
import subprocess
import sys
from pathlib import Path

import ansible_test
from ansible.release import __version__ as core_version
from collection_copy import ROOT, collection_copy

OLDEST_MANAGED_PYTHON = "3.9"
# The project's own rules beside them need the whole checkout and PyYAML: plain pytest runs those.
UNIT_TESTS = "tests/unit/plugins/"
CONTROLLER_PYTHON = ".".join(map(str, sys.version_info[:2]))

# ansible-test fetches this script from its own site, which a machine behind a mirror cannot reach. It gets its pip
# from the same index as everything else.
GET_PIP = """
import glob, os, sys
here = os.path.dirname(os.path.abspath(os.environ.get("GET_PIP") or __file__))
sys.path.insert(0, glob.glob(os.path.join(here, "pip-*.whl"))[0])
from pip._internal.cli.main import main
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(main(["install", "--upgrade", "--find-links", here, *wanted]))
"""


def bundled_pip_version() -> str:
    """Return the version of pip that this ansible-test puts into its virtual environments."""
    source = Path(ansible_test.__path__[0], "_internal", "python_requirements.py").read_text(encoding="utf-8")
    return source.split("pip='", 1)[1].split("'", 1)[0]


def prepare_home() -> Path:
    """Return a home for ansible-test inside the checkout, so that its stand-ins and caches do not touch the user's."""
    home = ROOT / ".cache" / f"ansible-test-{core_version}"
    cache = home / ".ansible" / "test" / "cache"
    version = bundled_pip_version()
    cache.mkdir(parents=True, exist_ok=True)
    if not list(cache.glob(f"pip-{version}-*.whl")):
        download = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-qq",
            "--no-deps",
            "--dest",
            str(cache),
            f"pip=={version}",
        ]
        subprocess.run(download, check=True, timeout=300)
    (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP, encoding="utf-8")
    pip_settings = home / ".config"
    if not pip_settings.exists():
        pip_settings.symlink_to(Path.home() / ".config")
    return home


def interpreters() -> list[str]:
    """Return the folders of version managers' interpreters, which ansible-test only finds on PATH."""
    home = Path.home()
    patterns = [
        f"{os.environ.get('PYENV_ROOT', home / '.pyenv')}/versions/3.*/bin",
        f"{home}/.local/share/uv/python/cpython-3.*/bin",
        f"{os.environ.get('ASDF_DATA_DIR', home / '.asdf')}/installs/python/3.*/bin",
        f"{home}/.local/share/mise/installs/python/3.*/bin",
    ]
    return [folder for pattern in patterns for folder in sorted(glob.glob(pattern))]


def main(test: str) -> int:
    """Run the tests and return the exit status of the first part that failed."""
    # Real interpreters come before the version manager's shims, which exist for versions that are not selected.
    shimless = [folder for folder in os.environ["PATH"].split(os.pathsep) if not folder.endswith("/shims")]
    environment = {
        **os.environ,
        "HOME": str(prepare_home()),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), *interpreters(), *shimless]),
    }
    commands = {
        "sanity": [["sanity", "--color", "no"]],
        "units": [
            ["units", "--color", "no", "--python", CONTROLLER_PYTHON, UNIT_TESTS],
            ["units", "--color", "no", "--venv", "--requirements", "--python", OLDEST_MANAGED_PYTHON, UNIT_TESTS],
        ],
    }[test]
    with collection_copy() as folder:
        for arguments in commands:
            status = subprocess.run(["ansible-test", *arguments], cwd=folder, env=environment, check=False).returncode
            if status:
                return status
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("sanity", "units"):
        sys.exit(inspect.getdoc(sys.modules[__name__]))
    sys.exit(main(sys.argv[1]))
