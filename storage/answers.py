"""Who was answered of late: anybody can write in anybody's name, so answers are counted."""

from datetime import datetime, timedelta

from sqlalchemy import func, or_, select

from storage.database import Tx
from storage.schema import answers as table

_DAY = timedelta(days=1)
# In front of the name of a notice that does not count among all answers of the category.
_APART = "apart:"


def count_one(
    tx: Tx, category_id: int, key: str, notice: str, *, each: int, in_all: int, now: datetime
) -> bool:
    """Count one more answer of a kind to an address, by its key; False if there were enough.

    In one day there are at most `each` of the kind to the address, and `in_all` of the category.
    What is older than a day is forgotten. The category is locked by then.
    """
    _forget(tx, category_id, now)
    total = select(func.count()).where(
        table.c.category_id == category_id, ~table.c.notice.startswith(_APART)
    )
    if _alike(tx, category_id, key, notice) >= each or tx.execute(total).scalar_one() >= in_all:
        return False
    _add(tx, category_id, key, notice, now)
    return True


def count_apart(
    tx: Tx, category_id: int, key: str, notice: str, *, each: int, now: datetime
) -> int | None:
    """Count one more notice to somebody who runs the category; None if there were enough.

    Else return how many more there may be in this day. They are no part of what the category may
    answer to others. The category is locked by then.
    """
    _forget(tx, category_id, now)
    so_far = _alike(tx, category_id, key, _APART + notice)
    if so_far >= each:
        return None
    _add(tx, category_id, key, _APART + notice, now)
    return each - so_far - 1


def _forget(tx: Tx, category_id: int, now: datetime) -> None:
    """Forget what is older than a day, and what was counted before the clock was set back."""
    is_past = or_(table.c.at <= now - _DAY, table.c.at > now + _DAY)
    tx.execute(table.delete().where(table.c.category_id == category_id, is_past))


def _alike(tx: Tx, category_id: int, key: str, notice: str) -> int:
    query = select(func.count()).where(
        table.c.category_id == category_id,
        table.c.address_key == key,
        table.c.notice == notice,
    )
    return tx.execute(query).scalar_one()


def _add(tx: Tx, category_id: int, key: str, notice: str, now: datetime) -> None:
    row = {"category_id": category_id, "address_key": key, "notice": notice, "at": now}
    tx.execute(table.insert().values(row))
