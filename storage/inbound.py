"""Inbound messages: what we have stored and answer for until it is decided."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, exists, select

from storage import categories as known_categories
from storage import raw_messages
from storage.database import Tx
from storage.schema import categories, is_received, is_shunted
from storage.schema import inbound as table
from storage.states import InboundState, Result, Source


@dataclass(frozen=True)
class Inbound:
    """One raw message that came in for one category."""

    id: int
    category_id: int
    category: str
    raw_id: int
    source: Source
    approved: bool
    received_at: datetime
    state: InboundState
    attempts: int
    result: Result | None
    reason: str | None
    traceback: str | None


def keep(
    tx: Tx,
    category_id: int,
    raw: bytes,
    *,
    source: Source,
    now: datetime,
    approved: bool = False,
) -> tuple[int, int]:
    """Store a message as received; return (inbound id, raw id). We answer for it from here on."""
    raw_id = raw_messages.keep(tx, raw)
    # Ids are given before the commit; so what has the lower one can also be seen first.
    known_categories.lock(tx, category_id)
    row = {
        "category_id": category_id,
        "raw_id": raw_id,
        "source": source,
        "approved": approved,
        "received_at": now,
        "state": InboundState.RECEIVED,
        "attempts": 0,
    }
    inbound_id = tx.execute(table.insert().values(row).returning(table.c.id)).scalar_one()
    return inbound_id, raw_id


def find(tx: Tx, inbound_id: int) -> Inbound | None:
    """Return one inbound message."""
    row = tx.execute(_query().where(table.c.id == inbound_id)).one_or_none()
    return _read(row) if row else None


def waiting(tx: Tx, category_id: int) -> list[int]:
    """Return the ids of a category's undecided messages in the order they came."""
    query = select(table.c.id).where(table.c.category_id == category_id, is_received)
    return list(tx.execute(query.order_by(table.c.id)).scalars())


def shunted(tx: Tx, category_id: int | None = None) -> list[Inbound]:
    """Return what was set aside, in one category or in all, oldest first."""
    query = _query().where(is_shunted).order_by(table.c.id)
    if category_id is not None:
        query = query.where(table.c.category_id == category_id)
    return [_read(row) for row in tx.execute(query)]


def came_before(tx: Tx, category_id: int, raw_id: int, inbound_id: int | None) -> bool:
    """Say whether the same bytes came into this category before."""
    query = select(table.c.id).where(table.c.category_id == category_id, table.c.raw_id == raw_id)
    if inbound_id is not None:
        query = query.where(table.c.id < inbound_id)
    return bool(tx.execute(select(exists(query))).scalar())


def begin(tx: Tx, inbound_id: int) -> int | None:
    """Count one more attempt at deciding it; return their number, or None if it is decided."""
    update = (
        table.update()
        .where(table.c.id == inbound_id, table.c.state == InboundState.RECEIVED)
        .values(attempts=table.c.attempts + 1)
        .returning(table.c.attempts)
    )
    return tx.execute(update).scalar()


def give_back(tx: Tx, inbound_id: int) -> None:
    """Take an attempt back that ended for no fault of the message."""
    update = table.update().where(table.c.id == inbound_id, table.c.attempts > 0)
    tx.execute(update.values(attempts=table.c.attempts - 1))


def finish(tx: Tx, inbound_id: int, result: Result, *, reason: str | None, now: datetime) -> bool:
    """Record what the message was; False if another process has decided it meanwhile."""
    return _leave(
        tx,
        inbound_id,
        InboundState.RECEIVED,
        {"state": InboundState.PROCESSED, "result": result, "reason": reason, "decided_at": now},
    )


def shunt(tx: Tx, inbound_id: int, *, reason: str, traceback: str | None, now: datetime) -> bool:
    """Set the message aside; False if another process has decided it meanwhile."""
    return _leave(
        tx,
        inbound_id,
        InboundState.RECEIVED,
        {
            "state": InboundState.SHUNTED,
            "reason": reason,
            "traceback": traceback,
            "decided_at": now,
        },
    )


def retry(tx: Tx, inbound_id: int) -> bool:
    """Make a shunted message received again; False if it is not shunted."""
    return _leave(
        tx,
        inbound_id,
        InboundState.SHUNTED,
        {
            "state": InboundState.RECEIVED,
            "attempts": 0,
            "reason": None,
            "traceback": None,
            "decided_at": None,
        },
    )


def drop(tx: Tx, inbound_id: int) -> bool:
    """Give a shunted message up; False if it is not shunted. Its bytes stay."""
    return _leave(tx, inbound_id, InboundState.SHUNTED, {"state": InboundState.DROPPED})


def _leave(tx: Tx, inbound_id: int, state: InboundState, values: dict[str, object]) -> bool:
    update = table.update().where(table.c.id == inbound_id, table.c.state == state)
    return tx.execute(update.values(values)).rowcount == 1


def _query() -> Select[Any]:
    columns = (
        table.c.id,
        table.c.category_id,
        categories.c.slug,
        table.c.raw_id,
        table.c.source,
        table.c.approved,
        table.c.received_at,
        table.c.state,
        table.c.attempts,
        table.c.result,
        table.c.reason,
        table.c.traceback,
    )
    joined = table.join(categories, categories.c.id == table.c.category_id)
    return select(*columns).select_from(joined)


def _read(row: Row[Any]) -> Inbound:
    values = dict(row._mapping)
    values["category"] = values.pop("slug")
    values["source"] = Source(values["source"])
    values["state"] = InboundState(values["state"])
    values["result"] = Result(values["result"]) if values["result"] else None
    return Inbound(**values)
