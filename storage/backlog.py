"""What waits in each category, counted by the indexes of what is unfinished.

What is finished costs nothing here, however much of it there is.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, false, func, not_, select

from storage.database import Tx
from storage.schema import (
    categories,
    deliveries,
    inbound,
    is_held,
    is_received,
    is_sending,
    is_shunted,
    is_waiting,
    outgoing,
    posts,
)
from storage.states import WAITING, PostState


@dataclass(frozen=True)
class Backlog:
    """What waits in one category. Numbers count deliveries unless they say otherwise."""

    pending: int = 0
    deferred: int = 0
    uncertain: int = 0
    sending: int = 0
    held: int = 0  #: wait for a person
    due: int = 0  #: pending, deferred or uncertain, and their time has come
    due_since: datetime | None = None  #: the earliest time at which one becomes, or became, due
    due_last: datetime | None = None  #: the latest such time
    oldest: datetime | None = None  #: when the oldest message still to be sent was made
    received: int = 0  #: inbound messages that are not decided yet
    scheduled: int = 0  #: inbound messages whose time is still to come
    shunted: int = 0  #: inbound messages that wait for a person
    held_posts: int = 0  #: posts that wait for a moderator

    @property
    def waiting(self) -> int:
        """Return how many deliveries become due by themselves."""
        return self.pending + self.deferred + self.uncertain

    @property
    def unsent(self) -> int:
        """Return how many deliveries still have to go, and will without a person's help."""
        return self.waiting + self.sending


def every(tx: Tx, now: datetime) -> dict[int, Backlog]:
    """Return what waits in each category the store knows, by the category's id."""
    found: dict[int, Backlog] = defaultdict(Backlog)
    for category_id, held_posts in tx.execute(_held_posts()):
        found[category_id] = Backlog(held_posts=held_posts)
    for row in tx.execute(_waiting(now)):
        values = dict(row._mapping)
        category_id = values.pop("category_id")
        found[category_id] = replace(found[category_id], **values)
    for category_id, sending, oldest in tx.execute(_sending()):
        before = found[category_id]
        oldest = min(oldest, before.oldest or oldest)
        found[category_id] = replace(before, sending=sending, oldest=oldest)
    for category_id, received, scheduled in tx.execute(_received(now)):
        before = found[category_id]
        found[category_id] = replace(before, received=received, scheduled=scheduled)
    for name, query in _COUNTED.items():
        for category_id, number in tx.execute(query):
            found[category_id] = replace(found[category_id], **{name: number})
    return dict(found)


def _waiting(now: datetime) -> Select[Any]:
    """Sum up by category what becomes due by itself."""
    sums = (
        select(
            deliveries.c.category_id,
            *(_count_if(deliveries.c.state == state).label(state.value) for state in WAITING),
            _count_if(deliveries.c.next_attempt <= now).label("due"),
            func.min(deliveries.c.next_attempt).label("due_since"),
            func.max(deliveries.c.next_attempt).label("due_last"),
            func.min(deliveries.c.outgoing_id).label("first"),
        )
        .where(is_waiting)
        .group_by(deliveries.c.category_id)
        .subquery()
    )
    columns = [column for column in sums.c if column.name != "first"]
    return select(*columns, outgoing.c.created_at.label("oldest")).join(
        outgoing, outgoing.c.id == sums.c.first
    )


def _sending() -> Select[Any]:
    return (
        select(
            deliveries.c.category_id,
            func.count().label("sending"),
            func.min(outgoing.c.created_at).label("oldest"),
        )
        .join(outgoing, outgoing.c.id == deliveries.c.outgoing_id)
        .where(is_sending)
        .group_by(deliveries.c.category_id)
    )


def _received(now: datetime) -> Select[Any]:
    later = func.coalesce(inbound.c.not_before > now, false())
    return (
        select(inbound.c.category_id, _count_if(not_(later)), _count_if(later))
        .where(is_received)
        .group_by(inbound.c.category_id)
    )


def _held_posts() -> Select[Any]:
    # Category by category, so that the index is searched and not read from end to end.
    held = (
        select(func.count())
        .where(posts.c.category_id == categories.c.id, posts.c.state == PostState.HELD)
        .correlate(categories)
        .scalar_subquery()
    )
    return select(categories.c.id, held)


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


_COUNTED: dict[str, Select[Any]] = {
    "held": select(deliveries.c.category_id, func.count())
    .where(is_held)
    .group_by(deliveries.c.category_id),
    "shunted": select(inbound.c.category_id, func.count())
    .where(is_shunted)
    .group_by(inbound.c.category_id),
}
