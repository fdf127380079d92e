"""Alerts: of what the operator was told, when, and whether also that it is over."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, text

from storage.database import Tx
from storage.schema import alerts as table

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Alert:
    """One thing the operator was told; it stays on record for a while after the end was told, too.

    `since` says from when things have stood as they were told last. So an alert whose `since` is
    later than `told_at` is over.
    """

    what: str
    subject: str  #: a category's slug, an account; or empty
    since: datetime
    told_at: datetime  #: when a mail last said that it is so

    @property
    def is_over(self) -> bool:
        """Whether the operator was told that it is over."""
        return self.since > self.told_at

    @property
    def last_mail_at(self) -> datetime:
        """When the last mail about it was made, be it of its end."""
        return max(self.since, self.told_at)

    def ended(self, now: datetime) -> "Alert":
        """Return the same alert as over."""
        return replace(self, since=max(now, self.told_at + _INSTANT))


def lock(tx: Tx) -> None:
    """Let no other process tell anything until `tx` ends, so that each thing is told by one."""
    if tx.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        tx.execute(text("LOCK TABLE alerts IN SHARE ROW EXCLUSIVE MODE"))


def every(tx: Tx) -> list[Alert]:
    """Return all alerts on record."""
    columns = (table.c.what, table.c.subject, table.c.since, table.c.told_at)
    query = select(*columns).order_by(table.c.what, table.c.subject)
    return [Alert(*row) for row in tx.execute(query)]


def keep(tx: Tx, alerts: Collection[Alert]) -> None:
    """Record these alerts, in the place of what was known of them."""
    forget(tx, alerts)
    if alerts:
        tx.execute(table.insert(), [vars(one) for one in alerts])


def forget(tx: Tx, alerts: Collection[Alert]) -> None:
    """Delete what is known of these alerts."""
    if alerts:
        this = (table.c.what == bindparam("w"), table.c.subject == bindparam("s"))
        tx.execute(table.delete().where(*this), [{"w": x.what, "s": x.subject} for x in alerts])
