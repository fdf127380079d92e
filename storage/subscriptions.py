"""Subscriptions: which address stands how to which category."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Row, bindparam, func, select

from storage import categories
from storage.database import Tx
from storage.dialects import insert
from storage.schema import subscriptions as table
from storage.states import Origin, Receives, SubscriptionState


@dataclass(frozen=True)
class Subscription:
    """One address in one category; `key` is the address in lower case, for comparing."""

    id: int
    address: str
    key: str
    name: str
    state: SubscriptionState
    receives: Receives
    origin: Origin
    removed_by: Origin | None
    changed_at: datetime


def in_category(
    tx: Tx, category_id: int, state: SubscriptionState | None = None
) -> list[Subscription]:
    """Return the subscriptions of a category by address, of one state or of all."""
    query = _query(category_id).order_by(table.c.address_key)
    if state is not None:
        query = query.where(table.c.state == state)
    return [_read(row) for row in tx.execute(query)]


def addresses(tx: Tx, category_id: int) -> set[str]:
    """Return the addresses of all subscriptions of a category, ended ones included."""
    return set(
        tx.execute(select(table.c.address).where(table.c.category_id == category_id)).scalars()
    )


def find(tx: Tx, category_id: int, key: str) -> Subscription | None:
    """Return the subscription of the address with this key."""
    row = tx.execute(_FIND, {"category": category_id, "key": key}).one_or_none()
    return _read(row) if row else None


def put(
    tx: Tx,
    category_id: int,
    *,
    address: str,
    key: str,
    name: str,
    origin: Origin,
    now: datetime,
) -> None:
    """Make the address an active subscriber, whatever it was before; no name leaves the old one."""
    values = {
        "address": address,
        "name": name,
        "state": SubscriptionState.ACTIVE,
        "origin": origin,
        "removed_by": None,
        "changed_at": now,
    }
    row = values | {"category_id": category_id, "address_key": key, "receives": Receives.EACH}
    new = insert(tx, table).values(row)
    kept = func.coalesce(func.nullif(new.excluded.name, ""), table.c.name)
    categories.lock(tx, category_id)
    tx.execute(
        new.on_conflict_do_update(
            index_elements=["category_id", "address_key"], set_=values | {"name": kept}
        )
    )


def change(
    tx: Tx,
    category_id: int,
    key: str,
    now: datetime,
    **values: str,
) -> None:
    """Set `name`, `receives` or `state` of a subscription."""
    categories.lock(tx, category_id)
    tx.execute(_update(category_id, key).values(changed_at=now, **values))


def remove(tx: Tx, category_id: int, key: str, *, by: Origin, now: datetime) -> bool:
    """End a subscription; False if there was none. Unsent mail is not cancelled here."""
    # A fan-out that still counts on it ends first, so that its mail can be cancelled.
    categories.lock(tx, category_id)
    update = _update(category_id, key).where(table.c.state != SubscriptionState.REMOVED)
    values = {"state": SubscriptionState.REMOVED, "removed_by": by, "changed_at": now}
    return tx.execute(update.values(values)).rowcount == 1


def _query(category_id: int | BindParameter[int]) -> Any:
    columns = (
        table.c.id,
        table.c.address,
        table.c.address_key,
        table.c.name,
        table.c.state,
        table.c.receives,
        table.c.origin,
        table.c.removed_by,
        table.c.changed_at,
    )
    return select(*columns).where(table.c.category_id == category_id)


# Asked for each message that comes, so it is put together once.
_FIND = _query(bindparam("category")).where(table.c.address_key == bindparam("key"))


def _update(category_id: int, key: str) -> Any:
    return table.update().where(table.c.category_id == category_id, table.c.address_key == key)


def _read(row: Row[Any]) -> Subscription:
    return Subscription(
        id=row.id,
        address=row.address,
        key=row.address_key,
        name=row.name,
        state=SubscriptionState(row.state),
        receives=Receives(row.receives),
        origin=Origin(row.origin),
        removed_by=Origin(row.removed_by) if row.removed_by else None,
        changed_at=row.changed_at,
    )
