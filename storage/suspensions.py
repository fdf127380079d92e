"""Subscriptions that get no mail because it came back, until somebody or a probe takes them up."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select

from storage import categories, duties, outbox, subscriptions
from storage.database import Tx
from storage.schema import deliveries, is_held, is_sending, is_waiting, outgoing
from storage.schema import subscriptions as table
from storage.states import Duty, Kind, Origin, SubscriptionState
from storage.subscriptions import Subscription


def suspend(tx: Tx, category_id: int, key: str, now: datetime) -> bool:
    """Suspend an active subscription because of bounces; False if it is not active (any more).

    What is still unsent to it is cancelled: it would come back like the rest. A probe is owed to it
    from now on.
    """
    categories.lock(tx, category_id)
    active = table.c.state == SubscriptionState.ACTIVE
    values = {
        "state": SubscriptionState.SUSPENDED,
        "suspended_by": Origin.BOUNCES,
        "probed_at": None,
        "probes": 0,
        "changed_at": now,
    }
    update = table.update().where(_is(category_id, key), active).values(values)
    if tx.execute(update).rowcount == 0:
        return False
    outbox.cancel_for(tx, category_id, key)
    duties.owe(tx, category_id, Duty.PROBES, now)
    return True


def due_for_probe(
    tx: Tx, category_id: int, before: datetime, most: int, fewer_than: int | None = None
) -> list[Subscription]:
    """Return up to `most` who are suspended because of bounces, who waited for longest first.

    They were never written to, or not since `before`, to see whether the address works; and, where
    it is given, `fewer_than` so many times.
    """
    is_due = table.c.probed_at.is_(None) | (table.c.probed_at <= before)
    query = select(table.c.address_key).where(*_by_bounces(category_id), is_due)
    if fewer_than is not None:
        query = query.where(table.c.probes < fewer_than)
    order = func.coalesce(table.c.probed_at, table.c.changed_at)
    keys = tx.execute(query.order_by(order, table.c.id).limit(most)).scalars().all()
    found = (subscriptions.find(tx, category_id, key) for key in keys)
    return [one for one in found if one is not None]


def last_probed(tx: Tx, category_id: int, fewer_than: int | None = None) -> datetime | None:
    """Return when the one was probed whose last probe was first; None if there is nobody.

    Only of those who had `fewer_than` so many, where that is given.
    """
    query = select(func.min(table.c.probed_at)).where(*_by_bounces(category_id))
    if fewer_than is not None:
        query = query.where(table.c.probes < fewer_than)
    found: datetime | None = tx.execute(query).scalar()
    return found


def unsent_probes(tx: Tx, category_id: int) -> set[str]:
    """Return the addresses, in lower case, to which a probe is still to be sent."""
    unsent = or_(is_waiting, is_held, is_sending)
    query = (
        select(func.lower(deliveries.c.recipient))
        .join(outgoing, outgoing.c.id == deliveries.c.outgoing_id)
        .where(deliveries.c.category_id == category_id, unsent, outgoing.c.kind == Kind.PROBE)
    )
    return set(tx.execute(query).scalars())


def count(tx: Tx, category_id: int) -> int:
    """Return how many are suspended because of bounces."""
    query = select(func.count()).select_from(table).where(*_by_bounces(category_id))
    return tx.execute(query).scalar_one()


def affected(tx: Tx, category_id: int, since: datetime) -> list[Subscription]:
    """Return by address whom bounces or complaints have suspended, probed or removed since then."""
    because = table.c.removed_by.in_((Origin.BOUNCES, Origin.COMPLAINT))
    query = select(table.c.address_key).where(
        table.c.category_id == category_id,
        or_(table.c.changed_at >= since, table.c.probed_at >= since),
        or_(
            (table.c.state == SubscriptionState.REMOVED) & because,
            (table.c.state == SubscriptionState.SUSPENDED)
            & (table.c.suspended_by == Origin.BOUNCES),
        ),
    )
    keys = tx.execute(query.order_by(table.c.address_key)).scalars().all()
    found = (subscriptions.find(tx, category_id, key) for key in keys)
    return [one for one in found if one is not None]


def note_probe(tx: Tx, category_id: int, key: str, now: datetime) -> None:
    """Note down that a suspended subscriber is written to, to see whether his address works."""
    values = {"probed_at": now, "probes": table.c.probes + 1}
    tx.execute(table.update().where(_is(category_id, key)).values(values))


def put_off(tx: Tx, category_id: int, key: str, now: datetime) -> None:
    """Note down that the last probe has not left yet, so that its time begins now."""
    tx.execute(table.update().where(_is(category_id, key)).values(probed_at=now))


def pull_back(tx: Tx, category_id: int, now: datetime) -> None:
    """Have the time of each probe begin now at the latest: the clock may have been set back."""
    later = table.update().where(*_by_bounces(category_id), table.c.probed_at > now)
    tx.execute(later.values(probed_at=now))


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


def _by_bounces(category_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.category_id == category_id,
        table.c.state == SubscriptionState.SUSPENDED,
        table.c.suspended_by == Origin.BOUNCES,
    )


def _is(category_id: int, key: str) -> ColumnElement[bool]:
    return (table.c.category_id == category_id) & (table.c.address_key == key)
