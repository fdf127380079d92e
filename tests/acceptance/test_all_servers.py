"""Every pair of a mailbox server and a relay: what lies in the mailbox is what arrives."""

import email
import imaplib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.proxy import Proxy
from tests.letters import KINDS, body_of, letter
from tests.program import Program, category_toml
from tests.servers import exim as exim_server
from tests.servers import postfix as postfix_server
from tests.servers.courier import Courier
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import Dovecot
from tests.servers.exim import Exim
from tests.servers.postfix import Relay
from tests.servers.process import wait_until

pytestmark = pytest.mark.real_servers

OPEN = '[posting]\nnon_members = "accept"'

#: Bodies that leave as they came.
PLAIN_BODIES = {
    "latin1": b"Gr\xfc\xdfe\r\n",
    "no-last-line-end": b"the end",
    "only-dots": b".\r\n..\r\n.\r\n",
    "blank-lines": b"\r\n\r\n \r\n\t\r\nx \t\r\n\r\n",
    "998-octets": b"a" * 998 + b"\r\n",
}
#: Bodies that no server may be given as they are; what they say has to arrive.
RECODED_BODIES = {"long-line": b"word " * 3000 + b"\r\n"}
#: What only servers hold whose mail comes in as files.
ROUGH_BODIES = {"bare-lf": b"one\ntwo\r\nthree\n.\nfour\r\n", "bare-cr": b"one\rtwo\r\n"}
ROUGH_RECODED_BODIES = {"nul": b"a\0b\r\n"}


def _simple(run: str, name: str, body: bytes) -> bytes:
    head = f"From: ann@example.net\r\nSubject: {name}\r\nMessage-ID: <{name}-{run}@example.net>"
    coding = "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit"
    return f"{head}\r\nMIME-Version: 1.0\r\n{coding}\r\n\r\n".encode() + body


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """An installation; afterwards everything in it is in order."""
    program = Program(tmp_path, same_process=True)
    yield program
    program.audit()


@pytest.fixture(params=["dovecot", "courier", "cyrus"])
def server(request: pytest.FixtureRequest) -> Dovecot | Courier | Cyrus:
    """Each IMAP and POP3 server."""
    found: Dovecot | Courier | Cyrus = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["relay", "exim"])
def outgoing(request: pytest.FixtureRequest) -> Relay | Exim:
    """Each SMTP server."""
    found: Relay | Exim = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def slug(server: Dovecot | Courier | Cyrus, fresh_name: Callable[[str], str]) -> str:
    """The name of a new category and of its mailbox."""
    name = fresh_name("list")
    server.add_user(name, "secret")
    return name


def _raw_messages(program: Program) -> Counter[bytes]:
    with closing(sqlite3.connect(program.database)) as database:
        query = "SELECT bytes FROM inbound JOIN raw_messages ON raw_id = raw_messages.id"
        return Counter(bytes(one) for [one] in database.execute(query))


def _served(stored: bytes, server: Dovecot | Courier | Cyrus, protocol: str) -> bytes:
    """What the server makes of a message in its files."""
    text = stored.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if protocol == "pop3":
        # RFC 1939 3: the dot that ends a message stands on a line of its own.
        return text.removesuffix(b"\r\n") + b"\r\n"
    # RFC 3501 4.3.1: no literal holds a NUL; Dovecot puts this in its place.
    return text.replace(b"\0", b"\x80") if isinstance(server, Dovecot) else text


def _arrived(outgoing: Relay | Exim, name: str) -> list[bytes]:
    outgoing.wait_until_idle()
    split = exim_server.split_trace if isinstance(outgoing, Exim) else postfix_server.split_trace
    return [split(copy)[1] for copy in outgoing.copies(name)]


def _subject(raw: bytes) -> str:
    return str(email.message_from_bytes(raw)["Subject"])


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_every_body_arrives_as_it_was_stored(
    program: Program,
    server: Dovecot | Courier | Cyrus,
    outgoing: Relay | Exim,
    fresh_name: Callable[[str], str],
    slug: str,
    protocol: str,
) -> None:
    reader = fresh_name("reader")
    outgoing.add_users([reader])
    toml = category_toml(slug, dovecot=server, relay=outgoing, protocol=protocol, more=OPEN)
    program.write_category(slug, toml, [f"{reader}@example.org"])
    rough = {} if isinstance(server, Cyrus) else ROUGH_BODIES | ROUGH_RECODED_BODIES
    bodies = PLAIN_BODIES | RECODED_BODIES | rough
    letters = [letter(n, run=slug, kind=kind) for n, kind in enumerate(KINDS)]
    letters += [_simple(slug, name, body) for name, body in bodies.items()]
    for one in letters:
        server.deliver(slug, one)
    served = [_served(stored, server, protocol) for stored in server.messages(slug)]

    line = program.poll_once()[slug]

    assert (line["fetched"], line["deleted"], line["posts"]) == (len(letters),) * 3
    assert _raw_messages(program) == Counter(served)
    assert server.messages(slug) == []
    arrived = {_subject(copy): copy for copy in _arrived(outgoing, reader)}
    expected = {_subject(raw): raw for raw in served}
    assert arrived.keys() == expected.keys()
    recoded = RECODED_BODIES | ROUGH_RECODED_BODIES
    for subject in expected.keys() - recoded.keys():
        assert _as_lines(arrived[subject]) == _as_lines(expected[subject])
    for subject in expected.keys() & recoded.keys():
        assert _decoded(arrived[subject]) == _decoded(expected[subject])
    again = program.poll_once()[slug]
    assert sum(value for value in again.values() if isinstance(value, int)) == 0


def _as_lines(raw: bytes) -> list[bytes]:
    """The body's lines; that a bare CR leaves as a line end is message.wire's rule."""
    return body_of(raw).replace(b"\r", b"\n").removesuffix(b"\n").split(b"\n")


def _decoded(raw: bytes) -> bytes:
    content = email.message_from_bytes(raw).get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.replace(b"\r\n", b"\n")


def test_check_finds_nothing_wrong_with_any_server(
    program: Program, server: Dovecot | Courier | Cyrus, slug: str
) -> None:
    toml = category_toml(slug, dovecot=server, incoming='after_fetch = "move"')
    program.write_category(slug, toml, ["ann@example.org"])
    server.deliver(slug, letter(1, run=slug))

    found = {one["what"]: one for one in program.json("check")}

    assert all(one["ok"] for one in found.values())
    assert found["incoming deletion"]["seen"] == "each message by itself, by UID EXPUNGE"
    assert found["incoming IDLE"]["seen"] == "the server tells of new mail"
    assert found["incoming waiting"]["seen"].startswith("1 message, ")
    # Courier keeps all folders below INBOX (RFC 2342).
    target = "INBOX.Processed" if isinstance(server, Courier) else "Processed"
    assert found["incoming move_to"]["seen"].startswith(f"{target} is not there yet")


def test_what_was_stored_is_moved_into_a_folder_made_for_it(
    program: Program, server: Dovecot | Courier | Cyrus, slug: str
) -> None:
    toml = category_toml(slug, dovecot=server, incoming='after_fetch = "move"', more=OPEN)
    program.write_category(slug, toml)
    server.deliver(slug, letter(1, run=slug))
    first = program.poll_once()[slug]
    server.deliver(slug, letter(2, run=slug))

    second = program.poll_once()[slug]

    assert [(x["fetched"], x["deleted"], x["error"]) for x in (first, second)] == [(1, 1, None)] * 2
    assert server.messages(slug) == []
    target = "INBOX.Processed" if isinstance(server, Courier) else "Processed"
    moved = [body_of(one) for one in server.messages(slug, target)]
    assert sorted(moved) == sorted(body_of(letter(n, run=slug)) for n in (1, 2))


def test_what_others_have_flagged_stays(
    program: Program, server: Dovecot | Courier | Cyrus, slug: str
) -> None:
    program.write_category(slug, category_toml(slug, dovecot=server, more=OPEN))
    server.deliver(slug, letter(1, run=slug))
    with imaplib.IMAP4(server.host, server.imap_port, timeout=20) as client:
        client.login(slug, "secret")
        client.select()
        client.store("1", "+FLAGS.SILENT", r"(\Deleted)")
        server.deliver(slug, letter(2, run=slug))

        line = program.poll_once()[slug]

        assert (line["fetched"], line["deleted"]) == (1, 1)
        assert [_subject(one) for one in server.messages(slug)] == [_subject(letter(1, run=slug))]


def test_after_a_pop_connection_lost_before_quit_nothing_is_posted_again(
    program: Program, server: Dovecot | Courier | Cyrus, slug: str
) -> None:
    """Each make has its own UIDL and its own lock on the mailbox of a connection that died."""
    toml = category_toml(slug, dovecot=server, protocol="pop3", more=OPEN)
    server.deliver(slug, letter(1, run=slug))
    with Proxy(server.pop3_port) as proxy:
        toml = toml.replace(f"port = {server.pop3_port}", f"port = {proxy.port}")
        program.write_category(slug, toml)
        proxy.cut_at = b"QUIT"
        first = program.poll_once(status=1)[slug]
        proxy.cut_at = None
        second = _first_without_error(program, slug)

    assert (first["fetched"], first["deleted"], first["posts"]) == (1, 0, 1)
    assert (second["fetched"], second["deleted"], second["posts"]) == (0, 1, 0)
    assert server.messages(slug) == []


def _first_without_error(program: Program, slug: str) -> dict[str, object]:
    """Poll until the server has let go of the mailbox."""
    lines = []

    def polled() -> bool:
        lines.append(program.poll_once(status=None)[slug])
        return lines[-1]["error"] is None

    wait_until(polled, "the mailbox can be opened again", 30)
    return lines[-1]
