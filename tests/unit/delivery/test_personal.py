"""Personal copies on their way: each alone, with his own sender and token, however they end."""

import re
from collections import Counter
from datetime import datetime

import pytest

from listbridge.bounces import Book
from listbridge.delivery.worker import Account, Sent, send_due
from listbridge.mailbox import IncomingSettings
from listbridge.message import parse
from listbridge.submission import (
    AccountTrouble,
    Envelope,
    Outcome,
    OutgoingSettings,
    Result,
    SenderRefused,
)
from storage import deliveries, leaving, subscriptions
from storage.database import Database
from storage.states import DeliveryState, Origin
from tests.fakes.courier import SENT, RecordingCourier
from tests.fakes.office import ADDRESS, general
from tests.fakes.queued import queue_post

TEXT = "Grüße an alle.\r\n"
RAW = (
    "From: ann@example.net\r\nMessage-ID: <1@example.net>\r\nMIME-Version: 1.0\r\n"
    f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{TEXT}"
).encode()
OUTGOING = OutgoingSettings(host="smtp.example.org", max_recipients=4)
PERSONAL = general(
    incoming=IncomingSettings(host="imap.example.org", username=ADDRESS),
    outgoing=OUTGOING,
    message={"personalise": True, "footer": "For {member}: {unsubscribe}"},
)
PEOPLE = [f"s{number}@example.net" for number in range(10)]
TOKEN = re.compile(rb"leave-[a-z2-7]{34}")


@pytest.fixture
def queued(db: Database, category_id: int, now: datetime) -> None:
    """One post for ten subscribers."""
    queue_post(db, category_id, PERSONAL, RAW, PEOPLE, now)


async def _send(
    db: Database, category_id: int, courier: RecordingCourier, *, as_set: bool = True
) -> Sent:
    book = Book(category_id, PERSONAL) if as_set else None
    return await send_due(db, category_id, OUTGOING, Account(courier), book=book)


def _states(db: Database) -> Counter[str]:
    with db.reading() as tx:
        return Counter(x.state.value for x in deliveries.listed(tx, tuple(DeliveryState)))


def _secrets(db: Database, category_id: int) -> dict[str, str]:
    with db.reading() as tx:
        return dict(leaving.of(tx, category_id, PEOPLE))


@pytest.mark.usefixtures("queued")
@pytest.mark.parametrize("as_set", [True, False], ids=["personal", "no longer"])
@pytest.mark.parametrize("depth", [1, 8])
async def test_each_gets_a_copy_of_his_own_by_himself(
    db: Database, category_id: int, depth: int, as_set: bool
) -> None:
    """Also where the setting was changed since."""
    courier = RecordingCourier(depth=depth)

    await _send(db, category_id, courier, as_set=as_set)

    secrets = _secrets(db, category_id)
    assert courier.recipients() == PEOPLE
    for envelope, content in courier.taken:
        [recipient] = envelope.recipients
        token = f"leave-{secrets[recipient]}"
        own = recipient.replace("@", "=")
        assert re.fullmatch(
            rf"general\+bounces-{re.escape(own)}=[a-z2-7]{{8}}@example\.org", envelope.sender
        )
        assert {one.decode() for one in TOKEN.findall(content)} == {token}
        footer = f"For {recipient}: mailto:{ADDRESS}?subject={token}\r\n"
        assert content.endswith(f"{TEXT}{footer}".encode())
    assert _states(db) == {"sent": 10}


@pytest.mark.usefixtures("queued")
async def test_a_server_without_8bitmime_gets_each_copy_in_ascii(
    db: Database, category_id: int
) -> None:
    courier = RecordingCourier(accepts_8bit=False)

    await _send(db, category_id, courier)

    for envelope, content in courier.taken:
        assert content.isascii()
        assert f"For {envelope.recipients[0]}: mailto:" in parse(content).text
        assert "Grüße" in parse(content).text


@pytest.mark.usefixtures("queued")
async def test_a_process_that_dies_leaves_few_of_them_in_doubt(
    db: Database, category_id: int
) -> None:
    most = 0

    def look(envelope: Envelope) -> dict[str, Outcome]:
        nonlocal most
        most = max(most, _states(db)["sending"])
        return dict.fromkeys(envelope.recipients, SENT)

    settings = OUTGOING.model_copy(update={"max_connections": 2})
    account = Account(RecordingCourier(look, depth=2, seconds=0.01))
    await send_due(db, category_id, settings, account, book=Book(category_id, PERSONAL))

    assert most <= 4
    assert _states(db) == {"sent": 10}


@pytest.mark.usefixtures("queued")
@pytest.mark.parametrize("as_set", [True, False], ids=["personal", "no longer"])
async def test_each_outcome_is_his_own(db: Database, category_id: int, as_set: bool) -> None:
    ends = {
        PEOPLE[1]: Outcome(Result.FAILED, "550 5.1.1 nobody"),
        PEOPLE[2]: Outcome(Result.DEFERRED, "451 later"),
        PEOPLE[3]: Outcome(Result.UNCERTAIN, "lost"),
    }
    courier = RecordingCourier(lambda e: {x: ends.get(x, SENT) for x in e.recipients})

    await _send(db, category_id, courier, as_set=as_set)

    assert _states(db) == {"sent": 7, "failed": 1, "deferred": 1, "uncertain": 1}


@pytest.mark.usefixtures("queued")
@pytest.mark.parametrize("as_set", [True, False], ids=["personal", "no longer"])
async def test_trouble_in_between_leaves_what_was_sent_as_sent(
    db: Database, category_id: int, as_set: bool
) -> None:
    taken = 0

    def answer(envelope: Envelope) -> dict[str, Outcome]:
        nonlocal taken
        taken += 1
        if taken == 3:
            raise AccountTrouble("the account is full")
        return dict.fromkeys(envelope.recipients, SENT)

    settings = OUTGOING.model_copy(update={"max_connections": 1})
    book = Book(category_id, PERSONAL) if as_set else None
    account = Account(RecordingCourier(answer))
    sent = await send_due(db, category_id, settings, account, book=book)

    assert sent.error == "the account is full"
    sent_now = _states(db)
    assert sent_now == {"sent": taken - 1, "pending": 11 - taken}


@pytest.mark.usefixtures("queued")
@pytest.mark.parametrize(("depth", "connections"), [(1, 1), (8, 1), (1, 10)])
async def test_an_account_that_takes_no_such_sender_gets_the_lists_own(
    db: Database, category_id: int, depth: int, connections: int
) -> None:
    def answer(envelope: Envelope) -> dict[str, Outcome]:
        if envelope.sender != ADDRESS:
            raise SenderRefused("553 5.7.1 not owned by user")
        return dict.fromkeys(envelope.recipients, SENT)

    settings = OUTGOING.model_copy(update={"max_connections": connections})
    account = Account(RecordingCourier(answer, depth=depth, seconds=0.01))
    sent = await send_due(db, category_id, settings, account, book=Book(category_id, PERSONAL))

    assert sent.error is None
    assert _states(db) == {"sent": 10}


@pytest.mark.usefixtures("queued")
async def test_an_account_that_takes_not_even_the_lists_own_stops_the_run(
    db: Database, category_id: int
) -> None:
    def answer(envelope: Envelope) -> dict[str, Outcome]:
        raise SenderRefused(f"553 5.7.1 {envelope.sender} is not owned by user")

    sent = await _send(db, category_id, RecordingCourier(answer))

    assert sent.error == f"553 5.7.1 {ADDRESS} is not owned by user"
    assert _states(db) == {"pending": 10}


@pytest.mark.usefixtures("queued")
async def test_who_is_no_subscriber_any_more_gets_a_token_that_stands_for_nothing(
    db: Database, category_id: int, now: datetime
) -> None:
    """An operator has a delivery tried again that had failed."""
    with db.transaction() as tx:
        subscriptions.remove(tx, category_id, PEOPLE[0], by=Origin.ADMIN, now=now)
    courier = RecordingCourier()

    await _send(db, category_id, courier)

    [content] = [content for envelope, content in courier.taken if PEOPLE[0] in envelope.recipients]
    [token] = {one.decode() for one in TOKEN.findall(content)}
    with db.reading() as tx:
        assert leaving.whose(tx, category_id, token.removeprefix("leave-")) is None


@pytest.mark.usefixtures("queued")
async def test_large_copies_do_not_lie_in_memory_all_at_once(
    db: Database, category_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listbridge.delivery.wires._MOST_OCTETS", 1)
    courier = RecordingCourier(depth=8, seconds=0.001)

    await _send(db, category_id, courier)

    assert courier.most_under_way <= 2
    assert courier.recipients() == PEOPLE
