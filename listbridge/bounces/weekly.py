"""The weekly report to the owners: owed a week after the first thing that it tells of."""

from datetime import datetime, timedelta

from listbridge.category import Category
from storage import duties
from storage.database import Tx
from storage.states import Duty

WEEK = timedelta(days=7)


def owe(tx: Tx, category: Category, category_id: int, now: datetime) -> None:
    """Note that something happens now that the owners are to be told of within a week.

    The category is locked by then.
    """
    if category.bounces.report == "off" or not category.can_tell_owners:
        return
    duties.owe(tx, category_id, Duty.BOUNCE_REPORT, now + WEEK)
