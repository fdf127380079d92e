"""An accepted post in the outbox, as fan-out leaves it there."""

from collections.abc import Iterable
from datetime import datetime

from listbridge.category import Category
from listbridge.delivery import fanout
from listbridge.dmarc import Policy
from listbridge.message import parse
from storage import inbound, posts, subscriptions
from storage.database import Database
from storage.posts import NewPost
from storage.states import Origin, PostState, Source


def queue_post(
    db: Database,
    category_id: int,
    category: Category,
    raw: bytes,
    people: Iterable[str],
    now: datetime,
) -> None:
    """Subscribe these people, accept the post, and put it into the outbox for them."""
    with db.transaction() as tx:
        for one in people:
            subscriptions.put(
                tx, category_id, address=one, key=one, name="", origin=Origin.ADMIN, now=now
            )
        inbound_id, raw_id = inbound.keep(tx, category_id, raw, source=Source.CLI, now=now)
        new = NewPost(
            category_id=category_id,
            inbound_id=inbound_id,
            raw_id=raw_id,
            message_id="<1@example.net>",
            fingerprint="f" * 64,
            aliases=(),
            references=(),
            sender="ann@example.net",
            sender_name="",
            subject="",
            date=now,
            state=PostState.ACCEPTED,
            reason=None,
            trail=(),
        )
        post = posts.find(tx, posts.add(tx, new, now))
        assert post is not None
        fanout.fan_out(
            tx,
            category,
            post,
            raw=raw,
            parsed=parse(raw),
            is_member=False,
            policy=Policy.ABSENT,
            now=now,
        )
