"""Posts that several categories have: one message, sent to each, or from one on to another."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, exists, func, select

from storage.database import Tx
from storage.schema import categories, deliveries, outgoing, posts
from storage.states import DeliveryState

#: How a delivery may end that its recipient got nothing by.
IN_VAIN = (DeliveryState.FAILED, DeliveryState.CANCELLED)

_LOCK = select(func.pg_advisory_xact_lock(bindparam("key")))
_ELSEWHERE = (
    select(outgoing.c.id)
    .join(posts, posts.c.id == outgoing.c.post_id)
    .where(
        posts.c.message_id == bindparam("named"),
        posts.c.fingerprint == bindparam("saying"),
        posts.c.category_id != bindparam("category"),
    )
    .order_by(outgoing.c.id)
)
_SENT_ON = (
    select(
        posts.c.raw_id,
        posts.c.message_id,
        posts.c.fingerprint,
        categories.c.address,
        outgoing.c.id,
    )
    .select_from(posts)
    .join(outgoing, outgoing.c.post_id == posts.c.id)
    .join(categories, categories.c.id == posts.c.category_id)
    .where(
        posts.c.message_id.in_(bindparam("names", expanding=True)),
        # What is in the outbox was accepted.
        func.lower(categories.c.address).in_(bindparam("by", expanding=True)),
        exists().where(
            deliveries.c.outgoing_id == outgoing.c.id,
            func.lower(deliveries.c.recipient) == bindparam("to"),
            deliveries.c.state.not_in(IN_VAIN),
        ),
    )
    .order_by(posts.c.id)
)


@dataclass(frozen=True)
class SentOn:
    """An accepted post of one category, of which another one's address was sent a copy."""

    raw_id: int
    message_id: str
    fingerprint: str
    address: str  #: of the category that sent it
    outgoing_id: int


def lock(tx: Tx, message_ids: Collection[str]) -> None:
    """Let nobody else who asks `elsewhere` of these decide meanwhile; it lasts as long as `tx`.

    Take it once in a transaction, behind the lock of its one category and before it writes: so two
    transactions never wait for each other.
    """
    if tx.dialect.name != "postgresql":
        return  # where one writes at a time
    hashes = (hashlib.sha256(one.encode("utf-8", "replace")).digest() for one in message_ids)
    for key in sorted({int.from_bytes(one[:8], signed=True) for one in hashes}):
        tx.execute(_LOCK, {"key": key})


def elsewhere(tx: Tx, category_id: int, message_id: str, fingerprint: str) -> list[int]:
    """Return the ids of what other categories have made of the same post in the outbox."""
    values = {"category": category_id, "named": message_id, "saying": fingerprint}
    return list(tx.execute(_ELSEWHERE, values).scalars())


def sent_on(tx: Tx, *, to: str, by: Collection[str], message_ids: Collection[str]) -> list[SentOn]:
    """Return the posts with these Message-IDs that categories sent to an address, oldest first.

    `to` and `by` are keys of addresses: of the recipient, and of the categories.
    """
    values = {"to": to, "by": list(by), "names": list(message_ids)}
    return [SentOn(*row) for row in tx.execute(_SENT_ON, values)]
