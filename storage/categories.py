"""The categories the store knows, by slug, with the address each was last seen with."""

from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from storage.database import Tx
from storage.dialects import insert_unless_there
from storage.schema import categories as table

#: Stands for no category where the outbox must name one: for mail of the service itself. No file
#: can have such a slug.
SERVICE = "(service)"

# Asked for each message that comes. Not the row's key is locked, so that rows which refer to it can
# be made meanwhile.
_LOCK = select(table.c.id).where(table.c.id == bindparam("this")).with_for_update(key_share=True)


@dataclass(frozen=True)
class Category:
    """A category as the store remembers it."""

    id: int
    slug: str
    address: str


def every(tx: Tx) -> list[Category]:
    """Return all categories ever seen, by slug."""
    query = select(table).where(table.c.slug != SERVICE).order_by(table.c.slug)
    return [Category(*row) for row in tx.execute(query)]


def find(tx: Tx, slug: str) -> Category | None:
    """Return the category of that slug, if it has been seen."""
    row = tx.execute(select(table).where(table.c.slug == slug)).one_or_none()
    return Category(*row) if row else None


def is_address(tx: Tx, key: str) -> bool:
    """Say whether an address, by its key, is that of a category."""
    query = select(table.c.id).where(table.c.slug != SERVICE, func.lower(table.c.address) == key)
    return tx.execute(query.limit(1)).scalar() is not None


def keep(tx: Tx, slug: str, address: str) -> Category:
    """Return the category of that slug, made or brought to this address as needed."""
    known = find(tx, slug)
    if known is None:
        insert_unless_there(tx, table, {"slug": slug, "address": address})
        known = find(tx, slug)
        assert known is not None
    if known.address != address:
        tx.execute(table.update().where(table.c.id == known.id).values(address=address))
    return Category(known.id, slug, address)


def lock(tx: Tx, category_id: int) -> None:
    """Let nobody else take in, decide or send out anything of this category, or change its members.

    It lasts as long as `tx`. Take it before the reading on which the writing rests, and before any
    other row of the category: so two transactions never wait for each other.
    """
    tx.execute(_LOCK, {"this": category_id})


def lock_all(tx: Tx) -> None:
    """Lock every category there is, in an order that is always the same."""
    for category_id in sorted(one.id for one in every(tx)):
        lock(tx, category_id)


def rename(tx: Tx, old: str, new: str) -> None:
    """Give the category `old`, with everything that belongs to it, the slug `new`."""
    tx.execute(table.update().where(table.c.slug == old).values(slug=new))
