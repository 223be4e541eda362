# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""rendiff_backup and rendiff_backup_info, on a real PostgreSQL, a real S3 store, real age and gpg."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import typing as t
import uuid
from pathlib import Path

import pytest
from backups_common import PASSPHRASE, Scratch, age_identity, dump_by_hand, passphrase_file, rclone, s3_options
from conftest import Module, Sandbox, docker, run, until
from core_common import Core, run_command

from ansible_collections.rendiff.ops.plugins.module_utils._backup_fetch import FETCH_ARGUMENTS, Fetcher
from ansible_collections.rendiff.ops.plugins.module_utils._backup_info import INFO_ARGUMENTS, list_backups
from ansible_collections.rendiff.ops.plugins.module_utils._backup_take import (
    TAKE_ARGUMENTS,
    keep_only_ledgers,
    take_backup,
)
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._progress import Progress

JOBS = 500
HASH = "ab" * 32


@pytest.fixture(scope="module", name="scratch")
def fixture_scratch(one: Sandbox) -> t.Iterator[Scratch]:
    """Return a database with jobs and keys in it."""
    scratch = Scratch(one, "backup_test")
    scratch.make(JOBS)
    try:
        yield scratch
    finally:
        scratch.drop()


@pytest.fixture(scope="module", name="bucket")
def fixture_bucket(one: Sandbox) -> t.Iterator[dict[str, str]]:
    """Return the options of a bucket of its own."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    rclone(one, "mkdir", f"s3:{name}")
    try:
        yield s3_options(one, name)
    finally:
        rclone(one, "purge", f"s3:{name}")


class Site:
    """The bodies of the modules, with a state folder and a folder of backups of their own."""

    def __init__(self, scratch: Scratch, folder: Path) -> None:
        self.scratch = scratch
        self.folder = folder
        self.project = scratch.sandbox.project
        self.common = {
            "project": self.project,
            "login_db": scratch.name,
            "state_dir": str(folder / "state"),
            "backup_dir": str(folder / "backups"),
            "service_backup_dir": str(folder / "service"),
        }
        self.take = Core(take_backup, TAKE_ARGUMENTS, changes=True, **self.common)
        self.ledgers = Core(keep_only_ledgers, TAKE_ARGUMENTS, changes=True, **self.common)
        self.info = Core(list_backups, INFO_ARGUMENTS, changes=False, **self.common)

    @property
    def stored(self) -> Path:
        """Return the folder that holds the backups."""
        return self.folder / "backups" / self.project

    def names(self, **options: t.Any) -> list[str]:
        """Return the names of all backups that are listed."""
        return [row["name"] for row in self.info(**options).result["backups"]]

    @contextlib.contextmanager
    def obtained(self, **options: t.Any) -> t.Iterator[t.Any]:
        """Make a backup ready for a restore."""
        given = {name: option.get("default") for name, option in FETCH_ARGUMENTS.options.items()}
        fetcher = Fetcher(run_command, {**given, **self.common, **options}, self.project, self.scratch.name)
        with Progress(None) as progress, fetcher.obtain(fetcher.entry(), progress) as found:
            yield found


@pytest.fixture(name="site")
def fixture_site(scratch: Scratch, tmp_path: Path) -> Site:
    """Return the modules with nothing done yet."""
    return Site(scratch, tmp_path)


def pg_restore(scratch: Scratch, path: Path, *words: str) -> str:
    """Let the client of the database read a dump, as anybody would by hand; it must succeed."""
    argv = ["docker", "exec", "-i", scratch.sandbox.container("postgres"), "pg_restore", *words]
    with path.open("rb") as stream:
        done = run(argv, stdin=stream)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_backup_holds_what_its_manifest_says_and_is_listed(site: Site) -> None:
    planned = site.take(check=True)
    assert planned.result["changed"]
    assert not site.stored.exists()
    taken = site.take()
    assert not taken.failed, taken.output
    assert taken.result["plan_id"] == planned.result["plan_id"]
    backup = taken.result["backup"]
    assert backup["tables"] == {"public.alembic_version": 1, "public.api_keys": 2, "public.jobs": JOBS}
    assert backup["schema_head"] == ["0042"]
    newest = site.scratch.query("SELECT max(created_at)::text FROM jobs")[0][0]
    assert backup["newest"]["created_at"] == newest
    (row,) = site.info().result["backups"]
    assert (row["name"], row["verified"], row["places"], row["encryption"]) == (backup["name"], True, ["local"], "none")
    files = sorted(path.name for path in (site.stored / backup["name"]).iterdir())
    assert files == ["database.dump", "globals.sql", "manifest.json"]
    assert {path.stat().st_mode & 0o077 for path in (site.stored / backup["name"]).iterdir()} == {0}
    manifest = json.loads((site.stored / backup["name"] / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["server_version"].startswith("15.")
    assert "rendiff_user" in manifest["roles"]
    again = site.take(max_age_s=600)
    assert not again.result["changed"]
    assert site.names() == [backup["name"]]


def test_the_module_itself_tells_all_and_no_secret(site: Site) -> None:
    module = Module("rendiff_backup", **site.common)
    answer = module(progress_interval_s=0.5)
    assert not answer.failed, answer.output
    secret = site.scratch.sandbox.secrets["POSTGRES_PASSWORD"]
    assert secret not in answer.output
    for path in site.folder.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    listed = Module("rendiff_backup_info", **site.common)()
    assert answer.result["backup"]["name"] in listed.result["table"][1]


def test_rows_that_come_while_it_is_taken_are_not_in_it(site: Site) -> None:
    """The counts are of the very snapshot that is dumped, or the comparison at a restore would be worth nothing."""
    ended = threading.Event()

    def write() -> None:
        with contextlib.closing(site.scratch.connect()) as connection, connection.cursor() as cursor:
            while not ended.is_set():
                cursor.execute(
                    "INSERT INTO jobs (id, input_path, output_path) SELECT gen_random_uuid(), 'a', 'b'"
                    " FROM generate_series(1, 20)"
                )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        taken = site.take()
    finally:
        ended.set()
        writer.join()
    assert not taken.failed, taken.output
    counted = taken.result["backup"]["tables"]["public.jobs"]
    assert JOBS < counted < site.scratch.query("SELECT count(*) FROM jobs")[0][0]
    dump = site.stored / taken.result["backup"]["name"] / "database.dump"
    rows = pg_restore(site.scratch, dump, "-a", "-t", "jobs", "-f", "-")
    copied = rows.split("FROM stdin;\n", 1)[1].split("\n\\.", 1)[0].splitlines()
    assert len(copied) == counted
    site.scratch.query("DELETE FROM jobs WHERE api_key IS NULL")


@pytest.mark.parametrize("kind", ["age", "gpg"])
def test_encrypted_into_s3_and_back_from_s3_alone(
    site: Site, bucket: dict[str, str], tmp_path: Path, kind: str
) -> None:
    identity, recipient = age_identity(tmp_path)
    passphrase = passphrase_file(tmp_path)
    secrets = {"age_identity_file": identity} if kind == "age" else {"gpg_passphrase_file": passphrase}
    # Whoever encrypts for age needs no secret at all.
    given = {"age_recipients": [recipient]} if kind == "age" else secrets
    options = {**bucket, "s3_prefix": f"in-{kind}"}
    taken = site.take(encryption=kind, keep_local=False, **given, **options)
    assert not taken.failed, taken.output
    assert PASSPHRASE not in taken.output
    name = taken.result["backup"]["name"]
    assert not list(site.stored.iterdir())
    objects = rclone(site.scratch.sandbox, "lsf", "-R", "--files-only", f"s3:{bucket['s3_bucket']}/in-{kind}")
    suffix = f".{kind}"
    expected = [f"{name}/database.dump{suffix}", f"{name}/globals.sql{suffix}", f"{name}/manifest.json"]
    assert sorted(objects.split()) == [f"{site.project}/{path}" for path in expected]
    (row,) = site.info(**options).result["backups"]
    assert (row["places"], row["encryption"]) == (["s3"], kind)
    with site.obtained(backup=name, **secrets, **options) as found:
        plain = Path(found.folder, found.dump)
        assert plain.read_bytes().startswith(b"PGDMP")
        assert "CREATE ROLE rendiff_user" in found.globals_text
        assert found.manifest.tables["public.jobs"] == JOBS
    assert not plain.exists()


def test_what_cannot_be_decrypted_is_refused_with_the_reason(site: Site, tmp_path: Path) -> None:
    right, wrong = passphrase_file(tmp_path), passphrase_file(tmp_path, "another one")
    _identity, recipient = age_identity(tmp_path)
    other, _recipient = age_identity(tmp_path)
    by_gpg = site.take(encryption="gpg", gpg_passphrase_file=right).result["backup"]["name"]
    until(lambda: time.gmtime().tm_sec != int(by_gpg[-3:-1]), "another second")
    by_age = site.take(encryption="age", age_recipients=[recipient]).result["backup"]["name"]
    for options, cause in (
        ({"backup": by_gpg, "gpg_passphrase_file": wrong}, "encrypted for another key or passphrase"),
        ({"backup": by_age, "age_identity_file": other}, "encrypted for another key or passphrase"),
        ({"backup": by_gpg}, "the secret for it is not given"),
        ({"backup": by_age, "age_identity_file": "/nowhere"}, "cannot be read"),
    ):
        with pytest.raises(OpsError, match=cause), site.obtained(**options):
            pass
    os.chmod(right, 0o644)
    with (
        pytest.raises(OpsError, match="others than its owner may use"),
        site.obtained(backup=by_gpg, gpg_passphrase_file=right),
    ):
        pass
    assert [path.name for path in site.stored.iterdir() if path.name.startswith(".rendiff-ops-work-")] == []


@pytest.mark.parametrize(
    ("damage", "cause"), [("flipped", "its SHA-256 differs"), ("truncated", "is not whole on this host")]
)
def test_one_wrong_byte_is_seen_before_anything_is_restored(site: Site, damage: str, cause: str) -> None:
    name = site.take().result["backup"]["name"]
    dump = site.stored / name / "database.dump"
    content = bytearray(dump.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    else:
        del content[-10:]
    dump.write_bytes(content)
    with pytest.raises(OpsError, match=cause), site.obtained(backup=name):
        pass
    # The check of the service's own script sees neither: the list is at the beginning of the file.
    assert "TABLE DATA public jobs" in pg_restore(site.scratch, dump, "--list")


@pytest.mark.parametrize("encrypted", [False, True])
def test_what_the_services_own_script_left_is_listed_and_made_ready(
    site: Site, bucket: dict[str, str], tmp_path: Path, encrypted: bool
) -> None:
    """By the steps of that script: custom format, gzip -9, gpg --symmetric by a passphrase, objects and manifest."""
    stem = "rendiff_backup_20250127_120000"
    plain, packed = tmp_path / f"{stem}.dump", tmp_path / f"{stem}.dump.gz"
    dump_by_hand(site.scratch, plain)
    packed.write_bytes(gzip.compress(plain.read_bytes(), 9))
    upload, secrets = packed, {}
    if encrypted:
        upload, secrets = tmp_path / f"{packed.name}.gpg", {"gpg_passphrase_file": passphrase_file(tmp_path)}
        words = ["gpg", "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase-fd", "0"]
        words += ["--cipher-algo", "AES256", "--symmetric", "--output", str(upload), str(packed)]
        done = run(words, input=f"{PASSPHRASE}\n")
        assert done.returncode == 0, done.stderr
    where = f"s3:{bucket['s3_bucket']}/script-{encrypted}"
    manifest = tmp_path / "manifest"
    manifest.write_text(json.dumps({"timestamp": "20250127_120000", "database": site.scratch.name}), encoding="utf-8")
    rclone(site.scratch.sandbox, "copyto", str(upload), f"{where}/{upload.name}")
    rclone(site.scratch.sandbox, "copyto", str(manifest), f"{where}/manifests/{stem}.manifest.json")
    rclone(site.scratch.sandbox, "copyto", str(manifest), f"{where}/logs/{stem}.log")
    options = {**bucket, "service_s3_prefix": f"script-{encrypted}", "s3_prefix": "nothing"}
    (row,) = site.info(**options).result["backups"]
    assert (row["name"], row["kind"], row["database"]) == (stem, "service", site.scratch.name)
    assert (row["taken_at"], row["verified"], row["encryption"]) == (
        "2025-01-27T12:00:00Z",
        False,
        "gpg" if encrypted else "none",
    )
    for wanted in ("latest", stem, "20250127_120000"):
        with site.obtained(backup=wanted, **secrets, **options) as found:
            assert Path(found.folder, found.dump).read_bytes() == plain.read_bytes()
            assert found.manifest is None


def test_a_damaged_file_of_that_script_is_refused(site: Site, tmp_path: Path) -> None:
    (tmp_path / "service").mkdir()
    packed = tmp_path / "service" / "rendiff_backup_20250127_120000.dump.gz"
    plain = tmp_path / "plain"
    dump_by_hand(site.scratch, plain)
    packed.write_bytes(gzip.compress(plain.read_bytes())[:-100])
    with pytest.raises(OpsError, match="cut or damaged"), site.obtained(backup="20250127_120000"):
        pass
    packed.write_bytes(gzip.compress(b"-- no dump at all"))
    with (
        pytest.raises(OpsError, match="no dump in PostgreSQL's custom format"),
        site.obtained(backup="20250127_120000"),
    ):
        pass


def test_a_killed_run_leaves_no_backup_and_the_next_one_clears_up(site: Site) -> None:
    """Killed at moments all over a run that takes about two seconds; what is listed is always whole."""
    script = (
        "import sys, json\n"
        "from core_common import run_command\n"
        "from ansible_collections.rendiff.ops.plugins.module_utils._backup_take import TAKE_ARGUMENTS, take_backup\n"
        "given = {n: o.get('default') for n, o in TAKE_ARGUMENTS.options.items()}\n"
        "take_backup({**given, **json.loads(sys.argv[1])}, run_command, False)\n"
    )
    argv = [sys.executable, "-c", script, json.dumps(site.common)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    ends = []
    for turn in range(7):
        process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.3 + 0.35 * turn)
        process.send_signal(signal.SIGKILL)
        ends.append(process.wait())
        for name in site.names():
            with site.obtained(backup=name):
                pass
    assert -signal.SIGKILL in ends
    taken = site.take()
    assert not taken.failed, taken.output
    assert taken.result["backup"]["name"] in site.names()
    assert not [path for path in site.stored.iterdir() if path.name.startswith(".")]
    assert not docker("ps", "-aq", "--filter", f"label=rendiff.ops.one-off={site.project}")


@pytest.fixture(name="small_disk")
def fixture_small_disk(tmp_path: Path) -> t.Iterator[Path]:
    """Return a folder on a disk of its own, of 16 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    assert run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]).returncode == 0
    try:
        yield folder
    finally:
        assert run(["umount", str(folder)]).returncode == 0


def test_a_disk_without_room_is_seen_before(site: Site, small_disk: Path) -> None:
    answer = site.take(backup_dir=str(small_disk))
    assert answer.failed
    assert "Cannot take a backup: it may need" in answer.output
    assert not list(small_disk.rglob("*"))


def test_a_disk_that_fills_up_meanwhile_leaves_no_backup(
    site: Site, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ansible_collections.rendiff.ops.plugins.module_utils._backup_take.space_needed", lambda *_a, **_k: 0
    )
    answer = site.take(backup_dir=str(small_disk))
    assert answer.failed
    assert "No space left" in answer.output
    assert "Make room" in answer.output
    assert not [path for path in small_disk.rglob("*") if path.is_file()]
    assert site.names(backup_dir=str(small_disk)) == []


def test_an_s3_store_that_is_not_there_is_seen_before_anything_is_dumped(site: Site, bucket: dict[str, str]) -> None:
    for wrong, cause in (
        ({"s3_endpoint": "http://127.0.0.1:9"}, "nothing listens there"),
        ({"s3_bucket": "no-such-bucket"}, "there is no such bucket"),
        ({"s3_secret_key": "not-the-key"}, "the secret key is wrong"),
    ):
        answer = site.take(**{**bucket, **wrong})
        assert answer.failed
        assert cause in answer.output, answer.output
        assert bucket["s3_secret_key"] not in answer.output
        assert not site.stored.exists()


def test_a_place_that_is_down_keeps_nobody_from_a_backup_in_another(site: Site, bucket: dict[str, str]) -> None:
    name = site.take().result["backup"]["name"]
    down = {**bucket, "s3_endpoint": "http://127.0.0.1:9"}
    listed = site.info(**down).result
    assert [row["name"] for row in listed["backups"]] == [name]
    assert "nothing listens there" in listed["broken"][0]
    assert "nothing listens there" in listed["msg"]
    with site.obtained(backup=name, **down) as found:
        assert found.name == name
    # What is latest may be there.
    with pytest.raises(OpsError, match="what is latest is not known"), site.obtained(**down):
        pass


def test_a_damaged_copy_does_not_hide_a_good_one(site: Site, bucket: dict[str, str]) -> None:
    options = {**bucket, "s3_prefix": "two"}
    name = site.take(**options).result["backup"]["name"]
    dump = site.stored / name / "database.dump"
    content = bytearray(dump.read_bytes())
    content[-1] ^= 1
    dump.write_bytes(content)
    with site.obtained(backup=name, **options) as found:
        assert Path(found.folder, found.dump).read_bytes() != bytes(content)
    assert dump.read_bytes() == bytes(content)


def test_nothing_is_removed_that_only_has_a_name_like_ours(site: Site, tmp_path: Path) -> None:
    site.take()
    elsewhere = tmp_path / "elsewhere"
    for name in ("restore-of-last-year", "mine"):
        (elsewhere / name).mkdir(parents=True)
    with site.obtained(work_dir=str(elsewhere)) as first, site.obtained(work_dir=str(elsewhere)):
        assert Path(first.folder, first.dump).exists()
    assert sorted(path.name for path in elsewhere.iterdir()) == ["mine", "restore-of-last-year"]


def test_a_disk_without_room_for_the_plain_dump_is_seen_before(site: Site, small_disk: Path) -> None:
    site.take()
    with (
        pytest.raises(OpsError, match="it needs .* bytes, and '.*' has .* free"),
        site.obtained(work_dir=str(small_disk)),
    ):
        pass
    assert not list(small_disk.iterdir())


def test_half_a_backup_in_s3_is_none(site: Site, bucket: dict[str, str], tmp_path: Path) -> None:
    options = {**bucket, "s3_prefix": "half"}
    name = site.take(**options, keep_local=False).result["backup"]["name"]
    place = f"s3:{bucket['s3_bucket']}/half/{site.project}"
    whole = rclone(site.scratch.sandbox, "cat", f"{place}/{name}/manifest.json")
    (tmp_path / "short").write_bytes(b"PGDMP")
    rclone(site.scratch.sandbox, "copyto", str(tmp_path / "short"), f"{place}/{name}/database.dump")
    listed = site.info(**options).result
    assert listed["backups"] == []
    assert "database.dump is not whole in S3" in listed["broken"][0]
    rclone(site.scratch.sandbox, "deletefile", f"{place}/{name}/manifest.json")
    assert site.info(**options).result["broken"] == []
    # Nor one whose manifest names files elsewhere.
    (tmp_path / "evil").write_text(whole.replace('"database.dump"', '"../../database.dump"'), encoding="utf-8")
    rclone(site.scratch.sandbox, "copyto", str(tmp_path / "evil"), f"{place}/{name}/manifest.json")
    listed = site.info(**options).result
    assert listed["backups"] == []
    assert "does not describe a backup" in listed["broken"][0]


def test_old_ones_go_by_number_and_age_and_never_the_proven_or_the_foreign(site: Site, bucket: dict[str, str]) -> None:
    where, retention = {**bucket, "s3_prefix": "old"}, {"keep": 2, "keep_days": 0}
    template = site.stored / site.take().result["backup"]["name"]
    # The same with older names, the oldest first.
    names = [f"backup_test-2026010{day}T000000Z" for day in range(1, 5)]
    for name in names:
        copied = shutil.copytree(template, site.stored / name)
        told = json.loads((copied / "manifest.json").read_text(encoding="utf-8"))
        told.update(name=name, taken_at=f"2026-01-0{names.index(name) + 1}T00:00:00Z")
        (copied / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    shutil.rmtree(template)
    rclone(site.scratch.sandbox, "copy", str(site.stored), f"s3:{bucket['s3_bucket']}/old/{site.project}")
    drills = [{"backup": names[0], "passed": True}, {"backup": names[1], "passed": False}]
    lines = [json.dumps({"at": "2026-01-05T00:00:00Z", **drill}) for drill in drills]
    (site.folder / "state" / "drills.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (site.folder / "service").mkdir()
    foreign = site.folder / "service" / "rendiff_backup_20200101_000000.dump.gz"
    foreign.write_bytes(b"x")
    taken = site.take(**where, **retention)
    assert not taken.failed, taken.output
    left = [taken.result["backup"]["name"], names[3], names[0]]
    rows = {row["name"]: row for row in site.info(**where).result["backups"]}
    assert list(rows) == [*left, foreign.name.split(".", 1)[0]]
    assert foreign.exists()
    assert [rows[name]["places"] for name in left] == [["local", "s3"]] * 3
    assert rows[names[0]]["drill_passed"]
    # The runbook's script takes all keys of one line of text for one key, and deletes none (hazard 57).
    literal = run(["bash", "-c", "printf 'postgres/a\\tpostgres/b\\n' | while read -r key; do echo \"[$key]\"; done"])
    assert literal.stdout == "[postgres/a\tpostgres/b]\n"


def test_a_key_that_is_revoked_after_the_backup_is_known_beside_it(
    site: Site, bucket: dict[str, str], tmp_path: Path
) -> None:
    options = {**bucket, "s3_prefix": "ledgers"}
    site.take(**options, keep_local=False)
    state = site.folder / "state"
    entry = {"key_hash": HASH, "at": "2026-01-01T00:00:00Z"}
    (state / "revocations.jsonl").write_text(json.dumps(entry) + "\n", encoding="utf-8")
    planned = site.ledgers(check=True, **options)
    assert planned.result["changed"]
    done = site.ledgers(**options)
    assert done.result["ledgers"][-1].endswith(f"s3://{bucket['s3_bucket']}/ledgers/{site.project}")
    assert not site.ledgers(**options).result["changed"]
    # The host is lost, with all that it had.
    empty = Site(site.scratch, tmp_path / "another")
    with empty.obtained(**options) as found:
        assert [known["key_hash"] for known in found.revocations] == [HASH]
    assert empty.ledgers(**options).result["changed"]
    kept = (empty.folder / "state" / "revocations.jsonl").read_text(encoding="utf-8")
    assert json.loads(kept) == entry


def test_raw_keys_in_a_plain_backup_are_told_loudly(site: Site) -> None:
    assert site.take(check=True).result["warnings"] == []
    site.scratch.query(
        "INSERT INTO jobs (id, input_path, output_path, api_key)"
        " VALUES (gen_random_uuid(), 'a', 'b', 'sk-raw-and-usable')"
    )
    try:
        (warning,) = site.take(check=True).result["warnings"]
        assert "holds API keys as they are" in warning
        assert site.take(check=True, encryption="age", age_recipients=["age1x"]).result["warnings"] == []
    finally:
        site.scratch.query("DELETE FROM jobs WHERE api_key = 'sk-raw-and-usable'")


def test_the_service_script_cannot_take_a_backup_and_ours_can(site: Site) -> None:
    """Hazard 53: PostgreSQL refuses its very command."""
    container = site.scratch.sandbox.container("postgres")
    literal = ["pg_dump", "-U", "rendiff_user", "-d", site.scratch.name, "--format=custom", "--jobs=4", "--file=/tmp/x"]
    done = run(["docker", "exec", container, *literal])
    assert done.returncode != 0
    assert "parallel backup only supported by the directory format" in done.stderr
    assert not site.take().failed


def test_a_script_that_logs_where_it_returns_finds_no_file_and_ours_does(site: Site, tmp_path: Path) -> None:
    """Hazard 52: the recovery script takes its own log lines for a part of the file's name."""
    name = site.take().result["backup"]["name"]
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress((site.stored / name / "database.dump").read_bytes()))
    literal = f'fetch() {{ echo "[INFO] Downloading"; echo "{packed}"; }}; file=$(fetch); gunzip --test "$file"'
    done = run(["bash", "-c", literal])
    assert done.returncode != 0
    assert "No such file" in done.stderr
    with site.obtained(backup=name) as found:
        assert Path(found.folder, found.dump).exists()


def test_two_at_once_do_not_mix(site: Site) -> None:
    answers: list[t.Any] = []
    threads = [threading.Thread(target=lambda: answers.append(site.take())) for _turn in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not answers[0].failed or not answers[1].failed
    for answer in answers:
        assert not answer.failed or "another run does so now" in answer.output
    for name in site.names():
        with site.obtained(backup=name):
            pass
