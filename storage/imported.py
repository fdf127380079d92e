"""Subscriptions that are put as somebody else has kept them, many at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import Executable, bindparam

from storage import aliases, categories
from storage.database import Tx
from storage.dialects import insert_for
from storage.schema import subscriptions as table
from storage.states import Origin, Receives, SubscriptionState

# So many rows lie in memory at once.
_AT_ONCE = 10_000
_PUT = (
    "category_id",
    "address",
    "address_key",
    "name",
    "state",
    "suspended_by",
    "receives",
    "origin",
    "holiday_until",
    "own_posts",
    "language",
    "acknowledge",
    "changed_at",
    "removed_by",
    "probed_at",
    "probes",
)


@dataclass(frozen=True)
class Whole:
    """Everything about a subscription that is there, or is to be."""

    address: str
    key: str
    name: str
    state: SubscriptionState
    suspended_by: Origin | None
    receives: Receives
    origin: Origin
    holiday_until: datetime | None
    own_posts: bool | None
    language: str | None
    acknowledge: bool


def put(tx: Tx, category_id: int, people: Sequence[Whole], now: datetime) -> None:
    """Make or change the subscriptions of these addresses, so that they are like this."""
    common = {
        "category_id": category_id,
        "changed_at": now,
        "removed_by": None,
        "probed_at": None,
        "probes": 0,
    }
    categories.lock(tx, category_id)
    for start in range(0, len(people), _AT_ONCE):
        rows = [common | _row(one) for one in people[start : start + _AT_ONCE]]
        tx.execute(_putting(tx.dialect.name), rows)
    aliases.give_way(tx, category_id)


def _row(one: Whole) -> dict[str, object]:
    row = dict(vars(one))
    row["address_key"] = row.pop("key")
    return row


@cache
def _putting(dialect: str) -> Executable:
    new = insert_for(dialect, table).values({name: bindparam(name) for name in _PUT})
    keys = ["category_id", "address_key"]
    changed = {name: new.excluded[name] for name in _PUT if name not in keys}
    return new.on_conflict_do_update(index_elements=keys, set_=changed)
