"""The bytes as they came: the truth from which everything else can be rebuilt."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Integer, bindparam, select
from sqlalchemy.sql.dml import ReturningInsert

from storage import blobs
from storage.database import Tx
from storage.dialects import insert_for
from storage.schema import raw_messages as table

# SQLite allows 32,766 variables in a statement.
_CHUNK = 5_000
_FIND = select(table.c.id).where(table.c.sha256 == bindparam("wanted"))


@dataclass(frozen=True)
class Kept:
    """What is known of bytes that were just stored."""

    sha256: str  #: in hexadecimal
    id: int
    is_new: bool  #: they were not there before


def keep(tx: Tx, raw: bytes) -> int:
    """Store `raw` unless the same bytes are there already; return their id."""
    sha256 = hashlib.sha256(raw).hexdigest()
    return find(tx, sha256) or _add(tx, sha256, raw)[0]


def keep_several(tx: Tx, raws: Sequence[bytes]) -> list[Kept]:
    """Store all that are not there already; return what is known of each, in their order.

    They are stored in an order of their own: two mailboxes that get the same letters, one the other
    way round, are taken in at the same time, and neither waits for the other's in turn.
    """
    hashes = [hashlib.sha256(raw).hexdigest() for raw in raws]
    ids = _find_several(tx, hashes)
    added: set[str] = set()
    for sha256, raw in sorted(zip(hashes, raws, strict=True)):
        if sha256 not in ids:
            ids[sha256], is_new = _add(tx, sha256, raw)
            added |= {sha256} if is_new else set()
    return [Kept(sha256, ids[sha256], sha256 in added) for sha256 in hashes]


def _add(tx: Tx, sha256: str, raw: bytes) -> tuple[int, bool]:
    """Store bytes that were not there just now; return their id, and whether that is so still."""
    in_place = blobs.is_for_in_place(tx, raw)
    row = {"sha256": sha256, "size": len(raw), "value": len(raw) if in_place else raw}
    made: int | None = tx.execute(_adding(tx.dialect.name, in_place=in_place), row).scalar()
    if made is None:
        known = find(tx, sha256)
        assert known is not None
        return known, False
    if in_place:
        blobs.fill(tx, table.c.bytes, made, raw)
    return made, True


@cache
def _adding(dialect: str, *, in_place: bool) -> ReturningInsert[Any]:
    """Return the INSERT, which is the same for every message; no row comes back of what is there.

    Where another transaction is just inserting the same, its end is waited for.
    """
    value = bindparam("value", type_=Integer if in_place else table.c.bytes.type)
    new = insert_for(dialect, table).values(
        sha256=bindparam("sha256"),
        size=bindparam("size"),
        bytes=blobs.room_for(dialect, value) if in_place else value,
    )
    return new.on_conflict_do_nothing().returning(table.c.id)


def _find_several(tx: Tx, hashes: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(hashes), _CHUNK):
        wanted = hashes[start : start + _CHUNK]
        query = select(table.c.sha256, table.c.id).where(table.c.sha256.in_(wanted))
        found |= {row.sha256: row.id for row in tx.execute(query)}
    return found


def replace(tx: Tx, raw_id: int, raw: bytes) -> None:
    """Put other bytes, which no other row has, in the place of stored ones."""
    values = {"sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw), "bytes": raw}
    tx.execute(table.update().where(table.c.id == raw_id).values(values))


def find(tx: Tx, sha256: str) -> int | None:
    """Return the id of the bytes with this SHA-256 in hexadecimal, if they are stored."""
    return tx.execute(_FIND, {"wanted": sha256}).scalar()


def read(tx: Tx, raw_id: int) -> bytes:
    """Return the stored bytes."""
    return blobs.read(tx, table.c.bytes, raw_id)


def damaged(tx: Tx) -> Iterator[tuple[int, str]]:
    """Yield (id, problem) of every row whose bytes no longer have the recorded hash or size."""
    ids = tx.execute(select(table.c.id, table.c.sha256, table.c.size)).all()
    for raw_id, sha256, size in ids:
        raw = read(tx, raw_id)
        if len(raw) != size or hashlib.sha256(raw).hexdigest() != sha256:
            yield raw_id, "its bytes differ from those that were received"
