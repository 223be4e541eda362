# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_ban in network namespaces of its own: whom it stops, whom it never touches, and when it lets go."""

from __future__ import annotations

import calendar
import contextlib
import dataclasses
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from conftest import ROOT, CommandModule, run, until
from netns import (
    ADMIN,
    ATTACKER,
    ATTACKER6,
    BYSTANDER,
    BYSTANDER6,
    CLIENT_IN_LAN,
    GATEWAY,
    HOST_PORT,
    PUBLISHED_PORT,
    SERVER,
    SERVER6,
    Net,
    alive,
    inside,
)

TABLE = ("list", "table", "inet", "rendiff_ops")
SSH_PORT = 2222
# In a mount namespace of its own there is an empty folder over the one that nft is in.
HIDE_NFT = 'mount -t tmpfs none /usr/sbin && exec "$@"'
# Listens like an SSH server of another make on a port of its own: what it is, the name of its process tells.
OTHER_SSH_SERVER = f"""
import socket
open('/proc/self/comm', 'w').write('dropbear')
listener = socket.create_server(('', {SSH_PORT}))
print('listening', flush=True)
held = []
while True:
    held.append(listener.accept()[0])
    held[-1].sendall(held[-1].recv(1))
"""


# The ports of a real OpenSSH: its own, and another one.
SSHD = """\
Port 22
Port {port}
HostKey {folder}/key
AuthorizedKeysFile {folder}/key.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication yes
PidFile none
"""


@dataclasses.dataclass
class Server:
    """The server of a net, on which the module runs, with a folder of state and what stands for its systemd."""

    net: Net
    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def unit(self) -> Path:
        return self.folder / "units" / "rendiff-ops-bans.service"

    def systemd(self, runs: bool = True) -> None:
        """Let the server look as if systemd ran on it; systemctl notes how it is called."""
        program = self.folder / "bin" / "systemctl"
        for path in (program.parent, self.unit.parent, *([self.folder / "run"] if runs else [])):
            path.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "$@" >> {self.folder}/systemctl.log\n', encoding="utf-8")
        program.chmod(0o755)

    def argv(self, *before: str) -> list[str]:
        path = f"PATH={self.folder}/bin:{os.environ['PATH']}"
        script = str(ROOT / "tests" / "integration" / "ban_run.py")
        return ["ip", "netns", "exec", self.net.server, "env", path, *before, sys.executable, script]

    def asked(self, name: str, check: bool, stop_at: str, options: t.Mapping[str, t.Any]) -> str:
        files = {"unit_dir": str(self.unit.parent), "systemd_runs": str(self.folder / "run")}
        common = {"state_dir": str(self.state)}
        return json.dumps(
            {"name": name, "options": {**common, **options}, "check": check, "files": files, "stop_at": stop_at}
        )

    def ban(self, *addresses: str, check: bool = False, stop_at: str = "", **options: t.Any) -> dict[str, t.Any]:
        """Run rendiff_ban; what is not said otherwise is a ban of a minute."""
        if options.get("state", "present") in ("present", "confirmed"):
            options.setdefault("ttl_s", 60)
        asked = self.asked("rendiff_ban", check, stop_at, {"addresses": list(addresses), **options})
        done = run(self.argv(), input=asked)
        if stop_at:
            assert done.returncode != 0, done.stdout
            return {}
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def must(self, *addresses: str, **options: t.Any) -> dict[str, t.Any]:
        """Run rendiff_ban, which must succeed."""
        result = self.ban(*addresses, **options)
        assert not result.get("failed"), result
        return result

    def info(self) -> dict[str, t.Any]:
        """Return what rendiff_ban_info tells of the bans."""
        done = run(self.argv(), input=self.asked("rendiff_ban_info", False, "", {}))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["bans"]

    def listed(self) -> dict[str, dict[str, t.Any]]:
        """Return the bans by address."""
        return {each["address"]: each for each in self.info()["list"]}

    def table(self) -> str:
        """Return the table as nft lists it, without what counts on, or nothing."""
        done = run(["ip", "netns", "exec", self.net.server, "nft", "-s", *TABLE])
        return re.sub(r" expires \w+", "", done.stdout) if done.returncode == 0 else ""

    def boot(self) -> subprocess.CompletedProcess[str]:
        """Run what the unit says that a start of the host runs."""
        command = re.search(r"^ExecStart=(.*)$", self.unit.read_text(encoding="utf-8"), re.MULTILINE)
        assert command
        return run(["ip", "netns", "exec", self.net.server, *command.group(1).split()])


@pytest.fixture(scope="module", name="net")
def fixture_net() -> t.Iterator[Net]:
    """Return the namespaces."""
    with Net(f"rendiff{os.getpid()}") as net:
        yield net


@pytest.fixture(name="server")
def fixture_server(net: Net, tmp_path: Path) -> t.Iterator[Server]:
    """Return the server without any ban."""
    server = Server(net, tmp_path)
    yield server
    run(["ip", "netns", "exec", net.server, "nft", "delete", "table", "inet", "rendiff_ops"])


def connect(net: Net, source: str, port: int) -> socket.socket:
    """Return a connection that works."""
    connection = net.connect(source, port)
    assert connection is not None and alive(connection)
    return connection


@pytest.mark.parametrize("port", [HOST_PORT, PUBLISHED_PORT], ids=["host", "published"])
@pytest.mark.parametrize(("attacker", "bystander"), [(ATTACKER, BYSTANDER), (ATTACKER6, BYSTANDER6)], ids=["v4", "v6"])
def test_a_ban_cuts_what_is_established_and_what_is_new_and_nobody_else(
    server: Server, attacker: str, bystander: str, port: int
) -> None:
    with connect(server.net, attacker, port) as cut, connect(server.net, bystander, port) as kept:
        assert server.must(attacker)["changed"]
        assert not alive(cut)
        assert alive(kept)
    assert not server.net.reaches(attacker, port)
    assert server.net.reaches(bystander, port)
    told = server.listed()[attacker]
    assert told["packets"] >= 2 and told["bytes"] > 0 and told["confirmed"]
    assert server.info()["packets"] >= told["packets"]
    server.must(attacker, state="absent")
    assert server.net.reaches(attacker, port)


def literally(server: Server) -> t.Iterator[None]:
    """Do what the runbook says: iptables -A INPUT -s MALICIOUS_IP -j DROP."""
    for verb in ("-A", "-D"):
        argv = ["ip", "netns", "exec", server.net.server, "iptables", verb, "INPUT", "-s", ATTACKER, "-j", "DROP"]
        assert run(argv).returncode == 0
        yield


def test_the_runbooks_command_leaves_a_published_port_open_and_a_ban_does_not(server: Server) -> None:
    def stopped() -> list[bool]:
        return [not server.net.reaches(ATTACKER, port) for port in (HOST_PORT, PUBLISHED_PORT)]

    assert stopped() == [False, False]
    command = literally(server)
    next(command)
    # The command works, and misses what matters.
    assert stopped() == [True, False]
    next(command)
    assert stopped() == [False, False]
    server.must(ATTACKER)
    assert stopped() == [True, True]


def test_a_ban_ends_by_itself_and_so_does_a_trial_that_nobody_confirms(server: Server) -> None:
    result = server.must(ATTACKER, ttl_s=3600, probation_s=2)
    assert "end by themselves after 2 s" in result["msg"] and not result["bans"]["survives_reboot"]
    server.must(ATTACKER6, ttl_s=2)
    assert not server.net.reaches(ATTACKER, HOST_PORT) and not server.net.reaches(ATTACKER6, HOST_PORT)
    assert not (server.state / "bans.json").exists() or ATTACKER not in (server.state / "bans.json").read_text()
    until(lambda: server.net.reaches(ATTACKER, HOST_PORT), "the trial is over", 5)
    until(lambda: server.net.reaches(ATTACKER6, HOST_PORT), "the ban is over", 5)
    late = server.must(ATTACKER, state="confirmed", ttl_s=3600)
    assert late["bans"]["lapsed"] == [ATTACKER] and server.net.reaches(ATTACKER, HOST_PORT)


def test_what_is_confirmed_lasts_for_its_whole_time_and_is_kept(server: Server) -> None:
    server.must(ATTACKER, f"{BYSTANDER}/32", ttl_s=3600, probation_s=60)
    assert not server.listed()[ATTACKER]["confirmed"]
    for check in (True, False):
        result = server.must(ATTACKER, state="confirmed", ttl_s=3600, check=check)
        assert result["bans"]["counts"] == {"confirmed": 1} and result["changed"]
    assert not server.must(ATTACKER, state="confirmed", ttl_s=3600)["changed"]
    listed = server.listed()
    assert listed[ATTACKER]["confirmed"] and listed[ATTACKER]["seconds_left"] > 3500
    assert not listed[BYSTANDER]["confirmed"] and listed[BYSTANDER]["seconds_left"] <= 60
    assert [ban[0] for ban in json.loads((server.state / "bans.json").read_text())["bans"]] == [ATTACKER]
    assert (server.state / "bans.json").stat().st_mode & 0o777 == 0o600


def test_check_mode_changes_nothing_and_a_second_run_neither(server: Server) -> None:
    everything = [ATTACKER, ATTACKER6, "203.0.113.0/24"]
    assert server.must(*everything, check=True)["changed"]
    assert server.table() == "" and not server.state.exists()
    first = server.must(*everything)
    table = server.table()
    for check in (True, False):
        again = server.must(*everything, check=check)
        assert not again["changed"] and again["plan"] == [] and server.table() == table
    lifted = server.must(*everything, state="absent", check=True)
    assert lifted["changed"] and server.table() == table
    assert first["plan_id"] != lifted["plan_id"]
    assert server.must(*everything, state="absent")["plan_id"] == lifted["plan_id"]
    assert not server.must(*everything, state="absent")["changed"]
    assert not server.must(*everything, state="absent", check=True)["changed"]


def test_overlapping_bans_leave_each_address_its_longest_time(server: Server) -> None:
    server.must(ATTACKER, ttl_s=3000)
    server.must("198.51.100.0/24", ttl_s=100)
    listed = server.listed()
    assert listed[ATTACKER]["seconds_left"] > 2900
    assert {left["seconds_left"] <= 100 for name, left in listed.items() if name != ATTACKER} == {True}
    assert not any(server.net.reaches(each, PUBLISHED_PORT) for each in (ATTACKER, BYSTANDER))
    server.must(BYSTANDER, state="absent")
    assert server.net.reaches(BYSTANDER, PUBLISHED_PORT)
    assert not any(server.net.reaches(each, PUBLISHED_PORT) for each in (ATTACKER, ADMIN))


OWN_FORMS = [
    (SERVER, "an address of this host"),
    ("10.77.1.0/24", "contains 10.77.1.1, which is an address of this host"),
    (SERVER6, "an address of this host"),
    ("fd77:1::/64", "contains fd77:1::1, which is an address of this host"),
    (f"::ffff:{SERVER}", "10.77.1.1 is an address of this host"),
    ("::ffff:10.77.1.0/120", "contains 10.77.1.1"),
    (f"10.77.1.0-{SERVER}", "contains 10.77.1.1"),
    ("localhost", "a name may resolve to anything"),
    (socket.gethostname() or "host", "is a name|is no address"),
    (GATEWAY, "a gateway of this host"),
    ("0.0.0.0/0", "contains 10.77.1.1, which is an address of this host"),
    ("::/0", "contains fd77:1::1, which is an address of this host"),
]


@pytest.mark.parametrize(("form", "words"), OWN_FORMS, ids=[f"form{n}" for n in range(len(OWN_FORMS))])
def test_the_host_itself_is_refused_in_every_form_and_nothing_is_touched(server: Server, form: str, words: str) -> None:
    result = server.ban(
        ATTACKER, form, wide=True, private_targets=[] if "." not in form and ":" not in form else [form]
    )
    assert result["failed"] and re.search(words, result["msg"]), result["msg"]
    assert server.table() == "" and not server.state.exists()
    assert server.net.reaches(ATTACKER, HOST_PORT)


class Sshd:
    """An OpenSSH on the server, and its clients."""

    def __init__(self, server: Server) -> None:
        self.server, self.folder = server, server.folder / "ssh"
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Sshd:
        self.folder.mkdir()
        made = run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / "key")])
        assert made.returncode == 0, made.stderr
        config, ask = self.folder / "config", self.folder / "ask"
        config.write_text(SSHD.format(port=SSH_PORT, folder=self.folder), encoding="utf-8")
        # Whoever is asked for a password thinks for a while.
        ask.write_text(f"#!/bin/sh\ntouch {self.folder}/asked\nexec sleep 60\n", encoding="utf-8")
        ask.chmod(0o755)
        # As its service does at a start.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program is not None
        self._start(self.server.net.server, [program, "-D", "-e", "-f", str(config)])
        until(lambda: self._answers(ADMIN, 22) and self._answers(ADMIN, SSH_PORT), "the SSH server answers", 10)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def _start(self, name: str, argv: list[str], **options: t.Any) -> subprocess.Popen[str]:
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        process = subprocess.Popen(
            ["ip", "netns", "exec", name, *argv], **{**streams, **options}, start_new_session=True
        )

        def end() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

        self._stack.callback(end)
        return process

    def _answers(self, source: str, port: int) -> bool:
        with contextlib.suppress(ConnectionRefusedError):
            connection = self.server.net.connect(source, port)
            if connection is not None:
                with connection:
                    return connection.recv(4) == b"SSH-"
        return False

    def client(self, source: str, port: int, *arguments: str, **options: t.Any) -> subprocess.Popen[str]:
        """Start ssh from an address of the client."""
        quiet = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes"]
        argv = ["ssh", "-F", "none", *quiet, "-i", str(self.folder / "key"), "-b", source, "-p", str(port)]
        return self._start(self.server.net.client, [*argv, *arguments], **options)

    def ask_for_password(self, source: str) -> None:
        """Say to be root, and be at the question for the password."""
        variables = {**os.environ, "SSH_ASKPASS": str(self.folder / "ask"), "SSH_ASKPASS_REQUIRE": "force"}
        self.client(source, 22, "-o", "PubkeyAuthentication=no", f"root@{SERVER}", "true", env=variables)
        until((self.folder / "asked").exists, "it is asked for the password", 10)

    def hold(self, source: str, port: int = 22) -> socket.socket:
        """Return a connection that the server has greeted, and that says nothing."""
        connection = self.server.net.connect(source, port)
        assert connection is not None and connection.recv(4) == b"SSH-"
        return self._stack.enter_context(connection)

    def log_in(self, source: str, port: int = 22) -> subprocess.Popen[str]:
        """Return a session that says again what it is told."""
        session = self.client(source, port, f"root@{SERVER}", "cat")
        assert speaks(session)
        return session


def speaks(session: subprocess.Popen[str]) -> bool:
    """Tell whether a session carries something there and back."""
    assert session.stdin is not None and session.stdout is not None
    session.stdin.write("x\n")
    session.stdin.flush()
    return bool(select.select([session.stdout], [], [], 10)[0]) and session.stdout.readline() == "x\n"


@pytest.fixture(name="sshd")
def fixture_sshd(server: Server) -> t.Iterator[Sshd]:
    """Return an OpenSSH on the server."""
    with Sshd(server) as sshd:
        yield sshd


@pytest.mark.parametrize("skip", [False, True], ids=["refuse", "skip"])
def test_who_is_connected_to_ssh_without_being_logged_in_is_banned(server: Server, sshd: Sshd, skip: bool) -> None:
    held = [sshd.hold(ATTACKER), sshd.hold(ATTACKER, SSH_PORT), sshd.hold(ATTACKER6)]
    # Its title is then "sshd: root [priv]".
    sshd.ask_for_password(BYSTANDER)
    result = server.must(ATTACKER, ATTACKER6, BYSTANDER, skip_protected=skip)
    assert result["bans"]["counts"] == {"banned": 3}
    assert result["bans"]["refused"] == [] and result["bans"]["not_known"] == []
    assert not any(server.net.reaches(each, HOST_PORT) for each in (ATTACKER, ATTACKER6, BYSTANDER))
    assert len(held) == 3


@pytest.mark.parametrize("port", [22, SSH_PORT], ids=["own", "other"])
def test_who_is_logged_in_is_never_banned(server: Server, sshd: Sshd, port: int) -> None:
    sshd.hold(ATTACKER, port)
    session = sshd.log_in(ADMIN, port)
    result = server.ban(ATTACKER, "198.51.100.0/24")
    assert f"198.51.100.0/24 contains {ADMIN}, which is from where somebody is logged in" in result["msg"]
    assert ATTACKER not in result["msg"] and server.table() == ""
    server.must(ATTACKER)
    assert speaks(session)
    session.communicate()
    until(lambda: not server.ban(ADMIN, check=True).get("failed"), "the session is over", 10)


def test_who_only_forwards_by_ssh_is_never_banned(server: Server, sshd: Sshd) -> None:
    sshd.client(ADMIN, 22, "-N", f"root@{SERVER}")
    until(lambda: server.ban(ADMIN, check=True).get("failed"), "it is logged in", 10)
    assert "from where somebody is logged in" in server.ban(ADMIN)["msg"]


def test_the_others_are_banned_around_who_is_logged_in(server: Server, sshd: Sshd) -> None:
    session = sshd.log_in(ADMIN)
    asked = (ATTACKER6, "198.51.100.0/24", SERVER)
    around = {"198.51.100.0-198.51.100.8", "198.51.100.10-198.51.100.255"}
    for check in (True, False):
        result = server.must(*asked, skip_protected=True, check=check)
        assert set(result["bans"]["touched"]) == {*around, ATTACKER6}
        left_out = {each["address"]: each["why"] for each in result["bans"]["refused"]}
        assert f"contains {ADMIN}, which is from where somebody is logged in by SSH" in left_out[ADMIN]
        assert SERVER in left_out and f"Left out: 198.51.100.0/24 contains {ADMIN}" in result["msg"]
    assert speaks(session)
    assert server.net.reaches(ADMIN, HOST_PORT)
    assert not any(server.net.reaches(each, HOST_PORT) for each in (ATTACKER, BYSTANDER, ATTACKER6))
    assert not server.must(*asked, skip_protected=True)["changed"]
    server.must(*result["bans"]["touched"], state="absent")
    assert server.table() == ""


def test_with_a_server_that_does_not_tell_everybody_who_is_connected_is_left_out(server: Server) -> None:
    argv = ["ip", "netns", "exec", server.net.server, sys.executable, "-c", OTHER_SSH_SERVER]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stdout is not None and daemon.stdout.readline() == "listening\n"
            connection = server.net.connect(ADMIN, SSH_PORT)
            assert connection is not None
            with connection:
                result = server.ban(ATTACKER, "198.51.100.0/24")
                assert f"contains {ADMIN}, which is connected to SSH, perhaps logged in" in result["msg"]
                told = server.must(ATTACKER)["bans"]["not_known"]
                assert len(told) == 1 and told[0].startswith("Of 1 that are connected to SSH it is not known")
                assert alive(connection)
        finally:
            daemon.kill()
    assert not server.ban(ADMIN, check=True).get("failed")


SPELLED = [form for form, _words in OWN_FORMS if re.search("[.:]", form)]


@pytest.mark.parametrize("form", SPELLED, ids=[f"form{n}" for n in range(len(SPELLED))])
def test_the_host_itself_is_left_out_in_every_form(server: Server, form: str) -> None:
    result = server.must(ATTACKER, form, wide=True, private_targets=[form], skip_protected=True)
    assert result["bans"]["refused"] and result["bans"]["touched"]
    for own in (SERVER, SERVER6):
        with inside(server.net.server), socket.create_connection((own, HOST_PORT), 1, (own, 0)) as connection:
            assert alive(connection)
    assert server.net.reaches(GATEWAY, HOST_PORT) and not server.net.reaches(ATTACKER, HOST_PORT)


def play(server: Server, **variables: t.Any) -> tuple[int, str]:
    """Run the role's action ban_addresses on the server; return how many tasks changed something, and what was said."""
    path = server.folder / "play.yml"
    role = {"name": "rendiff.ops.security_response", "tasks_from": "ban_addresses"}
    defaults = {"group/rendiff.ops.ops": {"state_dir": str(server.state)}}
    tasks = [{"ansible.builtin.include_role": role}]
    path.write_text(
        json.dumps([{"hosts": "all", "gather_facts": False, "module_defaults": defaults, "tasks": tasks}]),
        encoding="utf-8",
    )
    wishes = json.dumps({"ansible_python_interpreter": sys.executable, **variables})
    argv = ["ansible-playbook", "-i", "target,", "-c", "local", "-e", wishes, str(path)]
    settings = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    done = run(["ip", "netns", "exec", server.net.server, *argv], env=settings)
    changed = re.search(r"changed=(\d+)", done.stdout)
    assert done.returncode == 0 and changed, done.stdout + done.stderr
    return int(changed.group(1)), done.stdout


def test_a_response_bans_the_others_and_is_prolonged_while_the_attack_goes_on(server: Server, sshd: Sshd) -> None:
    def entry() -> dict[str, t.Any]:
        (path,) = (server.state / "mitigations").glob("*.json")
        return json.loads(path.read_text(encoding="utf-8"))

    def ends_in(seconds: int) -> None:
        (path,) = (server.state / "mitigations").glob("*.json")
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
        path.write_text(json.dumps({**entry(), "until": end}), encoding="utf-8")

    def left() -> float:
        return calendar.timegm(time.strptime(entry()["until"], "%Y-%m-%dT%H:%M:%SZ")) - time.time()

    session = sshd.log_in(ADMIN)
    sshd.hold(ATTACKER)
    wishes = {"security_response_ban_addresses": [ATTACKER, ADMIN], "security_response_ban_s": 3600}
    changed, said = play(server, **wishes)
    assert changed >= 3 and f"Not banned: {ADMIN} is from where somebody is logged in by SSH." in said
    assert set(server.listed()) == {ATTACKER} and server.listed()[ATTACKER]["confirmed"]
    assert speaks(session)
    first = entry()
    assert first["status"] == "applied" and first["after"] == {"banned": [ATTACKER]} and 3500 < left() <= 3600
    # More than half is left: nothing is changed.
    ends_in(1900)
    before = entry()
    assert play(server, **wishes)[0] == 0 and entry() == before
    # Less than half is left of the entry, and more of the ban.
    ends_in(1700)
    assert play(server, **wishes)[0] == 1
    assert 3500 < left() <= 3600
    assert {**entry(), "until": "", "changed_at": ""} == {**first, "until": "", "changed_at": ""}
    assert play(server, **wishes)[0] == 0
    # Less than half is left of the ban.
    server.must(ATTACKER, state="absent")
    server.must(ATTACKER, ttl_s=1700)
    ends_in(1900)
    assert play(server, **wishes)[0] >= 3
    assert server.listed()[ATTACKER]["seconds_left"] > 3500 and left() > 3500
    assert entry()["status"] == "applied" and entry()["undo"] == first["undo"]
    refused = {**wishes, "security_response_ban_addresses": [BYSTANDER, ADMIN]}
    with pytest.raises(AssertionError, match="nothing was changed"):
        play(server, **refused, security_response_ban_skip_protected=False)
    assert set(server.listed()) == {ATTACKER}


def test_the_session_that_runs_it_is_known_behind_sudo(server: Server) -> None:
    hidden = 'shift; printf "%s" "$ASKED" | env -u SSH_CONNECTION "$@"; true'
    asked = server.asked("rendiff_ban", False, "", {"addresses": [BYSTANDER], "ttl_s": 60})
    session = {**os.environ, "SSH_CONNECTION": f"{BYSTANDER} 50000 {SERVER} 22", "ASKED": asked}
    done = run(["sh", "-c", hidden, "sh", "-", *server.argv()], env=session)
    assert f"{BYSTANDER} is from where somebody is logged in by SSH" in json.loads(done.stdout)["msg"]


def test_what_is_allowed_or_private_is_refused_unless_it_is_named(server: Server) -> None:
    refused = server.ban(ATTACKER, "203.0.113.9", CLIENT_IN_LAN, allow=[ATTACKER], controller_addresses=["203.0.113.9"])
    assert (
        f"{ATTACKER} is in allow; 203.0.113.9 is the controller of this run; {CLIENT_IN_LAN} lies in" in refused["msg"]
    )
    assert "naming it exactly in private_targets" in refused["msg"] and server.table() == ""
    assert server.ban("10.77.1.2/31", private_targets=[CLIENT_IN_LAN])["failed"]
    server.must(CLIENT_IN_LAN, private_targets=[CLIENT_IN_LAN])
    assert server.net.connect(CLIENT_IN_LAN, HOST_PORT) is None


def test_a_start_of_the_host_brings_back_what_lasts_with_the_time_that_is_left(server: Server) -> None:
    server.systemd()
    kept = server.must(ATTACKER, ATTACKER6, ttl_s=500)
    assert kept["bans"]["survives_reboot"] and kept["bans"]["why_not"] == ""
    assert all(each["survives_reboot"] for each in server.listed().values())
    assert (server.unit.parent / "multi-user.target.wants" / server.unit.name).resolve() == server.unit
    calls = (server.folder / "systemctl.log").read_text(encoding="utf-8").splitlines()
    assert [call.split()[1] for call in calls] == ["daemon-reload", "start"]
    verified = run(["systemd-analyze", "verify", str(server.unit)])
    assert str(server.unit.name) not in verified.stderr, verified.stderr
    server.must(BYSTANDER, ttl_s=4)
    until(lambda: BYSTANDER not in server.listed(), "the short one is over", 6)
    assert BYSTANDER in (server.state / "bans.json").read_text(encoding="utf-8")
    server.net.nft("delete", "table", "inet", "rendiff_ops")
    assert server.net.reaches(ATTACKER, PUBLISHED_PORT)
    assert server.info()["missing"] == [ATTACKER, ATTACKER6]
    done = server.boot()
    assert done.returncode == 0, done.stderr
    listed = server.listed()
    assert set(listed) == {ATTACKER, ATTACKER6}
    assert all(480 < each["seconds_left"] <= 496 for each in listed.values())
    assert not server.net.reaches(ATTACKER, PUBLISHED_PORT)
    table = server.table()
    assert server.boot().stdout == "The bans are in place.\n" and server.table() == table
    assert not server.must(ATTACKER, ATTACKER6, ttl_s=500)["changed"]


def test_where_systemd_does_not_run_it_is_said_that_nothing_outlives_a_start(server: Server) -> None:
    result = server.must(ATTACKER)
    assert not result["bans"]["survives_reboot"] and "systemd does not run here" in result["bans"]["why_not"]
    assert "systemd does not run here" in server.info()["why_no_reboot"]


def test_the_last_ban_that_is_lifted_leaves_nothing_on_the_host(server: Server) -> None:
    server.systemd()
    others = server.net.nft("list", "ruleset")
    server.must(ATTACKER, "2001:db8:9::/64")
    assert server.unit.exists() and len(list(server.state.iterdir())) == 2
    server.must(ATTACKER, state="absent")
    assert server.unit.exists() and server.table()
    server.must("2001:db8:9::/64", state="absent")
    assert server.net.nft("list", "ruleset") == others
    assert list(server.state.iterdir()) == [] and not list(server.unit.parent.rglob("*.service"))
    server.must(ATTACKER)
    server.must(BYSTANDER, probation_s=30)
    assert server.must(state="cleared")["bans"]["counts"] == {"lifted": 2}
    assert server.net.nft("list", "ruleset") == others and list(server.state.iterdir()) == []


@pytest.mark.parametrize("step", ["write", "apply"])
def test_one_that_is_killed_and_run_again_ends_as_one_that_was_not(server: Server, step: str) -> None:
    server.systemd()
    server.ban(ATTACKER, ATTACKER6, stop_at=step)
    assert server.must(ATTACKER, ATTACKER6)["changed"]
    assert server.info()["missing"] == [] and all(each["survives_reboot"] for each in server.listed().values())
    assert not server.must(ATTACKER, ATTACKER6)["changed"]
    server.ban(ATTACKER, state="absent", stop_at=step)
    assert server.must(ATTACKER, state="absent")["changed"]
    assert set(server.listed()) == {ATTACKER6}
    assert [ban[0] for ban in json.loads((server.state / "bans.json").read_text())["bans"]] == [ATTACKER6]


def test_a_table_that_was_emptied_or_bent_is_told_and_made_anew(server: Server) -> None:
    server.must(ATTACKER, ttl_s=600)
    server.net.nft("flush", "chain", "inet", "rendiff_ops", "before_nat")
    assert server.net.reaches(ATTACKER, HOST_PORT)
    assert server.info()["table"] == {
        "present": True,
        "healthy": False,
        "why": "the rules of the chain before_nat were changed",
    }
    assert server.must()["bans"]["also"] == ["the table mended: the rules of the chain before_nat were changed"]
    assert not server.net.reaches(ATTACKER, HOST_PORT)
    server.net.nft("delete", "table", "inet", "rendiff_ops")
    assert server.must()["bans"]["counts"] == {"restored": 1}
    assert server.listed()[ATTACKER]["seconds_left"] > 500
    assert not server.must()["changed"]


def test_networks_of_docker_are_never_banned_and_docker_never_touches_a_ban(server: Server) -> None:
    server.must(ATTACKER)
    table, name = server.table(), f"rendiff-ban-{os.getpid()}"
    assert run(["docker", "network", "create", "--subnet", "198.51.100.128/25", name]).returncode == 0
    try:
        result = server.ban("198.51.100.130")
        assert f"which is the network '{name}' of Docker" in result["msg"], result
    finally:
        assert run(["docker", "network", "rm", name]).returncode == 0
    assert server.table() == table


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (
            ["setpriv", "--bounding-set", "-net_admin"],
            "Cannot (read|change) the bans: the kernel refused: .*CAP_NET_ADMIN",
        ),
        (["setpriv", "--reuid", "65534", "--clear-groups"], "Cannot change the bans: only root may. Run with become"),
        (["unshare", "--mount", "sh", "-c", HIDE_NFT, "sh"], "Install the package nftables"),
    ],
    ids=["kernel", "user", "program"],
)
def test_what_is_missing_is_told(server: Server, before: list[str], words: str) -> None:
    asked = server.asked(
        "rendiff_ban", False, "", {"addresses": [ATTACKER], "ttl_s": 60, "docker_host": "unix:///none"}
    )
    done = run(server.argv(*before), input=asked)
    assert done.returncode == 0, done.stderr
    assert re.search(words, json.loads(done.stdout)["msg"]), done.stdout
    assert server.table() == ""


HOSTILE = ["1.2.3.4; flush ruleset", "{", "1.2.3.4 }\nflush ruleset", "@banned4", "$(id)", "{{ 7 * 7 }}", ""]


@pytest.mark.parametrize("text", HOSTILE, ids=[f"text{n}" for n in range(len(HOSTILE))])
def test_what_is_no_address_reaches_no_rule(server: Server, text: str) -> None:
    others = server.net.nft("list", "ruleset")
    result = server.ban(ATTACKER, text)
    assert result["failed"] and result["msg"].startswith("Cannot ban these addresses: ")
    assert server.net.nft("list", "ruleset") == others


def test_the_modules_do_the_same_as_ansible_runs_them(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of this file runs their bodies, which takes a tenth of the time."""
    program = server.folder / "ansible"
    real = run(["sh", "-c", "command -v ansible"]).stdout.strip()
    program.write_text(f'#!/bin/sh\nexec ip netns exec {server.net.server} {real} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{server.folder}:{os.environ['PATH']}")
    ban, info = (CommandModule(name, state_dir=str(server.state)) for name in ("rendiff_ban", "rendiff_ban_info"))
    made = ban(addresses=[ATTACKER], ttl_s=600)
    assert not made.failed and made.result["changed"], made.output
    assert not server.net.reaches(ATTACKER, PUBLISHED_PORT)
    boot = (server.state / "bans_boot.py").read_text(encoding="utf-8")
    assert boot == (ROOT / "plugins" / "module_utils" / "_ban_boot.py").read_text(encoding="utf-8")
    seen = info().result
    assert [each["address"] for each in seen["bans"]["list"]] == [ATTACKER] and not seen["changed"]
    refused = ban(addresses=[SERVER], ttl_s=600)
    assert refused.failed and "an address of this host" in refused.result["msg"]
    assert ban(state="cleared").result["changed"]
    assert server.table() == ""
