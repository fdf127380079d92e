"""Further addresses of subscribers: who writes from one is the subscriber; no mail goes there.

There are none of a subscription that has ended, and none that is subscribed itself.
"""

from sqlalchemy import bindparam, exists, select

from storage.database import Tx
from storage.dialects import insert_unless_there
from storage.schema import aliases as table
from storage.schema import subscriptions
from storage.states import SubscriptionState

#: Whose the address with the `key` is in a `category`.
SUBSCRIPTION_OF = select(table.c.subscription_id).where(
    table.c.category_id == bindparam("category"), table.c.address_key == bindparam("key")
)
_NEEDLESS = table.delete().where(
    table.c.category_id == bindparam("category"),
    exists().where(
        subscriptions.c.category_id == table.c.category_id,
        subscriptions.c.address_key == table.c.address_key,
        subscriptions.c.state != SubscriptionState.REMOVED,
    ),
)


def subscription_of(tx: Tx, category_id: int, key: str) -> int | None:
    """Return the id of the subscription that the address with this key belongs to as a further."""
    found: int | None = tx.execute(SUBSCRIPTION_OF, {"category": category_id, "key": key}).scalar()
    return found


def add(tx: Tx, category_id: int, subscription_id: int, address: str, key: str) -> bool:
    """Give a subscription one more address; False if that one is somebody's already."""
    row = {
        "category_id": category_id,
        "address_key": key,
        "address": address,
        "subscription_id": subscription_id,
    }
    return insert_unless_there(tx, table, row)


def remove(tx: Tx, subscription_id: int, key: str) -> bool:
    """Take a further address from a subscription; False if it has not that one."""
    delete = table.delete().where(
        table.c.subscription_id == subscription_id, table.c.address_key == key
    )
    return tx.execute(delete).rowcount == 1


def of(tx: Tx, subscription_id: int) -> list[str]:
    """Return the further addresses of a subscription, in their order."""
    query = select(table.c.address).where(table.c.subscription_id == subscription_id)
    return list(tx.execute(query.order_by(table.c.address_key)).scalars())


def in_category(tx: Tx, category_id: int) -> dict[int, list[str]]:
    """Return all further addresses in a category, by the id of their subscription."""
    query = select(table.c.subscription_id, table.c.address).where(
        table.c.category_id == category_id
    )
    found: dict[int, list[str]] = {}
    for subscription_id, address in tx.execute(query.order_by(table.c.address_key)):
        found.setdefault(subscription_id, []).append(address)
    return found


def give_way(tx: Tx, category_id: int) -> None:
    """Forget those that are subscribed themselves by now."""
    tx.execute(_NEEDLESS, {"category": category_id})


def forget(tx: Tx, category_id: int, key: str) -> None:
    """Forget the further addresses of the subscription of the address with this key."""
    its = select(subscriptions.c.id).where(
        subscriptions.c.category_id == category_id, subscriptions.c.address_key == key
    )
    tx.execute(table.delete().where(table.c.subscription_id.in_(its)))
