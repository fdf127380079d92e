"""What a moderator does with a held post."""

from listbridge import clock
from listbridge.category import Category
from listbridge.delivery import fanout
from listbridge.dmarc import Policy
from listbridge.membership import subscriptions
from listbridge.membership.posts import tell_rejected
from listbridge.moderation.password import opened
from storage import categories, cross_posts, posts, raw_messages
from storage.database import Tx
from storage.posts import Post
from storage.states import PostState


def approve(tx: Tx, category: Category, post: Post, policy: Policy = Policy.UNKNOWN) -> bool:
    """Accept a held post and put it into the outbox; False if it is not held any more.

    `policy` is that of the author's domain, see `from_choice.policies`.
    """
    categories.lock(tx, post.category_id)
    if category.posting.knows_others:
        cross_posts.lock(tx, [post.message_id])
    if not posts.decide(tx, post.id, PostState.ACCEPTED, "approved by a moderator"):
        return False
    read = opened(category, raw_messages.read(tx, post.raw_id))
    member = subscriptions.of_author(tx, post.category_id, read.parsed.author)
    fanout.fan_out(
        tx,
        category,
        post,
        raw=read.raw,
        parsed=read.parsed,
        is_member=member is not None,
        author_key=member.key if member else None,
        policy=policy,
        now=clock.now(),
        body_changed=read.body_changed,
    )
    return True


def reject(tx: Tx, category: Category | None, post: Post, because: str | None) -> bool:
    """Reject a held post; False if it is not held any more.

    Its author is told if he is a subscriber, but nobody where there is no usable `category`.
    """
    categories.lock(tx, post.category_id)
    reason = f"rejected by a moderator: {because}" if because else "rejected by a moderator"
    if not posts.decide(tx, post.id, PostState.REJECTED, reason):
        return False
    if category is not None:
        tell_rejected(tx, category, post, because, clock.now())
    return True


def discard(tx: Tx, post_id: int) -> bool:
    """Discard a held post; False if it is not held any more."""
    return posts.decide(tx, post_id, PostState.DISCARDED, "discarded by a moderator")
