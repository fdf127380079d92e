"""The posts of a category as an archive has them: the accepted ones, a few at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from storage.database import Tx
from storage.schema import posts as table
from storage.states import PostState


@dataclass(frozen=True)
class Kept:
    """What an archive says of a post around its bytes."""

    raw_id: int
    sender: str | None
    date: datetime


def size(tx: Tx, category_id: int) -> int:
    """Return how many posts were accepted."""
    return tx.execute(select(func.count()).where(*_of(category_id))).scalar_one()


def accepted(tx: Tx, category_id: int, at_once: int = 1_000) -> Iterator[Kept]:
    """Yield the accepted posts in the order they came; so many rows are in memory at once."""
    last = 0
    columns = (table.c.id, table.c.raw_id, table.c.sender, table.c.date)
    query = select(*columns).where(*_of(category_id)).order_by(table.c.id).limit(at_once)
    while rows := tx.execute(query.where(table.c.id > last)).all():
        for row in rows:
            yield Kept(row.raw_id, row.sender, row.date)
        last = rows[-1].id


def _of(category_id: int) -> tuple[ColumnElement[bool], ...]:
    return table.c.category_id == category_id, table.c.state == PostState.ACCEPTED
