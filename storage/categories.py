"""The categories the store knows, by slug, with the address each was last seen with."""

from dataclasses import dataclass

from sqlalchemy import select

from storage.database import Tx
from storage.schema import categories as table


@dataclass(frozen=True)
class Category:
    """A category as the store remembers it."""

    id: int
    slug: str
    address: str


def every(tx: Tx) -> list[Category]:
    """Return all categories ever seen, by slug."""
    return [Category(*row) for row in tx.execute(select(table).order_by(table.c.slug))]


def find(tx: Tx, slug: str) -> Category | None:
    """Return the category of that slug, if it has been seen."""
    row = tx.execute(select(table).where(table.c.slug == slug)).one_or_none()
    return Category(*row) if row else None


def keep(tx: Tx, slug: str, address: str) -> Category:
    """Return the category of that slug, made or brought to this address as needed."""
    known = find(tx, slug)
    if known is None:
        row = {"slug": slug, "address": address}
        made = tx.execute(table.insert().values(row).returning(table.c.id)).scalar_one()
        return Category(made, slug, address)
    if known.address != address:
        tx.execute(table.update().where(table.c.id == known.id).values(address=address))
    return Category(known.id, slug, address)


def rename(tx: Tx, old: str, new: str) -> None:
    """Give the category `old`, with everything that belongs to it, the slug `new`."""
    tx.execute(table.update().where(table.c.slug == old).values(slug=new))
