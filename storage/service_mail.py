"""Mail of our own in the outbox, to people who are named; of a category, or of the service."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage import categories, outbox, raw_messages, wakeup
from storage.database import Tx
from storage.dialects import many_rows
from storage.schema import deliveries, outgoing
from storage.states import DeliveryState, Kind


@dataclass(frozen=True)
class Letter:
    """A complete message of our own."""

    message_id: str
    head: bytes  #: with its blank line
    body: bytes


def category_id(tx: Tx) -> int:
    """Return the id under which the outbox has such mail; it stands for no category."""
    return categories.keep(tx, categories.SERVICE, "").id


def put(
    tx: Tx,
    kind: Kind,
    letter: Letter,
    *,
    sender: str,
    recipients: Sequence[str],
    now: datetime,
    category: int | None = None,
) -> int:
    """Put a letter into the outbox for each of these addresses; return the outgoing's id.

    It goes over the account of the `category` with this id, or over that of the service itself.
    """
    ours = category_id(tx) if category is None else category
    addresses = list(dict.fromkeys(recipients))
    row = {
        "kind": kind,
        "category_id": ours,
        "post_id": None,
        "sender": sender,
        "head": letter.head,
        "body": None,
        "raw_id": raw_messages.keep(tx, letter.head + letter.body),
        "made_message_id": letter.message_id,
        "recipients": len(addresses),
        "created_at": now,
    }
    made: int = tx.execute(outgoing.insert().values(row).returning(outgoing.c.id)).scalar_one()
    common = {
        "outgoing_id": made,
        "category_id": ours,
        "priority": outbox.PRIORITY[kind],
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "waited": 0,
        "next_attempt": now,
    }
    with many_rows(tx):
        tx.execute(deliveries.insert(), [{**common, "recipient": one} for one in addresses])
    wakeup.tell(tx)
    return made
