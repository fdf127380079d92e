"""Outgoing accounts that cannot be used now, so that every process and person can see it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from storage.database import Tx
from storage.dialects import insert
from storage.schema import account_pauses as table


@dataclass(frozen=True)
class Pause:
    """Why an account is left alone, since when, and until when."""

    account: str
    since: datetime
    until: datetime
    reason: str


def every(tx: Tx) -> list[Pause]:
    """Return all paused accounts; one whose `until` has passed is about to be tried again."""
    query = select(table.c.account, table.c.since, table.c.until, table.c.reason)
    return [Pause(*row) for row in tx.execute(query.order_by(table.c.account))]


def keep(tx: Tx, account: str, *, until: datetime, reason: str, now: datetime) -> None:
    """Pause the account, or prolong its pause, which then has gone on since it began."""
    values = {"until": until, "reason": reason}
    new = insert(tx, table).values(account=account, since=now, **values)
    tx.execute(new.on_conflict_do_update(index_elements=["account"], set_=values))


def end(tx: Tx, account: str) -> None:
    """Let the account be used again; harmless if it is not paused."""
    tx.execute(delete(table).where(table.c.account == account))
