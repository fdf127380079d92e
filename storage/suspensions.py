"""Subscriptions that get no mail because it came back, until somebody or a probe takes them up."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from storage import categories, outbox, subscriptions
from storage.database import Tx
from storage.schema import subscriptions as table
from storage.states import Origin, SubscriptionState
from storage.subscriptions import Subscription


def suspend(tx: Tx, category_id: int, key: str, now: datetime) -> bool:
    """Suspend an active subscription because of bounces; False if it is not active (any more).

    What is still unsent to it is cancelled: it would come back like the rest.
    """
    categories.lock(tx, category_id)
    active = table.c.state == SubscriptionState.ACTIVE
    values = {
        "state": SubscriptionState.SUSPENDED,
        "suspended_by": Origin.BOUNCES,
        "probed_at": None,
        "changed_at": now,
    }
    update = table.update().where(_is(category_id, key), active).values(values)
    if tx.execute(update).rowcount == 0:
        return False
    outbox.cancel_for(tx, category_id, key)
    return True


def due_for_probe(tx: Tx, category_id: int, before: datetime) -> list[Subscription]:
    """Return who is suspended because of bounces, and has not been written to since `before`.

    Nor was suspended since; a probe is a message to see whether the address works again.
    """
    last = func.coalesce(table.c.probed_at, table.c.changed_at)
    query = select(table.c.address_key).where(
        table.c.category_id == category_id,
        table.c.state == SubscriptionState.SUSPENDED,
        table.c.suspended_by == Origin.BOUNCES,
        last < before,
    )
    keys = tx.execute(query.order_by(last)).scalars().all()
    found = (subscriptions.find(tx, category_id, key) for key in keys)
    return [one for one in found if one is not None]


def note_probe(tx: Tx, category_id: int, key: str, now: datetime) -> None:
    """Note down that a suspended subscriber is written to, to see whether his address works."""
    tx.execute(table.update().where(_is(category_id, key)).values(probed_at=now))


def resume(tx: Tx, category_id: int, key: str, now: datetime) -> bool:
    """Make a subscription active again that bounces had suspended; False if there is none.

    What came back before no longer counts against it. One that a person suspended stays so.
    """
    categories.lock(tx, category_id)
    one = subscriptions.find(tx, category_id, key)
    if one is None or one.state is not SubscriptionState.SUSPENDED or one.suspended_by is None:
        return False
    subscriptions.change(tx, category_id, key, now, state=SubscriptionState.ACTIVE)
    return True


def _is(category_id: int, key: str) -> ColumnElement[bool]:
    return (table.c.category_id == category_id) & (table.c.address_key == key)
