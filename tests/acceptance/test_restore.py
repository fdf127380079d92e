"""A day-old backup is put in the place of the database, and nobody gets anything twice."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

OPEN = 'poll_every = "1s"\n[posting]\nnon_members = "accept"'
SECONDS = 60


@dataclass
class Town:
    """A list with one reader; of its first letter a backup was made before it was sent."""

    program: Program
    dovecot: Dovecot
    relay: Relay
    slug: str
    reader: str

    def restore(self, copy: Path) -> None:
        """Put a copy in the place of the database, as the documents say."""
        for name in ("listbridge.db", "listbridge.db-wal", "listbridge.db-shm"):
            (self.program.folder / name).unlink(missing_ok=True)
        shutil.copy(copy, self.program.database)

    def copies(self) -> int:
        """Return how many letters the reader has."""
        self.relay.wait_until_idle()
        return len(self.relay.copies(self.reader))


@pytest.fixture
def town(tmp_path: Path, dovecot: Dovecot, relay: Relay, fresh_name: Callable[[str], str]) -> Town:
    slug, reader = fresh_name("list"), fresh_name("reader")
    dovecot.add_user(slug, "secret")
    relay.add_users([reader])
    program = Program(tmp_path, same_process=True)
    toml = category_toml(slug, dovecot=dovecot, relay=relay, more=OPEN)
    program.write_category(slug, toml, [f"{reader}@example.org"])
    dovecot.deliver(slug, letter(1, run=slug))
    program.poll_once("--no-send")
    return Town(program, dovecot, relay, slug, reader)


def _by_cp(town: Town) -> Path:
    return Path(shutil.copy(town.program.database, town.program.folder / "old.db"))


def _by_backup(town: Town) -> Path:
    town.program.run("db", "backup", str(town.program.folder / "old.db"))
    return town.program.folder / "old.db"


@pytest.mark.parametrize("copied", [_by_cp, _by_backup])
def test_nothing_is_sent_before_it_is_resumed_and_everybody_says_so(
    town: Town, copied: Callable[[Town], Path]
) -> None:
    program, slug = town.program, town.slug
    old = copied(town)
    assert program.poll_once()[slug]["sent"] == 1
    town.restore(old)
    town.dovecot.deliver(slug, letter(1, run=slug))  # as if its deletion had failed
    town.dovecot.deliver(slug, letter(2, run=slug))

    line = program.poll_once(status=1)[slug]
    again = program.poll_once(status=1)[slug]

    assert (line["duplicates"], line["posts"], line["queued"], line["sent"]) == (1, 1, 1, 0)
    assert again["sent"] == 0
    assert "listbridge db resume" in line["error"]
    assert town.copies() == 1
    [status] = program.json("status")
    assert "listbridge db resume" in status["error"]
    assert b"listbridge db resume" in program.run("audit").stderr
    findings = program.json("check", "--offline", status=None)
    assert [one["ok"] for one in findings if one["what"] == "restore"] == [False]

    [sent_already] = [x["id"] for x in program.json("queue", "list") if x["post"] == "1"]
    program.run("queue", "cancel", sent_already)
    program.run("db", "resume")
    assert program.poll_once()[slug]["sent"] == 1
    assert town.copies() == 2
    program.audit()


def test_all_that_waited_in_the_backup_can_be_given_up(town: Town) -> None:
    program, slug = town.program, town.slug
    old = _by_backup(town)
    program.poll_once()
    town.restore(old)
    town.dovecot.deliver(slug, letter(2, run=slug))
    program.poll_once(status=1)

    program.run("db", "resume", "--cancel-old")

    assert program.poll_once()[slug]["sent"] == 1
    assert town.copies() == 2
    program.audit()


def test_a_service_takes_in_and_sends_only_when_it_is_told_to(town: Town) -> None:
    program = town.program
    program.same_process = False
    old = _by_cp(town)
    with program.serving() as service:
        service.wait_for("delivery.sent")
        service.process.kill()
        service.process.wait()
    town.restore(old)
    with program.serving() as service:
        assert "listbridge db resume" in service.wait_for("sending.held")["error"]
        town.dovecot.deliver(town.slug, letter(2, run=town.slug))
        service.wait_for("post.accepted")
        assert service.events("delivery.sent") == []
        program.run("db", "resume", "--cancel-old")
        service.wait_for("delivery.sent")
        assert service.stop() == 0
    assert town.copies() == 2
    program.audit()


def test_kills_at_any_moment_hold_nothing(town: Town) -> None:
    program = town.program
    program.same_process = False
    for number in range(2, 4):
        town.dovecot.deliver(town.slug, letter(number, run=town.slug))
        with program.serving() as service:
            service.wait_for("delivery.sent")
            service.process.kill()
            service.process.wait()
    assert program.poll_once()[town.slug]["error"] is None
    program.audit()
