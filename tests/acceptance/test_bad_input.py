"""Each thing that is wrong is said in one sentence with its cure, and nothing is lost."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot

OPEN = '[posting]\nnon_members = "accept"'


@pytest.fixture
def slug(dovecot: Dovecot, fresh_name: Callable[[str], str]) -> str:
    """A category whose mailbox holds one letter."""
    name = fresh_name("bad")
    dovecot.add_user(name, "secret")
    dovecot.deliver(name, letter(1, run=name))
    return name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('password = "secret"', 'password = "wrong-one"'), ["refuses the login", "password"]),
        (('host = "127.0.0.1"', 'host = "no-such-host.invalid"'), ["no-such-host.invalid"]),
        (("port = {imap}", "port = 1"), ["127.0.0.1:1", "refuse"]),
        (('security = "none"', 'security = "tls"'), ["127.0.0.1", "TLS"]),
        (('password = "secret"', 'password = "secret"\nfolder = "Nowhere"'), ["Nowhere", "folder"]),
        (('password = "secret"', 'password = { env = "NOT_SET_ANYWHERE" }'), ["NOT_SET_ANYWHERE"]),
        (('password = "secret"', 'password = { file = "gone" }'), ["password file", "gone"]),
    ],
)
def test_a_mailbox_that_cannot_be_read_is_explained_and_left_alone(
    tmp_path: Path, dovecot: Dovecot, slug: str, change: tuple[str, str], said: list[str]
) -> None:
    program = Program(tmp_path)
    toml = category_toml(slug, dovecot=dovecot, more=OPEN)
    old, new = (text.replace("{imap}", str(dovecot.imap_port)) for text in change)
    assert old in toml
    program.write_category(slug, toml.replace(old, new))

    line = program.poll_once(status=1)[slug]

    assert all(word in line["error"] for word in said), line["error"]
    assert "wrong-one" not in line["error"]
    assert len(dovecot.messages(slug)) == 1


def test_a_certificate_that_is_not_trusted_is_named_with_its_cure(
    tmp_path: Path, dovecot: Dovecot, slug: str
) -> None:
    program = Program(tmp_path)
    toml = category_toml(slug, dovecot=dovecot, incoming='security = "starttls"')
    program.write_category(slug, toml)
    refused = program.poll_once(status=1)[slug]

    trusting = f'security = "starttls"\nca_file = "{dovecot.ca_file}"'
    program.write_category(slug, category_toml(slug, dovecot=dovecot, incoming=trusting))
    taken = program.poll_once()[slug]

    assert "ca_file" in refused["error"]
    assert taken["held"] == 1


def test_while_the_disk_takes_no_more_nothing_is_deleted_and_then_it_goes_on(
    tmp_path: Path, dovecot: Dovecot, fresh_name: Callable[[str], str]
) -> None:
    slug = fresh_name("full")
    dovecot.add_user(slug, "secret")
    for number in range(60):
        dovecot.deliver(slug, letter(number, run=slug, kind="attachment"))
    program = Program(tmp_path)
    program.write_category(slug, category_toml(slug, dovecot=dovecot, more=OPEN))
    program.run("subscribers", "list", slug)  # makes the database
    room = program.database.stat().st_size + 50_000
    program.run_by = ("prlimit", f"--fsize={room}")

    line = program.poll_once(status=1)[slug]

    assert str(program.database) in line["error"]
    assert line["shunted"] == 0
    assert len(dovecot.messages(slug)) == 60 - line["deleted"] > 0

    program.run_by = ()
    after = program.poll_once()[slug]
    assert after["error"] is None
    assert len(program.json("posts", "list", slug)) == 60
    assert dovecot.messages(slug) == []
    program.audit()


def test_a_database_that_cannot_be_written_stops_before_anything_is_deleted(
    tmp_path: Path, dovecot: Dovecot, slug: str
) -> None:
    program = Program(tmp_path)
    program.write_category(slug, category_toml(slug, dovecot=dovecot))
    program.database.mkdir()

    done = program.run("poll-once", status=1)

    assert b"database" in done.stderr
    assert b"Traceback" not in done.stderr
    assert len(dovecot.messages(slug)) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["poll-once", "nobody"], "there is no category 'nobody'"),
        (["subscribers", "list", "nobody"], "there is no category 'nobody'"),
        (["subscribers", "add", "general", "not an address"], "not an address"),
        (["held", "approve", "seven"], "'seven' is not an id"),
        (["queue", "retry"], "--all"),
        (["posts", "show"], "ID"),
    ],
)
def test_wrong_usage_is_one_sentence_and_nothing_is_done(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    program = Program(tmp_path)
    toml = 'address = "general@example.org"\n[outgoing]\nhost = "127.0.0.1"\n'
    program.write_category("general", toml)

    done = program.run(*arguments, status=None)

    assert done.returncode in (1, 2)
    assert said in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_a_broken_service_file_is_status_two_with_file_and_line(tmp_path: Path) -> None:
    program = Program(tmp_path)
    program.write_service('databse = "sqlite:///x.db"\n[web\n')

    done = program.run("poll-once", status=2)

    assert "listbridge.toml" in done.stderr.decode()


def test_two_categories_that_read_one_folder_differently_are_both_refused_by_name(
    tmp_path: Path, dovecot: Dovecot, slug: str
) -> None:
    program = Program(tmp_path)
    for name, since in (("first", ""), ("second", "since = 2026-11-20")):
        toml = category_toml(name, dovecot=dovecot, username=slug, incoming=since)
        program.write_category(name, toml)

    lines = program.poll_once(status=1)

    assert all("first" in x["error"] and "second" in x["error"] for x in lines.values())
    assert all("incoming.since" in x["error"] for x in lines.values())
    assert len(dovecot.messages(slug)) == 1


def test_a_new_slug_with_the_address_of_a_vanished_one_is_refused_until_it_is_renamed(
    tmp_path: Path,
) -> None:
    program = Program(tmp_path)
    toml = 'address = "general@example.org"\n[outgoing]\nhost = "127.0.0.1"\n'
    program.write_category("old", toml)
    program.run("subscribers", "add", "old", "ann@example.org")
    (tmp_path / "categories" / "old.toml").rename(tmp_path / "categories" / "new.toml")

    refused = program.poll_once(status=1)["new"]
    program.run("category", "rename", "old", "new")

    assert "category rename old new" in refused["error"]
    [one] = program.json("subscribers", "list", "new")
    assert one["address"] == "ann@example.org"
