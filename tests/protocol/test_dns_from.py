"""The commands that make copies ask for the policy of the author's domain."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from listbridge import dmarc
from listbridge.dmarc import Policies
from storage.opening import open_database
from tests.fakes.dns_server import DnsServer
from tests.letters import letter
from tests.program import Program

CATEGORY = 'address = "general@example.org"\n[outgoing]\nhost = "relay.example.org"\n'


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """A program with one category; others may write for example.net."""
    with DnsServer({("_dmarc.example.net", "TXT"): ['"v=DMARC1; p=none"']}) as server:
        monkeypatch.setattr(dmarc, "shared", Policies(lambda: server.resolver))
        program = Program(tmp_path, same_process=True)
        program.write_category("general", CATEGORY)
        yield program


@pytest.mark.parametrize(("author", "kept"), [("ann@example.net", True), ("x@dark.test", False)])
def test_simulate_shows_from_and_why(program: Program, author: str, kept: bool) -> None:
    message = program.folder / "message.eml"
    message.write_bytes(letter(1, author=author))

    [found] = program.json("simulate", "general", str(message))

    assert (f"From: Ann <{author}>" in found["outgoing"]) is kept
    assert author.partition("@")[2] in found["from"]


def test_what_is_approved_is_from_whom_the_domain_allows(program: Program) -> None:
    program.run("post", "general", stdin=letter(1))
    [held] = program.json("held", "list")

    program.run("held", "approve", held["id"])

    database = open_database(f"sqlite:///{program.database}")
    with database.reading() as tx:
        head = tx.exec_driver_sql("SELECT head FROM outgoing").scalar_one()
    database.close()
    assert b"X-Original-From" not in head
