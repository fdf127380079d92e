"""Listing and fetching over IMAP, from servers of every upbringing."""

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
from tests.fakes.imap_server import (
    PASSWORD,
    Behaviour,
    ImapServer,
    Session,
    announces_a_giant_literal,
    answers,
    hangs_up,
    hangs_up_in_a_literal,
    never_answers,
    says,
    says_goodbye,
)

ODD_RAWS = [
    b"",
    b"\0",
    b"From: a@example.org\r\n\r\nbody\r\n",
    b"bare\nLF and bare\rCR\n\n.\n..\n",
    b"\xff\xfe 8-bit \x80\r\n",
    b"x" * 100_000,
    b")\r\n* 1 FETCH (UID 101 BODY[] {3}\r\nabc)\r\n{5}",
]


@contextmanager
def opened(server: ImapServer, **fields: object) -> Iterator[Mailbox]:
    defaults: dict[str, object] = {
        "host": "localhost",
        "security": "none",
        "username": "list@example.org",
        "password": PASSWORD,
        "timeout": "5s",
    }
    with server:
        settings = IncomingSettings(**(defaults | {"port": server.port} | fields))  # type: ignore[arg-type]
        mailbox = open_mailbox(settings)
        yield mailbox
        mailbox.drop()


def fetched(mailbox: Mailbox, wanted: list[Listed] | None = None) -> list[FetchedMessage]:
    wanted = mailbox.list() if wanted is None else wanted
    return [message for batch in mailbox.fetch(wanted) for message in batch]


def answers_each(uid_and_items: str) -> Behaviour:
    """Answer a FETCH of bodies for UID 101 with these items; sizes are told as usual."""

    def behaviour(session: Session, tag: str, args: str) -> None:
        lines = [f"* 1 FETCH ({uid_and_items})"] if "BODY" in args else []
        says(*lines, then="" if "BODY" in args else "UID FETCH")(session, tag, args)

    return behaviour


def only_bodies(misbehave: Behaviour) -> Behaviour:
    """Misbehave at a FETCH of bodies only."""
    usual = says(then="UID FETCH")
    return lambda session, tag, args: (misbehave if "BODY" in args else usual)(session, tag, args)


def test_bytes_come_as_they_are_served() -> None:
    with opened(ImapServer(*ODD_RAWS)) as mailbox:
        assert [message.raw for message in fetched(mailbox)] == ODD_RAWS
        assert mailbox.unreadable == []


def test_listing_tells_what_identifies_a_message() -> None:
    with opened(ImapServer(b"four")) as mailbox:
        assert mailbox.list() == [
            Listed(
                uidvalidity=7,
                uid="101",
                number=101,
                size=4,
                internal_date=datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC),
            )
        ]
        assert mailbox.deletes_unread


def test_message_flagged_deleted_is_listed_as_such() -> None:
    server = ImapServer(b"mine", b"theirs")
    server.inbox[102].flags = {r"\Deleted", r"\Seen"}

    with opened(server) as mailbox:
        assert [listed.deleted for listed in mailbox.list()] == [False, True]


def test_empty_folder_lists_nothing() -> None:
    with opened(ImapServer()) as mailbox:
        assert mailbox.list() == []


def test_missing_search_answer_means_nothing() -> None:
    server = ImapServer(b"raw")
    server.instead["UID SEARCH"] = answers("OK", "done")

    with opened(server) as mailbox:
        assert mailbox.list() == []


def test_messages_are_never_marked_as_seen() -> None:
    server = ImapServer(b"raw")
    with opened(server) as mailbox:
        fetched(mailbox)

    assert [one for one in server.commands if "BODY" in one] == ["UID FETCH 101 (UID BODY.PEEK[])"]


def test_since_is_decided_by_the_day_of_internaldate() -> None:
    server = ImapServer(b"old", b"edge", b"new", b"unreadable")
    server.inbox[101].internal_date = "19-Nov-2026 23:59:59 -0800"
    server.inbox[102].internal_date = "20-Nov-2026 00:00:01 +1200"
    server.inbox[104].internal_date = "yesterday"

    with opened(server, since=datetime.date(2026, 11, 20)) as mailbox:
        assert [listed.number for listed in mailbox.list()] == [102, 103, 104]

    # A day more is asked for: servers compare in a time zone of their own.
    assert "UID SEARCH SINCE 19-Nov-2026" in server.commands


def test_batches_are_bounded_by_number() -> None:
    server = ImapServer(*[b"raw %d" % number for number in range(BATCH_COUNT + 50)])
    with opened(server) as mailbox:
        sizes = [len(batch) for batch in mailbox.fetch(mailbox.list())]

    assert sizes == [BATCH_COUNT, 50]


def test_large_message_comes_alone() -> None:
    server = ImapServer(b"small", b"x" * (BATCH_BYTES + 1), b"small")
    with opened(server) as mailbox:
        sizes = [len(batch) for batch in mailbox.fetch(mailbox.list())]

    assert sizes == [1, 1, 1]


def test_thousand_messages_are_listed_in_several_commands() -> None:
    server = ImapServer(*[b"raw"] * 1001)
    with opened(server) as mailbox:
        assert len(mailbox.list()) == 1001

    assert max(len(one) for one in server.commands) < 8000


def test_message_expunged_after_the_listing_is_left_out() -> None:
    server = ImapServer(b"one", b"two")
    with opened(server) as mailbox:
        wanted = mailbox.list()
        del server.inbox[101]

        assert [message.raw for message in fetched(mailbox, wanted)] == [b"two"]
        assert mailbox.unreadable == []


def test_a_message_without_content_that_is_gone_in_the_end_is_no_trouble() -> None:
    server = ImapServer(b"one", b"two")
    # Dovecot 2.4, of one that was expunged meanwhile.
    server.instead["UID FETCH"] = answers_each("UID 101 BODY[] NIL")

    with opened(server) as mailbox:
        fetched(mailbox)
        assert len(mailbox.unreadable) == 1
        del server.inbox[101]
        mailbox.finish()
        assert mailbox.unreadable == []


@pytest.mark.parametrize(
    "items",
    ["UID 101 BODY[] NIL", 'UID 101 BODY[] ""', "UID 101 FLAGS ()", "UID 101 BODY[] 12345"],
)
def test_message_without_content_is_unreadable_and_no_empty_post(items: str) -> None:
    server = ImapServer(b"four")
    server.instead["UID FETCH"] = answers_each(items)

    with opened(server) as mailbox:
        assert fetched(mailbox) == []
        [(listed, reason)] = mailbox.unreadable

    assert listed.uid == "101"
    assert "no content" in reason


def test_content_in_quotes_instead_of_a_literal_is_read() -> None:
    server = ImapServer(b"four")
    server.instead["UID FETCH"] = answers_each('UID 101 BODY[] "four"')

    with opened(server) as mailbox:
        assert [message.raw for message in fetched(mailbox)] == [b"four"]


def test_content_without_its_uid_belongs_to_nobody() -> None:
    server = ImapServer(b"four")
    # Sequence number 101 is not UID 101.
    server.instead["UID FETCH"] = only_bodies(says('* 101 FETCH (BODY[] "evil")'))

    with opened(server) as mailbox:
        assert fetched(mailbox) == []


def test_flags_of_another_message_do_not_mix_in() -> None:
    server = ImapServer(b"one", b"two")
    server.instead["UID FETCH"] = says(r"* 101 FETCH (FLAGS (\Deleted))", then="UID FETCH")

    with opened(server) as mailbox:
        assert [listed.deleted for listed in mailbox.list()] == [False, False]


def test_message_without_size_is_left_alone_with_a_complaint() -> None:
    server = ImapServer(b"four")
    server.instead["UID FETCH"] = says("* 1 FETCH (UID 101 FLAGS ())")

    with opened(server) as mailbox:
        assert mailbox.list() == []
        assert "UID 101" in mailbox.complaints[0]


def test_absurd_size_is_not_even_asked_for() -> None:
    server = ImapServer(b"huge", b"small")
    server.inbox[101].announced = LARGEST_MESSAGE + 1

    with opened(server) as mailbox:
        assert [message.raw for message in fetched(mailbox)] == [b"small"]
        [(listed, reason)] = mailbox.unreadable

    assert listed.number == 101
    assert "limit" in reason
    assert "UID FETCH 102 (UID BODY.PEEK[])" in server.commands


def test_size_that_is_only_an_estimate_is_no_error() -> None:
    server = ImapServer(b"four")
    server.inbox[101].announced = 4000

    with opened(server) as mailbox:
        assert [message.raw for message in fetched(mailbox)] == [b"four"]


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (announces_a_giant_literal, "announced an answer of more than"),
        (hangs_up_in_a_literal, "closed the connection"),
        (hangs_up, "closed the connection"),
        (says_goodbye, "maintenance"),
        (never_answers, "did not answer in time"),
        (answers("NO", "[SERVERBUG] oops"), "SERVERBUG"),
        (says("* 1 FETCH (UID 101 BODY[] {4}\r\nfour"), "nonsense"),
        (says("* 1 FETCH " + "(" * 5000), "nonsense"),
        (says("my dear Bob"), "nonsense"),
    ],
)
def test_broken_fetch_is_an_error_and_no_message(behaviour: Behaviour, said: str) -> None:
    server = ImapServer(b"four")
    server.instead["UID FETCH"] = only_bodies(behaviour)

    with opened(server, timeout="1s") as mailbox:
        with pytest.raises(MailboxError, match=said) as caught:
            fetched(mailbox)

        assert "Bob" not in str(caught.value)


def test_endless_answer_is_cut_off() -> None:
    def floods(session: Session, _tag: str, _args: str) -> None:
        while True:
            session.wire.send(b"* OK " + b"nothing to see " * 1000 + b"\r\n")

    server = ImapServer(b"four")
    server.instead["UID SEARCH"] = floods

    with opened(server) as mailbox, pytest.raises(MailboxError, match="more than"):
        mailbox.list()


def test_new_uidvalidity_in_the_middle_ends_the_pass() -> None:
    server = ImapServer(b"one", b"two")
    with opened(server) as mailbox:
        wanted = mailbox.list()
        server.instead["UID FETCH"] = says("* OK [UIDVALIDITY 8] new", then="UID FETCH")

        with pytest.raises(MailboxError, match="UIDVALIDITY"):
            fetched(mailbox, wanted)


def test_uids_of_another_uidvalidity_are_refused() -> None:
    server = ImapServer(b"one")
    with opened(server) as mailbox:
        old = Listed(6, "101", 101, 3, None)

        with pytest.raises(MailboxError, match="UIDVALIDITY"):
            fetched(mailbox, [old])


def test_folder_without_uidvalidity_recognises_nothing_unread() -> None:
    server = ImapServer(b"one")
    server.uidvalidity = ""

    with opened(server) as mailbox:
        assert not mailbox.deletes_unread
        assert [message.raw for message in fetched(mailbox)] == [b"one"]


@pytest.mark.parametrize("number", ["0", "99999999999999999999", "x"])
def test_folder_with_an_impossible_uidvalidity_is_nonsense(number: str) -> None:
    server = ImapServer(b"one")
    server.uidvalidity = number

    with pytest.raises(MailboxError, match="nonsense"), opened(server):
        pass


@pytest.mark.parametrize("rest", [b"foo bar", rb"FLAGS (\Seen)"])
def test_message_that_goes_on_behind_its_literal_is_unreadable(rest: bytes) -> None:
    raw = b"Subject: x\r\n\r\n" + rest
    server = ImapServer(raw)
    head = f"UID 101 BODY[] {{{len(raw) - len(rest)}}}\r\n"
    server.instead["UID FETCH"] = answers_each(head + raw.decode())

    with opened(server) as mailbox:
        assert fetched(mailbox) == []
        assert [listed.number for listed, _ in mailbox.unreadable] == [101]


def test_drop_from_another_thread_ends_a_fetch() -> None:
    server = ImapServer(b"four")
    server.instead["UID FETCH"] = only_bodies(never_answers)

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

    with opened(ImapServer(b"one\r\n", b"two\r\n", b"three\r\n")) as mailbox:
        mailbox.on_progress(report)
        [batch] = mailbox.fetch(mailbox.list())

    assert len(batch) == 3
    assert reported >= 3
