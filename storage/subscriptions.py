"""Subscriptions: which address stands how to which category."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Executable,
    Row,
    String,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
)

from storage import aliases, categories
from storage.database import Tx
from storage.dialects import insert_for
from storage.schema import categories as known
from storage.schema import subscriptions as table
from storage.states import Origin, Receives, SubscriptionState

# So many rows lie in memory at once when many are subscribed.
_AT_ONCE = 10_000
_PUT = (
    "category_id",
    "address",
    "address_key",
    "name",
    "state",
    "receives",
    "origin",
    "changed_at",
    "joined_at",
)

_COLUMNS = (
    table.c.id,
    table.c.address,
    table.c.address_key,
    table.c.name,
    table.c.state,
    table.c.receives,
    table.c.origin,
    table.c.removed_by,
    table.c.suspended_by,
    table.c.probes,
    table.c.changed_at,
    table.c.holiday_until,
    table.c.own_posts,
    table.c.language,
    table.c.acknowledge,
)


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
    suspended_by: Origin | None  #: None where a person did it, and where it is not suspended
    changed_at: datetime
    probes: int = 0  #: written since it was suspended because of bounces
    holiday_until: datetime | None = None  #: no posts before then
    own_posts: bool | None = None  #: whether he gets his own; None: as the category has it
    language: str | None = None  #: of notices; None: the category's
    acknowledge: bool = False  #: he is told when a post of his was accepted


@dataclass(frozen=True)
class Subscriber:
    """Who is to be subscribed; no name, or no form, leaves what he had before."""

    address: str
    key: str
    name: str = ""
    receives: Receives | None = None


@dataclass(frozen=True)
class Standing:
    """How an address stands to a category."""

    state: SubscriptionState
    origin: Origin
    removed_by: Origin | None


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


def lists_below(tx: Tx) -> list[tuple[str, str, Receives]]:
    """Return the slugs of categories, with each one that is an active subscriber, and its form."""
    above, below = known.alias("above"), known.alias("below")
    query = (
        select(above.c.slug, below.c.slug, table.c.receives)
        .join(table, table.c.category_id == above.c.id)
        .join(below, func.lower(below.c.address) == table.c.address_key)
        .where(table.c.state == SubscriptionState.ACTIVE)
        .order_by(above.c.slug, below.c.slug)
    )
    return [(one, other, Receives(receives)) for one, other, receives in tx.execute(query)]


def standings(tx: Tx, category_id: int) -> dict[str, Standing]:
    """Return how everybody stands to a category, by the address's key."""
    columns = (table.c.address_key, table.c.state, table.c.origin, table.c.removed_by)
    query = select(*columns).where(table.c.category_id == category_id)
    return {key: _standing(*how) for key, *how in tx.execute(query)}


def find(tx: Tx, category_id: int, key: str) -> Subscription | None:
    """Return the subscription of the address with this key."""
    row = tx.execute(_FIND, {"category": category_id, "key": key}).one_or_none()
    return _read(row) if row else None


def of_person(tx: Tx, category_id: int, key: str) -> Subscription | None:
    """Return the subscription of whoever has the address with this key, as his own or as a further.

    One that has ended is none.
    """
    found = [_read(row) for row in tx.execute(_OF_PERSON, {"category": category_id, "key": key})]
    living = [one for one in found if one.state is not SubscriptionState.REMOVED]
    return min(living, key=lambda one: one.key != key, default=None)


def by_id(tx: Tx, subscription_id: int) -> Subscription:
    """Return the subscription with that id."""
    query: Any = select(*_COLUMNS).where(table.c.id == subscription_id)
    return _read(tx.execute(query).one())


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
    put_several(tx, category_id, [Subscriber(address, key, name)], origin=origin, now=now)


def put_several(
    tx: Tx, category_id: int, people: Sequence[Subscriber], *, origin: Origin, now: datetime
) -> None:
    """Make all of them active subscribers, as `put` does."""
    common = {
        "category_id": category_id,
        "state": SubscriptionState.ACTIVE,
        "origin": origin,
        "changed_at": now,
        "joined_at": now,
    }
    categories.lock(tx, category_id)
    for start in range(0, len(people), _AT_ONCE):
        rows = [common | _row(one) for one in people[start : start + _AT_ONCE]]
        tx.execute(_putting(tx.dialect.name), rows)
    aliases.give_way(tx, category_id)


def _row(one: Subscriber) -> dict[str, object]:
    return {
        "address": one.address,
        "address_key": one.key,
        "name": one.name,
        "receives": one.receives or Receives.EACH,
        "chosen": one.receives,
    }


@cache
def _putting(dialect: str) -> Executable:
    """Return the INSERT, which is the same for everybody."""
    new = insert_for(dialect, table).values({name: bindparam(name) for name in _PUT})
    changed: dict[str, ColumnElement[Any] | None] = {
        name: new.excluded[name] for name in ("address", "state", "origin", "changed_at")
    }
    changed["name"] = func.coalesce(func.nullif(new.excluded.name, ""), table.c.name)
    changed["receives"] = func.coalesce(bindparam("chosen", type_=String), table.c.receives)
    # Whoever is subscribed already does not join.
    came_back = table.c.state == SubscriptionState.REMOVED
    changed["joined_at"] = case((came_back, new.excluded.joined_at), else_=table.c.joined_at)
    changed |= dict.fromkeys(("removed_by", "suspended_by", "probed_at"))
    changed["probes"] = literal(0)
    return new.on_conflict_do_update(index_elements=["category_id", "address_key"], set_=changed)


def change(
    tx: Tx,
    category_id: int,
    key: str,
    now: datetime,
    **values: str | bool | datetime | None,
) -> None:
    """Set columns of a subscription: its `name`, `state`, or what its subscriber wishes."""
    categories.lock(tx, category_id)
    ended: dict[str, int | None] = {}
    if "state" in values:  # whatever was the reason for the old one
        ended = {"suspended_by": None, "probed_at": None, "probes": 0}
    tx.execute(_update(category_id, key).values(changed_at=now, **values, **ended))


def remove(tx: Tx, category_id: int, key: str, *, by: Origin, now: datetime) -> bool:
    """End a subscription; False if there was none. Unsent mail is not cancelled here."""
    # A fan-out that still counts on it ends first, so that its mail can be cancelled.
    categories.lock(tx, category_id)
    update = _update(category_id, key).where(table.c.state != SubscriptionState.REMOVED)
    values = {"state": SubscriptionState.REMOVED, "removed_by": by, "changed_at": now}
    aliases.forget(tx, category_id, key)
    return tx.execute(update.values(values)).rowcount == 1


def _query(category_id: int | BindParameter[int]) -> Any:
    return select(*_COLUMNS).where(table.c.category_id == category_id)


# Asked for each message that comes, so it is put together once.
_FIND = _query(bindparam("category")).where(table.c.address_key == bindparam("key"))
_OWN_OR_FURTHER = or_(
    table.c.address_key == bindparam("key"),
    table.c.id == aliases.SUBSCRIPTION_OF.scalar_subquery(),
)
_OF_PERSON = _query(bindparam("category")).where(_OWN_OR_FURTHER)


def _update(category_id: int, key: str) -> Any:
    return table.update().where(table.c.category_id == category_id, table.c.address_key == key)


# A million people stand in a handful of ways.
@cache
def _standing(state: str, origin: str, removed_by: str | None) -> Standing:
    return Standing(
        SubscriptionState(state),
        Origin(origin),
        Origin(removed_by) if removed_by else None,
    )


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
        suspended_by=Origin(row.suspended_by) if row.suspended_by else None,
        changed_at=row.changed_at,
        probes=row.probes,
        holiday_until=row.holiday_until,
        own_posts=row.own_posts,
        language=row.language,
        acknowledge=row.acknowledge,
    )
