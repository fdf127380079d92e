"""Subscriptions put as others have kept them, and the posts of an archive, on either database."""

from datetime import datetime, timedelta

from storage import archive, audit, imported, inbound, outbox, posts, subscriptions
from storage.database import Database, Tx
from storage.imported import Whole
from storage.outbox import NewOutgoing
from storage.posts import NewPost
from storage.states import (
    Kind,
    Origin,
    PostState,
    Receives,
    Result,
    Source,
    SubscriptionState,
)


def whole(address: str, *, origin: Origin = Origin.ADMIN, language: str | None = None) -> Whole:
    return Whole(
        address=address,
        key=address.lower(),
        name="",
        state=SubscriptionState.SUSPENDED,
        suspended_by=Origin.BOUNCES,
        receives=Receives.DIGEST,
        origin=origin,
        holiday_until=None,
        own_posts=False,
        language=language,
        acknowledge=True,
    )


def test_everything_about_somebody_is_put_whoever_he_was(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        imported.put(tx, category_id, [whole("A@example.org"), whole("b@example.org")], now)
        subscriptions.remove(tx, category_id, "a@example.org", by=Origin.ADMIN, now=now)
        later = now + timedelta(days=1)
        imported.put(tx, category_id, [whole("a@example.org", language="de")], later)
        first, second = subscriptions.in_category(tx, category_id)

    assert (first.address, first.language, first.removed_by) == ("a@example.org", "de", None)
    assert (first.state, first.suspended_by) == (SubscriptionState.SUSPENDED, Origin.BOUNCES)
    assert (second.address, second.changed_at) == ("b@example.org", now)


def add(tx: Tx, category_id: int, number: int, now: datetime, state: PostState) -> int:
    """Add a post of an archive."""
    inbound_id, raw_id = inbound.keep(
        tx, category_id, b"%d" % number, source=Source.IMPORT, now=now
    )
    inbound.finish(tx, inbound_id, Result.POST, reason=None, now=now)
    new = NewPost(
        category_id=category_id,
        inbound_id=inbound_id,
        raw_id=raw_id,
        message_id=f"{number}@example.org",
        fingerprint="",
        aliases=(),
        references=(),
        sender="ann@example.org",
        sender_name="",
        subject="",
        date=now + timedelta(days=number),
        state=state,
        reason=None,
        trail=(),
    )
    return posts.add(tx, new, now)


def test_an_archive_has_the_accepted_posts_in_their_order_however_many(
    db: Database, category_id: int, now: datetime
) -> None:
    states = [PostState.ACCEPTED] * 4 + [PostState.HELD, PostState.REJECTED]
    with db.transaction() as tx:
        for number, state in enumerate(states):
            add(tx, category_id, number, now, state)
        total = archive.size(tx, category_id)
        kept = list(archive.accepted(tx, category_id, at_once=3))

    assert total == 4
    assert [one.date for one in kept] == [now + timedelta(days=n) for n in range(4)]


def test_history_needs_no_place_in_the_outbox(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        add(tx, category_id, 1, now, PostState.ACCEPTED)
        assert audit.problems(tx) == []


def test_history_in_the_outbox_is_noticed(db: Database, category_id: int, now: datetime) -> None:
    with db.transaction() as tx:
        post_id = add(tx, category_id, 1, now, PostState.ACCEPTED)
        post = posts.find(tx, post_id)
        assert post is not None
        new = NewOutgoing(
            kind=Kind.POST,
            category_id=category_id,
            post_id=post_id,
            sender="general@example.org",
            head=b"\r\n",
            body=None,
            raw_id=post.raw_id,
            made_message_id=None,
        )
        outbox.fan_out(tx, new, to_subscribers=False, without=None, refusal=None, now=now)
        [problem] = audit.problems(tx)

    assert (problem.id, "history" in problem.problem) == (post_id, True)


def test_only_what_came_by_a_door_is_waiting_at_it(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        made = [
            inbound.keep(tx, category_id, source.encode(), source=source, now=now)[0]
            for source in Source
        ]
        waiting = inbound.waiting(tx, category_id, Source.IMPORT)

    assert waiting == [made[list(Source).index(Source.IMPORT)]]
