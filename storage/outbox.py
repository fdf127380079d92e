"""The outbox: what is to be sent, filled at fan-out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, FromClause, bindparam, exists, func, insert, literal, or_, select

from storage import leaving, raw_messages, wakeup
from storage.cross_posts import IN_VAIN
from storage.database import Tx
from storage.dialects import COUNTED, insert_unless_there, many_rows
from storage.schema import (
    categories,
    deliveries,
    digest_entries,
    is_held,
    is_waiting,
    muted_threads,
    posts,
    subscriptions,
)
from storage.schema import outgoing as table
from storage.states import (
    DeliveryState,
    Kind,
    Receives,
    SubscriptionState,
)

#: Notices go before posts, posts before digests.
PRIORITY = {Kind.ALERT: 0, Kind.NOTICE: 0, Kind.PROBE: 0, Kind.POST: 1, Kind.DIGEST: 2}

# Who has muted the thread of a post; asked once in a statement, and mostly nobody has.
_thread = select(posts.c.thread_id).where(posts.c.id == bindparam("post")).scalar_subquery()
_MUTED = (
    select(muted_threads.c.subscription_id)
    .join(posts, posts.c.id == muted_threads.c.post_id)
    .where(posts.c.thread_id == _thread)
)
# Who gets a post of a category, in whatever form. `author` is the key of whoever wrote it,
# `without` the same where the category gives authors nothing; either may be of nobody (""). His own
# wish goes first.
GETTING = (
    subscriptions.c.category_id == bindparam("category"),
    subscriptions.c.state == SubscriptionState.ACTIVE,
    or_(
        subscriptions.c.holiday_until.is_(None),
        subscriptions.c.holiday_until <= bindparam("now", type_=subscriptions.c.holiday_until.type),
    ),
    or_(subscriptions.c.address_key != bindparam("without"), subscriptions.c.own_posts.is_(True)),
    or_(
        subscriptions.c.address_key != bindparam("author"),
        subscriptions.c.own_posts.is_distinct_from(False),
    ),
    subscriptions.c.id.not_in(_MUTED),
)
_GETTING_EACH = (*GETTING, subscriptions.c.receives == Receives.EACH)
FILLED = {
    "outgoing_id": bindparam("outgoing", type_=deliveries.c.outgoing_id.type),
    "category_id": subscriptions.c.category_id,
    "recipient": subscriptions.c.address,
    "priority": bindparam("its_priority", type_=deliveries.c.priority.type),
    "state": bindparam("its_state", type_=deliveries.c.state.type),
    "attempts": literal(0),
    "waited": literal(0),
    "next_attempt": bindparam("now", type_=deliveries.c.next_attempt.type),
    "last_reply": bindparam("refusal", type_=deliveries.c.last_reply.type),
}
# What is asked for each message is put together once; to do so takes longer than to ask.
_FILL = insert(deliveries).from_select(list(FILLED), select(*FILLED.values()).where(*_GETTING_EACH))
# Who has no copy of it by these others. Other categories are sent theirs all the same: which of
# them takes it from whom is for each to say, and none takes it twice.
_HAVING = select(func.lower(deliveries.c.recipient)).where(
    deliveries.c.outgoing_id.in_(bindparam("others", expanding=True)),
    deliveries.c.state.not_in(IN_VAIN),
)
_HAVING_NONE = or_(
    subscriptions.c.address_key.not_in(_HAVING),
    subscriptions.c.address_key.in_(select(func.lower(categories.c.address))),
)
_FILL_ONCE = insert(deliveries).from_select(
    list(FILLED), select(*FILLED.values()).where(*_GETTING_EACH, _HAVING_NONE)
)
_SET_RECIPIENTS = (
    table.update().where(table.c.id == bindparam("this")).values(recipients=bindparam("made"))
)
_STAND_IN = select(table.c.stand_in).where(table.c.id == bindparam("this"))
_ADD = table.insert().returning(table.c.id)
_MADE = select(
    exists().where(
        table.c.category_id == bindparam("category"), table.c.made_message_id == bindparam("named")
    )
)


@dataclass(frozen=True)
class NewOutgoing:
    """A message to be sent: its header block, and its body where it is not the raw message's."""

    kind: Kind
    category_id: int
    post_id: int | None
    sender: str
    head: bytes
    body: bytes | None  #: with its own head, or none, in front of it
    raw_id: int
    made_message_id: str | None
    stand_in: str | None = None  #: see `Outgoing`
    own_senders: bool = False


@dataclass(frozen=True)
class Names:
    """What a message to be sent is known by to people."""

    category: str
    post_id: int | None  #: None in those that carry no post
    message_id: str | None  #: the post's; in those that carry none, its own
    kind: Kind = Kind.POST


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
    stand_in: str | None  #: what stands in it for each recipient's own secret; None: for nothing
    own_senders: bool  #: whether each copy has an envelope sender that names whom it is for
    names: Names


def fan_out(
    tx: Tx,
    new: NewOutgoing,
    *,
    to_subscribers: bool,
    without: str | None,
    author: str | None = None,
    refusal: str | None,
    now: datetime,
    others: Sequence[int] = (),
) -> int:
    """Store a message and, `to_subscribers`, one delivery for each; return how many.

    The category is locked by then, so that nobody who leaves it meanwhile is sent to.
    `author` is the key of its author's address, and `without` the same where authors get none
    unless they want it. With a `refusal` the message cannot be
    sent at all, and each delivery is failed from the start with that reason. `others` are ids of
    outgoing messages: who has one of them gets no delivery.
    """
    row = {
        "kind": new.kind,
        "category_id": new.category_id,
        "post_id": new.post_id,
        "sender": new.sender,
        "head": new.head,
        "body": None,
        "raw_id": new.raw_id if new.body is None else raw_messages.keep(tx, new.body),
        "made_message_id": new.made_message_id,
        "stand_in": new.stand_in,
        "own_senders": new.own_senders,
        "recipients": 0,
        "created_at": now,
    }
    outgoing_id = tx.execute(_ADD, row).scalar_one()
    if not to_subscribers:
        return 0
    if new.stand_in is not None:
        leaving.prepare(tx)
    state = DeliveryState.PENDING if refusal is None else DeliveryState.FAILED
    values = {
        "outgoing": outgoing_id,
        "category": new.category_id,
        "without": without or "",
        "author": author or "",
        "post": new.post_id,
        "its_priority": PRIORITY[new.kind],
        "its_state": state.value,
        "now": now,
        "refusal": refusal,
    }
    fill: Executable = _FILL
    if others:
        fill, values = _FILL_ONCE, {**values, "others": list(others)}
    with many_rows(tx):
        made = tx.execute(fill, values, execution_options=COUNTED).rowcount
    tx.execute(_SET_RECIPIENTS, {"this": outgoing_id, "made": made})
    wakeup.tell(tx)
    return made


def count_recipients(
    tx: Tx,
    category_id: int,
    without: str | None,
    author: str | None,
    now: datetime,
    parent_id: int | None = None,
    others: Sequence[int] = (),
) -> int:
    """Return how many would get a post now, in whatever form; one that answers that other post."""
    query = select(func.count()).where(*GETTING, subscriptions.c.receives != Receives.NONE)
    values: dict[str, Any] = {
        "category": category_id,
        "without": without or "",
        "author": author or "",
        "post": parent_id,
        "now": now,
    }
    if others:
        query, values["others"] = query.where(_HAVING_NONE), list(others)
    return tx.execute(query, values).scalar_one()


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
        table.c.stand_in,
        table.c.own_senders,
        *NAMES,
    )
    query = select(*columns).select_from(with_names(table)).where(table.c.id == outgoing_id)
    row = tx.execute(query).one()
    return Outgoing(*row[:9], names_of(row))


def is_personal(tx: Tx, outgoing_id: int) -> bool:
    """Say whether each recipient of a message gets a copy of his own."""
    return tx.execute(_STAND_IN, {"this": outgoing_id}).scalar() is not None


def of_post(tx: Tx, post_id: int) -> Outgoing | None:
    """Return the copy of an accepted post."""
    found = tx.execute(select(table.c.id).where(table.c.post_id == post_id)).scalar()
    return None if found is None else find(tx, found)


def made_by_us(tx: Tx, category_id: int, message_id: str) -> bool:
    """Say whether we generated this Message-ID ourselves, for a post of this category."""
    return bool(tx.execute(_MADE, {"category": category_id, "named": message_id}).scalar())


def recipient_of(tx: Tx, category_id: int, message_id: str) -> str | None:
    """Return to whom a message of a category with a Message-ID that we made went, if to one."""
    query = (
        select(deliveries.c.recipient)
        .join(table, table.c.id == deliveries.c.outgoing_id)
        .where(
            table.c.made_message_id == message_id,
            table.c.category_id == category_id,
            table.c.recipients == 1,
        )
    )
    return tx.execute(query.limit(1)).scalar()


def cancel_for(tx: Tx, category_id: int, key: str) -> int:
    """Cancel what is still unsent to an address (by its key) as a subscriber's.

    What is just leaving goes on, and so do notices: he may be a moderator or an owner as well. But
    content updates, which are no sooner than posts, are not sent, and what it was still to get in
    a digest is forgotten.
    """
    whose = select(subscriptions.c.id).where(
        subscriptions.c.category_id == category_id, subscriptions.c.address_key == key
    )
    tx.execute(digest_entries.delete().where(digest_entries.c.subscription_id.in_(whose)))
    is_notice = (deliveries.c.priority == PRIORITY[Kind.NOTICE]) & exists().where(
        table.c.id == deliveries.c.outgoing_id, table.c.kind == Kind.NOTICE
    )
    update = (
        deliveries.update()
        .where(
            deliveries.c.category_id == category_id,
            func.lower(deliveries.c.recipient) == key,
            ~is_notice,
            or_(is_waiting, is_held),
        )
        .values(state=DeliveryState.CANCELLED)
    )
    return tx.execute(update).rowcount


#: What `names_of` reads.
NAMES = (
    categories.c.slug,
    func.coalesce(posts.c.message_id, table.c.made_message_id).label("message_id"),
    table.c.kind,
)


def with_names(joined: FromClause) -> FromClause:
    """Join to messages what they are known by."""
    return joined.join(categories, categories.c.id == table.c.category_id).outerjoin(
        posts, posts.c.id == table.c.post_id
    )


def names_of(row: Any) -> Names:
    return Names(row.slug, row.post_id, row.message_id, Kind(row.kind))


def add_recipient(tx: Tx, post_id: int, address: str, now: datetime) -> bool:
    """Send a post, as everybody got it, to one more address; False if that has been done already.

    A post that no server could take goes to nobody.
    """
    query = select(table.c.id, table.c.category_id, table.c.head).where(table.c.post_id == post_id)
    found = tx.execute(query).one_or_none()
    if found is None or not found.head:
        return False
    row = {
        "outgoing_id": found.id,
        "category_id": found.category_id,
        "recipient": address,
        "priority": PRIORITY[Kind.POST],
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "waited": 0,
        "next_attempt": now,
    }
    if not insert_unless_there(tx, deliveries, row):
        return False
    tx.execute(
        table.update().where(table.c.id == found.id).values(recipients=table.c.recipients + 1)
    )
    wakeup.tell(tx)
    return True
