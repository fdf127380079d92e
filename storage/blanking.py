"""Other bytes in the place of stored ones that are to go; the record says the same of both."""

from sqlalchemy import ColumnElement, exists, or_, select

from storage import raw_messages
from storage.database import Tx
from storage.schema import (
    deliveries,
    inbound,
    is_held,
    is_received,
    is_sending,
    is_waiting,
    outgoing,
    posts,
)

#: Of outgoing messages: somebody is still to get it.
UNSENT = exists().where(
    deliveries.c.outgoing_id == outgoing.c.id, or_(is_waiting, is_held, is_sending)
)
_HEAD = b"Subject: erased\r\n\r\n"
#: Of outgoing messages: there is nothing in it any more.
IS_BLANK = outgoing.c.head == _HEAD


def is_used(tx: Tx, raw_id: int) -> bool:
    """Say whether bytes are those of a post, or are still to be decided about."""
    undecided = exists().where(inbound.c.raw_id == raw_id, is_received)
    of_post = exists().where(posts.c.raw_id == raw_id)
    return bool(tx.execute(select(or_(of_post, undecided))).scalar())


def blank(tx: Tx, raw_id: int) -> None:
    """Put bytes that say nothing in the place of these."""
    raw_messages.replace(tx, raw_id, f"Subject: erased {raw_id}\r\n\r\nErased.\r\n".encode())


def blank_outgoing(tx: Tx, these: ColumnElement[bool]) -> int:
    """Of messages that were sent, only that they were made remains; return how many there are.

    Two with the same body share its bytes: those that somebody else's rest on stay.
    """
    rows = tx.execute(select(outgoing.c.id, outgoing.c.raw_id).where(these)).all()
    if not rows:
        return 0
    empty = raw_messages.keep(tx, _HEAD + b"Erased.\r\n")
    values = {"head": _HEAD, "body": None, "raw_id": empty}
    for row in rows:
        tx.execute(outgoing.update().where(outgoing.c.id == row.id).values(values))
    for raw_id in {row.raw_id for row in rows} - {empty}:
        used = (exists().where(table.c.raw_id == raw_id) for table in (outgoing, inbound))
        if not tx.execute(select(or_(*used))).scalar():
            blank(tx, raw_id)
    return len(rows)
