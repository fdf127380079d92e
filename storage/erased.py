"""Who was erased: known by a hash alone, so that no file subscribes him again."""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import exists, select

from storage.database import Tx
from storage.dialects import insert_unless_there
from storage.schema import erased as table

# SQLite allows 32,766 variables in a statement.
_CHUNK = 5_000


def note(tx: Tx, keys: Iterable[str], now: datetime) -> None:
    """Remember the hashes of these addresses, which are given by their keys."""
    for key in keys:
        insert_unless_there(tx, table, {"sha256": _hashed(key), "at": now})


def among(tx: Tx, keys: Collection[str]) -> set[str]:
    """Return those of the keys whose addresses were erased."""
    if not keys or not tx.execute(select(exists(select(table)))).scalar():
        return set()
    found: set[str] = set()
    for chunk, hashes in _chunks(keys):
        query = select(table.c.sha256).where(table.c.sha256.in_(hashes))
        known = set(tx.execute(query).scalars())
        found |= {key for key, one in zip(chunk, hashes, strict=True) if one in known}
    return found


def lift(tx: Tx, keys: Collection[str]) -> None:
    """Forget that these were erased: they are subscribed by their own wish, or by hand."""
    for key in among(tx, keys):
        tx.execute(table.delete().where(table.c.sha256 == _hashed(key)))


def _chunks(keys: Collection[str]) -> Iterable[tuple[list[str], list[str]]]:
    every = list(keys)
    for start in range(0, len(every), _CHUNK):
        chunk = every[start : start + _CHUNK]
        yield chunk, [_hashed(key) for key in chunk]


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
