"""What waits in each category, and since when: for a person, or for its turn to be sent."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from storage.database import Tx
from storage.schema import deliveries, inbound, is_held, is_shunted, is_waiting, outgoing, posts
from storage.states import PostState


@dataclass(frozen=True)
class Waiting:
    """How much waits, and since when the oldest of it does."""

    number: int
    since: datetime


def shunted(tx: Tx) -> dict[int, Waiting]:
    """Return what was set aside, by the category's id."""
    columns = (inbound.c.category_id, func.count(), func.min(inbound.c.decided_at))
    query = select(*columns).where(is_shunted).group_by(inbound.c.category_id)
    return {row[0]: Waiting(*row[1:]) for row in tx.execute(query)}


def held(tx: Tx) -> dict[int, Waiting]:
    """Return which posts wait for a moderator, by the category's id."""
    columns = (posts.c.category_id, func.count(), func.min(posts.c.created_at))
    query = select(*columns).where(posts.c.state == PostState.HELD).group_by(posts.c.category_id)
    return {row[0]: Waiting(*row[1:]) for row in tx.execute(query)}


def unsent(tx: Tx) -> dict[int, Waiting]:
    """Return which deliveries are to be tried, now or later, by the category's id."""
    return _deliveries(tx, is_waiting)


def held_deliveries(tx: Tx) -> dict[int, Waiting]:
    """Return which deliveries a person must release or cancel, by the category's id."""
    return _deliveries(tx, is_held)


def _deliveries(tx: Tx, condition: ColumnElement[bool]) -> dict[int, Waiting]:
    """Count deliveries; since when they wait is when the oldest message of them was made."""
    oldest = (
        select(
            deliveries.c.category_id,
            func.count().label("number"),
            func.min(deliveries.c.outgoing_id).label("outgoing_id"),
        )
        .where(condition)
        .group_by(deliveries.c.category_id)
        .subquery()
    )
    query = select(oldest.c.category_id, oldest.c.number, outgoing.c.created_at).join(
        outgoing, outgoing.c.id == oldest.c.outgoing_id
    )
    return {row[0]: Waiting(*row[1:]) for row in tx.execute(query)}
