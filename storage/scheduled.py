"""Inbound messages that were handed in to be decided at a later time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from storage.database import Tx
from storage.schema import categories, is_received
from storage.schema import inbound as table
from storage.states import InboundState


@dataclass(frozen=True)
class Scheduled:
    """One of them."""

    id: int
    category: str
    raw_id: int
    not_before: datetime
    received_at: datetime
    approved: bool


def listed(tx: Tx, category_id: int | None = None) -> list[Scheduled]:
    """Return what waits for its time, in one category or in all, by their times."""
    columns = (
        table.c.id,
        categories.c.slug,
        table.c.raw_id,
        table.c.not_before,
        table.c.received_at,
        table.c.approved,
    )
    query = (
        select(*columns)
        .join(categories, categories.c.id == table.c.category_id)
        .where(is_received, table.c.not_before.is_not(None))
        .order_by(table.c.not_before, table.c.id)
    )
    if category_id is not None:
        query = query.where(table.c.category_id == category_id)
    return [Scheduled(*row) for row in tx.execute(query)]


def withdraw(tx: Tx, inbound_id: int) -> bool:
    """Give up what waits for its time; False if it does not (any more). Its bytes stay."""
    these = (
        table.c.id == inbound_id,
        table.c.state == InboundState.RECEIVED,
        table.c.not_before.is_not(None),
    )
    return tx.execute(table.update().where(*these).values(state=InboundState.DROPPED)).rowcount == 1
