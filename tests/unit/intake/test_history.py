"""Archives: history comes in by the door of all mail, is judged by no rule, and goes to nobody."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from listbridge import clock
from listbridge.archives import Archived, TakenIn, take_in
from listbridge.archives import taking_in as module
from listbridge.delivery import from_choice
from listbridge.intake.tally import Tally
from listbridge.posting import Posting
from listbridge.submission import OutgoingSettings
from storage import inbound, posts, subscriptions
from storage.posts import Post
from storage.states import InboundState, Origin, PostState, Source
from tests.fakes.office import Office, general, letter

LONG_AGO = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
CLOSED = Posting(members="reject", non_members="reject", hold_all=True, max_size=100)
SENDING = OutgoingSettings(host="127.0.0.1", port=9)


@pytest.fixture(autouse=True)
def closed(office: Office) -> None:
    """A list that takes nothing from anybody, and has a subscriber."""
    office.category = general(posting=CLOSED, outgoing=SENDING)
    with office.db.transaction() as tx:
        subscriptions.put(
            tx,
            office.category_id,
            address="bob@example.org",
            key="bob@example.org",
            name="",
            origin=Origin.ADMIN,
            now=clock.now(),
        )


def taken(office: Office, *raws: bytes, at: datetime | None = None) -> tuple[TakenIn, Tally]:
    tally = Tally("general")
    messages = [Archived(raw, "line 1", at) for raw in raws]
    return take_in(office.db, office.reader(tally), messages), tally


def every(office: Office) -> list[Post]:
    with office.db.reading() as tx:
        return posts.in_category(tx, office.category_id)


def test_history_is_accepted_whatever_the_rules_say_and_sent_to_nobody(office: Office) -> None:
    _, tally = taken(office, letter(1), letter(2, In_Reply_To="<1@example.net>"))

    first, second = every(office)
    assert (tally.posts, tally.replies, tally.queued) == (1, 1, 0)
    assert {first.state, second.state} == {PostState.ACCEPTED}
    assert second.parent_id == first.id
    assert office.count("outgoing") == office.count("deliveries") == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"Subject": "unsubscribe"},
        {"Auto_Submitted": "auto-replied"},
        {"List_Id": "<general.example.org>"},
        {"From": "general@example.org"},
        {"From": "", "Sender": ""},
        {"Subject": "Undelivered mail", "From": "MAILER-DAEMON@example.org"},
    ],
)
def test_whatever_the_archive_has_was_a_post(office: Office, fields: dict[str, str]) -> None:
    taken(office, letter(1, **fields))

    assert [one.state for one in every(office)] == [PostState.ACCEPTED]
    assert office.count("outgoing") == office.count("answers") == 0


def test_no_name_server_is_asked_for_history(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(from_choice, "policies", lambda _, authors: asked.extend(authors) or {})

    taken(office, letter(1), letter(2))

    assert asked == []


def test_dates_are_those_of_the_message_else_of_the_archive(office: Office) -> None:
    taken(office, letter(1), letter(2, Date=""), at=LONG_AGO)

    assert [one.date for one in every(office)] == [
        datetime(2026, 10, 31, 10, 0, tzinfo=UTC),
        LONG_AGO,
    ]


def test_history_counts_as_old_for_those_who_ask_who_has_posted_lately(
    office: Office, at: Callable[[timedelta], None]
) -> None:
    at(timedelta(days=30))

    taken(office, letter(1), letter(2, Date="Tue, 01 Jan 2199 00:00:00 +0000"))

    old, future = every(office)
    assert old.created_at == old.date
    assert future.created_at == clock.now() < future.date


def test_to_take_in_the_same_again_adds_nothing(office: Office) -> None:
    taken(office, letter(1), letter(2))
    before = [office.count(table) for table in ("posts", "inbound", "raw_messages")]

    result, tally = taken(office, letter(1), letter(2), letter(2))

    assert (result.messages, result.known) == (3, 3)
    assert tally == Tally("general")
    assert [office.count(table) for table in ("posts", "inbound", "raw_messages")] == before


def test_the_same_message_twice_in_an_archive_is_one_post(office: Office) -> None:
    result, tally = taken(office, letter(1), letter(1), letter(1).replace(b"\r\n", b"\n"))

    assert (tally.posts, tally.duplicates, result.known) == (1, 1, 1)


def test_a_copy_of_history_that_comes_by_mail_is_a_duplicate(office: Office) -> None:
    office.category = general()
    taken(office, letter(1).replace(b"\r\n", b"\n"))
    office.hand_in(b"Received: from somewhere\r\n" + letter(1))

    assert office.decide().duplicates == 1


def test_an_answer_that_comes_by_mail_hangs_below_history(office: Office) -> None:
    office.category = general()
    taken(office, letter(1))
    office.hand_in(letter(2, In_Reply_To="<1@example.net>"))

    assert office.decide().replies == 1
    first, second = every(office)
    assert (second.parent_id, second.thread_id) == (first.id, first.id)


def test_an_answer_that_is_there_already_is_hung_below_what_is_taken_in(office: Office) -> None:
    office.category = general()
    office.hand_in(letter(2, In_Reply_To="<1@example.net>"))
    office.decide()

    taken(office, letter(1))

    reply, first = every(office)
    assert reply.parent_id == first.id


def test_what_cannot_be_read_is_set_aside_and_the_rest_goes_on(office: Office) -> None:
    bad = letter(2, Content_Type='multipart/mixed; boundary="b"') + b"--b\r\n\r\n" * 2_000

    _, tally = taken(office, letter(1), bad, letter(3))

    assert (tally.posts, tally.shunted) == (2, 1)


def test_what_the_archive_could_not_yield_is_named_and_not_stored(office: Office) -> None:
    empty = Archived(b"", "line 7", problem="there is nothing in it")

    result = take_in(office.db, office.reader(Tally("general")), [empty])

    assert result.unread == [empty]
    assert office.count("inbound") == 0


def test_what_was_stored_when_the_program_ended_is_decided_by_the_next_run(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(module, "dispatch_several", dies)
        with pytest.raises(KeyboardInterrupt):
            taken(office, letter(1), letter(2))

    result, tally = taken(office, letter(1), letter(2), letter(3))

    assert (tally.posts, result.known) == (3, 2)
    assert len(every(office)) == 3


def test_what_was_stored_when_the_program_ended_is_history_to_a_service_too(
    office: Office,
) -> None:
    with office.db.transaction() as tx:
        made, _ = inbound.keep(
            tx, office.category_id, letter(1), source=Source.IMPORT, now=clock.now()
        )

    office.decide()

    assert office.inbound(made).state is InboundState.PROCESSED
    assert [one.state for one in every(office)] == [PostState.ACCEPTED]
    assert office.count("outgoing") == 0


def test_no_more_lies_in_memory_than_a_few_messages(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST", 2)
    pending: list[int] = []

    def messages() -> Iterable[Archived]:
        for number in range(7):
            pending.append(number - office.count("inbound"))
            yield Archived(letter(number), "")

    take_in(office.db, office.reader(Tally("general")), messages())

    assert max(pending) == 2
