"""How many recipients an account has been given, kept over restarts and shared by all processes."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from storage.database import Tx
from storage.schema import account_usage as table

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def reserve(
    tx: Tx, account: str, wanted: int, *, per_hour: int | None, per_day: int | None, now: datetime
) -> int:
    """Take up to `wanted` recipients from the account's budget; return how many were left."""
    if per_hour is None and per_day is None:
        return wanted
    granted = wanted
    for limit, span in ((per_hour, _HOUR), (per_day, _DAY)):
        if limit is not None:
            granted = min(granted, max(0, limit - _used(tx, account, now - span)))
    if granted:
        _add(tx, account, granted, now)
    return granted


def give_back(tx: Tx, account: str, unused: int, now: datetime) -> None:
    """Return recipients that were reserved a moment ago and not tried."""
    if unused:
        _add(tx, account, -unused, now)


def forget_old(tx: Tx, now: datetime) -> None:
    """Delete the counts that no budget looks at any more."""
    tx.execute(table.delete().where(table.c.minute < now - _DAY - _HOUR))


def _used(tx: Tx, account: str, since: datetime) -> int:
    query = select(func.coalesce(func.sum(table.c.recipients), 0)).where(
        table.c.account == account, table.c.minute > since
    )
    used: int = tx.execute(query).scalar_one()
    return used


def _add(tx: Tx, account: str, recipients: int, now: datetime) -> None:
    minute = now.replace(second=0, microsecond=0)
    key = (table.c.account == account, table.c.minute == minute)
    update = table.update().where(*key).values(recipients=table.c.recipients + recipients)
    if tx.execute(update).rowcount == 0:
        row = {"account": account, "minute": minute, "recipients": recipients}
        tx.execute(table.insert().values(row))
