"""The outbox as the sender sees it: filled at fan-out, claimed in groups, settled one by one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, insert, literal, select

from storage.database import Tx
from storage.schema import attempts, deliveries, is_sending, is_waiting, subscriptions
from storage.schema import outgoing as table
from storage.states import (
    UNSENT,
    DeliveryState,
    Kind,
    Receives,
    SubscriptionState,
)

#: Notices go before posts, posts before digests.
_PRIORITY = {Kind.ALERT: 0, Kind.NOTICE: 0, Kind.PROBE: 0, Kind.POST: 1, Kind.DIGEST: 2}


@dataclass(frozen=True)
class NewOutgoing:
    """A message to be sent: its header block, and its body where it is not the raw message's."""

    kind: Kind
    category_id: int
    post_id: int | None
    sender: str
    head: bytes
    body: bytes | None
    raw_id: int
    made_message_id: str | None


@dataclass(frozen=True)
class Outgoing:
    """A stored message to be sent."""

    id: int
    category_id: int
    post_id: int | None
    sender: str
    head: bytes
    body: bytes | None
    raw_id: int


@dataclass(frozen=True)
class Claimed:
    """One delivery in the hands of this process."""

    id: int
    recipient: str
    attempts: int
    waited: int


@dataclass(frozen=True)
class Group:
    """Deliveries of one outgoing message, all to be sent in one transaction."""

    outgoing_id: int
    deliveries: tuple[Claimed, ...]


def fan_out(
    tx: Tx,
    new: NewOutgoing,
    *,
    to_subscribers: bool,
    without: str | None,
    refusal: str | None,
    now: datetime,
) -> int:
    """Store a message and, `to_subscribers`, one delivery for each; return how many.

    `without` is the key of an address that gets none. With a `refusal` the message cannot be
    sent at all, and each delivery is failed from the start with that reason.
    """
    row = {
        "kind": new.kind,
        "category_id": new.category_id,
        "post_id": new.post_id,
        "sender": new.sender,
        "head": new.head,
        "body": new.body,
        "raw_id": new.raw_id,
        "made_message_id": new.made_message_id,
        "recipients": 0,
        "created_at": now,
    }
    outgoing_id = tx.execute(table.insert().values(row).returning(table.c.id)).scalar_one()
    if not to_subscribers:
        return 0
    state = DeliveryState.PENDING if refusal is None else DeliveryState.FAILED
    columns = {
        "outgoing_id": literal(outgoing_id),
        "category_id": subscriptions.c.category_id,
        "recipient": subscriptions.c.address,
        "priority": literal(_PRIORITY[new.kind]),
        "state": literal(state.value),
        "attempts": literal(0),
        "waited": literal(0),
        "next_attempt": literal(now, deliveries.c.next_attempt.type),
        "last_reply": literal(refusal, deliveries.c.last_reply.type),
    }
    chosen = select(*columns.values()).where(*_getting_each(new.category_id, without))
    made = tx.execute(insert(deliveries).from_select(list(columns), chosen)).rowcount
    tx.execute(table.update().where(table.c.id == outgoing_id).values(recipients=made))
    return made


def count_recipients(tx: Tx, category_id: int, without: str | None) -> int:
    """Return how many deliveries a fan-out would make now."""
    query = select(func.count()).where(*_getting_each(category_id, without))
    return tx.execute(query).scalar_one()


def find(tx: Tx, outgoing_id: int) -> Outgoing:
    """Return one message to be sent."""
    columns = (
        table.c.id,
        table.c.category_id,
        table.c.post_id,
        table.c.sender,
        table.c.head,
        table.c.body,
        table.c.raw_id,
    )
    return Outgoing(*tx.execute(select(*columns).where(table.c.id == outgoing_id)).one())


def made_by_us(tx: Tx, category_id: int, message_id: str) -> bool:
    """Say whether we generated this Message-ID ourselves, for a post of this category."""
    query = select(func.count()).where(
        table.c.category_id == category_id, table.c.made_message_id == message_id
    )
    return tx.execute(query).scalar_one() > 0


def claim(
    tx: Tx, category_id: int, *, owner: str, until: datetime, due: datetime, limit: int
) -> Group | None:
    """Mark the next due deliveries of one message as sending, at most `limit`, and return them."""
    waiting = (
        deliveries.c.category_id == category_id,
        is_waiting,
        deliveries.c.next_attempt <= due,
    )
    first = (
        select(deliveries.c.outgoing_id)
        .where(*waiting)
        .order_by(deliveries.c.priority, deliveries.c.outgoing_id)
        .limit(1)
    )
    outgoing_id = tx.execute(first).scalar()
    if outgoing_id is None:
        return None
    columns = (
        deliveries.c.id,
        deliveries.c.recipient,
        deliveries.c.attempts,
        deliveries.c.waited,
    )
    query = (
        select(*columns)
        .where(deliveries.c.outgoing_id == outgoing_id, *waiting)
        .order_by(deliveries.c.recipient)  # as the unique index has them, so nothing is sorted
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = tuple(Claimed(*row) for row in tx.execute(query))
    tx.execute(
        deliveries.update()
        .where(deliveries.c.id.in_([one.id for one in claimed]))
        .values(state=DeliveryState.SENDING, owner=owner, claimed_until=until)
    )
    return Group(outgoing_id, claimed)


def settle(
    tx: Tx,
    ids: Sequence[int],
    state: DeliveryState,
    *,
    reply: str,
    owner: str,
    now: datetime,
    next_attempt: datetime | None = None,
    waited: int | None = None,
    doubt: bool = False,
) -> int:
    """Record how an attempt at these deliveries of ours ended; return how many were still ours.

    `doubt` says that the server's answer was lost, whatever state that leads to.
    """
    values: dict[str, object] = {
        "state": state,
        "last_reply": reply,
        "owner": None,
        "claimed_until": None,
    }
    if state is not DeliveryState.PENDING:
        values["attempts"] = deliveries.c.attempts + 1
    if next_attempt is not None:
        values["next_attempt"] = next_attempt
    if waited is not None:
        values["waited"] = waited
    update = deliveries.update().where(
        deliveries.c.id.in_(ids),
        deliveries.c.state == DeliveryState.SENDING,
        deliveries.c.owner == owner,
    )
    settled = tx.execute(update.values(values).returning(deliveries.c.id)).scalars().all()
    if state not in (DeliveryState.SENT, DeliveryState.PENDING):
        _note_attempts(tx, settled, DeliveryState.UNCERTAIN if doubt else state, reply, now)
    return len(settled)


def doubt_abandoned(
    tx: Tx,
    category_id: int,
    *,
    is_alive: Callable[[str], bool | None],
    hold: bool,
    now: datetime,
) -> int:
    """Make deliveries uncertain whose process died while sending them; return how many.

    `is_alive` says of an owner whether it lives; None where that cannot be known from here, and
    then its claim counts until it runs out. Under `hold` they wait for a person, else they are due.
    """
    query = select(deliveries.c.id, deliveries.c.owner, deliveries.c.claimed_until).where(
        is_sending, deliveries.c.category_id == category_id
    )
    lost = [
        row.id
        for row in tx.execute(query)
        if _is_abandoned(is_alive(row.owner), row.claimed_until, now)
    ]
    if not lost:
        return 0
    reply = "the process that was sending this ended before the server's answer was on record"
    state = DeliveryState.HELD if hold else DeliveryState.UNCERTAIN
    tx.execute(
        deliveries.update()
        .where(deliveries.c.id.in_(lost))
        .values(
            state=state,
            attempts=deliveries.c.attempts + 1,
            next_attempt=now,
            last_reply=reply,
            owner=None,
            claimed_until=None,
        )
    )
    _note_attempts(tx, lost, DeliveryState.UNCERTAIN, reply, now)
    return len(lost)


def count_due(tx: Tx, category_id: int, due: datetime) -> int:
    """Return how many deliveries of a category are due by that time."""
    query = select(func.count()).where(
        deliveries.c.category_id == category_id,
        is_waiting,
        deliveries.c.next_attempt <= due,
    )
    return tx.execute(query).scalar_one()


def cancel_for(tx: Tx, category_id: int, key: str) -> int:
    """Cancel what is still unsent to an address (by its key); what is just leaving goes on."""
    update = (
        deliveries.update()
        .where(
            deliveries.c.category_id == category_id,
            func.lower(deliveries.c.recipient) == key,
            deliveries.c.state.in_([x for x in UNSENT if x is not DeliveryState.SENDING]),
        )
        .values(state=DeliveryState.CANCELLED)
    )
    return tx.execute(update).rowcount


def _getting_each(category_id: int, without: str | None) -> tuple[ColumnElement[bool], ...]:
    """Who gets each post of a category; `without` is the key of an address that gets none."""
    return (
        subscriptions.c.category_id == category_id,
        subscriptions.c.state == SubscriptionState.ACTIVE,
        subscriptions.c.receives == Receives.EACH,
        subscriptions.c.address_key != (without or ""),
    )


def _is_abandoned(alive: bool | None, claimed_until: datetime, now: datetime) -> bool:
    return claimed_until < now if alive is None else not alive


def _note_attempts(
    tx: Tx, ids: Sequence[int], outcome: DeliveryState, reply: str, now: datetime
) -> None:
    if ids:
        rows = [{"delivery_id": x, "at": now, "outcome": outcome, "reply": reply} for x in ids]
        tx.execute(attempts.insert(), rows)
