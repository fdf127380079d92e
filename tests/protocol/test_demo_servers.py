"""The demo's mail servers, as the standard library's clients see them."""

import asyncio
import imaplib
import poplib
import smtplib
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from typing import TypeVar

import pytest

from listbridge.demo import servers
from listbridge.demo.listen import HOST
from listbridge.demo.servers import Ports, Servers

ANN, LIST, BOX = "ann@example.org", "list@example.org", "drop@example.org"
PASSWORD = "demo"
AWKWARD = (
    b"From: ann@example.org\r\n"
    b"Subject: dots\r\n"
    b"\r\n"
    b".\r\n"
    b"..two dots\r\n"
    b".hidden\r\n"
    b"\xe4\xff\x00 eight bits and a nul\r\n"
    b"no line end after this"
)
T = TypeVar("T")
Running = tuple[Servers, Ports]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with servers.running() as (mail, ports):
        await mail.add_imap_user(LIST, PASSWORD)
        mail.add_pop_user(BOX, PASSWORD)
        yield mail, ports


async def client(function: Callable[[], T]) -> T:
    """The clients are synchronous, and the servers live in this thread."""
    return await asyncio.to_thread(function)


def pop(ports: Ports) -> poplib.POP3:
    session = poplib.POP3(HOST, ports.pop, timeout=5)
    session.user(BOX)
    session.pass_(PASSWORD)
    return session


def imap(ports: Ports) -> imaplib.IMAP4:
    session = imaplib.IMAP4(HOST, ports.imap, timeout=5)
    session.login(LIST, PASSWORD)
    session.select()
    return session


def dropped(mail: Servers, *bodies: bytes) -> None:
    for body in bodies:
        mail.pop.maildrops[BOX].deliver(body)


# POP3


async def test_pop_gives_the_bytes_that_were_delivered(running: Running) -> None:
    mail, ports = running
    dropped(mail, AWKWARD)

    def read() -> tuple[list[bytes], int]:
        with closing(pop(ports)) as session:
            _, lines, _ = session.retr(1)
            return lines, session.stat()[1]

    lines, size = await client(read)

    assert b"\r\n".join(lines) == AWKWARD
    assert size == len(AWKWARD)


async def test_pop_numbers_and_names_what_is_there(running: Running) -> None:
    mail, ports = running
    dropped(mail, b"A: 1\r\n\r\none\r\n", b"A: 2\r\n\r\nthree\r\n")

    def read() -> tuple[list[bytes], list[bytes], bytes, bytes]:
        with closing(pop(ports)) as session:
            return session.list()[1], session.uidl()[1], session.list(2), session.uidl(2)

    sizes, uids, one_size, one_uid = await client(read)

    assert sizes == [b"1 13", b"2 15"]
    assert len({line.split()[1] for line in uids}) == 2
    assert one_size == b"+OK 2 15"
    assert one_uid == b"+OK " + uids[1]


async def test_pop_deletes_at_quit_and_not_before(running: Running) -> None:
    mail, ports = running
    dropped(mail, b"A: 1\r\n\r\n", b"A: 2\r\n\r\n")

    def delete_the_first(*, quit_: bool) -> list[bytes]:
        with closing(pop(ports)) as session:
            session.dele(1)
            left: list[bytes] = session.list()[1]
            if quit_:
                session.quit()
            return left

    seen = await client(lambda: delete_the_first(quit_=False))
    await _until(lambda: not mail.pop.maildrops[BOX].locked)
    after_drop = [one.raw for one in mail.pop.maildrops[BOX].messages]
    await client(lambda: delete_the_first(quit_=True))
    after_quit = [one.raw for one in mail.pop.maildrops[BOX].messages]

    assert seen == [b"2 8"]
    assert after_drop == [b"A: 1\r\n\r\n", b"A: 2\r\n\r\n"]
    assert after_quit == [b"A: 2\r\n\r\n"]


async def test_pop_reset_takes_deletions_back(running: Running) -> None:
    mail, ports = running
    dropped(mail, b"A: 1\r\n\r\n")

    def delete_and_reset() -> tuple[int, int]:
        session = pop(ports)
        session.dele(1)
        session.rset()
        session.noop()
        stat = session.stat()
        session.quit()
        return stat

    assert await client(delete_and_reset) == (1, 8)
    assert await mail.count(BOX) == 1


async def test_pop_top_gives_the_head_and_so_many_lines(running: Running) -> None:
    mail, ports = running
    dropped(mail, b"A: 1\r\n\r\n.one\r\ntwo\r\n")

    def top(lines: int) -> list[bytes]:
        with closing(pop(ports)) as session:
            return list(session.top(1, lines)[1])

    assert await client(lambda: top(0)) == [b"A: 1", b""]
    await _until(lambda: not mail.pop.maildrops[BOX].locked)
    assert await client(lambda: top(1)) == [b"A: 1", b"", b".one"]


async def test_pop_lets_one_session_in_at_a_time(running: Running) -> None:
    _, ports = running

    def two_sessions() -> str:
        with closing(pop(ports)), closing(poplib.POP3(HOST, ports.pop, timeout=5)) as second:
            second.user(BOX)
            with pytest.raises(poplib.error_proto) as refused:
                second.pass_(PASSWORD)
        return str(refused.value)

    assert "[IN-USE]" in await client(two_sessions)


async def test_pop_mail_that_comes_during_a_session_waits_for_the_next(running: Running) -> None:
    mail, ports = running
    session = await client(lambda: pop(ports))

    dropped(mail, b"A: 1\r\n\r\n")

    assert await client(session.stat) == (0, 0)
    await client(session.quit)
    assert await mail.count(BOX) == 1


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("RETR 1", "no such message"),
        ("RETR x", "no such message"),
        ("RETR", "no such message"),
        ("DELE 0", "no such message"),
        ("TOP 1", "TOP"),
        ("XYZZY", "unknown"),
        ("USER ann", "not at this point"),
        ("NOOP " + 300 * "x", "too long"),
    ],
)
async def test_pop_refuses_what_cannot_be_done(running: Running, command: str, words: str) -> None:
    _, ports = running

    def say() -> str:
        with closing(pop(ports)) as session, pytest.raises(poplib.error_proto) as refused:
            session._shortcmd(command)
        return str(refused.value)

    assert words in await client(say)


async def test_pop_refuses_a_wrong_password_and_reading_without_one(running: Running) -> None:
    _, ports = running

    def read() -> tuple[str, str]:
        with closing(poplib.POP3(HOST, ports.pop, timeout=5)) as session:
            session.user(BOX)
            with pytest.raises(poplib.error_proto) as wrong:
                session.pass_("wrong")
            with pytest.raises(poplib.error_proto) as not_yet:
                session.stat()
        return str(wrong.value), str(not_yet.value)

    wrong, not_yet = await client(read)

    assert "[AUTH]" in wrong
    assert "not at this point" in not_yet


async def test_pop_says_what_it_can_do(running: Running) -> None:
    _, ports = running

    def capabilities() -> dict[str, list[str]]:
        with closing(poplib.POP3(HOST, ports.pop, timeout=5)) as session:
            return session.capa()

    assert {"USER", "TOP", "UIDL", "RESP-CODES"} <= set(await client(capabilities))


# IMAP


async def test_imap_gives_the_bytes_that_were_delivered(running: Running) -> None:
    mail, ports = running
    await mail.imap.deliver(LIST, AWKWARD)

    def read() -> bytes:
        session = imap(ports)
        _, found = session.uid("FETCH", "1:*", "(BODY.PEEK[])")
        session.logout()
        return bytes(found[0][1])

    raw = (await client(read)).partition(b"From:")

    assert b"".join(raw[1:]) == AWKWARD


async def test_imap_expunges_the_named_message_only(running: Running) -> None:
    mail, ports = running
    for body in (b"A: 1\r\n\r\n", b"A: 2\r\n\r\n"):
        await mail.imap.deliver(LIST, body)

    def expunge() -> list[bytes]:
        session = imap(ports)
        uids: list[bytes] = session.uid("SEARCH", "ALL")[1][0].split()
        session.uid("STORE", b",".join(uids).decode(), "+FLAGS.SILENT", r"(\Deleted)")
        session.uid("EXPUNGE", uids[0].decode())
        left: list[bytes] = session.uid("SEARCH", "ALL")[1][0].split()
        session.logout()
        return left if left == uids[1:] else uids

    assert len(await client(expunge)) == 1
    assert await mail.count(LIST) == 1


async def test_imap_refuses_a_wrong_password(running: Running) -> None:
    _, ports = running

    def log_in() -> None:
        with imaplib.IMAP4(HOST, ports.imap, timeout=5) as session:
            session.login(LIST, "wrong")

    with pytest.raises(imaplib.IMAP4.error):
        await client(log_in)


# SMTP


async def test_smtp_keeps_what_each_recipient_got_and_delivers_it(running: Running) -> None:
    mail, ports = running

    def send() -> None:
        with smtplib.SMTP(HOST, ports.smtp, timeout=5) as session:
            session.login(LIST, PASSWORD)
            session.sendmail(ANN, [LIST, BOX, "far@example.com"], AWKWARD + b"\r\n")

    await client(send)

    assert mail.relay.received == {x: [AWKWARD + b"\r\n"] for x in (LIST, BOX, "far@example.com")}
    assert await mail.count(LIST) == 1
    [stored] = mail.pop.maildrops[BOX].messages
    assert stored.raw.startswith(b"Return-Path: <ann@example.org>\r\nReceived: ")
    assert stored.raw.endswith(AWKWARD + b"\r\n")


async def test_smtp_refuses_chosen_recipients_in_chosen_words(running: Running) -> None:
    mail, ports = running
    mail.relay.refusals = {"gone@example.org": "550 5.1.1 no such user here"}

    def send() -> dict[str, tuple[int, bytes]]:
        with smtplib.SMTP(HOST, ports.smtp, timeout=5) as session:
            return session.sendmail(ANN, ["gone@example.org", BOX], b"A: 1\r\n\r\n")

    assert await client(send) == {"gone@example.org": (550, b"5.1.1 no such user here")}
    assert list(mail.relay.received) == [BOX]


async def test_smtp_refuses_a_wrong_password(running: Running) -> None:
    _, ports = running

    def log_in() -> None:
        with smtplib.SMTP(HOST, ports.smtp, timeout=5) as session:
            session.login(LIST, "wrong")

    with pytest.raises(smtplib.SMTPAuthenticationError):
        await client(log_in)


# All of them


async def test_servers_end_although_clients_are_still_there(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with servers.running() as (mail, ports):
        await mail.add_imap_user(LIST, PASSWORD)
        mail.add_pop_user(BOX, PASSWORD)
        pop_session = await client(lambda: pop(ports))
        imap_session = await client(lambda: imap(ports))
        smtp_session = await client(lambda: smtplib.SMTP(HOST, ports.smtp, timeout=5))

    for still_open in (pop_session.close, imap_session.shutdown, smtp_session.close):
        await client(still_open)
    assert not mail.pop.maildrops[BOX].locked
    assert capfd.readouterr().err == ""
    assert caplog.messages == []  # asyncio complains here


async def _until(true: Callable[[], bool]) -> None:
    """Wait for a server to notice that its client has gone."""
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)
