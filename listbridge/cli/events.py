"""What the log says of what a person decided on the command line."""

from listbridge import maillog, message
from storage import deliveries, inbound, posts, raw_messages
from storage.database import Database

_HELD = {"approved": "held.approved", "rejected": "held.rejected", "discarded": "held.discarded"}
_SHUNTED = {"to be retried": "shunted.retried", "dropped": "shunted.dropped"}
_QUEUE = {
    "due now": "queue.retried",
    "held": "queue.held",
    "released": "queue.released",
    "cancelled": "queue.cancelled",
}


def held(db: Database, post_id: int, done: str) -> None:
    """Tell what was done to a held post."""
    with db.reading() as tx:
        post = posts.find(tx, post_id)
    if post is not None:
        maillog.info(
            _HELD[done],
            category=post.category,
            post=post.id,
            message_id=post.message_id,
            reason=post.reason,
            by=post.decided_by,
        )


def shunted(db: Database, inbound_id: int, done: str) -> None:
    """Tell what was done to a shunted message."""
    with db.reading() as tx:
        one = inbound.find(tx, inbound_id)
        if one is None:
            return
        message_id = message.glance_id(raw_messages.read(tx, one.raw_id))
    maillog.info(_SHUNTED[done], category=one.category, inbound=inbound_id, message_id=message_id)


def scheduled(db: Database, inbound_id: int, _done: str) -> None:
    """Tell that a scheduled message was withdrawn."""
    with db.reading() as tx:
        one = inbound.find(tx, inbound_id)
        if one is None:
            return
        message_id = message.glance_id(raw_messages.read(tx, one.raw_id))
    maillog.info(
        "scheduled.withdrawn", category=one.category, inbound=inbound_id, message_id=message_id
    )


def queue(db: Database, delivery_id: int, done: str) -> None:
    """Tell what was done to a delivery."""
    with db.reading() as tx:
        one = deliveries.find(tx, delivery_id)
        post = posts.find(tx, one.post_id) if one and one.post_id else None
    if one is not None:
        maillog.info(
            _QUEUE[done],
            category=one.category,
            post=one.post_id,
            message_id=post and post.message_id,
            delivery=one.id,
            recipient=one.recipient,
        )


def queue_of_post(db: Database, post_id: int, count: int, done: str) -> None:
    """Tell what was done to all that goes out of a post."""
    with db.reading() as tx:
        post = posts.find(tx, post_id)
    if post is not None:
        maillog.info(
            _QUEUE[done],
            category=post.category,
            post=post_id,
            message_id=post.message_id,
            count=count,
        )
