"""POP3 messages asked for in one go: all of them come, or none is given away or deleted."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from listbridge.mailbox import IncomingSettings, Mailbox, OutOfStep, open_mailbox
from listbridge.mailbox.mailbox import BATCH_BYTES, BATCH_COUNT
from tests.fakes.pop_server import PASSWORD, PopServer, Session, says_again, sends

LETTERS = [b"letter %d\r\n" % number for number in range(1, 6)]
CAPABILITIES = sends(b"+OK\r\nUIDL\r\nPIPELINING\r\nTOP\r\n.\r\n")


def pipelining(*raws: bytes) -> PopServer:
    server = PopServer(*raws)
    server.instead["CAPA"] = CAPABILITIES
    return server


@contextmanager
def opened(server: PopServer, **fields: object) -> Iterator[Mailbox]:
    settings = {"protocol": "pop3", "host": "localhost", "security": "none", "timeout": "5s"}
    login = {"username": "list@example.org", "password": PASSWORD}
    with server:
        values = settings | login | {"port": server.port} | fields
        mailbox = open_mailbox(IncomingSettings.model_validate(values))
        yield mailbox
        mailbox.drop()


def raws(mailbox: Mailbox) -> list[bytes]:
    return [one.raw for batch in mailbox.fetch(mailbox.list()) for one in batch]


def test_bytes_come_as_they_are_served() -> None:
    odd = [
        *(b"\r\n", b"\0\r\n", b".\r\n", b"..\r\n.\r\n...\r\n", b"\xff 8-bit \x80\r\n"),
        *(b"bare\nLF and bare\rCR\r\r\n\n\r\n", b"-ERR no error\r\n+OK\r\n+OK 5 100\r\n"),
        *(b"bare LF\n.\r\n+OK forged answer\r\nmore\r\n", b"bare LF at the end\n"),
    ]
    with opened(pipelining(*odd)) as mailbox:
        assert raws(mailbox) == odd
        assert mailbox.unreadable == []


def test_all_of_a_batch_is_asked_for_before_any_of_it_is_read() -> None:
    server = pipelining(*LETTERS)
    waiting: list[bytes] = []

    def answers_late(session: Session, args: str) -> None:
        # Nothing is answered before all has been asked for.
        waiting.append(args.encode())
        if len(waiting) == len(LETTERS):
            for number in waiting:
                session.send("+OK")
                session.send_text(LETTERS[int(number) - 1])
                session.send(b"+OK 5 50")

    server.instead |= {"RETR": answers_late, "STAT": _answered_only_at_first()}
    with opened(server) as mailbox:
        assert raws(mailbox) == LETTERS


def _answered_only_at_first() -> object:
    asked = 0

    def behaviour(session: Session, _: str) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            session.send("+OK 5 50")

    return behaviour


def test_what_is_stored_is_deleted_in_one_go() -> None:
    server = pipelining(*LETTERS)
    with opened(server) as mailbox:
        for batch in mailbox.fetch(mailbox.list()):
            mailbox.delete([one.listed for one in batch])
        gone = mailbox.finish()

    assert len(gone) == len(LETTERS)
    assert server.maildrop == []


def test_batches_are_bounded_by_number_and_size() -> None:
    large = b"x" * (BATCH_BYTES + 1) + b"\r\n"
    with opened(pipelining(*[b"small\r\n"] * (BATCH_COUNT + 1), large, b"small\r\n")) as mailbox:
        sizes = [len(batch) for batch in mailbox.fetch(mailbox.list())]

    assert sizes == [BATCH_COUNT, 1, 1, 1]


def test_a_refused_message_is_unreadable_and_its_neighbours_come() -> None:
    server = pipelining(*LETTERS)
    server.instead["RETR"] = _refuses("2")
    with opened(server) as mailbox:
        assert raws(mailbox) == [LETTERS[0], *LETTERS[2:]]
        [(listed, reason)] = mailbox.unreadable

    assert listed.number == 2
    assert "no such message" in reason


def test_a_refused_deletion_is_that_message_s_and_no_other_s() -> None:
    server = pipelining(*LETTERS)

    def dele(session: Session, args: str) -> None:
        if args == "2":
            session.send("-ERR not this one")
        else:
            session.marked.add(int(args))
            session.send("+OK")

    server.instead["DELE"] = dele
    with opened(server) as mailbox:
        for batch in mailbox.fetch(mailbox.list()):
            mailbox.delete([one.listed for one in batch])
        gone = [listed.number for listed in mailbox.finish()]

    assert gone == [1, 3, 4, 5]
    assert server.maildrop == [LETTERS[1]]
    assert "not this one" in mailbox.complaints[0]


def _refuses(number: str) -> object:
    def behaviour(session: Session, args: str) -> None:
        if args == number:
            session.send("-ERR no such message")
        else:
            session.send("+OK")
            session.send_text(session.server.maildrop[int(args) - 1])

    return behaviour


@pytest.mark.parametrize("twice", ["STAT", "RETR"])
def test_an_answer_that_comes_twice_gives_no_message(twice: str) -> None:
    server = PopServer(*LETTERS)
    says_again(server, twice)
    server.instead["CAPA"] = CAPABILITIES

    with opened(server) as mailbox, pytest.raises(OutOfStep):
        raws(mailbox)


def test_forged_answers_within_a_message_give_no_message() -> None:
    """The size is announced too small, so the text seems to end where the sender wants it to."""
    forged = b"x\n.\r\n+OK 5 100\r\n+OK\r\nanother letter\r\n"
    server = pipelining(forged, *LETTERS)
    server.announced = {1: 1}

    with opened(server) as mailbox, pytest.raises(OutOfStep):
        raws(mailbox)


@pytest.mark.parametrize("answer", [b"+OK\r\n.\r\n", b"+OK\r\n.\r\nhello\r\n.\r\n", b"hello\r\n"])
def test_an_answer_of_which_nobody_can_say_where_it_ends_gives_no_message(answer: bytes) -> None:
    server = pipelining(*LETTERS)
    server.instead["RETR"] = sends(answer)

    with opened(server) as mailbox, pytest.raises(OutOfStep):
        raws(mailbox)


def test_sizes_that_lie_do_not_fill_the_memory() -> None:
    server = pipelining(*[b"x" * (BATCH_BYTES // 2 + 1) + b"\r\n"] * 4)
    server.announced = dict.fromkeys(range(1, 5), 1)

    with opened(server) as mailbox, pytest.raises(OutOfStep):
        raws(mailbox)


@pytest.mark.parametrize("fields", [{}, {"pipelining": "off"}])
def test_without_the_offer_or_the_setting_each_answer_is_waited_for(
    fields: dict[str, object],
) -> None:
    server = pipelining(*LETTERS)
    if not fields:
        del server.instead["CAPA"]
    with opened(server, **fields) as mailbox:
        assert raws(mailbox) == LETTERS

    assert server.commands.count("STAT") == 1
