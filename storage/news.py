"""Who has joined and left, until the owners are told of it."""

from dataclasses import dataclass
from datetime import datetime

from storage import duties
from storage.database import Tx
from storage.schema import news as table
from storage.states import Duty, News


@dataclass(frozen=True)
class Event:
    """What became of one address."""

    what: News
    address: str
    at: datetime


def note(tx: Tx, category_id: int, event: Event, tell_at: datetime | None) -> None:
    """Note down what owners are to be told at that time, or sooner; None: never."""
    if tell_at is None:
        return
    row = {
        "category_id": category_id,
        "what": event.what,
        "address": event.address,
        "at": event.at,
    }
    tx.execute(table.insert().values(row))
    duties.owe(tx, category_id, Duty.NEWS, tell_at)


def take(tx: Tx, category_id: int) -> list[Event]:
    """Return what the owners were not told of yet, in its order, and forget it."""
    delete = (
        table.delete()
        .where(table.c.category_id == category_id)
        .returning(table.c.id, table.c.what, table.c.address, table.c.at)
    )
    rows = sorted(tx.execute(delete).all(), key=lambda row: row.id)
    return [Event(News(row.what), row.address, row.at) for row in rows]
