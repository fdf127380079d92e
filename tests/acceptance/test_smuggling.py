"""SMTP smuggling: a post that looks like more than one message to some servers arrives as one."""

import smtplib
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.program import Program, category_toml
from tests.servers.exim import Exim
from tests.servers.postfix import Relay

pytestmark = pytest.mark.real_servers

#: What one server or another takes for the end of a message (CVE-2023-51764 and its family).
ENDS = [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r", b"\r\n\0.\r\n"]

FIELDS = b"From: ann@example.net\r\nTo: list@example.org\r\nSubject: %d\r\nMIME-Version: 1.0\r\n"
IN_HEADER = FIELDS + b"X-Note: folded\r\n more%s\r\n\r\nhello\r\n"
IN_BODY = FIELDS + b"\r\nhello%s\r\nbye\r\n"
IN_ATTACHMENT = (
    FIELDS + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n'
    b'Content-Disposition: attachment; filename="a.txt"\r\n\r\nfile%s\r\n--b--\r\n'
)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """An installation; afterwards everything in it is in order."""
    program = Program(tmp_path, same_process=True)
    yield program
    program.audit()


@pytest.fixture(params=["credulous_relay", "exim"])
def outgoing(request: pytest.FixtureRequest) -> Relay | Exim:
    """Each relay."""
    found: Relay | Exim = request.getfixturevalue(request.param)
    return found


def _transaction(victim: str) -> bytes:
    return (
        b"MAIL FROM:<mallory@example.net>\r\nRCPT TO:<%s@example.org>\r\n"
        b"DATA\r\nSubject: smuggled\r\n\r\nhello\r\n" % victim.encode()
    )


def _raw_messages(program: Program) -> list[bytes]:
    with closing(sqlite3.connect(program.database)) as database:
        query = "SELECT bytes FROM inbound JOIN raw_messages ON raw_id = raw_messages.id"
        return [bytes(one) for [one] in database.execute(f"{query} ORDER BY inbound.id")]


@pytest.mark.parametrize("post", [IN_HEADER, IN_BODY, IN_ATTACHMENT], ids=["head", "body", "file"])
def test_each_post_arrives_as_exactly_one_message(
    program: Program, outgoing: Relay | Exim, fresh_name: Callable[[str], str], post: bytes
) -> None:
    slug, reader, victim = fresh_name("list"), fresh_name("reader"), fresh_name("victim")
    outgoing.add_users([reader, victim])
    program.write_category(slug, category_toml(slug, relay=outgoing), [f"{reader}@example.org"])
    program.poll_once()
    posts = [
        post % (number, b"%s%s." % (end, _transaction(victim))) for number, end in enumerate(ENDS)
    ]
    for one in posts:
        program.run("post", slug, "--approve", stdin=one)

    line = program.poll_once()[slug]

    assert (line["sent"], line["error"]) == (len(ENDS), None)
    outgoing.wait_until_idle()
    arrived = [message_from_bytes(copy)["Subject"] for copy in outgoing.copies(reader)]
    assert sorted(arrived) == [str(number) for number in range(len(ENDS))]
    assert outgoing.copies(victim) == []
    assert _raw_messages(program) == posts


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n"])
def test_that_postfix_would_have_taken_the_smuggled_message(
    credulous_relay: Relay, fresh_name: Callable[[str], str], end: bytes
) -> None:
    """Without this the test above would prove nothing."""
    relay, reader, victim = credulous_relay, fresh_name("reader"), fresh_name("victim")
    relay.add_users([reader, victim])
    with smtplib.SMTP(relay.host, relay.port, timeout=10) as client:
        client.ehlo()
        client.mail("list@example.org")
        client.rcpt(f"{reader}@example.org")
        client.docmd("DATA")
        assert isinstance(client.sock, socket.socket)
        client.sock.sendall(IN_BODY % (1, end + _transaction(victim)) + b".\r\n")
        replies = [client.getreply()[0] for _ in range(5)]

    relay.wait_until_idle()
    assert replies == [250, 250, 250, 354, 250]
    assert len(relay.copies(victim)) == 1
