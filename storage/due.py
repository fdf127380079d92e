"""What can be sent now, by category."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from storage.database import Tx
from storage.schema import categories, deliveries, is_sending, is_waiting


def count_due(tx: Tx, category_id: int, due: datetime) -> int:
    """Return how many deliveries of a category are due by that time."""
    query = select(func.count()).where(deliveries.c.category_id == category_id, *_due_by(due))
    return tx.execute(query).scalar_one()


def categories_due(tx: Tx, now: datetime) -> list[int]:
    """Return the ids of the categories that have deliveries due now."""
    # One look into the index for each category, however many deliveries it has: without the limit
    # PostgreSQL would rather read them all, and group them.
    one = (
        select(deliveries.c.id)
        .where(deliveries.c.category_id == categories.c.id, *_due_by(now))
        .limit(1)
        .scalar_subquery()
    )
    query = select(categories.c.id).where(one.is_not(None)).order_by(categories.c.id)
    return list(tx.execute(query).scalars())


def categories_put_off(tx: Tx, latest: datetime) -> list[int]:
    """Return the ids of the categories with deliveries that are put off beyond `latest`."""
    put_off = (is_waiting, deliveries.c.next_attempt > latest)
    query = select(deliveries.c.category_id).where(*put_off).distinct()
    return list(tx.execute(query.order_by(deliveries.c.category_id)).scalars())


def categories_sending(tx: Tx) -> list[int]:
    """Return the ids of the categories of which a process is sending something, or died at it."""
    query = select(deliveries.c.category_id).where(is_sending).distinct()
    return list(tx.execute(query.order_by(deliveries.c.category_id)).scalars())


def _due_by(due: datetime) -> tuple[ColumnElement[bool], ...]:
    return is_waiting, deliveries.c.next_attempt <= due
