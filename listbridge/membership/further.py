"""Several addresses of one person: he writes from all of them, and gets mail at one."""

from listbridge.category import Category
from listbridge.errors import ListbridgeError
from listbridge.message import key, normalise
from storage import aliases, categories, subscriptions
from storage.database import Tx
from storage.states import SubscriptionState
from storage.subscriptions import Subscription


class NotFree(ListbridgeError):
    """An address is on the list already; the sentence says as what."""


def add(tx: Tx, category: Category, category_id: int, one: Subscription, address: str) -> None:
    """Give a subscriber one more address; raise `NotFree` if it is somebody's, `AddressError`.

    If it is his already, nothing changes.
    """
    address = normalise(address)
    categories.lock(tx, category_id)
    require_free(tx, category, category_id, one, address)
    aliases.add(tx, category_id, one.id, address, key(address))


def require_free(
    tx: Tx, category: Category, category_id: int, one: Subscription, address: str
) -> None:
    """Raise `NotFree` if this address cannot become a further one of that subscriber."""
    if key(address) == key(category.address):
        raise NotFree(f"{address} is the address of {category.slug} itself")
    if key(address) == one.key:
        raise NotFree(f"{address} is the address at which the subscription is")
    own = subscriptions.find(tx, category_id, key(address))
    if own is not None and own.state is not SubscriptionState.REMOVED:
        raise NotFree(
            f"{address} is subscribed to {category.slug} itself; "
            f"`listbridge subscribers remove {category.slug} {address}` first"
        )
    owner = aliases.subscription_of(tx, category_id, key(address))
    if owner is not None and owner != one.id:
        whose = subscriptions.by_id(tx, owner).address
        raise NotFree(f"{address} is a further address of {whose} on {category.slug}")
