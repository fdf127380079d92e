"""All that goes out of one post: its copies and the updates about it, stopped or given up at once.

Whatever another transaction is just claiming is passed over: it is as good as gone, and nobody
waits for the other.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from storage import categories, wakeup
from storage.database import Tx
from storage.schema import deliveries as table
from storage.schema import digest_entries, outgoing, post_aliases, posts
from storage.states import WAITING, DeliveryState, Kind

_HELD = (DeliveryState.HELD,)


def messages(tx: Tx, post_id: int) -> list[int]:
    """Return the ids of the messages that bring a post to people, or tell them of it.

    A digest is of many posts, and is none of them.
    """
    of_updates = (
        select(outgoing.c.id)
        .join(
            post_aliases,
            (post_aliases.c.category_id == outgoing.c.category_id)
            & (post_aliases.c.message_id == outgoing.c.made_message_id),
        )
        .where(post_aliases.c.post_id == post_id, outgoing.c.kind == Kind.NOTICE)
    )
    its_copy = select(outgoing.c.id).where(outgoing.c.post_id == post_id)
    return [*tx.execute(its_copy).scalars(), *tx.execute(of_updates).scalars()]


def hold(tx: Tx, post_id: int) -> int:
    """Stop what waits until it is released; return how many deliveries that were."""
    return _move(tx, post_id, WAITING, {"state": DeliveryState.HELD})


def release(tx: Tx, post_id: int, now: datetime) -> int:
    """Make what is held due now; return how many deliveries that were."""
    wakeup.tell(tx)
    return _move(tx, post_id, _HELD, {"state": DeliveryState.PENDING, "next_attempt": now})


def cancel(tx: Tx, post_id: int) -> int:
    """Give up what is unsent; return how many deliveries that were. No later digest has the post.

    The category is locked by then: its digests are not made meanwhile.
    """
    category_id = select(posts.c.category_id).where(posts.c.id == post_id).scalar_subquery()
    its = (digest_entries.c.category_id == category_id, digest_entries.c.post_id == post_id)
    tx.execute(digest_entries.delete().where(*its))
    return _move(tx, post_id, (*WAITING, *_HELD), {"state": DeliveryState.CANCELLED})


def leaving(tx: Tx, post_id: int) -> int:
    """Return how many deliveries may still leave: what was passed over, and is being sent."""
    query = select(func.count()).where(
        table.c.outgoing_id.in_(messages(tx, post_id)),
        table.c.state.in_((*WAITING, DeliveryState.SENDING)),
    )
    return tx.execute(query).scalar_one()


def lock_category(tx: Tx, post_id: int) -> bool:
    """Lock the post's category, see `categories.lock`; False if there is no such post."""
    category_id = tx.execute(select(posts.c.category_id).where(posts.c.id == post_id)).scalar()
    if category_id is not None:
        categories.lock(tx, category_id)
    return category_id is not None


def _move(tx: Tx, post_id: int, states: Collection[DeliveryState], values: dict[str, Any]) -> int:
    its = (
        select(table.c.id)
        .where(table.c.outgoing_id.in_(messages(tx, post_id)), table.c.state.in_(states))
        .with_for_update(skip_locked=True)
    )
    return tx.execute(table.update().where(table.c.id.in_(its)).values(values)).rowcount
