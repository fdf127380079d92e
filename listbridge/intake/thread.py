"""Threads: which post answers which, also when the answered one comes later (RFC 5322 3.6.4)."""

from collections.abc import Sequence

from storage import posts
from storage.database import Tx


def find_parent(tx: Tx, category_id: int, references: Sequence[str]) -> tuple[int, int] | None:
    """Return (post id, rank) of the nearest of the references that is known, or None.

    `references` holds Message-IDs, the nearest first; the rank is the place in it.
    """
    known = posts.known_as(tx, category_id, references)
    for rank, message_id in enumerate(references):
        if message_id in known:
            return known[message_id], rank
    return None


def adopt_replies(tx: Tx, category_id: int, post_id: int, message_ids: Sequence[str]) -> None:
    """Make a post that came late the parent of those that were waiting for it."""
    waiting = posts.answering(tx, category_id, message_ids)
    line = set(posts.ancestors(tx, post_id)) if waiting else set()
    for child, rank in waiting:
        # Two posts that refer to each other must not become each other's parent.
        if child not in line:
            posts.hang(tx, child, parent=post_id, rank=rank)
