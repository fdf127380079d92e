"""What the sender does with each answer of a server."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from listbridge import clock
from listbridge.delivery import ledger
from listbridge.delivery.worker import Account, Sent, send_due
from listbridge.submission import (
    AccountTrouble,
    Envelope,
    Outcome,
    OutgoingSettings,
    Result,
    SenderRefused,
)
from storage import deliveries, inbound, outbox, owner, subscriptions
from storage.database import Database
from storage.errors import StoreError
from storage.outbox import NewOutgoing
from storage.states import DeliveryState, Kind, Origin, Source
from tests.fakes.courier import SENT, RecordingCourier

RAW = b"Subject: hello\r\n\r\nGood morning.\r\n"
EVERY = tuple(DeliveryState)


@pytest.fixture
def queued(db: Database, category_id: int, now: datetime) -> None:
    """Ten deliveries of one message to s0 … s9."""
    with db.transaction() as tx:
        for number in range(10):
            address = f"s{number}@example.org"
            subscriptions.put(
                tx, category_id, address=address, key=address, name="", origin=Origin.ADMIN, now=now
            )
        _, raw_id = inbound.keep(tx, category_id, RAW, source=Source.CLI, now=now)
        head = b"Subject: hello\r\n\r\n"
        new = NewOutgoing(
            Kind.POST, category_id, None, "general@example.org", head, None, raw_id, None
        )
        outbox.fan_out(tx, new, to_subscribers=True, without=None, refusal=None, now=now)


def _settings(**values: object) -> OutgoingSettings:
    return OutgoingSettings.model_validate({"host": "smtp.example.org"} | values)


async def _send(
    db: Database, category_id: int, courier: RecordingCourier, **settings: object
) -> Sent:
    return await send_due(db, category_id, _settings(**settings), Account(courier))


def _states(db: Database) -> Counter[str]:
    with db.reading() as tx:
        return Counter(x.state.value for x in deliveries.listed(tx, EVERY))


def _only(recipient: str, outcome: Outcome) -> Callable[[Envelope], dict[str, Outcome]]:
    return lambda e: {x: outcome if x == recipient else SENT for x in e.recipients}


@pytest.mark.usefixtures("queued")
async def test_everybody_gets_the_message_once_in_groups(db: Database, category_id: int) -> None:
    courier = RecordingCourier()

    sent = await _send(db, category_id, courier, max_recipients=3)

    assert courier.recipients() == [f"s{n}@example.org" for n in range(10)]
    assert max(len(envelope.recipients) for envelope, _ in courier.taken) == 3
    assert {content for _, content in courier.taken} == {RAW}
    assert sent.outcomes == {DeliveryState.SENT: 10}
    assert _states(db) == {"sent": 10}


@pytest.mark.usefixtures("queued")
async def test_a_second_round_sends_nothing(db: Database, category_id: int) -> None:
    courier = RecordingCourier()
    await _send(db, category_id, courier)

    again = await _send(db, category_id, courier)

    assert len(courier.recipients()) == 10
    assert again.outcomes.total() == 0


@pytest.mark.parametrize(
    ("outcome", "on_uncertain", "state", "counted"),
    [
        (Outcome(Result.FAILED, "550 5.1.1 unknown"), "resend", "failed", "failed"),
        (Outcome(Result.DEFERRED, "450 4.2.2 full"), "resend", "deferred", "deferred"),
        (Outcome(Result.UNCERTAIN, "no answer"), "resend", "uncertain", "uncertain"),
        (Outcome(Result.UNCERTAIN, "no answer"), "hold", "held", "uncertain"),
    ],
)
@pytest.mark.usefixtures("queued")
async def test_one_answer_decides_one_delivery(
    db: Database, category_id: int, outcome: Outcome, on_uncertain: str, state: str, counted: str
) -> None:
    courier = RecordingCourier(_only("s3@example.org", outcome))

    sent = await _send(db, category_id, courier, on_uncertain=on_uncertain)

    with db.reading() as tx:
        [one] = [x for x in deliveries.listed(tx, EVERY) if x.recipient == "s3@example.org"]
    assert (one.state.value, one.last_reply, one.attempts) == (state, outcome.reply, 1)
    assert sent.outcomes == {DeliveryState.SENT: 9, DeliveryState(counted): 1}
    assert _states(db)["sent"] == 9


@pytest.mark.usefixtures("queued")
async def test_a_deferred_delivery_is_not_tried_again_in_the_same_round(
    db: Database, category_id: int
) -> None:
    courier = RecordingCourier(_only("s3@example.org", Outcome(Result.DEFERRED, "450 full")))
    before = clock.now()

    await _send(db, category_id, courier)

    assert courier.recipients().count("s3@example.org") == 1
    with db.reading() as tx:
        [one] = deliveries.listed(tx, [DeliveryState.DEFERRED])
    assert one.next_attempt > before + timedelta(minutes=3)


@pytest.mark.usefixtures("queued")
async def test_a_delivery_that_has_waited_long_enough_is_given_up(
    db: Database, category_id: int
) -> None:
    with db.transaction() as tx:
        tx.exec_driver_sql("UPDATE deliveries SET waited = 86400, attempts = 9")
    courier = RecordingCourier(_only("s3@example.org", Outcome(Result.DEFERRED, "450 full")))

    await _send(db, category_id, courier, give_up_after="1d")

    with db.reading() as tx:
        [one] = deliveries.listed(tx, [DeliveryState.FAILED])
    assert one.last_reply == "given up after 1 day, 0:00:00: 450 full"


@pytest.mark.usefixtures("queued")
async def test_those_cut_off_by_a_neighbour_are_sent_in_the_same_round(
    db: Database, category_id: int
) -> None:
    def closes_at_s3(envelope: Envelope) -> dict[str, Outcome]:
        if "s3@example.org" not in envelope.recipients:
            return dict.fromkeys(envelope.recipients, SENT)
        cut = dict.fromkeys(envelope.recipients, Outcome(Result.UNTRIED, "421 bye"))
        return cut | {"s3@example.org": Outcome(Result.DEFERRED, "421 bye")}

    sent = await _send(db, category_id, RecordingCourier(closes_at_s3))

    assert sent.outcomes == {DeliveryState.SENT: 9, DeliveryState.DEFERRED: 1}
    assert sent.error is None


@pytest.mark.usefixtures("queued")
async def test_a_server_that_only_ever_breaks_off_is_left_alone(
    db: Database, category_id: int
) -> None:
    courier = RecordingCourier(
        lambda e: dict.fromkeys(e.recipients, Outcome(Result.UNTRIED, "connection lost"))
    )

    sent = await _send(db, category_id, courier, max_connections=1)

    assert len(courier.taken) == 5
    assert sent.error is not None
    assert "connection lost" in sent.error
    with db.reading() as tx:
        assert {(x.state.value, x.attempts) for x in deliveries.listed(tx, EVERY)} == {
            ("pending", 0)
        }


@pytest.mark.parametrize("trouble", [AccountTrouble("login refused"), SenderRefused("no sender")])
@pytest.mark.usefixtures("queued")
async def test_trouble_of_the_account_blames_no_subscriber(
    db: Database, category_id: int, trouble: AccountTrouble
) -> None:
    sent = await _send(db, category_id, RecordingCourier(trouble=trouble))

    assert sent.error == str(trouble)
    assert _states(db) == {"pending": 10}


@pytest.mark.usefixtures("queued")
async def test_what_was_decided_before_the_trouble_is_kept(db: Database, category_id: int) -> None:
    def quota_after_one(envelope: Envelope) -> dict[str, Outcome]:
        known = {envelope.recipients[0]: Outcome(Result.FAILED, "550 unknown")}
        raise AccountTrouble("quota used up", outcomes=known)

    await _send(db, category_id, RecordingCourier(quota_after_one), max_connections=1)

    assert _states(db) == {"failed": 1, "pending": 9}


@pytest.mark.usefixtures("queued")
async def test_a_budget_leaves_the_rest_pending_without_an_error(
    db: Database, category_id: int
) -> None:
    courier = RecordingCourier()

    sent = await _send(db, category_id, courier, max_per_hour=4)

    assert sent.outcomes == {DeliveryState.SENT: 4}
    assert sent.error is None
    assert _states(db) == {"sent": 4, "pending": 6}


@pytest.mark.usefixtures("queued")
async def test_a_server_without_8bitmime_gets_seven_bits(db: Database, category_id: int) -> None:
    with db.transaction() as tx:
        body = "Grüße\r\n".encode()
        tx.execute(text("UPDATE outgoing SET body = :body"), {"body": body})
        head = b"Content-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\n\r\n"
        tx.execute(text("UPDATE outgoing SET head = :head"), {"head": head})
    courier = RecordingCourier(accepts_8bit=False)

    await _send(db, category_id, courier)

    [(_, content)] = courier.taken
    assert content.isascii()
    assert b"Gr=C3=BC=C3=9Fe" in content


async def test_many_messages_side_by_side_do_not_take_each_others_bytes_away(
    db: Database, category_id: int, now: datetime
) -> None:
    texts = [f"message {n}\r\n".encode() for n in range(40)]
    with db.transaction() as tx:
        for number in range(4):
            address = f"s{number}@example.org"
            subscriptions.put(
                tx, category_id, address=address, key=address, name="", origin=Origin.ADMIN, now=now
            )
        for text in texts:
            _, raw_id = inbound.keep(
                tx, category_id, b"Subject: x\r\n\r\n" + text, source=Source.CLI, now=now
            )
            new = NewOutgoing(
                Kind.POST, category_id, None, "general@example.org", b"\r\n", None, raw_id, None
            )
            outbox.fan_out(tx, new, to_subscribers=True, without=None, refusal=None, now=now)
    courier = RecordingCourier()

    sent = await _send(db, category_id, courier, max_recipients=2, max_connections=8)

    assert sent.outcomes == {DeliveryState.SENT: 160}
    assert Counter(content for _, content in courier.taken) == {b"\r\n" + x: 2 for x in texts}


@pytest.mark.parametrize(("max_recipients", "at_once"), [(1, 8), (25, 4), (100, 2)])
async def test_a_connection_carries_several_groups_at_once_and_fewer_of_large_ones(
    db: Database, category_id: int, now: datetime, max_recipients: int, at_once: int
) -> None:
    with db.transaction() as tx:
        for number in range(max_recipients * 10):
            address = f"s{number}@example.org"
            subscriptions.put(
                tx, category_id, address=address, key=address, name="", origin=Origin.ADMIN, now=now
            )
        _, raw_id = inbound.keep(tx, category_id, RAW, source=Source.CLI, now=now)
        new = NewOutgoing(
            Kind.POST, category_id, None, "general@example.org", RAW, b"", raw_id, None
        )
        outbox.fan_out(tx, new, to_subscribers=True, without=None, refusal=None, now=now)
    courier = RecordingCourier(depth=8, seconds=0.01)

    settings = {"max_recipients": max_recipients, "max_connections": 1}
    await _send(db, category_id, courier, **settings)

    assert courier.most_under_way == at_once
    assert len(set(courier.recipients())) == len(courier.recipients()) == max_recipients * 10


@pytest.mark.usefixtures("queued")
async def test_what_is_not_claimed_yet_is_in_no_doubt(db: Database, category_id: int) -> None:
    most = 0

    def look(envelope: Envelope) -> dict[str, Outcome]:
        nonlocal most
        most = max(most, _states(db)["sending"])
        return dict.fromkeys(envelope.recipients, SENT)

    courier = RecordingCourier(look, depth=2, seconds=0.01)

    await _send(db, category_id, courier, max_recipients=1, max_connections=2)

    assert most <= 4
    assert _states(db) == {"sent": 10}


# What the log says of it.

Told = Callable[[str], list[dict[str, Any]]]


@pytest.mark.usefixtures("queued")
async def test_what_was_sent_together_is_told_in_one_line(
    db: Database, category_id: int, told: Told
) -> None:
    await _send(db, category_id, RecordingCourier(), max_recipients=5)

    assert [(x["category"], x["count"], x["reply"]) for x in told("delivery.sent")] == [
        ("general", 5, SENT.reply),
        ("general", 5, SENT.reply),
    ]
    everybody = [address for x in told("delivery.sent") for address in x["recipients"]]
    assert sorted(everybody) == [f"s{n}@example.org" for n in range(10)]


@pytest.mark.parametrize(
    ("result", "event", "is_tried_again"),
    [
        (Result.DEFERRED, "delivery.deferred", True),
        (Result.FAILED, "delivery.failed", False),
        (Result.UNCERTAIN, "delivery.uncertain", True),
    ],
)
@pytest.mark.usefixtures("queued")
async def test_what_was_not_sent_is_told_by_name(
    db: Database, category_id: int, told: Told, result: Result, event: str, is_tried_again: bool
) -> None:
    courier = RecordingCourier(_only("s3@example.org", Outcome(result, "the words")))

    await _send(db, category_id, courier)

    [one] = told(event)
    assert (one["recipient"], one["reply"]) == ("s3@example.org", "the words")
    assert (one["next_attempt"] is not None) == is_tried_again


@pytest.mark.usefixtures("queued")
async def test_a_paused_account_is_told_once(db: Database, category_id: int, told: Told) -> None:
    courier = RecordingCourier(trouble=AccountTrouble("login refused"))

    await _send(db, category_id, courier, max_recipients=1, max_connections=4)

    assert told("account.paused") == [
        {"account": "@smtp.example.org:465", "reason": "login refused"}
    ]


@pytest.mark.usefixtures("queued")
async def test_what_a_dead_process_was_sending_is_told_by_name(
    db: Database, category_id: int, told: Told
) -> None:
    with db.transaction() as tx:
        tx.exec_driver_sql(
            "UPDATE deliveries SET state = 'sending', owner = ?, claimed_until = '2999-01-01'"
            " WHERE recipient = 's3@example.org'",
            (f"{owner.this_process().partition('@')[0]}@1",),
        )

    await _send(db, category_id, RecordingCourier())

    [one] = told("delivery.uncertain")
    assert (one["category"], one["recipient"]) == ("general", "s3@example.org")


@pytest.mark.usefixtures("queued")
async def test_what_an_earlier_run_of_this_process_could_not_record_is_doubted(
    db: Database, category_id: int, told: Told
) -> None:
    with db.transaction() as tx:
        tx.exec_driver_sql(
            "UPDATE deliveries SET state = 'sending', owner = ?, claimed_until = '2999-01-01'"
            " WHERE recipient = 's3@example.org'",
            (owner.this_process(),),
        )

    await _send(db, category_id, RecordingCourier())

    assert [one["recipient"] for one in told("delivery.uncertain")] == ["s3@example.org"]


@pytest.mark.usefixtures("queued")
async def test_a_store_that_is_away_for_a_moment_leaves_no_doubt(
    db: Database, category_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, tries = ledger.settle, []

    def away_at_first(*args: object) -> object:
        tries.append(args)
        if len(tries) <= 2:
            raise StoreError("the database is being started anew")
        return settle(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger, "settle", away_at_first)
    monkeypatch.setattr(ledger, "_STORE_WAITS", (0.0, 0.0))

    sent = await _send(db, category_id, RecordingCourier())

    assert sent.error is None
    assert set(sent.outcomes) == {DeliveryState.SENT}
