"""Mail of a mailbox that several categories read, until it is known to which it was sent."""

from collections.abc import Collection, Sequence

from sqlalchemy import select

from storage import categories, inbound
from storage.database import Tx
from storage.inbound import Inbound
from storage.schema import arrivals
from storage.schema import inbound as table
from storage.states import InboundState


def lock(tx: Tx, inbound_ids: Sequence[int], category_ids: Collection[int]) -> set[int]:
    """Keep these for us, and lock the categories; return the ids of those that nobody has routed.

    Only for few: they are all named in one statement.
    """
    # In one order for all, so that two who route never wait for each other.
    for category_id in sorted(category_ids):
        categories.lock(tx, category_id)
    still = select(table.c.id).where(
        table.c.id.in_(inbound_ids),
        table.c.unrouted,
        table.c.state == InboundState.RECEIVED,
    )
    return set(tx.execute(still.order_by(table.c.id).with_for_update()).scalars())


def give(tx: Tx, one: Inbound, category_ids: Sequence[int]) -> list[int]:
    """Replace an unrouted message by a received one in each of these categories; return their ids.

    It and the categories are locked by then. The new ids are higher than all that these categories
    have: what was set aside and is routed at last must not seem to have come before what was routed
    meanwhile (`inbound.came_before`).
    """
    new = [
        inbound.keep_stored(
            tx,
            category_id,
            one.raw_id,
            source=one.source,
            now=one.received_at,
            approved=one.approved,
        )
        for category_id in category_ids
    ]
    # Where the server offered it stays on record; that belongs to the mailbox, whoever reads it.
    moved = arrivals.update().where(arrivals.c.inbound_id == one.id)
    tx.execute(moved.values(inbound_id=new[0]))
    tx.execute(table.delete().where(table.c.id == one.id))
    return new
