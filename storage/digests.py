"""Digests: which posts a subscriber is still to get in one, and what the last one was numbered.

An entry is made in the transaction that accepts the post, and goes in the one that makes the
digest's deliveries, so nobody gets a post twice or never, whatever he chooses meanwhile.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from sqlalchemy import bindparam, exists, func, insert, select

from storage.database import Tx
from storage.dialects import COUNTED, insert_unless_there, many_rows
from storage.outbox import GETTING
from storage.schema import digest_entries as table
from storage.schema import digest_numbers, posts, raw_messages, subscriptions
from storage.states import DIGESTS, Receives, SubscriptionState

# There is a row for each post of each reader, which may be millions: those of so many readers are
# in memory at once. Not by a cursor: for that PostgreSQL plans to have the first rows soon, and of
# a million it had not come to the end in nine minutes.
_AT_ONCE = 500
_GATHERED = {
    "subscription_id": subscriptions.c.id,
    "post_id": bindparam("post", type_=table.c.post_id.type),
    "category_id": subscriptions.c.category_id,
    "form": subscriptions.c.receives,
}
_GATHER = insert(table).from_select(
    list(_GATHERED),
    select(*_GATHERED.values()).where(*GETTING, subscriptions.c.receives.in_(DIGESTS)),
)


@dataclass(frozen=True)
class Waiting:
    """Those who are to get the very same posts in the same form."""

    form: Receives
    language: str | None  #: None: the category's
    posts: tuple[int, ...]  #: their ids, in the order they came
    recipients: tuple[str, ...]


def gather(
    tx: Tx,
    category_id: int,
    post_id: int,
    *,
    without: str | None,
    author: str | None,
    now: datetime,
) -> int:
    """Note a post down for everybody who takes digests; return for how many.

    `without` and `author` are as in `outbox.fan_out`; the category is locked.
    """
    values = {
        "category": category_id,
        "post": post_id,
        "without": without or "",
        "author": author or "",
        "now": now,
    }
    with many_rows(tx):
        return tx.execute(_GATHER, values, execution_options=COUNTED).rowcount


def gathered(tx: Tx, category_id: int) -> int:
    """Return how many octets all posts have that wait for the category's next digest."""
    here = table.c.category_id == category_id
    # Each post has an entry for every reader, so the posts are looked through, and not the entries.
    query = (
        select(func.coalesce(func.sum(raw_messages.c.size), 0))
        .join(posts, posts.c.raw_id == raw_messages.c.id)
        .where(
            posts.c.id >= select(func.min(table.c.post_id)).where(here).scalar_subquery(),
            exists().where(here, table.c.post_id == posts.c.id),
        )
    )
    return int(tx.execute(query).scalar_one())


def take(tx: Tx, category_id: int) -> list[Waiting]:
    """Return what is to be sent now, and forget it; the category is locked.

    The form is the one that a subscriber wants now. Who takes digests no more gets what is left in
    the last form he had; who is subscribed no more, or suspended, gets nothing.
    """
    gathered_for = select(table.c.subscription_id).where(table.c.category_id == category_id)
    readers = tx.execute(
        select(
            subscriptions.c.id,
            subscriptions.c.address,
            subscriptions.c.receives,
            subscriptions.c.language,
        )
        .where(
            subscriptions.c.id.in_(gathered_for),
            subscriptions.c.state == SubscriptionState.ACTIVE,
        )
        .order_by(subscriptions.c.id)
    ).all()
    alike: dict[tuple[Receives, str | None, tuple[int, ...]], list[str]] = {}
    for start in range(0, len(readers), _AT_ONCE):
        some = readers[start : start + _AT_ONCE]
        entries = _entries(tx, [one.id for one in some])
        for one in some:
            form, wanted = entries[one.id]
            form = Receives(one.receives) if one.receives in DIGESTS else form
            alike.setdefault((form, one.language, wanted), []).append(one.address)
    tx.execute(table.delete().where(table.c.category_id == category_id))
    return [Waiting(*what, tuple(addresses)) for what, addresses in alike.items()]


def _entries(tx: Tx, subscription_ids: list[int]) -> dict[int, tuple[Receives, tuple[int, ...]]]:
    """Return what each is to get, in the order it came, and the form he had at the last of it."""
    # Nothing but that by which the primary key finds them: it is the right way at any size.
    query = (
        select(table.c.subscription_id, table.c.post_id, table.c.form)
        .where(table.c.subscription_id.in_(subscription_ids))
        .order_by(table.c.subscription_id, table.c.post_id)
    )
    found = {}
    for subscription_id, rows in groupby(tx.execute(query), key=itemgetter(0)):
        his = list(rows)
        found[subscription_id] = Receives(his[-1].form), tuple(row.post_id for row in his)
    return found


def next_issue(tx: Tx, category_id: int, volume: int) -> int:
    """Return the number of a new issue; each volume begins with 1. The category is locked."""
    this = digest_numbers.c.category_id == category_id
    new = {"category_id": category_id, "volume": volume, "issue": 1}
    if insert_unless_there(tx, digest_numbers, new):
        return 1
    last = tx.execute(select(digest_numbers.c.volume, digest_numbers.c.issue).where(this)).one()
    issue = last.issue + 1 if last.volume == volume else 1
    tx.execute(digest_numbers.update().where(this).values(volume=volume, issue=issue))
    return issue
