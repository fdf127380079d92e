"""The restore fence: nothing is sent from a database that may be an old state put back.

What was sent after a backup is still pending in it. So a copy made by `storage.backup` is fenced
from the start. A copy made in another way shows itself: beside an SQLite file lies another one
with a number that only grows, and a database that is behind it has been put back. PostgreSQL counts
a timeline on with each recovery to an earlier state, and a dump makes every table anew.
"""

import fcntl
import os
import re
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Update, bindparam, exists, func, select, text

from storage import categories, wakeup
from storage.database import Database, Tx
from storage.dialects import insert_unless_there, is_postgresql
from storage.file_owner import give_to_owner_of
from storage.schema import deliveries, digest_entries, news, outgoing, posts
from storage.schema import restore_fence as table
from storage.states import WAITING, DeliveryState

_ONLY = {"id": 1}
_COPY = "it is a copy that `listbridge db backup` made"
_BEHIND = "it is older than the last one that listbridge worked on here"
_OTHER = "PostgreSQL has gone back to an earlier state, or a dump was put back"
# For each page of claims, so they are put together once.
_ROW = select(table)
_COUNT = table.update().values(counted=bindparam("number"))
# Always so long, so that a write replaces all of the one before, on a full disk too.
_NUMBER = re.compile(rb"([0-9]{20})\n")


@dataclass(frozen=True)
class Hold:
    """Why nothing is sent, and since when: what was made before may have been sent already."""

    since: datetime
    reason: str

    def __str__(self) -> str:
        return (
            f"nothing is sent, because the database may be an old state put back: {self.reason}. "
            "Look at `listbridge queue list`, give up with `listbridge queue cancel` what was sent "
            "already, then run `listbridge db resume`"
        )


@dataclass(frozen=True)
class Look:
    """What the database says of itself."""

    hold: Hold | None
    number: int | None = None  #: to be kept beside the database once the transaction is committed


def look(tx: Tx, now: datetime) -> Look:
    """Say whether anything may be sent, and count it; for each start, sending run and claim.

    Whatever tells of an old state is recorded. What this returns goes to `keep_beside` after the
    commit, never before: then no crash lets a database be behind its number.
    """
    row = tx.execute(_ROW).one_or_none()
    if row is None:
        insert_unless_there(tx, table, _ONLY | {"counted": 0})
        row = tx.execute(_ROW).one()
    beside, place = _beside(tx), _place(tx)
    hold = _hold(tx, row, beside, place, now)
    if hold is not None:
        if row.held_since is None:
            tx.execute(_unchanged(row).values(held_since=hold.since, reason=hold.reason))
        return Look(hold)
    if place is not None:
        if row.place is None:
            tx.execute(_unchanged(row).values(place=place))
        return Look(None)
    number = max(row.counted, beside) + 1
    tx.execute(_COUNT, {"number": number})
    return Look(None, number)


def _unchanged(row: Row[Any]) -> Update:
    """Return an update of the row as it was read; it is not locked, or all claims would wait."""
    return table.update().where(table.c.place.is_not_distinct_from(row.place))


def standing(db: Database, now: datetime) -> Hold | None:
    """Say whether anything may be sent, and change nothing. Raises `StoreError`."""
    with db.reading() as tx:
        # First the number: what is read of the database afterwards cannot be behind it.
        beside, place = _beside(tx), _place(tx)
        row = tx.execute(select(table)).one_or_none()
        return _hold(tx, row, beside, place, now)


def keep_beside(db: Database, seen: Look) -> None:
    """Note beside an SQLite file how far it has come.

    Where that cannot be written the number stays too low, which never holds anything up.
    """
    if db.file is None or seen.number is None:
        return
    with suppress(OSError):
        _raise_to(db.file, seen.number)


def lift(tx: Tx, now: datetime, *, cancel: bool) -> tuple[Hold | None, int, Look]:
    """Let things be sent again, and wake those who send.

    With `cancel`, what was to be sent already in the old state is given up, and so is what had
    gathered in it for digests and for owners. Returns what held it, how many deliveries were given
    up, and what goes to `keep_beside`.
    """
    found = look(tx, now)
    if found.hold is None:
        return None, 0, found
    cancelled = _cancel_made_by(tx, found.hold.since) if cancel else 0
    number = None
    counted: int = tx.execute(select(table.c.counted)).scalar_one()
    if not is_postgresql(tx):
        number = counted = max(counted, _beside(tx)) + 1
    free = {"counted": counted, "place": _place(tx), "held_since": None, "reason": None}
    tx.execute(table.update().values(free))
    wakeup.tell(tx)
    return found.hold, cancelled, Look(None, number)


def mark(copy: Path) -> None:
    """Fence a copy of an SQLite database that nobody uses yet; raises `sqlite3.Error`."""
    connection = sqlite3.connect(copy)
    try:
        # Here it is a file like any other; it may also be of a version that knows no fence.
        query = "SELECT count(*) FROM sqlite_master WHERE name = ?"
        if connection.execute(query, (table.name,)).fetchone() == (0,):
            return
        connection.execute("INSERT OR IGNORE INTO restore_fence (id, counted) VALUES (1, 0)")
        # The end of this millisecond, so that nothing in the copy is later.
        connection.execute(
            """UPDATE restore_fence
               SET held_since = strftime('%Y-%m-%d %H:%M:%f999', 'now'), reason = ?""",
            (_COPY,),
        )
        connection.commit()
    finally:
        connection.close()


def carry_over(old: Tx, new: Tx) -> None:
    """Put a hold into another database; where that lies, and how far it is, is its own matter."""
    row = old.execute(select(table.c.held_since, table.c.reason)).one_or_none()
    if row is not None and row.held_since is not None:
        new.execute(table.insert().values(_ONLY | {"counted": 0} | dict(row._mapping)))


def _hold(
    tx: Tx, row: Row[Any] | None, beside: int, place: str | None, now: datetime
) -> Hold | None:
    if row is not None and row.held_since is not None:
        return Hold(row.held_since, row.reason)
    if row is not None and row.place is not None and place not in (None, row.place):
        return Hold(now, _OTHER)
    # A new database in the place of an old one is no old state: it has sent nothing yet.
    if beside > (row.counted if row is not None else 0) and _has_outgoing(tx):
        return Hold(now, _BEHIND)
    return None


def _has_outgoing(tx: Tx) -> bool:
    return bool(tx.execute(select(exists(select(outgoing.c.id)))).scalar())


def _cancel_made_by(tx: Tx, moment: datetime) -> int:
    categories.lock_all(tx)
    posted = select(posts.c.id).where(posts.c.created_at <= moment)
    tx.execute(digest_entries.delete().where(digest_entries.c.post_id.in_(posted)))
    tx.execute(news.delete().where(news.c.at <= moment))
    states = (*WAITING, DeliveryState.SENDING)  # whoever was sending it did so long ago
    made = select(outgoing.c.id).where(outgoing.c.created_at <= moment)
    update = deliveries.update().where(
        deliveries.c.state.in_(states), deliveries.c.outgoing_id.in_(made)
    )
    values = {"state": DeliveryState.CANCELLED, "owner": None, "claimed_until": None}
    return tx.execute(update.values(values)).rowcount


def _place(tx: Tx) -> str | None:
    """Return PostgreSQL's timeline and the number of our own table; None for SQLite.

    Everybody may ask for the timeline, unless that right was taken from PUBLIC; then the table
    alone must do.
    """
    if not is_postgresql(tx):
        return None
    ours = tx.execute(text(f"SELECT '{table.name}'::regclass::oid")).scalar_one()
    allowed = (
        "SELECT has_function_privilege('pg_walfile_name(pg_lsn)', 'EXECUTE')"
        " AND has_function_privilege('pg_current_wal_lsn()', 'EXECUTE')"
    )
    if not tx.execute(text(allowed)).scalar_one():
        return f"table {ours}"
    # The control file names the new timeline only after the next checkpoint.
    timeline = func.left(func.pg_walfile_name(func.pg_current_wal_lsn()), 8)
    return f"timeline {tx.execute(select(timeline)).scalar_one()}, table {ours}"


def _beside(tx: Tx) -> int:
    """Return the number beside the database; 0 where there is none."""
    name = tx.engine.url.database
    if is_postgresql(tx) or not name:
        return 0
    try:
        with _file_beside(Path(name)).open("rb") as file:
            return _read(file.read(64))
    except OSError:
        return 0


def _raise_to(database: Path, number: int) -> None:
    descriptor = os.open(_file_beside(database), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        give_to_owner_of(database, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # a late one must not write over a higher number
        if number > _read(os.pread(descriptor, 64, 0)):
            os.pwrite(descriptor, b"%020d\n" % number, 0)
    finally:
        os.close(descriptor)


def _read(content: bytes) -> int:
    found = _NUMBER.fullmatch(content)
    return int(found[1]) if found else 0


def _file_beside(database: Path) -> Path:
    return database.with_name(f"{database.name}.starts")
