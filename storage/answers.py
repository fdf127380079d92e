"""Who was answered of late: anybody can write in anybody's name, so answers are counted."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from storage.database import Tx
from storage.schema import answers as table

_DAY = timedelta(days=1)


def count_one(
    tx: Tx, category_id: int, key: str, notice: str, *, each: int, in_all: int, now: datetime
) -> bool:
    """Count one more answer of a kind to an address, by its key; False if there were enough.

    In one day there are at most `each` of the kind to the address, and `in_all` of the category.
    What is older than a day is forgotten. The category is locked by then.
    """
    tx.execute(table.delete().where(table.c.category_id == category_id, table.c.at <= now - _DAY))
    total = select(func.count()).where(table.c.category_id == category_id)
    alike = total.where(table.c.address_key == key, table.c.notice == notice)
    if tx.execute(alike).scalar_one() >= each or tx.execute(total).scalar_one() >= in_all:
        return False
    row = {"category_id": category_id, "address_key": key, "notice": notice, "at": now}
    tx.execute(table.insert().values(row))
    return True
