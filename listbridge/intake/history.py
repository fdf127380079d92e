"""What the rules want to know of earlier posts; the store is asked only where a setting does."""

from dataclasses import dataclass

from listbridge import clock, message
from listbridge.posting import Posting
from storage import posts
from storage.database import Tx
from storage.posts import Author
from storage.subscriptions import Subscription


@dataclass(frozen=True)
class History:
    """Numbers of earlier posts; 0 where nobody asks."""

    accepted_before: int = 0
    by_author: int = 0
    in_thread: int = 0


def history(
    tx: Tx,
    posting: Posting,
    category_id: int,
    author: str | None,
    parent: int | None,
    member: Subscription | None = None,
) -> History:
    """Look up what this author, and the thread of the parent, have had so far.

    What a `member` has written from any of his addresses is his.
    """
    accepted = by_author = in_thread = 0
    if author is not None and (posting.first_posts or posting.max_by_author):
        who = Author(message.key(author))
        if member is not None:
            who = Author(member.key, member.id)
        if posting.first_posts:
            accepted = posts.accepted_of(tx, category_id, who, posting.first_posts)
        if rate := posting.max_by_author:
            by_author = posts.posted_by(tx, category_id, who, clock.now() - rate.within)
    if parent is not None and (rate := posting.max_in_thread):
        in_thread = posts.posted_beside(tx, parent, clock.now() - rate.within)
    return History(accepted, by_author, in_thread)
