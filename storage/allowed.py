"""Whom moderators have let in for good: authors whose posts are accepted from then on."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, exists, select

from storage.database import Tx
from storage.dialects import insert
from storage.schema import allowed as table
from storage.schema import categories

_IS_ALLOWED = select(
    exists().where(
        table.c.category_id == bindparam("category"), table.c.address_key == bindparam("author")
    )
)


@dataclass(frozen=True)
class Allowed:
    """One author who was let in."""

    category: str
    address: str
    allowed_by: str | None  #: a moderator's address; None: the command line
    allowed_at: datetime


def add(tx: Tx, category_id: int, address: str, key: str, *, by: str | None, now: datetime) -> None:
    """Let an author in; whoever was let in before stays so, as he was then."""
    row = {
        "category_id": category_id,
        "address_key": key,
        "address": address,
        "allowed_by": by,
        "allowed_at": now,
    }
    tx.execute(insert(tx, table).values(row).on_conflict_do_nothing())


def is_allowed(tx: Tx, category_id: int, key: str) -> bool:
    """Say whether the author with this key has been let in."""
    return bool(tx.execute(_IS_ALLOWED, {"category": category_id, "author": key}).scalar())


def remove(tx: Tx, category_id: int, key: str) -> bool:
    """Let an author in no more; False if he was not."""
    this = (table.c.category_id == category_id) & (table.c.address_key == key)
    return tx.execute(table.delete().where(this)).rowcount == 1


def listed(tx: Tx, category_id: int | None = None) -> list[Allowed]:
    """Return who was let in, in one category or in all, by category and address."""
    columns = (categories.c.slug, table.c.address, table.c.allowed_by, table.c.allowed_at)
    query = (
        select(*columns)
        .join(categories, categories.c.id == table.c.category_id)
        .order_by(categories.c.slug, table.c.address_key)
    )
    if category_id is not None:
        query = query.where(table.c.category_id == category_id)
    return [Allowed(*row) for row in tx.execute(query)]
