"""No secret shows in anything the program writes, whatever the servers say back to it."""

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.imap_server import ImapServer, Stored
from tests.fakes.pop_server import PopServer
from tests.fakes.smtp_server import Script, SmtpServer, in_thread
from tests.letters import letter
from tests.program import Program

USER = "list@example.org"
#: It has what is quoted, what shows in a repr, and what is folded.
SECRET = 'lit"er\\al-7f3a91  two blanks'
KINDS = ("literal", "file", "env", "command")
DATABASE_PASSWORD = "of-the-database-77aa"
COMMANDS = (
    ("poll-once", "-vv"),
    ("check", "-vv"),
    ("check",),
    ("poll-once", "--dry-run", "-vv"),
    ("status",),
    ("queue", "list", "--all"),
    ("queue", "show", "1"),
    ("subscribers", "list", "literal"),
    ("posts", "list", "literal"),
    ("held", "list"),
    ("shunted", "list"),
    ("audit",),
    ("db", "check"),
    ("category", "rename", "gone", "literal"),
)


def _spellings() -> list[str]:
    encoded = [base64.b64encode(x.encode()).decode() for x in (f"\0{USER}\0{SECRET}", SECRET)]
    quoted = SECRET.replace("\\", "\\\\").replace('"', '\\"')
    return [SECRET, quoted, repr(SECRET)[1:-1], *encoded]


@pytest.fixture(params=["taken", "refused", "echoed later"])
def servers(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any, Any, Any]]:
    """An IMAP, a POP3 and an SMTP server that repeat passwords, or take them."""
    how = request.param
    # With so much in front the password lies where long answers are cut.
    echo = " ".join(f"{'.' * before} you said {one}" for before in (0, 150) for one in _spellings())
    replies: dict[str, str] = {"auth": "235 welcome"}
    imap = ImapServer(capabilities="IMAP4rev1 UIDPLUS AUTH=PLAIN")
    imap.folders |= {f"of-{kind}": {1: Stored(letter(1))} for kind in KINDS}
    pop = PopServer()
    imap.instead["AUTHENTICATE"] = _imap_login(None if how != "refused" else echo)
    pop.instead["PASS"] = lambda s, _: s.send("+OK" if how != "refused" else f"-ERR {echo[:400]}")
    if how == "refused":
        replies["auth"] = f"535 5.7.8 {echo}"
    if how == "echoed later":
        replies["rcpt"] = f"450 4.2.0 {echo}"
        imap.instead["UID SEARCH"] = lambda s, tag, _: s.send(f"{tag} NO {echo}")
        pop.instead["LIST"] = lambda s, _: s.send(f"-ERR {echo[:400]}")
    script = Script(mechanisms=("PLAIN",), replies=replies)
    with ExitStack() as stack:
        stack.enter_context(imap)
        stack.enter_context(pop)
        yield how, imap, pop, stack.enter_context(in_thread(SmtpServer(script)))


def _imap_login(refusal: str | None) -> Any:
    def behaviour(session: Any, tag: str, _: str) -> None:
        session.send("+ ")
        session.wire.readline()
        session.send(f"{tag} NO {refusal}" if refusal else f"{tag} OK hello")

    return behaviour


def test_no_secret_shows_in_any_output_log_database_or_backup(
    tmp_path: Path, servers: tuple[str, Any, Any, Any]
) -> None:
    how, imap, pop, smtp = servers
    program = Program(tmp_path, {"LISTBRIDGE_TEST_PW": SECRET}, same_process=True)
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text(SECRET + "\n")
    (tmp_path / "teller").write_text(SECRET + "\n")
    ways: dict[str, str] = {
        "literal": f"'{SECRET}'",
        "file": '{ file = "password" }',
        "env": '{ env = "LISTBRIDGE_TEST_PW" }',
        "command": f'{{ command = ["cat", "{tmp_path / "teller"}"] }}',
    }
    for kind, way in ways.items():
        protocol, port = ("pop3", pop.port) if kind == "command" else ("imap", imap.port)
        folder = "" if protocol == "pop3" else f'folder = "of-{kind}"'
        login = f'host = "127.0.0.1"\nsecurity = "none"\npassword = {way}\n'
        login += f'username = "{USER}"\ntimeout = "5s"\n'
        program.write_category(
            kind,
            f'address = "{kind}@example.org"\n[posting]\nnon_members = "accept"\n'
            f'[subscribers]\nfile = "{kind}.subscribers"\n'
            f'[incoming]\nprotocol = "{protocol}"\nport = {port}\n{folder}\n{login}'
            f"[outgoing]\nport = {smtp.port}\n{login}",
            ["ann@example.net"],
        )
        program.run("post", kind, "--approve", stdin=letter(7))

    program.run("db", "backup", str(tmp_path / "copy.db"))
    for command in COMMANDS:
        program.run(*command, "--json", status=None)
        program.run(*command, status=None)

    shown = {"output": b"\n".join(program.outputs)}
    for file in (*tmp_path.glob("*.db*"), *tmp_path.glob("*.log")):
        shown[file.name] = file.read_bytes()
    # The first half of each, since an answer may have been cut to its length.
    for spelling in (half for one in _spellings() for half in (one, one[:14])):
        for where, what in shown.items():
            at = what.find(spelling.encode())
            assert at < 0, (how, where, what[max(0, at - 300) : at + 60])
    assert shown["copy.db"]
    assert bool(smtp.messages) is (how == "taken")


def test_the_password_of_the_database_shows_in_no_error(tmp_path: Path) -> None:
    program = Program(tmp_path, same_process=True)
    program.write_service(
        f'database = "postgresql+psycopg://u:{DATABASE_PASSWORD}@127.0.0.1:1/d"\n'
    )

    for command in (*COMMANDS, ("serve", "-vv")):
        program.run(*command, status=None)

    assert DATABASE_PASSWORD.encode() not in b"".join(program.outputs)
