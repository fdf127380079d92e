"""Filling the outbox, claiming from it, and what becomes of each delivery."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from storage import (
    categories,
    claims,
    deliveries,
    inbound,
    outbox,
    owner,
    raw_messages,
    service_mail,
    subscriptions,
)
from storage.claims import Group
from storage.database import Database, Tx
from storage.outbox import PRIORITY, NewOutgoing
from storage.schema import deliveries as deliveries_table
from storage.service_mail import Letter
from storage.states import DeliveryState, Kind, Origin, Source

ME = owner.this_process()
LATER = timedelta(minutes=5)


@pytest.fixture
def queued(db: Database, category_id: int, now: datetime) -> int:
    """Five deliveries of one message."""
    with db.transaction() as tx:
        for number in range(5):
            _subscribe(tx, category_id, f"s{number}@example.org", now)
        return _fan_out(tx, category_id, now)


def _subscribe(tx: Tx, category_id: int, address: str, now: datetime) -> None:
    subscriptions.put(
        tx, category_id, address=address, key=address, name="", origin=Origin.ADMIN, now=now
    )


def _fan_out(
    tx: Tx, category_id: int, now: datetime, kind: Kind = Kind.POST, refusal: str | None = None
) -> int:
    _, raw_id = inbound.keep(tx, category_id, b"x", source=Source.CLI, now=now)
    new = NewOutgoing(kind, category_id, None, "general@example.org", b"\r\n", None, raw_id, None)
    return outbox.fan_out(
        tx, new, to_subscribers=True, without="s4@example.org", refusal=refusal, now=now
    )


def _claim(db: Database, category_id: int, now: datetime, limit: int = 50) -> Group | None:
    with db.transaction() as tx:
        return claims.claim(tx, category_id, owner=ME, until=now + LATER, due=now, limit=limit)


def _states(db: Database) -> list[str]:
    with db.reading() as tx:
        return [x.state.value for x in deliveries.listed(tx, tuple(DeliveryState))]


def test_each_active_subscriber_but_the_one_left_out_gets_a_delivery(
    db: Database, queued: int
) -> None:
    with db.reading() as tx:
        recipients = [x.recipient for x in deliveries.listed(tx, tuple(DeliveryState))]

    assert queued == 4
    assert recipients == [f"s{n}@example.org" for n in range(4)]


def test_a_message_no_server_could_take_is_failed_with_its_reason(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        _subscribe(tx, category_id, "a@example.org", now)
        _fan_out(tx, category_id, now, refusal="a line is too long")
    with db.reading() as tx:
        [one] = deliveries.listed(tx, [DeliveryState.FAILED])

    assert one.last_reply == "a line is too long"


@pytest.mark.usefixtures("queued")
def test_no_delivery_is_claimed_twice(db: Database, category_id: int, now: datetime) -> None:
    first = _claim(db, category_id, now, limit=3)
    second = _claim(db, category_id, now, limit=3)
    third = _claim(db, category_id, now, limit=3)

    assert first is not None
    assert second is not None
    assert len({x.id for x in (*first.deliveries, *second.deliveries)}) == 4
    assert third is None


@pytest.mark.usefixtures("queued")
def test_notices_are_claimed_before_posts(db: Database, category_id: int, now: datetime) -> None:
    with db.transaction() as tx:
        _fan_out(tx, category_id, now, kind=Kind.NOTICE)

    group = _claim(db, category_id, now)

    assert group is not None
    assert group.outgoing_id == 2


@pytest.mark.usefixtures("queued")
def test_a_deferred_delivery_is_due_only_at_its_time(
    db: Database, category_id: int, now: datetime
) -> None:
    group = _claim(db, category_id, now)
    assert group is not None
    ids = [x.id for x in group.deliveries]
    with db.transaction() as tx:
        claims.settle(
            tx,
            ids,
            DeliveryState.DEFERRED,
            reply="450 later",
            owner=ME,
            now=now,
            next_attempt=now + LATER,
        )

    assert _claim(db, category_id, now) is None
    assert _claim(db, category_id, now + LATER) is not None


@pytest.mark.usefixtures("queued")
def test_what_another_process_has_taken_over_is_not_settled(
    db: Database, category_id: int, now: datetime
) -> None:
    group = _claim(db, category_id, now)
    assert group is not None

    with db.transaction() as tx:
        settled = claims.settle(
            tx,
            [x.id for x in group.deliveries],
            DeliveryState.SENT,
            reply="250 ok",
            owner="somebody else",
            now=now,
        )

    assert settled == 0
    assert set(_states(db)) == {"sending"}


@pytest.mark.parametrize(
    ("alive", "hold", "after"),
    [
        (lambda _: False, False, "uncertain"),
        (lambda _: False, True, "held"),
        (lambda _: True, False, "sending"),
        (lambda _: None, False, "sending"),
    ],
)
@pytest.mark.usefixtures("queued")
def test_only_what_a_dead_process_was_sending_is_in_doubt(
    db: Database,
    category_id: int,
    now: datetime,
    alive: Callable[[str], bool | None],
    hold: bool,
    after: str,
) -> None:
    _claim(db, category_id, now)

    with db.transaction() as tx:
        claims.doubt_abandoned(tx, category_id, is_alive=alive, hold=hold, now=now)

    assert set(_states(db)) == {after}


@pytest.mark.usefixtures("queued")
def test_a_claim_elsewhere_is_in_doubt_once_it_has_run_out(
    db: Database, category_id: int, now: datetime
) -> None:
    _claim(db, category_id, now)

    with db.transaction() as tx:
        doubtful = claims.doubt_abandoned(
            tx, category_id, is_alive=lambda _: None, hold=False, now=now + 2 * LATER
        )

    assert len(doubtful) == 4


@pytest.mark.usefixtures("queued")
def test_a_doubt_stays_on_record_after_the_repeat_succeeded(
    db: Database, category_id: int, now: datetime
) -> None:
    _claim(db, category_id, now)
    with db.transaction() as tx:
        claims.doubt_abandoned(tx, category_id, is_alive=lambda _: False, hold=False, now=now)
    group = _claim(db, category_id, now)
    assert group is not None
    with db.transaction() as tx:
        ids = [x.id for x in group.deliveries]
        claims.settle(tx, ids, DeliveryState.SENT, reply="250 ok", owner=ME, now=now)

    with db.reading() as tx:
        [doubt] = deliveries.attempts_at(tx, ids[0])

    assert doubt.outcome is DeliveryState.UNCERTAIN


@pytest.mark.usefixtures("queued")
def test_unsubscribing_cancels_what_is_unsent(
    db: Database, category_id: int, now: datetime
) -> None:
    _claim(db, category_id, now, limit=1)

    with db.transaction() as tx:
        cancelled = [outbox.cancel_for(tx, category_id, f"s{n}@example.org") for n in range(2)]

    assert cancelled == [0, 1]
    assert _states(db) == ["sending", "cancelled", "pending", "pending"]


def test_unsubscribing_cancels_content_updates_and_no_other_notices(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        mail = Letter("<1@example.org>", b"Subject: 1\r\n\r\n", b"")
        for priority in (PRIORITY[Kind.NOTICE], PRIORITY[Kind.POST]):  # see `updates.put`
            made = service_mail.put(
                tx,
                Kind.NOTICE,
                mail,
                sender="g@x.org",
                recipients=["A@x.org"],
                now=now,
                category=category_id,
            )
            this = deliveries_table.c.outgoing_id == made
            tx.execute(deliveries_table.update().where(this).values(priority=priority))
        assert outbox.cancel_for(tx, category_id, "a@x.org") == 1

    assert _states(db) == ["pending", "cancelled"]


@pytest.mark.usefixtures("queued")
def test_a_person_can_hold_release_retry_and_cancel_only_where_it_makes_sense(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        done = [
            deliveries.release(tx, 1, now),
            deliveries.retry(tx, 1, now),
            deliveries.hold(tx, 1),
            deliveries.release(tx, 1, now),
            deliveries.cancel(tx, 1),
            deliveries.hold(tx, 1),
        ]

    assert done == [False, False, True, True, True, False]


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_a_body_of_its_own_is_sent_instead_of_the_raw_message_s(
    db: Database, category_id: int, now: datetime, size: int
) -> None:
    body = b"\r\n" + b"x" * size
    with db.transaction() as tx:
        _, raw_id = inbound.keep(tx, category_id, b"x", source=Source.CLI, now=now)
        new = NewOutgoing(Kind.NOTICE, category_id, None, "a@b", b"\r\n", body, raw_id, None)
        outbox.fan_out(tx, new, to_subscribers=True, without=None, refusal=None, now=now)

    with db.reading() as tx:
        made = outbox.find(tx, 1)
        assert made.body is None
        assert raw_messages.read(tx, made.raw_id) == body
        assert raw_messages.read(tx, raw_id) == b"x"


def test_what_waits_for_a_domain_is_put_off_by_shares_and_nothing_else(
    db: Database, category_id: int, now: datetime
) -> None:
    ours = [f"s{n}@a_b.example" for n in range(6)]
    others = ["s@axb.example", "s@x.a_b.example", "a_b.example@example.org"]
    with db.transaction() as tx:
        other_id = categories.keep(tx, "other", "other@example.org").id
        for address in (*ours, *others):
            _subscribe(tx, category_id, address, now)
        _subscribe(tx, other_id, ours[0], now)
        _fan_out(tx, category_id, now)
        _fan_out(tx, other_id, now)
    until = [now + LATER, now + 2 * LATER]

    with db.transaction() as tx:
        number = claims.put_off(
            tx, category_id, "a_b.example", soon=now, until=until, reply="421 slow", now=now
        )

    with db.reading() as tx:
        listed = deliveries.listed(tx, [DeliveryState.PENDING])
    put_off = [x for x in listed if x.next_attempt > now]
    assert number == len(ours)
    assert sorted(x.recipient for x in put_off) == ours
    assert {x.category for x in put_off} == {"general"}
    assert {x.next_attempt for x in put_off} == set(until)
    assert {(x.attempts, x.last_reply) for x in put_off} == {(0, "421 slow")}


def _put_off(tx: Tx, category_id: int, *, until: datetime, now: datetime) -> None:
    claims.put_off(
        tx, category_id, "example.org", soon=now, until=[until], reply="421 slow", now=now
    )


def test_what_is_put_off_for_longer_stays_so(
    db: Database, category_id: int, queued: int, now: datetime
) -> None:
    with db.transaction() as tx:
        for later in (2 * LATER, LATER):
            _put_off(tx, category_id, until=now + later, now=now)
        listed = deliveries.listed(tx, [DeliveryState.PENDING])

    assert {x.next_attempt for x in listed} == {now + 2 * LATER}


def test_being_put_off_counts_as_waiting_once(
    db: Database, category_id: int, queued: int, now: datetime
) -> None:
    with db.transaction() as tx:
        for _ in "12":
            _put_off(tx, category_id, until=now + LATER, now=now)

    group = _claim(db, category_id, now + LATER)

    assert group is not None
    assert {one.waited for one in group.deliveries} == {LATER.total_seconds()}


def test_each_of_what_was_sent_together_keeps_the_words_that_were_said_of_it(
    db: Database, category_id: int, queued: int, now: datetime
) -> None:
    group = _claim(db, category_id, now)
    assert group is not None
    ids = sorted(one.id for one in group.deliveries)
    said = [f"250 2.0.0 as \u201c{one}\u201d" for one in ids]

    with db.transaction() as tx:
        claims.settle_sent(tx, list(zip(ids[:3], said, strict=False)), owner=ME)
        claims.settle_sent(tx, [(ids[3], said[3])], owner="somebody else")

    with db.reading() as tx:
        listed = sorted(deliveries.listed(tx, tuple(DeliveryState)), key=lambda x: x.id)
    assert [(x.state, x.last_reply, x.attempts) for x in listed] == [
        *((DeliveryState.SENT, words, 1) for words in said[:3]),
        (DeliveryState.SENDING, None, 0),
    ]
