"""Inbound messages: what we have stored and answer for until it is decided."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, exists, select

from storage import categories as known_categories
from storage import raw_messages
from storage.database import Tx
from storage.schema import categories, is_received, is_shunted
from storage.schema import inbound as table
from storage.schema import raw_messages as stored
from storage.states import InboundState, Result, Source

_LARGEST_ID = 2**63 - 1

# What is asked for each message that comes is put together once; to do so takes longer than to ask.
_KEEP = table.insert().returning(table.c.id)
_LEAVE = table.update().where(table.c.id == bindparam("this"), table.c.state == bindparam("left"))
_CAME_BEFORE = select(
    exists().where(
        table.c.category_id == bindparam("category"),
        table.c.raw_id == bindparam("raw"),
        table.c.id < bindparam("before"),
        # What is for nobody yet came before nobody's.
        ~table.c.unrouted,
        # Nor did what was handed in for a later time, and given up.
        table.c.not_before.is_(None) | (table.c.state != InboundState.DROPPED),
    )
)
_THESE = (
    table.c.id.in_(bindparam("these", expanding=True)),
    table.c.state == InboundState.RECEIVED,
)
_BEGIN = table.update().where(*_THESE).values(attempts=table.c.attempts + 1)
_READ: Select[Any] = select(
    table.c.id,
    table.c.category_id,
    categories.c.slug,
    table.c.raw_id,
    table.c.source,
    table.c.approved,
    table.c.received_at,
    table.c.unrouted,
    table.c.state,
    table.c.attempts,
    table.c.result,
    table.c.reason,
    table.c.traceback,
).join_from(table, categories, categories.c.id == table.c.category_id)
_READ_THESE = _READ.where(*_THESE).order_by(table.c.id)


@dataclass(frozen=True)
class Waiting:
    """An undecided message, before anything of it is read."""

    id: int
    category_id: int
    attempts: int
    size: int  #: octets
    unrouted: bool


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
    unrouted: bool  #: it is not known yet whether it is for this category
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
    not_before: datetime | None = None,
) -> tuple[int, int]:
    """Store a message as received; return (inbound id, raw id). We answer for it from here on.

    It is decided at once, or `not_before` that moment.
    """
    raw_id = raw_messages.keep(tx, raw)
    known_categories.lock(tx, category_id)
    inbound_id = keep_stored(
        tx,
        category_id,
        raw_id,
        source=source,
        now=now,
        approved=approved,
        not_before=not_before,
    )
    return inbound_id, raw_id


def keep_stored(
    tx: Tx,
    category_id: int,
    raw_id: int,
    *,
    source: Source,
    now: datetime,
    approved: bool = False,
    unrouted: bool = False,
    not_before: datetime | None = None,
) -> int:
    """As `keep`, of bytes that are stored; return the inbound id. The category is locked by then.

    What is `unrouted` is with this category only until it is known whose it is. Ids are given
    before the commit; so what has the lower one can also be seen first.
    """
    row = {
        "category_id": category_id,
        "raw_id": raw_id,
        "source": source,
        "approved": approved,
        "unrouted": unrouted,
        "received_at": now,
        "not_before": not_before,
        "state": InboundState.RECEIVED,
        "attempts": 0,
    }
    made: int = tx.execute(_KEEP, row).scalar_one()
    return made


def find(tx: Tx, inbound_id: int) -> Inbound | None:
    """Return one inbound message."""
    row = tx.execute(_READ.where(table.c.id == inbound_id)).one_or_none()
    return _read(row) if row else None


def waiting(tx: Tx, category_id: int, source: Source | None = None) -> list[int]:
    """Return the ids of a category's undecided messages in the order they came.

    With a `source`, of those that came in by that door.
    """
    query = select(table.c.id).where(table.c.category_id == category_id, is_received)
    if source is not None:
        query = query.where(table.c.source == source)
    return list(tx.execute(query.order_by(table.c.id)).scalars())


def backlog(tx: Tx, category_ids: Collection[int], now: datetime) -> list[Waiting]:
    """Return the undecided messages of a few categories whose time has come, as they came."""
    columns = (table.c.id, table.c.category_id, table.c.attempts, stored.c.size, table.c.unrouted)
    query = (
        select(*columns)
        .join(stored, stored.c.id == table.c.raw_id)
        .where(table.c.category_id.in_(category_ids), is_received, _is_due(now))
    )
    return [Waiting(*row) for row in tx.execute(query.order_by(table.c.id))]


def overdue(tx: Tx, now: datetime) -> list[int]:
    """Return the categories with undecided messages that had to wait for a time now past."""
    query = select(table.c.category_id).where(is_received, table.c.not_before <= now)
    return list(tx.execute(query.distinct()).scalars())


def shunted(tx: Tx, category_id: int | None = None) -> list[Inbound]:
    """Return what was set aside, in one category or in all, oldest first."""
    of = table.c.category_id
    # With no category named SQLite would read all that ever came, so they are named all.
    where = of.in_(select(categories.c.id)) if category_id is None else of == category_id
    query = _READ.where(is_shunted, where).order_by(table.c.id)
    return [_read(row) for row in tx.execute(query)]


def came_before(tx: Tx, category_id: int, raw_id: int, inbound_id: int | None) -> bool:
    """Say whether the same bytes came into this category before."""
    before = _LARGEST_ID if inbound_id is None else inbound_id
    values = {"category": category_id, "raw": raw_id, "before": before}
    return bool(tx.execute(_CAME_BEFORE, values).scalar())


def begin(tx: Tx, inbound_id: int) -> int | None:
    """Count one more attempt at deciding it; return their number, or None if it is decided."""
    update = (
        table.update()
        .where(table.c.id == inbound_id, table.c.state == InboundState.RECEIVED)
        .values(attempts=table.c.attempts + 1)
        .returning(table.c.attempts)
    )
    return tx.execute(update).scalar()


def begin_several(tx: Tx, inbound_ids: Sequence[int]) -> list[Inbound]:
    """Count one more attempt at deciding each; return those that are not decided, in their order.

    Only for few: they are all named in one statement.
    """
    these = {"these": inbound_ids}
    tx.execute(_BEGIN, these)
    return [_read(row) for row in tx.execute(_READ_THESE, these)]


def give_back(tx: Tx, inbound_ids: Sequence[int]) -> None:
    """Take attempts back that ended for no fault of the messages; not of those decided by then."""
    these = (table.c.id.in_(inbound_ids), table.c.state == InboundState.RECEIVED)
    update = table.update().where(*these, table.c.attempts > 0)
    tx.execute(update.values(attempts=table.c.attempts - 1))


def finish(tx: Tx, inbound_id: int, result: Result, *, reason: str | None, now: datetime) -> bool:
    """Record what the message was; False if another process has decided it meanwhile."""
    return _leave(
        tx,
        inbound_id,
        InboundState.RECEIVED,
        {"state": InboundState.PROCESSED, "result": result, "reason": reason, "decided_at": now},
    )


def give_reason(tx: Tx, inbound_id: int, reason: str) -> None:
    """Record why, or with what result, a message was decided as it was."""
    tx.execute(table.update().where(table.c.id == inbound_id).values(reason=reason))


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
    return tx.execute(_LEAVE, {"this": inbound_id, "left": state, **values}).rowcount == 1


def _is_due(now: datetime) -> ColumnElement[bool]:
    return table.c.not_before.is_(None) | (table.c.not_before <= now)


def _read(row: Row[Any]) -> Inbound:
    values = dict(row._mapping)
    values["category"] = values.pop("slug")
    values["source"] = Source(values["source"])
    values["state"] = InboundState(values["state"])
    values["result"] = Result(values["result"]) if values["result"] else None
    return Inbound(**values)
