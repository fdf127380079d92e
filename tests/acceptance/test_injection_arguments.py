"""No argument of a command, and no field of a message, brings a line of its own to a server."""

import json
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest

from listbridge.cli import command
from tests import injection
from tests.fakes.imap_server import PASSWORD, ImapServer, Stored
from tests.fakes.smtp_server import SmtpServer, in_thread
from tests.injection import MARK, PAYLOADS, UNSAFE, field_names, foreign_lines
from tests.letters import letter
from tests.program import Program

EVERYBODY = ("ann@example.net", "bob@example.net")
# No program can be given a NUL as an argument.
ARGUMENTS = {kind: text for kind, text in PAYLOADS.items() if kind != "NUL"}
#: What the other parameters of a command hold meanwhile, by name.
USUAL = {
    "category": "general",
    "categories": "general",
    "id_": "1",
    "ids": "1",
    "addresses": "cat@example.org",
    "address": "list@example.org",
    "old": "gone",
    "new": "general",
    "file": "some.file",
    "files": "some.file",
    "folder": "new",
    "url": "sqlite:///copy.db",
    "incoming_host": "127.0.0.1",
    "outgoing_host": "127.0.0.1",
    "password_env": "HOME",
    "session": "general",
}
#: A held post for each command that does something with one.
HELD = {"approve": "1", "discard": "2", "reject": "3", "show": "4"}
PARAMETERS = [(at, one) for at, one in injection.parameters(command) if one.name != "config"]


@pytest.fixture
def imap() -> Iterator[ImapServer]:
    with ImapServer() as server:
        yield server


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with in_thread(SmtpServer()) as server:
        yield server


@pytest.fixture
def program(tmp_path: Path, imap: ImapServer, smtp: SmtpServer) -> Program:
    one = Program(tmp_path, same_process=True)
    toml = f"""
address = "general@example.org"
[incoming]
host = "127.0.0.1"
port = {imap.port}
security = "none"
password = "{PASSWORD}"
[outgoing]
host = "127.0.0.1"
port = {smtp.port}
security = "none"
[posting]
non_members = "accept"
[subscribers]
file = "general.subscribers"
"""
    one.write_category("general", toml, EVERYBODY)
    return one


def test_every_parameter_has_something_usual_to_stand_beside_another() -> None:
    missing = {
        f"{' '.join(at)}: {one.name}"
        for at, one in PARAMETERS
        if (one.required or isinstance(one, click.Argument)) and one.name not in USUAL
    }

    assert not missing


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_no_argument_reaches_a_server_or_the_database_as_a_line_of_its_own(
    program: Program,
    imap: ImapServer,
    smtp: SmtpServer,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    monkeypatch.chdir(program.folder)
    (program.folder / "some.file").write_bytes(letter(1))
    program.poll_once("--no-send")
    for number in HELD.values():
        held = letter(int(number)).replace(b"From: Ann", b"X:")
        program.run("post", "general", stdin=held)
    for at, parameter in PARAMETERS:
        # A number or a choice refuses any text alike.
        if not injection.is_text(parameter) and kind not in ("CR LF", "encoded word"):
            continue
        done = program.run("--json", *at, *_arguments(at, parameter, ARGUMENTS[kind]), status=None)

        assert done.returncode in (0, 1, 2), (at, parameter.name, done)
        assert b"Traceback" not in done.stderr, (at, parameter.name, done.stderr.decode())
        if kind in UNSAFE and injection.is_text(parameter):
            assert done.returncode != 0, (at, parameter.name, done.stdout)
        for line in done.stdout.splitlines():
            json.loads(line)
    imap.folders["INBOX"][900] = Stored(letter(900, kind="plain"))
    line = program.poll_once()["general"]

    assert line["posts"] == 1
    assert foreign_lines([*imap.log, *(f"{x}\r\n".encode() for x in smtp.lines)]) == []
    for sent in smtp.messages:
        assert MARK.lower() not in field_names(sent.body)
    assert _stored_breaks(program.database) == []
    for written in program.folder.glob("new-*/**/*.toml"):
        assert MARK not in set(_keys(tomllib.loads(written.read_text("utf-8"))))


def _keys(table: dict[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        yield name
        if isinstance(value, dict):
            yield from _keys(value)


def _arguments(at: injection.Path, chosen: click.Parameter, text: str) -> list[str]:
    """Return arguments for a command, the chosen one being `text`."""
    given: list[str] = []
    rest: list[str] = []
    for _, one in (pair for pair in PARAMETERS if pair[0] == at):
        value = text if one is chosen else USUAL.get(one.name or "")
        if one is not chosen and at[0] == "held" and at[1] in HELD:
            value = HELD[at[1]]
        elif one is not chosen and one.name == "folder":
            value = f"new-{chosen.name}"
        if isinstance(one, click.Argument):
            rest.append(value or "")
        elif one is chosen or one.required or (at == ("init",) and value):
            given.append(f"{one.opts[0]}={value}")
    if at == ("init",):
        given += ["--yes", "--no-test"]
        # There can be one way to say where the password is.
        if (chosen.name or "").startswith("password"):
            given = [x for x in given if not x.startswith("--password-env=") or MARK in x]
    return [*given, "--", *rest][: None if rest else -1]


def _stored_breaks(database: Path) -> list[str]:
    """Return every text in the database that holds a line break of ours, but for tracebacks."""
    with closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        found = []
        for (table,) in tables.fetchall():
            rows = connection.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in rows.description]
            for row in rows:
                found += [
                    f"{table}.{name}: {value!r}"
                    for name, value in zip(names, row, strict=True)
                    if isinstance(value, str)
                    and MARK in value
                    and any(ch in value for ch in "\r\n\0\x85\u2028")
                ]
    return found


FIELDS = (
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "References",
    "In-Reply-To",
    "List-Id",
    "List-Unsubscribe",
    "X-Listbridge-Loop",
    "X-Original-List-Id",
    "Content-Type",
    "Content-Disposition",
    "Content-Transfer-Encoding",
    "Return-Path",
    "Received",
)


def test_no_field_of_a_message_becomes_a_field_or_a_recipient_of_its_own(
    program: Program, imap: ImapServer, smtp: SmtpServer
) -> None:
    number = 0
    for name in FIELDS:
        for kind, payload in PAYLOADS.items():
            within = kind in ("CR LF", "CR", "NUL", "encoded word")
            for value in _values(name, payload) if within else [payload]:
                number += 1
                raw = _letter(number, name, value)
                if kind in ("CR LF", "LF", "CR", "literal"):
                    # The author's own line, whatever it says: nobody may get it as an order.
                    raw = raw.replace(f"{MARK}: yes".encode(), b"Bcc: eve@evil.test")
                imap.folders["INBOX"][number] = Stored(raw)

    line = program.poll_once()["general"]

    assert (line["fetched"], line["deleted"], line["shunted"]) == (number, number, 0)
    assert foreign_lines([f"{x}\r\n".encode() for x in smtp.lines]) == []
    assert line["sent"] == 2 * len(smtp.messages) > number
    for sent in smtp.messages:
        names = field_names(sent.body)
        assert MARK.lower() not in names, sent.body
        assert "bcc" not in names, sent.body
        for single in ("from", "sender", "reply-to", "to", "subject", "list-id", "precedence"):
            assert names.count(single) <= 1, sent.body
        assert (sent.sender, sent.recipients) == ("general@example.org", EVERYBODY)
        assert sent.body.count(b"\r") == sent.body.count(b"\n") == sent.body.count(b"\r\n")
        assert b"\0" not in sent.body
    program.audit()


def _values(name: str, payload: str) -> Iterator[str]:
    yield payload
    if name in ("From", "Sender", "Reply-To", "To", "Cc"):
        yield f'"{payload}" <ann@example.net>'
        yield f"{payload}@example.net"
    elif name in ("Message-ID", "References", "In-Reply-To", "List-Id"):
        yield f"<{payload}@example.net>"
    elif name.startswith("Content-"):
        yield f'text/plain; name="{payload}"; charset="{payload}"'
        yield f"attachment; filename*0*=utf-8''{payload}"


def _letter(number: int, name: str, value: str) -> bytes:
    fields = {
        "From": "Ann <ann@example.net>",
        "To": "general@example.org",
        "Subject": f"letter {number}",
        "Date": "Sat, 21 Nov 2026 10:00:00 +0000",
        "Message-ID": f"<{number}@example.net>",
        name: value,
    }
    head = "".join(f"{key}: {text}\r\n" for key, text in fields.items())
    return f"{head}X-Number: {number}\r\n\r\nLetter {number}\r\n".encode()
