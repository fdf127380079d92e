"""Mail that came back: on record for good, whoever it is about and whether it counts or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select

from storage.database import Tx
from storage.schema import bounces as table
from storage.schema import categories, deliveries, outgoing, posts, subscriptions
from storage.states import BounceClass, DeliveryState, SubscriptionState

# A server that took a message for good, and one whose answer was lost, may both send it back.
_LEFT = (DeliveryState.SENT, DeliveryState.UNCERTAIN)


@dataclass(frozen=True)
class NewBounce:
    """What one failure is recorded as."""

    subscription_id: int | None  #: None where nothing shows that we sent it to a subscriber
    outgoing_id: int | None
    inbound_id: int | None  #: the report; None where the server refused at once
    recipient: str | None
    class_: BounceClass
    status: str | None
    reason: str
    counts: bool  #: it speaks against the subscriber


@dataclass(frozen=True)
class Bounce:
    """One failure on record."""

    id: int
    category: str
    recipient: str | None
    class_: BounceClass
    status: str | None
    reason: str
    counts: bool
    at: datetime
    subscription_id: int | None
    subscriber: str | None  #: the address of the subscription
    message_id: str | None  #: of the post that came back
    inbound_id: int | None


@dataclass(frozen=True)
class Refused:
    """How many subscribers of a category a policy kept mail from, and since when."""

    people: int
    active: int  #: subscribers that the category has
    since: datetime
    reason: str  #: one of the servers' own words


def add(tx: Tx, category_id: int, new: NewBounce, now: datetime) -> int:
    """Put a failure on record; return its id."""
    row = {
        "category_id": category_id,
        "subscription_id": new.subscription_id,
        "outgoing_id": new.outgoing_id,
        "inbound_id": new.inbound_id,
        "recipient": new.recipient,
        "class": new.class_,
        "status": new.status,
        "reason": new.reason,
        "counts": new.counts,
        "at": now,
    }
    made: int = tx.execute(table.insert().values(row).returning(table.c.id)).scalar_one()
    return made


def listed(tx: Tx, category_id: int | None = None, limit: int | None = None) -> list[Bounce]:
    """Return what came back to a category, or to all, newest first."""
    query = _query().order_by(table.c.id.desc()).limit(limit)
    if category_id is not None:
        query = query.where(table.c.category_id == category_id)
    return [_read(row) for row in tx.execute(query)]


def find(tx: Tx, bounce_id: int) -> Bounce | None:
    """Return one failure."""
    row = tx.execute(_query().where(table.c.id == bounce_id)).one_or_none()
    return _read(row) if row else None


def of_subscription(tx: Tx, subscription_id: int) -> list[Bounce]:
    """Return what ever came back from one subscriber, oldest first."""
    query = _query().where(table.c.subscription_id == subscription_id).order_by(table.c.id)
    return [_read(row) for row in tx.execute(query)]


def counted(tx: Tx, subscription_id: int, since: datetime) -> Sequence[datetime]:
    """Return when, since then, mail came back that speaks against a subscriber."""
    query = select(table.c.at).where(
        table.c.subscription_id == subscription_id, table.c.at >= since, table.c.counts
    )
    return tx.execute(query).scalars().all()


def last_reason(tx: Tx, subscription_id: int) -> str | None:
    """Return the words of the newest failure that spoke against a subscriber."""
    query = select(table.c.reason).where(table.c.subscription_id == subscription_id, table.c.counts)
    found: str | None = tx.execute(query.order_by(table.c.at.desc()).limit(1)).scalar()
    return found


def numbers(tx: Tx, category_id: int, since: datetime) -> dict[BounceClass, int]:
    """Return how many failures of each class were recorded since then."""
    query = (
        select(table.c["class"], func.count())
        .where(table.c.category_id == category_id, table.c.at >= since)
        .group_by(table.c["class"])
    )
    return {BounceClass(class_): number for class_, number in tx.execute(query)}


def sent_copy(
    tx: Tx, category_id: int, address: str, message_ids: Sequence[str] | None, since: datetime
) -> int | None:
    """Return the message of ours, made since then, that has left to exactly this address.

    `message_ids` are those it may be known by; None takes the newest of which each copy had an
    envelope sender of its own.
    """
    query = (
        select(outgoing.c.id)
        .join(deliveries, deliveries.c.outgoing_id == outgoing.c.id)
        .where(
            outgoing.c.category_id == category_id,
            outgoing.c.created_at >= since,
            deliveries.c.recipient == address,
            deliveries.c.state.in_(_LEFT),
        )
        .order_by(outgoing.c.id.desc())
        .limit(1)
    )
    if message_ids is None:
        query = query.where(outgoing.c.own_senders)
    else:
        # Two questions: for an OR of them PostgreSQL would read all that was ever sent.
        named = select(outgoing.c.id).where(
            outgoing.c.post_id.in_(_posts_of(category_id, message_ids))
        )
        made = select(outgoing.c.id).where(outgoing.c.made_message_id.in_(message_ids))
        query = query.where(outgoing.c.id.in_(named.union(made)))
    found: int | None = tx.execute(query).scalar()
    return found


def people_refused(tx: Tx, category_id: int, since: datetime, most: int) -> int:
    """Return from how many subscribers policies have kept mail since then; `most` are enough."""
    people = (
        select(table.c.subscription_id)
        .where(table.c.category_id == category_id, *_refused_since(since))
        .distinct()
        .limit(most)
    )
    return tx.execute(select(func.count()).select_from(people.subquery())).scalar_one()


def refused_by_policy(tx: Tx, since: datetime) -> dict[int, Refused]:
    """Return what policies have kept from subscribers since then, by the category's id."""
    active = (
        select(func.count())
        .where(
            subscriptions.c.category_id == table.c.category_id,
            subscriptions.c.state == SubscriptionState.ACTIVE,
        )
        .scalar_subquery()
    )
    columns = (
        table.c.category_id,
        func.count(table.c.subscription_id.distinct()),
        active,
        func.min(table.c.at),
        func.max(table.c.reason),
    )
    query = select(*columns).where(*_refused_since(since)).group_by(table.c.category_id)
    return {row[0]: Refused(*row[1:]) for row in tx.execute(query)}


def _refused_since(since: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.at >= since,
        table.c["class"] == BounceClass.POLICY,
        table.c.subscription_id.is_not(None),
    )


def _posts_of(category_id: int, message_ids: Sequence[str]) -> Select[Any]:
    return select(posts.c.id).where(
        posts.c.category_id == category_id, posts.c.message_id.in_(message_ids)
    )


def _query() -> Select[Any]:
    columns = (
        table.c.id,
        categories.c.slug,
        table.c.recipient,
        table.c["class"].label("class_"),
        table.c.status,
        table.c.reason,
        table.c.counts,
        table.c.at,
        table.c.subscription_id,
        subscriptions.c.address,
        posts.c.message_id,
        table.c.inbound_id,
    )
    joined = (
        table.join(categories, categories.c.id == table.c.category_id)
        .outerjoin(subscriptions, subscriptions.c.id == table.c.subscription_id)
        .outerjoin(outgoing, outgoing.c.id == table.c.outgoing_id)
        .outerjoin(posts, posts.c.id == outgoing.c.post_id)
    )
    return select(*columns).select_from(joined)


def _read(row: Row[Any]) -> Bounce:
    return Bounce(
        id=row.id,
        category=row.slug,
        recipient=row.recipient,
        class_=BounceClass(row.class_),
        status=row.status,
        reason=row.reason,
        counts=row.counts,
        at=row.at,
        subscription_id=row.subscription_id,
        subscriber=row.address,
        message_id=row.message_id,
        inbound_id=row.inbound_id,
    )
