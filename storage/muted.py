"""Muted threads: what a subscriber wants no more of."""

from sqlalchemy import ColumnElement, select

from storage.database import Tx
from storage.dialects import insert_unless_there
from storage.schema import digest_entries, posts
from storage.schema import muted_threads as table


def mute(tx: Tx, subscription_id: int, post_id: int) -> None:
    """Leave a subscriber out of the thread to which a post belongs, also in his next digest."""
    insert_unless_there(tx, table, {"subscription_id": subscription_id, "post_id": post_id})
    his = digest_entries.c.subscription_id == subscription_id
    tx.execute(digest_entries.delete().where(his, _beside(digest_entries.c.post_id, post_id)))


def unmute(tx: Tx, subscription_id: int, post_id: int) -> None:
    """Let a subscriber have the thread to which a post belongs, by whichever post he muted it."""
    his = table.c.subscription_id == subscription_id
    tx.execute(table.delete().where(his, _beside(table.c.post_id, post_id)))


def _beside(column: ColumnElement[int], post_id: int) -> ColumnElement[bool]:
    """Say that a column names a post of the same thread."""
    thread = select(posts.c.thread_id).where(posts.c.id == post_id).scalar_subquery()
    return column.in_(select(posts.c.id).where(posts.c.thread_id == thread))


def threads(tx: Tx, subscription_id: int, most: int) -> list[tuple[int, str]]:
    """Return (id, subject) of the first posts of a subscriber's muted threads, newest first."""
    his = (
        select(posts.c.thread_id)
        .join(table, table.c.post_id == posts.c.id)
        .where(table.c.subscription_id == subscription_id)
    )
    query = select(posts.c.id, posts.c.subject).where(posts.c.id.in_(his))
    newest = tx.execute(query.order_by(posts.c.id.desc()).limit(most))
    return [(row.id, row.subject) for row in newest]


def forget(tx: Tx, subscription_id: int) -> None:
    """Let a subscriber have every thread again."""
    tx.execute(table.delete().where(table.c.subscription_id == subscription_id))
