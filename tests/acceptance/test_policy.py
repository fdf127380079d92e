"""Who may post what, with the real program: what its commands say, and what they never show."""

import base64
from pathlib import Path

import pytest

from tests.fakes.office import letter
from tests.program import Program

PASSWORD = "opens.sesame-1"
TO = f"general+{PASSWORD}@example.org"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """An announce list with an owner, a password and a trusted server, that sends nowhere."""
    program = Program(tmp_path, same_process=True)
    (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    (tmp_path / "password").chmod(0o600)
    program.write_category(
        "general",
        """
address = "general@example.org"
kind = "announce"
owners = ["ann@example.net"]
[outgoing]
host = "127.0.0.1"
port = 9
[posting]
password = { file = "password" }
authenticate = "hold"
authserv_id = "mx.example.org"
[subscribers]
file = "general.subscribers"
""",
        ["bob@example.org"],
    )
    return program


def handed_in(program: Program, raw: bytes) -> None:
    program.run("post", "general", stdin=raw, status=None)


def test_no_command_shows_the_posting_password(program: Program) -> None:
    head = letter(1, To=TO, Content_Transfer_Encoding="base64").partition(b"\r\n\r\n")[0]
    hidden = head + b"\r\n\r\n" + base64.encodebytes(f"Write to {TO}.\r\n".encode())
    handed_in(program, letter(2, To=TO).replace(b"letter 2", f"mail to {TO}".encode()))
    handed_in(program, hidden)
    too_many_parts = letter(3, To=TO, Content_Type='multipart/mixed; boundary="b"')
    handed_in(program, too_many_parts + b"--b\r\n\r\n" * 2_000)
    file = program.folder / "one.eml"
    file.write_bytes(letter(4, To=TO))

    [accepted, held] = program.json("posts", "list", "general")
    for command in (
        ("posts", "show", accepted["id"]),
        ("held", "show", held["id"]),
        ("shunted", "show", program.json("shunted", "list")[0]["id"]),
        ("simulate", "general", str(file)),
        ("simulate", "general", str(file), "--bytes"),
        ("queue", "list"),
    ):
        program.run(*command)
        program.run("-vv", "--json", *command)

    assert (accepted["state"], held["state"]) == ("accepted", "held")
    assert [one for one in program.outputs if PASSWORD.encode() in one] == []
    program.audit()


def test_a_simulation_says_why_a_forged_announcement_would_be_held(program: Program) -> None:
    file = program.folder / "forged.eml"
    field = "mx.example.org; dmarc=pass header.from=example.net"
    file.write_bytes(
        b"Authentication-Results: mx.example.org; dmarc=fail header.from=example.net\r\n"
        + letter(1, Authentication_Results=field)
    )

    [said] = program.json("simulate", "general", str(file))

    assert (said["verdict"], said["recipients"]) == ("hold", 0)
    assert said["trail"][-1] == {
        "rule": "in_doubt",
        "verdict": "hold",
        "reason": "it may not be the author's own: DMARC failed",
    }
    assert "List-Post: NO" in said["outgoing"]
