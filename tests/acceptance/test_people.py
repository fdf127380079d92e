"""Several addresses of a person, and erasing one, on the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.smtp_server import SmtpServer, in_thread
from tests.letters import letter
from tests.program import Program

ANN, WORK, BOB = "ann@example.net", "ann@work.example", "bob@example.net"


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """A category that only sends, and another one."""
    program = Program(tmp_path, same_process=True)
    with in_thread(SmtpServer()) as server:
        sending = f'[outgoing]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
        own = f'owners = ["{BOB}", "{WORK}"]\n{sending}[subscribers]\nfile = "general.subscribers"'
        program.write_category("general", f'address = "general@example.org"\n{own}\n', (ANN, BOB))
        program.write_category("other", f'address = "other@example.org"\n{sending}')
        program.poll_once()
        yield program
    program.audit()


def also(program: Program, slug: str = "general") -> dict[str, list[str]]:
    return {x["address"]: x["also"] for x in program.json("subscribers", "list", slug)}


def test_further_addresses_are_set_shown_and_taken_back(program: Program) -> None:
    program.run("subscribers", "set", "general", ANN, "--also", WORK, "--also", "a@b.example")
    assert also(program) == {ANN: ["a@b.example", WORK], BOB: []}
    assert WORK.encode() in program.run("subscribers", "list", "general").stdout

    program.run("subscribers", "set", "general", ANN, "--not-also", "a@b.example")
    assert also(program)[ANN] == [WORK]
    program.run("post", "general", stdin=letter(1, author=WORK))
    [post] = program.json("posts", "list", "general")
    assert (post["sender"], post["state"]) == (WORK, "accepted")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--also", BOB), 1, "is subscribed to general itself"),
        (("--also", "nobody"), 2, "nobody"),
        (("--not-also", WORK), 1, "is no further address of"),
    ],
)
def test_what_cannot_be_a_further_address_is_said_and_nothing_changes(
    program: Program, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = program.run(
        "subscribers", "set", "general", ANN, "--name", "Ann", *arguments, status=None
    )

    assert (done.returncode, words in done.stderr.decode()) == (status, True)
    assert [x["name"] for x in program.json("subscribers", "list", "general")] == ["", ""]


def test_a_list_takes_no_digests(program: Program) -> None:
    program.run("subscribers", "add", "general", "other@example.org")

    said = program.run(
        *("subscribers", "set", "general", "other@example.org", "--receives", "digest"), status=1
    )

    assert b"other@example.org is a list here; it can have each post, or none" in said.stderr


def test_an_export_has_further_addresses_and_brings_them_elsewhere(program: Program) -> None:
    program.run("subscribers", "set", "general", ANN, "--also", WORK)
    exported = program.run("subscribers", "export", "general").stdout
    (program.folder / "people.csv").write_bytes(exported)

    program.run("subscribers", "import", "other", str(program.folder / "people.csv"))

    assert f"{ANN},,each,{WORK}".encode() in exported
    assert also(program, "other") == {ANN: [WORK], BOB: []}


def test_who_is_erased_is_gone_and_stays_away(program: Program) -> None:
    program.run("subscribers", "set", "general", ANN, "--also", WORK)
    program.run("subscribers", "add", "other", ANN)
    program.run("post", "general", stdin=letter(1, author=WORK))
    program.poll_once()
    would = program.json("subscribers", "erase", ANN, "--posts", "--dry-run")
    assert len(also(program)) == 2

    done = program.run("subscribers", "erase", ANN, "--posts", "--json")

    assert [json.loads(line) for line in done.stdout.splitlines()] == would
    said = done.stderr.decode()
    assert f"{WORK} is the same person's" in said
    assert "`owners` of general names the person" in said
    assert "general.subscribers names the person" in said
    again = program.run("subscribers", "list", "general")
    assert f"{ANN} was erased and is not added again" in again.stderr.decode()
    assert (also(program), also(program, "other")) == ({BOB: []}, {})
    [post] = program.json("posts", "list", "general")
    assert post["sender"] is None
    assert program.run("subscribers", "erase", ANN).stdout == b""
    program.run("subscribers", "add", "general", ANN)
    assert set(also(program)) == {ANN, BOB}


def test_a_list_is_no_person_to_be_erased(program: Program) -> None:
    done = program.run("subscribers", "erase", "General@example.org", status=2)

    assert b"is the list general" in done.stderr


def test_what_is_no_address_erases_nobody(program: Program) -> None:
    assert b"nobody" in program.run("subscribers", "erase", "nobody", status=2).stderr
