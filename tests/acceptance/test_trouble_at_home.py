"""The disk is full, PostgreSQL is killed, the log cannot be written: `serve` lives through it."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.letters import body_of, letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay, split_trace
from tests.servers.postgres import Postgres
from tests.servers.process import free_ports, wait_until

OFTEN = 'poll_every = "1s"\n[posting]\nnon_members = "accept"'
SECONDS = 60


class Home:
    """A list with one reader, on a database that is told where to lie."""

    def __init__(
        self, program: Program, dovecot: Dovecot, relay: Relay, slug: str, reader: str
    ) -> None:
        self.program, self.dovecot, self.relay = program, dovecot, relay
        self.slug, self.reader = slug, reader
        self.delivered = 0
        [self.port] = free_ports(1)
        dovecot.add_user(slug, "secret")
        relay.add_users([reader])
        toml = category_toml(slug, dovecot=dovecot, relay=relay, more=OFTEN)
        program.write_category(slug, toml, [f"{reader}@example.org"])

    def use(self, url: str) -> None:
        """Keep everything in that database."""
        web = f'[web]\nlisten = "127.0.0.1:{self.port}"\n'
        self.program.write_service(f'database = "{url}"\n{web}')

    def deliver(self, kind: str = "plain") -> None:
        """Put one more letter into the mailbox."""
        self.delivered += 1
        self.dovecot.deliver(self.slug, letter(self.delivered, run=self.slug, kind=kind))

    def wait_for_all(self) -> None:
        """Wait until the reader has every letter."""
        wait_until(
            lambda: len(self.relay.copies(self.reader)) >= self.delivered, "all letters", SECONDS
        )

    def is_ready(self) -> bool:
        """Say what /readyz says."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=30) as answer:
                return bool(json.load(answer)["ready"])
        except HTTPError as err:
            err.close()
            return False

    def assert_all_is_well(self) -> None:
        """Fail unless all letters are stored, sent and in order, and repeats are on record."""
        self.relay.wait_until_idle()
        assert self.dovecot.messages(self.slug) == []
        assert self.program.json("shunted", "list") == []
        got = [body_of(split_trace(one)[1]) for one in self.relay.copies(self.reader)]
        doubts = sum(
            attempt["outcome"] == "uncertain"
            for one in self.program.json("queue", "list", "--all")
            for attempt in self.program.json("queue", "show", one["id"])[0]["history"]
        )
        assert self.delivered <= len(got) <= self.delivered + doubts
        assert len({*got}) == self.delivered
        self.program.audit()


@pytest.fixture
def home(tmp_path: Path, dovecot: Dovecot, relay: Relay, fresh_name: Callable[[str], str]) -> Home:
    return Home(Program(tmp_path), dovecot, relay, fresh_name("list"), fresh_name("reader"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


def test_a_disk_that_is_full_stops_it_and_room_lets_it_go_on(home: Home, small_disk: Path) -> None:
    home.use(f"sqlite:///{small_disk}/listbridge.db")
    with home.program.serving() as service:
        home.deliver()
        home.wait_for_all()
        ballast = _fill(small_disk)
        for _ in range(5):
            home.deliver("attachment")
        service.wait_for("store.failed")
        wait_until(lambda: not home.is_ready(), "not ready", SECONDS)
        lying = len(home.dovecot.messages(home.slug))

        ballast.unlink()
        service.wait_for("store.recovered")
        home.wait_for_all()
        wait_until(home.is_ready, "ready", SECONDS)
        assert service.stop() == 0
    assert lying > 0
    home.assert_all_is_well()


def test_a_disk_that_only_reads_stops_it_until_it_writes_again(
    home: Home, small_disk: Path
) -> None:
    home.use(f"sqlite:///{small_disk}/listbridge.db")

    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(small_disk)], check=True)

    home.program.poll_once()
    remount("ro")
    home.deliver()
    done = home.program.run("poll-once", status=1)
    remount("rw")

    assert b"cannot be used" in done.stderr
    assert b"Traceback" not in done.stderr
    assert len(home.dovecot.messages(home.slug)) == 1
    assert home.program.poll_once()[home.slug]["sent"] == 1
    home.assert_all_is_well()


def test_a_postgresql_that_is_killed_is_waited_for(home: Home, stopped_postgres: Postgres) -> None:
    server = stopped_postgres
    with server.running():
        server.migrate()
        home.use(server.url("migrated"))
        with home.program.serving() as service:
            for _ in range(2):
                home.deliver()
                service.wait_for("message.received", home.delivered)
                server.crash()
            home.deliver()
            home.wait_for_all()
            wait_until(home.is_ready, "ready", SECONDS)
            wait_until(lambda: home.program.json("queue", "list") == [], "all sent", SECONDS)
            assert service.stop() == 0
        home.assert_all_is_well()


def test_a_log_that_cannot_be_written_keeps_no_mail_from_moving(home: Home) -> None:
    home.deliver()
    home.program.run("db", "upgrade", status=None)
    with Path("/dev/full").open("wb") as full:
        service = subprocess.Popen(
            home.program.command("serve"),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=full,
            cwd=home.program.folder,
            env=home.program.full_environment(),
        )
        try:
            home.wait_for_all()
            home.deliver()
            home.wait_for_all()
        finally:
            service.terminate()
            service.wait(60)
    home.assert_all_is_well()
