"""The last pass over each category: when it was, how it ended, when the next one is meant to be."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select

from storage.database import Tx
from storage.dialects import insert_unless_there
from storage.schema import polls as table
from storage.states import Trouble


@dataclass(frozen=True)
class Poll:
    """The last pass over one category."""

    category_id: int
    begun_at: datetime
    ended_at: datetime | None  #: None while the first pass ever goes on, or if it never ended
    next_at: datetime | None  #: None where no service has planned one
    trouble: Trouble | None  #: of the last pass that ended
    error: str | None
    failures: int  #: passes in a row that ended with this trouble


def every(tx: Tx) -> dict[int, Poll]:
    """Return the last pass over each category that ever had one, by the category's id."""
    return {row.category_id: _read(row) for row in tx.execute(select(table))}


def begin(
    tx: Tx, category_id: int, *, now: datetime, unless_since: datetime | None = None
) -> Poll | None:
    """Record that a pass begins; if one began after `unless_since`, only return that one.

    So of several services on one database only one makes each pass.
    """
    new = {"category_id": category_id, "begun_at": now, "failures": 0}
    if insert_unless_there(tx, table, new):
        return None
    last = _read(tx.execute(_of(category_id).with_for_update()).one())
    # One that lies in the future was written before the clock was set back.
    if unless_since is not None and unless_since < last.begun_at <= now:
        return last
    tx.execute(table.update().where(table.c.category_id == category_id).values(begun_at=now))
    return None


def no_plan(_begun_at: datetime, _failures: int) -> None:
    """Nobody means to look again by himself."""


def end(
    tx: Tx,
    category_id: int,
    *,
    trouble: Trouble | None,
    error: str | None,
    now: datetime,
    plan: Callable[[datetime, int], datetime | None] = no_plan,
) -> datetime | None:
    """Record how the pass ended, and when the next one is meant to be, which is returned.

    `plan` makes that of when this one began, and how many in a row have ended with this trouble.
    Where it makes nothing, what a service has planned stands.
    """
    last = _read(tx.execute(_of(category_id)).one())
    failures = 0
    if trouble is not None:
        failures = last.failures + 1 if last.trouble is trouble else 1
    next_at = plan(last.begun_at, failures)
    if next_at is None and last.next_at is not None and last.next_at > now:
        next_at = last.next_at
    tx.execute(
        table.update()
        .where(table.c.category_id == category_id)
        .values(ended_at=now, next_at=next_at, trouble=trouble, error=error, failures=failures)
    )
    return next_at


def plan(tx: Tx, category_ids: Collection[int], next_at: datetime | None) -> None:
    """Record when a service means to look at these categories again; None: nobody means to."""
    tx.execute(table.update().where(table.c.category_id.in_(category_ids)).values(next_at=next_at))


def _of(category_id: int) -> Select[Any]:
    return select(table).where(table.c.category_id == category_id)


def _read(row: Row[Any]) -> Poll:
    trouble = Trouble(row.trouble) if row.trouble else None
    return Poll(**{**row._mapping, "trouble": trouble})
