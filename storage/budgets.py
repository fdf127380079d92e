"""How many recipients an account has been given, kept over restarts and shared by all processes."""

from datetime import datetime, timedelta
from itertools import accumulate

from sqlalchemy import func, select

from storage.database import Tx
from storage.dialects import insert, is_postgresql
from storage.schema import account_usage as table

# "budg" in ASCII: sets these locks apart from others of the same number.
_BUDGET_LOCK = 0x62756467

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
# By so much the clocks of several machines may differ.
_IN_STEP = timedelta(minutes=5)
# A little comes free every minute, so that a budget which is waited for is hardly ever at its end.
_USED_UP = 0.9


def reserve(
    tx: Tx, account: str, wanted: int, *, per_hour: int | None, per_day: int | None, now: datetime
) -> int:
    """Take up to `wanted` recipients from the account's budget; return how many were left."""
    if per_hour is None and per_day is None:
        return wanted
    _one_at_a_time(tx, account)
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


def granted_by(
    tx: Tx, account: str, wanted: int, *, per_hour: int | None, per_day: int | None, now: datetime
) -> datetime:
    """Return the earliest time at which the account can have been given `wanted` recipients more.

    Earlier than the truth by no more than what one limit delays the other.
    """
    moments = [now]
    for limit, span in ((per_hour, _HOUR), (per_day, _DAY)):
        if limit is not None:
            moments.append(_last_grant(_usage(tx, account, now - span), wanted, limit, span, now))
    return max(moments)


def _last_grant(
    usage: list[tuple[datetime, int]], wanted: int, limit: int, span: timedelta, now: datetime
) -> datetime:
    """Return when the last of `wanted` fits under one limit, if each is taken as soon as it fits.

    From then on the same pattern comes back every `span`: what is taken now, or was taken
    earlier, is free again one `span` later.
    """
    used = sum(number for _, number in usage)
    free = max(0, limit - used)
    if wanted <= free:
        return now
    rounds, left = divmod(wanted - free - 1, limit)
    left += max(0, used - limit)  # the limit was lowered since: so much must run out first
    freed = [*((minute + span, number) for minute, number in usage), (now + span, free)]
    totals = accumulate(number for _, number in freed)
    moment = next(moment for (moment, _), total in zip(freed, totals, strict=True) if total > left)
    return moment + rounds * span


def is_used_up(
    tx: Tx, account: str, *, per_hour: int | None, per_day: int | None, now: datetime
) -> bool:
    """Say whether so little of the account's budget is left that mail waits for it."""
    return any(
        _used(tx, account, now - span) >= limit * _USED_UP
        for limit, span in ((per_hour, _HOUR), (per_day, _DAY))
        if limit is not None
    )


def tidy(tx: Tx, now: datetime) -> None:
    """Delete the counts that no budget looks at any more, and count those of the future as of now.

    These were made before the clock was set back. They are used up all the same, but they must not
    use the budget up until the clock has caught up.
    """
    tx.execute(table.delete().where(table.c.minute < now - _DAY - _HOUR))
    too_late = table.c.minute > now + _IN_STEP
    sums = select(table.c.account, func.sum(table.c.recipients)).where(too_late)
    for account, recipients in tx.execute(sums.group_by(table.c.account)).all():
        tx.execute(table.delete().where(table.c.account == account, too_late))
        _add(tx, account, recipients, now)


def _one_at_a_time(tx: Tx, account: str) -> None:
    """Let nobody else reserve from the account until `tx` ends: two would spend the same rest."""
    if is_postgresql(tx):
        # There need not be a row yet that could be locked.
        tx.execute(select(func.pg_advisory_xact_lock(_BUDGET_LOCK, func.hashtext(account))))


def _used(tx: Tx, account: str, since: datetime) -> int:
    query = select(func.coalesce(func.sum(table.c.recipients), 0)).where(
        table.c.account == account, table.c.minute > since
    )
    used: int = tx.execute(query).scalar_one()
    return used


def _usage(tx: Tx, account: str, since: datetime) -> list[tuple[datetime, int]]:
    """Return what was taken, minute by minute, oldest first."""
    query = (
        select(table.c.minute, table.c.recipients)
        .where(table.c.account == account, table.c.minute > since)
        .order_by(table.c.minute)
    )
    return [(minute, recipients) for minute, recipients in tx.execute(query)]


def _add(tx: Tx, account: str, recipients: int, now: datetime) -> None:
    minute = now.replace(second=0, microsecond=0)
    new = insert(tx, table).values(account=account, minute=minute, recipients=recipients)
    more = table.c.recipients + recipients
    key = ["account", "minute"]
    tx.execute(new.on_conflict_do_update(index_elements=key, set_={"recipients": more}))
