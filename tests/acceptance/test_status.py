"""`status` after rounds against real mail servers: what waits, what fails, what needs a person."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import pauses
from storage.opening import open_database
from tests.fakes.smtp_server import SmtpServer, greets_with_554, in_thread, well_behaved
from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

FIXTURES = Path(__file__).parent.parent.parent / "fixtures" / "messages"
COMMANDS = (FIXTURES.parent.parent / "docs" / "commands.md").read_text(encoding="utf-8")
OPEN = '[posting]\nnon_members = "accept"'
MEMBERS = ("ann@example.net", "bob@example.org")
KEYS = [
    *("category", "state", "last_poll", "next_poll", "backlog", "due", "oldest", "done_by"),
    *("deferred", "uncertain", "held_deliveries", "undecided", "scheduled", "held", "shunted"),
    *("paused_until", "error"),
]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """An installation; afterwards everything in it is in order, and no output held a password."""
    program = Program(tmp_path, same_process=True)
    yield program
    program.audit()
    assert [one for one in program.outputs if b"wrong-secret" in one] == []


@pytest.fixture
def slug(dovecot: Dovecot, fresh_name: Callable[[str], str]) -> str:
    """The name of a new category and of its mailbox."""
    name = fresh_name("list")
    dovecot.add_user(name, "secret")
    return name


def _status(program: Program) -> dict[str, dict[str, Any]]:
    return {one["category"]: one for one in program.json("status")}


def _words(program: Program) -> str:
    return program.run("status").stdout.decode()


def test_a_round_that_went_well_leaves_an_active_category_with_nothing_to_do(
    program: Program, dovecot: Dovecot, relay: Relay, slug: str, fresh_name: Callable[[str], str]
) -> None:
    reader = fresh_name("reader")
    relay.add_users([reader])
    toml = category_toml(slug, dovecot=dovecot, relay=relay, more=OPEN)
    program.write_category(slug, toml, [f"{reader}@example.org"])
    dovecot.deliver(slug, letter(1, run=slug))
    program.poll_once()

    one = _status(program)[slug]

    assert list(one) == KEYS
    assert (one["state"], one["backlog"], one["error"]) == ("active", 0, None)
    assert {value for key, value in one.items() if key in KEYS[3:]} == {0, None}
    age = datetime.now(UTC) - datetime.fromisoformat(one["last_poll"])
    assert timedelta(0) < age < timedelta(minutes=10)


def test_what_waits_is_counted_and_named_with_the_command_that_shows_it(
    program: Program, dovecot: Dovecot, relay: Relay, slug: str
) -> None:
    toml = category_toml(slug, dovecot=dovecot, relay=relay, outgoing="max_per_hour = 1")
    program.write_category(slug, toml, MEMBERS)
    dovecot.deliver(slug, letter(1, run=slug))
    dovecot.deliver(slug, letter(2, run=slug, author="eve@example.com"))
    dovecot.deliver(slug, (FIXTURES / "broken" / "deep_nesting.eml").read_bytes())
    program.poll_once("--no-send")
    program.run("queue", "hold", program.json("queue", "list")[0]["id"])
    program.run("post", slug, stdin=letter(3, run=slug))

    one, words = _status(program)[slug], _words(program)

    assert (one["backlog"], one["due"], one["held_deliveries"]) == (3, 3, 1)
    assert (one["held"], one["shunted"], one["error"]) == (1, 1, None)
    waiting = datetime.fromisoformat(one["done_by"]) - datetime.now(UTC)
    assert timedelta(hours=1.9) < waiting < timedelta(hours=2.1)
    assert f"posts held for a moderator: 1; see `listbridge held list {slug}`" in words
    assert f"messages set aside: 1; see `listbridge shunted list {slug}`" in words
    assert "deliveries held: 1; see `listbridge queue list --state held`" in words
    assert "No service is polling: run `listbridge serve`, or `listbridge poll-once`." in words


def test_a_mailbox_that_refuses_the_login_is_failing_and_so_is_a_broken_file(
    program: Program, dovecot: Dovecot, slug: str
) -> None:
    toml = category_toml(slug, dovecot=dovecot).replace('"secret"', '"wrong-secret"')
    program.write_category(slug, toml)
    program.write_category("typo", 'address = "typo@example.org"\n[incomming]\n')
    program.poll_once(status=1)

    found, words = _status(program), _words(program)

    assert found[slug]["state"] == "failing"
    assert "login" in found[slug]["error"]
    assert found["typo"]["state"] == "broken"
    assert "categories/typo.toml:2: incomming: " in found["typo"]["error"]
    assert f"see `listbridge check {slug}`" in words
    assert "categories/typo.toml:2" in words


def test_an_account_that_is_paused_is_told_once_for_all_its_categories(
    program: Program, relay: Relay
) -> None:
    for name in ("one", "two"):
        program.write_category(name, category_toml(name, relay=relay))
    program.poll_once()
    account, now = f"@127.0.0.1:{relay.port}", datetime.now(UTC)
    with closing(open_database(f"sqlite:///{program.database}")) as db, db.transaction() as tx:
        until = now + timedelta(hours=1)
        pauses.keep(tx, account, until=until, reason="the login was refused", now=now)

    found, words = _status(program), _words(program)

    assert {one["state"] for one in found.values()} == {"paused"}
    assert {one["error"] for one in found.values()} == {
        f"{account} is paused: the login was refused"
    }
    assert datetime.fromisoformat(found["one"]["paused_until"]) == until.replace(microsecond=0)
    assert words.count("the login was refused") == 1


def test_an_account_that_poll_once_could_not_use_is_paused_until_a_round_could(
    program: Program,
) -> None:
    with in_thread(SmtpServer(greets_with_554())) as server:
        sending = f'[outgoing]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"'
        program.write_category("one", category_toml("one", more=sending), MEMBERS)
        program.run("post", "one", "--approve", stdin=letter(1))
        program.poll_once(status=1)
        found, words = _status(program)["one"], _words(program)
        server.script = well_behaved()
        program.poll_once()

    assert found["state"] == "paused"
    assert "no service for you" in found["error"]
    assert "tried again with the next round: " in words
    assert _status(program)["one"]["state"] == "active"


def test_it_waits_for_nobody_who_writes(program: Program, relay: Relay) -> None:
    program.write_category("one", category_toml("one", relay=relay))
    program.poll_once()
    with closing(sqlite3.connect(program.database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE categories SET address = 'changed@example.org'")

        assert _status(program)["one"]["state"] == "active"

        writer.execute("ROLLBACK")


def test_without_categories_it_says_so_and_all_is_well(program: Program) -> None:
    done = program.run("status")

    assert done.stdout == b""
    assert b"There are no categories." in done.stderr


@pytest.mark.parametrize("command", [["status"], ["poll-once", "--dry-run"]])
def test_what_changes_nothing_makes_no_database(tmp_path: Path, command: list[str]) -> None:
    program = Program(tmp_path, same_process=True)
    program.write_category("one", 'address = "one@example.org"\n[outgoing]\nhost = "localhost"\n')

    [one] = program.json(*command)

    assert (one["category"], one["error"]) == ("one", None)
    assert not program.database.exists()


def test_every_key_is_described_and_no_other() -> None:
    section = COMMANDS.split("\n## status\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)

    assert re.findall(r"`(\w+)`", " ".join(cells)) == KEYS
