"""What categories owe by the clock, each duty at most once at a time."""

from datetime import datetime, timedelta

from sqlalchemy import or_, select

from storage.database import Tx
from storage.dialects import insert
from storage.schema import duties as table
from storage.states import Duty

# Nothing is owed for so long, so what seems to be was noted down by a clock that was ahead. A duty
# that is seen to too soon does no harm.
_LONGEST = timedelta(days=31)


def owe(tx: Tx, category_id: int, what: Duty, at: datetime) -> None:
    """Note that a category owes this at that time; if it owes it already, at the earlier one."""
    row = {"category_id": category_id, "what": what, "due_at": at}
    new = insert(tx, table).values(row)
    sooner = new.excluded.due_at < table.c.due_at
    tx.execute(
        new.on_conflict_do_update(
            index_elements=[table.c.category_id, table.c.what],
            set_={"due_at": new.excluded.due_at},
            where=sooner,
        )
    )


def due(tx: Tx, category_id: int, now: datetime) -> list[Duty]:
    """Return what a category owes by now, what it has owed for longest first."""
    is_due = or_(table.c.due_at <= now, table.c.due_at > now + _LONGEST)
    query = select(table.c.what).where(table.c.category_id == category_id, is_due)
    return [Duty(what) for what in tx.execute(query.order_by(table.c.due_at)).scalars()]


def owed_at(tx: Tx, category_id: int, what: Duty) -> datetime | None:
    """Return when a category owes this, or has since; None if it does not owe it."""
    this = (table.c.category_id == category_id) & (table.c.what == what)
    found: datetime | None = tx.execute(select(table.c.due_at).where(this)).scalar()
    return found


def done(tx: Tx, category_id: int, what: Duty, next_at: datetime | None) -> None:
    """Note that a duty is done, and when it is owed again; None: not before there is cause."""
    this = (table.c.category_id == category_id) & (table.c.what == what)
    if next_at is None:
        tx.execute(table.delete().where(this))
    else:
        tx.execute(table.update().where(this).values(due_at=next_at))
