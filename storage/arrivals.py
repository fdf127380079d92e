"""Arrivals: where and when a server offered a message, and whether it has let go of it."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from storage.database import Tx
from storage.dialects import insert_unless_there
from storage.schema import arrivals as table
from storage.schema import inbound, mailboxes, raw_messages

# SQLite allows 32,766 variables in a statement.
_CHUNK = 5_000
_KEEP = table.insert().returning(table.c.id)


@dataclass(frozen=True)
class Arrival:
    """One message in one place of one mailbox. A log, not an identity: servers re-use places."""

    id: int
    uidvalidity: int | None
    uid: str | None
    size: int
    internal_date: datetime | None
    sha256: str
    inbound_id: int
    seen_at: datetime
    gone_at: datetime | None
    returned: int


def mailbox_id(tx: Tx, key: str) -> int:
    """Return the id of the mailbox with this key, made at its first use."""
    query = select(mailboxes.c.id).where(mailboxes.c.key == key)
    known: int | None = tx.execute(query).scalar()
    if known is None:
        insert_unless_there(tx, mailboxes, {"key": key})
        known = tx.execute(query).scalar_one()
    return known


def keep(
    tx: Tx,
    mailbox: int,
    *,
    uidvalidity: int | None,
    uid: str | None,
    size: int,
    internal_date: datetime | None,
    raw_id: int,
    inbound_id: int,
    now: datetime,
) -> int:
    """Log that the server offers this message; return the arrival's id."""
    row = {
        "mailbox_id": mailbox,
        "uidvalidity": uidvalidity,
        "uid": uid,
        "size": size,
        "internal_date": internal_date,
        "raw_id": raw_id,
        "inbound_id": inbound_id,
        "seen_at": now,
        "returned": 0,
    }
    made: int = tx.execute(_KEEP, row).scalar_one()
    return made


def at(
    tx: Tx, mailbox: int, uidvalidity: int | None, uids: Collection[str]
) -> dict[str, list[Arrival]]:
    """Return all arrivals logged at these places of the mailbox, the newest first, by UID."""
    found: dict[str, list[Arrival]] = {}
    wanted = list(uids)
    for start in range(0, len(wanted), _CHUNK):
        query = _query(mailbox).where(
            # "= 5" or "IS NULL": PostgreSQL has no index for IS NOT DISTINCT FROM.
            table.c.uidvalidity == uidvalidity,
            table.c.uid.in_(wanted[start : start + _CHUNK]),
        )
        for row in tx.execute(query.order_by(table.c.id.desc())):
            found.setdefault(row.uid, []).append(Arrival(*row))
    return found


def present(tx: Tx, mailbox: int) -> list[Arrival]:
    """Return the arrivals that the server has not been seen to let go of, oldest first."""
    query = _query(mailbox).where(table.c.gone_at.is_(None)).order_by(table.c.id)
    return [Arrival(*row) for row in tx.execute(query)]


def gone_before(tx: Tx, mailbox: int, category_ids: Collection[int], raw_id: int) -> list[Arrival]:
    """Return the arrivals of these bytes that the server has let go of, oldest first.

    The categories are those that read the mailbox.
    """
    same = tx.execute(
        select(inbound.c.id).where(
            inbound.c.category_id.in_(category_ids), inbound.c.raw_id == raw_id
        )
    ).scalars()
    # Most bytes are new, and what was ever logged of a mailbox need not be read for them.
    if not (ids := list(same)):
        return []
    query = _query(mailbox).where(table.c.inbound_id.in_(ids), table.c.gone_at.is_not(None))
    return [Arrival(*row) for row in tx.execute(query.order_by(table.c.id))]


def by_category(tx: Tx, ids: Sequence[int], category_ids: Collection[int]) -> Counter[int]:
    """Count these arrivals in each of the categories that got what they brought."""
    got = table.join(
        inbound,
        (inbound.c.raw_id == table.c.raw_id) & inbound.c.category_id.in_(category_ids),
    )
    found: Counter[int] = Counter()
    for start in range(0, len(ids), _CHUNK):
        query = select(table.c.id, inbound.c.category_id).select_from(got).distinct()
        rows = tx.execute(query.where(table.c.id.in_(ids[start : start + _CHUNK])))
        found.update(row.category_id for row in rows)
    return found


def mark_gone(tx: Tx, ids: Iterable[int], now: datetime) -> None:
    """Record that the server no longer has these."""
    wanted = list(ids)
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        tx.execute(table.update().where(table.c.id.in_(chunk)).values(gone_at=now))


def mark_returned(tx: Tx, arrival: int, now: datetime) -> None:
    """Record that a message which was deleted is offered again, or still there."""
    values = {"gone_at": None, "seen_at": now, "returned": table.c.returned + 1}
    tx.execute(table.update().where(table.c.id == arrival).values(values))


def _query(mailbox: int) -> Select[Any]:
    columns = (
        table.c.id,
        table.c.uidvalidity,
        table.c.uid,
        table.c.size,
        table.c.internal_date,
        raw_messages.c.sha256,
        table.c.inbound_id,
        table.c.seen_at,
        table.c.gone_at,
        table.c.returned,
    )
    joined = table.join(raw_messages, raw_messages.c.id == table.c.raw_id)
    return select(*columns).select_from(joined).where(table.c.mailbox_id == mailbox)
