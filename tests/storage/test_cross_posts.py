"""Two categories that decide about the same post at the same time give nobody two copies."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

from sqlalchemy import select

from storage import audit, categories, cross_posts, inbound, outbox, posts, subscriptions
from storage.database import Database, Tx
from storage.outbox import NewOutgoing
from storage.posts import NewPost
from storage.schema import deliveries
from storage.states import Kind, Origin, PostState, Result, Source

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ROUNDS = 15
MEMBERS = 20


def _post(tx: Tx, category_id: int, name: str) -> int:
    """Accept a post, as dispatch does, once the locks are held."""
    received, raw_id = inbound.keep(
        tx, category_id, f"{category_id} {name}".encode(), source=Source.CLI, now=NOW
    )
    inbound.finish(tx, received, Result.POST, reason=None, now=NOW)
    new = NewPost(
        category_id=category_id,
        inbound_id=received,
        raw_id=raw_id,
        message_id=name,
        fingerprint="f" * 64,
        aliases=(),
        references=(),
        sender=None,
        sender_name="",
        subject="",
        date=NOW,
        state=PostState.ACCEPTED,
        reason=None,
        trail=(),
    )
    post_id = posts.add(tx, new, NOW)
    others = cross_posts.elsewhere(tx, category_id, name, "f" * 64)
    out = NewOutgoing(Kind.POST, category_id, post_id, "l@example.org", b"\r\n", None, raw_id, None)
    return outbox.fan_out(
        tx, out, to_subscribers=True, without=None, refusal=None, now=NOW, others=others
    )


def _categories(db: Database) -> list[int]:
    found = []
    with db.transaction() as tx:
        for slug in ("a", "b"):
            found.append(categories.keep(tx, slug, f"{slug}@example.org").id)
            for number in range(MEMBERS):
                one = f"m{number}@example.org"
                subscriptions.put(
                    tx, found[-1], address=one, key=one, name="", origin=Origin.ADMIN, now=NOW
                )
    return found


def test_nobody_gets_two_copies_and_everybody_one(db: Database) -> None:
    ids = _categories(db)
    ready = Barrier(2)

    def work(mine: int) -> None:
        for number in range(ROUNDS):
            # In opposite orders, as two mailboxes may have them.
            names = [f"<{number}-{x}@example.net>" for x in ("x", "y")][:: 1 - 2 * mine]
            ready.wait()
            try:
                _decide(ids[mine], names)
            except BaseException:
                ready.abort()
                raise

    def _decide(category_id: int, names: list[str]) -> None:
        with db.transaction() as tx:
            categories.lock(tx, category_id)
            cross_posts.lock(tx, names)
            for name in names:
                _post(tx, category_id, name)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, (0, 1)))

    with db.reading() as tx:
        got = Counter(tx.execute(select(deliveries.c.recipient)).scalars())
        assert audit.problems(tx) == []
    assert got == {f"m{number}@example.org": 2 * ROUNDS for number in range(MEMBERS)}


def test_what_was_not_committed_in_one_goes_out_by_the_other(db: Database) -> None:
    first, second = _categories(db)
    try:
        with db.transaction() as tx:
            categories.lock(tx, first)
            cross_posts.lock(tx, ["<1@example.net>"])
            _post(tx, first, "<1@example.net>")
            raise InterruptedError
    except InterruptedError:
        pass

    with db.transaction() as tx:
        categories.lock(tx, second)
        cross_posts.lock(tx, ["<1@example.net>"])
        made = _post(tx, second, "<1@example.net>")

    assert made == MEMBERS
