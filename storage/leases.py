"""Leases: at any time one process works on a mailbox, and a late one can store nothing."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, Update, select

from storage import owner
from storage.database import Tx
from storage.dialects import insert_unless_there
from storage.errors import LeaseLost
from storage.schema import leases as table

# The clocks of several machines, and what they are configured to, differ by less.
_IN_STEP = timedelta(hours=1)


@dataclass(frozen=True)
class Lease:
    """The right to work on one mailbox; `fence` is higher than that of every earlier holder."""

    name: str
    owner: str
    fence: int
    taken_from: str | None = field(default=None, compare=False)  #: whose it was when he died


@dataclass(frozen=True)
class Holder:
    """Who else has the lease."""

    owner: str
    until: datetime


def take(tx: Tx, name: str, until: datetime, now: datetime) -> Lease | Holder:
    """Take the lease if it is free, run out, or its holder is dead; otherwise say who has it."""
    me = owner.this_process()
    new = {"name": name, "owner": me, "until": until, "fence": 1}
    if insert_unless_there(tx, table, new):
        return Lease(name, me, 1)
    row = tx.execute(_query(name).with_for_update()).one()
    if _is_taken(row, now) and not _is_of_another_time(row, until):
        return Holder(row.owner, row.until)
    fence = row.fence + 1
    tx.execute(
        table.update().where(table.c.name == name).values(owner=me, until=until, fence=fence)
    )
    return Lease(name, me, fence, row.owner if row.until > now else None)


def holder(tx: Tx, name: str, now: datetime) -> Holder | None:
    """Say who has the lease, without taking it; None if it could be taken."""
    row = tx.execute(_query(name)).one_or_none()
    return Holder(row.owner, row.until) if row is not None and _is_taken(row, now) else None


def held(tx: Tx, now: datetime) -> list[str]:
    """Return the names of all leases that somebody has."""
    query: Select[Any] = select(table.c.name, table.c.owner, table.c.until)
    query = query.where(table.c.until > now).order_by(table.c.name)
    return [row.name for row in tx.execute(query) if _is_taken(row, now)]


def renew(tx: Tx, lease: Lease, until: datetime) -> None:
    """Prolong the lease; raise `LeaseLost`, and so undo `tx`, if somebody else has it now."""
    if tx.execute(_ours(lease).values(until=until)).rowcount == 0:
        raise LeaseLost(f"another process has taken over {lease.name}; it goes on there")


def give_up(tx: Tx, lease: Lease, now: datetime) -> None:
    """Let others have the lease; harmless if they have it already."""
    tx.execute(_ours(lease).values(until=now))


def give_up_ours(tx: Tx, name: str, now: datetime) -> None:
    """Let others have the lease if this process has it, whichever fence that has."""
    ours = (table.c.name == name, table.c.owner == owner.this_process())
    tx.execute(table.update().where(*ours).values(until=now))


def _query(name: str) -> Select[Any]:
    return select(table.c.owner, table.c.until, table.c.fence).where(table.c.name == name)


def _is_taken(row: Row[Any], now: datetime) -> bool:
    return row.until > now and owner.is_alive(row.owner) is not False


def _is_of_another_time(row: Row[Any], until: datetime) -> bool:
    """Say of a holder whom we cannot see whether the clock was set back since he took it.

    Nobody takes it for so much longer than we do.
    """
    return row.until > until + _IN_STEP and owner.is_alive(row.owner) is None


def _ours(lease: Lease) -> Update:
    return table.update().where(table.c.name == lease.name, table.c.fence == lease.fence)
