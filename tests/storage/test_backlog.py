"""What waits, by category, and that it is counted without reading what is finished."""

import uuid
from datetime import datetime, timedelta

import pytest

from storage import (
    backlog,
    categories,
    claims,
    deliveries,
    inbound,
    outbox,
    owner,
    posts,
    subscriptions,
)
from storage.backlog import Backlog
from storage.database import Database, Tx
from storage.outbox import NewOutgoing
from storage.posts import NewPost
from storage.states import DeliveryState, Kind, Origin, PostState, Source

LATER = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def queued(db: Database, category_id: int, now: datetime) -> None:
    """A message to six subscribers, made a while ago."""
    with db.transaction() as tx:
        for number in range(6):
            address = f"s{number}@example.org"
            subscriptions.put(
                tx, category_id, address=address, key=address, name="", origin=Origin.ADMIN, now=now
            )
    _fan_out(db, category_id, now - LATER)


def _fan_out(db: Database, category_id: int, made: datetime) -> None:
    with db.transaction() as tx:
        raw = b"x%d" % made.timestamp()
        _, raw_id = inbound.keep(tx, category_id, raw, source=Source.CLI, now=made)
        new = NewOutgoing(
            Kind.POST, category_id, None, "g@example.org", b"\r\n", None, raw_id, None
        )
        outbox.fan_out(tx, new, to_subscribers=True, without=None, refusal=None, now=made)


def _settle(db: Database, category_id: int, state: DeliveryState, now: datetime) -> None:
    """Send one delivery, and record that it ended so; due again later, if at all."""
    me = owner.this_process()
    with db.transaction() as tx:
        group = claims.claim(tx, category_id, owner=me, until=now + LATER, due=now, limit=1)
        assert group is not None
        ids = [one.id for one in group.deliveries]
        if state is not DeliveryState.SENDING:
            claims.settle(
                tx, ids, state, reply="", owner=me, now=now, next_attempt=now + LATER, waited=1
            )


def _waits(db: Database, category_id: int, now: datetime) -> Backlog:
    with db.reading() as tx:
        return backlog.every(tx, now)[category_id]


def test_unsent_deliveries_are_counted_by_state(
    db: Database, category_id: int, now: datetime
) -> None:
    for state in (
        DeliveryState.SENT,
        DeliveryState.FAILED,
        DeliveryState.DEFERRED,
        DeliveryState.UNCERTAIN,
        DeliveryState.SENDING,
    ):
        _settle(db, category_id, state, now)

    found = _waits(db, category_id, now)

    assert (found.pending, found.deferred, found.uncertain, found.sending) == (1, 1, 1, 1)
    assert (found.waiting, found.unsent) == (3, 4)
    assert found.due == 1
    assert (found.due_since, found.due_last) == (now - LATER, now + LATER)


def test_held_deliveries_wait_for_a_person_and_not_for_their_time(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        deliveries.hold(tx, 1)

    found = _waits(db, category_id, now)

    assert (found.held, found.unsent, found.due) == (1, 5, 5)


def test_the_oldest_message_is_the_first_with_an_unsent_delivery(
    db: Database, category_id: int, now: datetime
) -> None:
    _fan_out(db, category_id, now)
    for _ in range(6):
        _settle(db, category_id, DeliveryState.SENT, now)

    assert _waits(db, category_id, now).oldest == now


def test_what_is_just_being_sent_has_an_age_too(
    db: Database, category_id: int, now: datetime
) -> None:
    for _ in range(6):
        _settle(db, category_id, DeliveryState.SENDING, now)
    _fan_out(db, category_id, now)

    assert _waits(db, category_id, now).oldest == now - LATER


def test_messages_that_are_not_decided_or_set_aside_are_counted(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        made = [
            inbound.keep(tx, category_id, b"%d" % n, source=Source.CLI, now=now)[0]
            for n in range(3)
        ]
        inbound.shunt(tx, made[0], reason="", traceback=None, now=now)

    found = _waits(db, category_id, now)

    assert (found.received, found.shunted) == (3, 1)  # with the one that the fixture left


def test_held_posts_are_counted_and_others_are_not(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        for state in (PostState.HELD, PostState.ACCEPTED, PostState.HELD):
            _post(tx, category_id, state, now)

    assert _waits(db, category_id, now).held_posts == 2


def _post(tx: Tx, category_id: int, state: PostState, now: datetime) -> None:
    name = uuid.uuid4().hex
    inbound_id, raw_id = inbound.keep(tx, category_id, name.encode(), source=Source.CLI, now=now)
    new = NewPost(
        category_id=category_id,
        inbound_id=inbound_id,
        raw_id=raw_id,
        message_id=f"<{name}@example.net>",
        fingerprint=name,
        aliases=(),
        references=(),
        sender=None,
        sender_name="",
        subject="",
        date=now,
        state=state,
        reason=None,
        trail=(),
    )
    posts.add(tx, new, now)


def test_where_nothing_waits_everything_is_zero(db: Database, now: datetime) -> None:
    with db.transaction() as tx:
        quiet = categories.keep(tx, "quiet", "quiet@example.org").id

    assert _waits(db, quiet, now) == Backlog()
