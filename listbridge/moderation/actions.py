"""What a moderator does with a held post."""

from listbridge import clock, message
from listbridge.category import Category
from listbridge.delivery import fanout
from storage import categories, posts, raw_messages
from storage.database import Tx
from storage.posts import Post
from storage.states import PostState


def approve(tx: Tx, category: Category, post: Post) -> bool:
    """Accept a held post and put it into the outbox; False if it is not held any more."""
    categories.lock(tx, post.category_id)
    if not posts.decide(tx, post.id, PostState.ACCEPTED, "approved by a moderator"):
        return False
    raw = raw_messages.read(tx, post.raw_id)
    fanout.fan_out(tx, category, post, raw=raw, parsed=message.parse(raw), now=clock.now())
    return True


def reject(tx: Tx, post_id: int, because: str | None) -> bool:
    """Reject a held post; False if it is not held any more."""
    reason = f"rejected by a moderator: {because}" if because else "rejected by a moderator"
    return posts.decide(tx, post_id, PostState.REJECTED, reason)


def discard(tx: Tx, post_id: int) -> bool:
    """Discard a held post; False if it is not held any more."""
    return posts.decide(tx, post_id, PostState.DISCARDED, "discarded by a moderator")
