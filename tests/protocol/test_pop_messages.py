"""Listing, fetching and deleting over POP3, from servers of every upbringing."""

import datetime
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from listbridge.mailbox import (
    FetchedMessage,
    IncomingSettings,
    Listed,
    Mailbox,
    MailboxError,
    open_mailbox,
)
from listbridge.mailbox.mailbox import BATCH_BYTES, BATCH_COUNT, LARGEST_MESSAGE
from tests.fakes.pop_server import (
    PASSWORD,
    Behaviour,
    PopServer,
    Session,
    answers,
    hangs_up,
    never_answers,
    says_again,
    sends,
)

ODD_RAWS = [
    b"",
    b"\r\n",
    b"\0\r\n",
    b".\r\n",
    b"..\r\n.\r\n...\r\n",
    b"From: a@example.org\r\n\r\n.hidden\r\n-ERR no error\r\n+OK\r\n",
    b"bare\nLF and bare\rCR\r\r\n\n\r\n",
    b"\xff\xfe 8-bit \x80\r\n",
    b"x" * 3_000_000 + b"\r\n",
    b"bare LF at the end\n",
]


@contextmanager
def opened(server: PopServer, *, read_only: bool = False, **fields: object) -> Iterator[Mailbox]:
    defaults: dict[str, object] = {
        "protocol": "pop3",
        "host": "localhost",
        "security": "none",
        "username": "list@example.org",
        "password": PASSWORD,
        "timeout": "5s",
    }
    with server:
        settings = IncomingSettings(**(defaults | {"port": server.port} | fields))  # type: ignore[arg-type]
        mailbox = open_mailbox(settings, read_only=read_only)
        yield mailbox
        mailbox.drop()


def fetched(mailbox: Mailbox) -> list[FetchedMessage]:
    return [message for batch in mailbox.fetch(mailbox.list()) for message in batch]


def raws(mailbox: Mailbox) -> list[bytes]:
    return [message.raw for message in fetched(mailbox)]


def test_bytes_come_as_they_are_served() -> None:
    with opened(PopServer(*ODD_RAWS)) as mailbox:
        # A server has to end the last line where the message does not.
        assert raws(mailbox)[1:] == ODD_RAWS[1:]
        assert mailbox.unreadable == []


def test_message_of_zero_octets_is_a_message() -> None:
    server = PopServer(b"")
    server.instead["RETR"] = sends(b"+OK\r\n.\r\n")

    with opened(server) as mailbox:
        assert raws(mailbox) == [b""]


def test_listing_tells_what_identifies_a_message() -> None:
    with opened(PopServer(b"four")) as mailbox:
        assert mailbox.list() == [Listed(None, "uid-1", 1, 4, None)]
        assert not mailbox.deletes_unread


def test_server_without_uidl_names_nothing() -> None:
    server = PopServer(b"one", b"two")
    server.instead["UIDL"] = answers("-ERR what?")

    with opened(server) as mailbox:
        assert [listed.uid for listed in mailbox.list()] == [None, None]


def test_uidl_that_is_not_unique_names_nothing() -> None:
    server = PopServer(b"one", b"two", b"three")
    server.names = ["same", "other", "same"]

    with opened(server) as mailbox:
        assert [listed.uid for listed in mailbox.list()] == [None, "other", None]


@pytest.mark.parametrize("name", ["", "x" * 1000, "a\x1bb"])
def test_odd_uidl_names_nothing(name: str) -> None:
    server = PopServer(b"one")
    server.names = [name]

    with opened(server) as mailbox:
        assert [listed.uid for listed in mailbox.list()] == [None]


def test_batches_are_bounded_by_number_and_size() -> None:
    large = b"x" * (BATCH_BYTES + 1) + b"\r\n"
    server = PopServer(*[b"small\r\n"] * (BATCH_COUNT + 1), large, b"small\r\n")
    with opened(server) as mailbox:
        sizes = [len(batch) for batch in mailbox.fetch(mailbox.list())]

    assert sizes == [BATCH_COUNT, 1, 1, 1]


def test_batches_count_what_came_where_sizes_lie() -> None:
    server = PopServer(*[b"x" * (BATCH_BYTES // 2 + 1) + b"\r\n"] * 3)
    server.announced = {1: 1, 2: 1, 3: 1}

    with opened(server) as mailbox:
        assert [len(batch) for batch in mailbox.fetch(mailbox.list())] == [2, 1]


def test_dot_behind_a_bare_lf_ends_no_message() -> None:
    forged = b"bare LF\n.\r\n+OK forged answer\r\nmore\r\n"
    with opened(PopServer(forged, b"next\r\n")) as mailbox:
        assert raws(mailbox) == [forged, b"next\r\n"]


@pytest.mark.parametrize(
    "raw",
    [
        *(b".\r\nhello\r\n", b"..\r\nhello\r\n", b"..a\r\n", b".a\r\n"),
        *(b".\r\nhello", b"..\r\nhello", b"..a", b".a"),
    ],
)
def test_a_dot_at_the_very_start_that_a_server_does_not_double_is_content(raw: bytes) -> None:
    server = PopServer(raw, b"next\r\n")
    server.instead["RETR"] = _undoubled_at_the_start

    with opened(server) as mailbox:
        assert raws(mailbox) == [_ended(raw), b"next\r\n"]


def _undoubled_at_the_start(session: Session, args: str) -> None:
    # As Dovecot 2.3 does.
    raw = _ended(session.server.maildrop[int(args) - 1])
    session.wire.send(b"+OK\r\n" + raw.replace(b"\r\n.", b"\r\n..") + b".\r\n")


def _ended(raw: bytes) -> bytes:
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def test_dots_doubled_behind_each_lf_are_undone_when_the_size_tells() -> None:
    raw = b"one\n.two\n..three\r\n.four\r\n"
    server = PopServer(raw)
    server.instead["RETR"] = sends(b"+OK\r\none\n..two\n...three\r\n..four\r\n.\r\n")

    with opened(server) as mailbox:
        assert raws(mailbox) == [raw]


def test_server_of_bare_lf_is_understood() -> None:
    server = PopServer(b"one\n.two\n")
    server.instead["RETR"] = sends(b"+OK\none\n..two\n.\n")

    with opened(server) as mailbox:
        assert raws(mailbox) == [b"one\n.two\n"]


def test_refused_message_is_unreadable_and_its_neighbours_come() -> None:
    def refuses_the_first(session: Session, args: str) -> None:
        if args == "1":
            session.send("-ERR cannot read it")
        else:
            session.send("+OK")
            session.send_text(b"two\r\n")

    server = PopServer(b"one\r\n", b"two\r\n")
    server.instead["RETR"] = refuses_the_first

    with opened(server) as mailbox:
        assert raws(mailbox) == [b"two\r\n"]
        [(listed, reason)] = mailbox.unreadable

    assert listed.number == 1
    assert "cannot read it" in reason


def test_empty_answer_to_a_message_of_some_size_is_unreadable() -> None:
    server = PopServer(b"four")
    server.instead["RETR"] = sends(b"+OK\r\n.\r\n")

    with opened(server) as mailbox:
        assert raws(mailbox) == []
        assert "no content" in mailbox.unreadable[0][1]


def test_absurd_size_is_not_even_asked_for() -> None:
    server = PopServer(b"huge\r\n", b"small\r\n")
    server.announced = {1: LARGEST_MESSAGE + 1}

    with opened(server) as mailbox:
        assert raws(mailbox) == [b"small\r\n"]
        assert "limit" in mailbox.unreadable[0][1]

    assert "RETR 1" not in server.commands


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (hangs_up, "closed the connection"),
        (never_answers, "did not answer in time"),
        (sends(b"+OK\r\nhalf of it\r\n.\r"), "did not answer in time"),
        (sends(b"Dear Bob\r\n"), "nonsense"),
    ],
)
def test_broken_retrieval_is_an_error_and_no_message(behaviour: Behaviour, said: str) -> None:
    server = PopServer(b"four")
    server.instead["RETR"] = behaviour

    with opened(server, timeout="1s") as mailbox:
        with pytest.raises(MailboxError, match=said) as caught:
            fetched(mailbox)

        assert "Bob" not in str(caught.value)


def test_answer_that_nobody_asked_for_ends_the_pass() -> None:
    server = PopServer(b"four\r\n")
    server.instead["RETR"] = sends(b"+OK\r\nfour\r\n.\r\n+OK marked\r\n")

    with opened(server) as mailbox, pytest.raises(MailboxError, match="out of step"):
        fetched(mailbox)


@pytest.mark.parametrize("twice", ["PASS", "LIST", "UIDL", "RETR"])
def test_answer_that_comes_again_too_late_gives_no_message(twice: str) -> None:
    """Message 2 would be read as message 1 again, and be deleted without ever having been read."""
    server = PopServer(b"one\r\n", b"two\r\n")
    says_again(server, twice)

    with opened(server) as mailbox, pytest.raises(MailboxError):
        fetched(mailbox)


@pytest.mark.parametrize("answer", ["+OK", "+OK marked", "-ERR what?"])
def test_server_that_cannot_show_that_it_is_in_step_gives_no_message(answer: str) -> None:
    server = PopServer(b"one\r\n")
    server.instead["STAT"] = answers(answer)

    with opened(server) as mailbox, pytest.raises(MailboxError):
        fetched(mailbox)


@pytest.mark.parametrize("text", ["1", "one two", "1 -", ""])
def test_listing_of_nonsense_is_an_error(text: str) -> None:
    server = PopServer()
    server.instead["LIST"] = sends(f"+OK\r\n{text}\r\n.\r\n".encode())

    with opened(server) as mailbox, pytest.raises(MailboxError, match="nonsense"):
        mailbox.list()


def dated(received: str | None, date: str | None) -> bytes:
    head = f"Received: from a by b; {received}\r\n" if received else ""
    head += f"Date: {date}\r\n" if date else ""
    return f"{head}Subject: x\r\n\r\nbody\r\n".encode()


OLD, NEW = "Thu, 19 Nov 2026 23:59:59 +0000", "Fri, 20 Nov 2026 00:00:01 +0000"
DATED = [
    dated(OLD, NEW),
    dated(NEW, OLD),
    dated(None, OLD),
    dated(None, NEW),
    dated("gibberish", OLD),
    dated(None, None),
]


def test_since_goes_by_received_then_date_then_takes_it() -> None:
    server = PopServer(*DATED)
    with opened(server, since=datetime.date(2026, 11, 20)) as mailbox:
        assert [listed.number for listed in mailbox.list()] == [2, 4, 6]

    assert not [one for one in server.commands if one.startswith("RETR")]


def test_since_reads_the_message_where_the_server_has_no_top() -> None:
    server = PopServer(*DATED)
    server.instead["TOP"] = answers("-ERR what?")

    with opened(server, since=datetime.date(2026, 11, 20)) as mailbox:
        assert [listed.number for listed in mailbox.list()] == [2, 4, 6]


def test_deletion_counts_when_quit_is_answered() -> None:
    server = PopServer(b"one\r\n", b"two\r\n")
    with opened(server) as mailbox:
        first, second = fetched(mailbox)

        assert mailbox.delete([second.listed]) == []
        assert mailbox.finish() == [second.listed]

    assert server.maildrop == [first.raw]


def test_message_that_was_not_read_here_is_never_deleted() -> None:
    server = PopServer(b"one\r\n", b"two\r\n")
    with opened(server) as mailbox:
        first, second = mailbox.list()
        list(mailbox.fetch([first]))

        with pytest.raises(MailboxError, match="has not read"):
            mailbox.delete([first, second])

    assert not [one for one in server.commands if one.startswith("DELE")]


def test_unreadable_message_is_never_deleted() -> None:
    server = PopServer(b"four")
    server.instead["RETR"] = sends(b"+OK\r\n.\r\n")

    with opened(server) as mailbox:
        listed = mailbox.list()
        list(mailbox.fetch(listed))

        with pytest.raises(MailboxError, match="has not read"):
            mailbox.delete(listed)


def test_refused_deletion_is_a_complaint() -> None:
    server = PopServer(b"one\r\n", b"two\r\n")
    server.instead["DELE"] = answers("-ERR read-only maildrop")

    with opened(server) as mailbox:
        mailbox.delete([message.listed for message in fetched(mailbox)])

        assert len(mailbox.complaints) == 1
        assert "read-only maildrop" in mailbox.complaints[0]
        assert mailbox.finish() == []


@pytest.mark.parametrize(
    "behaviour", [hangs_up, never_answers, answers("-ERR some not removed"), sends(b"+O")]
)
def test_quit_without_ok_leaves_deletions_unknown(behaviour: Behaviour) -> None:
    server = PopServer(b"one\r\n")
    server.instead["QUIT"] = behaviour

    with opened(server, timeout="1s") as mailbox:
        mailbox.delete([message.listed for message in fetched(mailbox)])

        with pytest.raises(MailboxError, match="is unknown"):
            mailbox.finish()


def test_unanswered_quit_is_no_matter_where_nothing_was_deleted() -> None:
    server = PopServer(b"one\r\n")
    server.instead["QUIT"] = hangs_up

    with opened(server) as mailbox:
        assert mailbox.finish() == []


def test_drop_deletes_nothing() -> None:
    server = PopServer(b"one\r\n")
    with opened(server) as mailbox:
        mailbox.delete([message.listed for message in fetched(mailbox)])
        mailbox.drop()

    assert server.maildrop == [b"one\r\n"]
    assert "QUIT" not in server.commands


def test_dry_run_only_looks() -> None:
    server = PopServer(b"From: a@example.org\r\n\r\nbody\r\n")
    with opened(server, read_only=True) as mailbox:
        got = fetched(mailbox)

        assert [message.raw for message in got] == server.maildrop
        with pytest.raises(MailboxError):
            mailbox.delete([message.listed for message in got])
        mailbox.finish()

    assert {one.split()[0] for one in server.commands} <= {
        "USER",
        "PASS",
        "LIST",
        "UIDL",
        "TOP",
        "STAT",
        "QUIT",
    }


def test_drop_from_another_thread_ends_a_fetch() -> None:
    server = PopServer(b"four")
    server.instead["RETR"] = never_answers

    with opened(server, timeout="60s") as mailbox:
        threading.Timer(0.2, mailbox.drop).start()
        begun = time.monotonic()

        with pytest.raises(MailboxError, match="took too long"):
            fetched(mailbox)

    assert time.monotonic() - begun < 5


def test_each_message_of_a_batch_is_progress() -> None:
    reported = 0

    def report() -> None:
        nonlocal reported
        reported += 1

    with opened(PopServer(b"one\r\n", b"two\r\n", b"three\r\n")) as mailbox:
        mailbox.on_progress(report)
        [batch] = mailbox.fetch(mailbox.list())

    assert len(batch) == 3
    assert reported >= 3
