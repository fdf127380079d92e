"""`after_fetch = "trash"` with real servers: stored mail goes to the folder they mark as that."""

import imaplib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.imap_server import PASSWORD, ImapServer, archives
from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers.courier import Courier
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import Dovecot

#: No name that anybody would guess.
BIN = "Tonne"
TRASH = 'after_fetch = "trash"'
OPEN = '[posting]\nnon_members = "accept"'
_MARKED = f"namespace inbox {{\n mailbox {BIN} {{\n special_use = \\Trash\n auto = create\n }}\n}}"


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """An installation; afterwards everything in it is in order."""
    program = Program(tmp_path, same_process=True)
    yield program
    program.audit()


def _list(program: Program, server: Dovecot | Courier | Cyrus, slug: str) -> None:
    """Make a list on an empty mailbox; beside the trash there is a folder only named like it."""
    server.add_user(slug, "secret")
    with imaplib.IMAP4(server.host, server.imap_port, timeout=20) as client:
        client.login(slug, "secret")
        client.create("INBOX.Trash" if isinstance(server, Courier) else "Trash")
        if isinstance(server, Cyrus):
            kind, answer = client.create(f"{BIN} (USE (\\Trash))")  # RFC 6154 3
            assert kind == "OK", answer
    toml = category_toml(slug, dovecot=server, incoming=TRASH, more=OPEN)
    program.write_category(slug, toml, ["ann@example.org"])


def _poll(program: Program, slug: str) -> tuple[object, ...]:
    line = program.poll_once("--no-send", status=None)[slug]
    return line["posts"], line["deleted"], line["error"]


def _check_goes_to_the_bin(program: Program, server: Dovecot | Cyrus, slug: str) -> None:
    letters = [letter(number, run=slug) for number in range(4)]
    for one in letters[:3]:
        server.deliver(slug, one)
    found = {one["what"]: one for one in program.json("check", slug, status=None)}
    assert found["incoming trash"]["seen"].startswith(f"what was stored goes to {BIN!r}")

    assert _poll(program, slug) == (3, 3, None)
    server.deliver(slug, letters[3])
    assert _poll(program, slug) == (1, 1, None)

    assert server.messages(slug) == server.messages(slug, "Trash") == []
    kept = Counter(one.replace(b"\r\n", b"\n") for one in server.messages(slug, BIN))
    assert kept == Counter(one.replace(b"\r\n", b"\n") for one in letters)


@pytest.mark.parametrize(
    "capability",
    ["", "IMAP4rev1 UIDPLUS SPECIAL-USE", "IMAP4rev1 MOVE SPECIAL-USE"],
    ids=["all of it", "without MOVE", "without UIDPLUS"],
)
def test_dovecot_s_trash_is_found_by_its_flag(
    program: Program,
    dovecot_with: Callable[[str], Dovecot],
    fresh_name: Callable[[str], str],
    capability: str,
) -> None:
    hidden = f"\nimap_capability = {capability}" if capability else ""
    dovecot = dovecot_with(_MARKED + hidden)
    slug = fresh_name("list")
    _list(program, dovecot, slug)

    _check_goes_to_the_bin(program, dovecot, slug)


def test_cyrus_s_trash_is_found_by_its_flag(
    program: Program, cyrus: Cyrus, fresh_name: Callable[[str], str]
) -> None:
    slug = fresh_name("list")
    _list(program, cyrus, slug)

    _check_goes_to_the_bin(program, cyrus, slug)


def test_without_a_marked_trash_mail_is_posted_once_and_stays(
    program: Program, courier: Courier, fresh_name: Callable[[str], str]
) -> None:
    slug = fresh_name("list")
    _list(program, courier, slug)
    courier.deliver(slug, letter(1, run=slug))
    found = {one["what"]: one for one in program.json("check", slug, status=None)}
    assert "marks no folder as the trash" in found["incoming trash"]["seen"]
    assert "show the trash to IMAP programs" in found["incoming trash"]["cure"]

    posts, deleted, error = _poll(program, slug)
    again = _poll(program, slug)

    assert (posts, deleted) == (1, 0)
    assert "marks no folder as the trash" in str(error)
    assert again[:2] == (0, 0)
    assert len(courier.messages(slug)) == 1


def test_a_server_that_archives_what_is_deleted_keeps_it_in_the_trash_only(
    program: Program, fresh_name: Callable[[str], str]
) -> None:
    slug = fresh_name("list")
    server = ImapServer(letter(1, run=slug), letter(2, run=slug))
    server.folders[BIN] = {}
    server.special[BIN] = r"\Trash"
    server.instead["UID EXPUNGE"] = archives
    with server:
        toml = category_toml(slug, more=OPEN) + (
            f'[incoming]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
            f'username = "{slug}"\npassword = "{PASSWORD}"\n{TRASH}\n'
        )
        program.write_category(slug, toml, ["ann@example.org"])

        assert _poll(program, slug) == (2, 2, None)

    assert server.inbox == {}
    assert len(server.folders[BIN]) == 2
    assert "All Mail" not in server.folders
