"""The bytes as they came: the truth from which everything else can be rebuilt."""

import hashlib
from collections.abc import Iterable, Iterator

from sqlalchemy import select

from storage import blobs
from storage.database import Tx
from storage.dialects import insert_unless_there
from storage.schema import raw_messages as table


def keep(tx: Tx, raw: bytes) -> int:
    """Store `raw` unless the same bytes are there already; return their id."""
    sha256 = hashlib.sha256(raw).hexdigest()
    known = find(tx, sha256)
    if known is None:
        row = {"sha256": sha256, "size": len(raw), "bytes": blobs.room_for(tx, raw)}
        is_new = insert_unless_there(tx, table, row)
        known = find(tx, sha256)
        assert known is not None
        if is_new:
            blobs.fill(tx, table.c.bytes, known, raw)
    return known


def keep_several(tx: Tx, raws: Iterable[bytes]) -> None:
    """Store all that are not there already.

    In an order of their own: two mailboxes that get the same letters, one the other way round, are
    taken in at the same time, and neither waits for the other's in turn.
    """
    for raw in sorted(raws):
        keep(tx, raw)


def find(tx: Tx, sha256: str) -> int | None:
    """Return the id of the bytes with this SHA-256 in hexadecimal, if they are stored."""
    return tx.execute(select(table.c.id).where(table.c.sha256 == sha256)).scalar()


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
