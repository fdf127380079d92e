"""What a moderator does with a held post."""

from datetime import datetime

from listbridge import clock, message
from listbridge.category import Category
from listbridge.delivery import fanout
from listbridge.dmarc import Policy
from listbridge.errors import ListbridgeError
from listbridge.membership import subscriptions
from listbridge.membership.posts import acknowledge, tell_rejected
from listbridge.message.decisions import Answer, Decision
from listbridge.moderation.doubts import doubt
from listbridge.moderation.letters import Letters
from listbridge.moderation.password import opened
from storage import allowed, categories, cross_posts, posts, raw_messages
from storage.database import Tx
from storage.posts import Post
from storage.states import PostState

_STATES = {
    Decision.APPROVE: (PostState.ACCEPTED, "approved by a moderator"),
    Decision.LET_IN: (
        PostState.ACCEPTED,
        "approved by a moderator, and the author let in for good",
    ),
    Decision.REJECT: (PostState.REJECTED, "rejected by a moderator"),
    Decision.DISCARD: (PostState.DISCARDED, "discarded by a moderator"),
}


class NobodyToLetIn(ListbridgeError):
    """A post that does not say clearly who wrote it."""


def approve(
    tx: Tx,
    category: Category,
    post: Post,
    policy: Policy = Policy.UNKNOWN,
    *,
    for_good: bool = False,
) -> bool:
    """Accept a held post and put it into the outbox; False if it is not held any more.

    Its author is let in `for_good`: nothing of his is held for who he is from then on. `policy` is
    that of the author's domain, see `from_choice.policies`. Raises `NobodyToLetIn`.
    """
    answer = Answer(Decision.LET_IN if for_good else Decision.APPROVE)
    return decide(tx, category, post, answer, policy=policy) is not None


def reject(tx: Tx, category: Category | None, post: Post, because: str | None) -> bool:
    """Reject a held post; False if it is not held any more.

    Nobody is told where there is no usable `category`.
    """
    return _decide_or_record(tx, category, post, Answer(Decision.REJECT, because))


def discard(tx: Tx, category: Category | None, post: Post) -> bool:
    """Discard a held post; False if it is not held any more."""
    return _decide_or_record(tx, category, post, Answer(Decision.DISCARD))


def _decide_or_record(tx: Tx, category: Category | None, post: Post, answer: Answer) -> bool:
    if category is not None:
        return decide(tx, category, post, answer) is not None
    categories.lock(tx, post.category_id)
    return _record(tx, post, answer, None, clock.now())


def decide(
    tx: Tx,
    category: Category,
    post: Post,
    answer: Answer,
    *,
    policy: Policy = Policy.UNKNOWN,
    by: str | None = None,
) -> int | None:
    """Do with a held post what was decided; None if it is not held any more.

    Else return how many deliveries and notices that makes. `by` is the moderator who has answered,
    None the command line; `policy` that of the author's domain, see `from_choice.policies`. Raises
    `NobodyToLetIn`.
    """
    categories.lock(tx, post.category_id)
    if category.posting.knows_others:
        cross_posts.lock(tx, [post.message_id])
    now = clock.now()
    if not _record(tx, post, answer, by, now):
        return None
    made = 0
    if answer.decision in (Decision.APPROVE, Decision.LET_IN):
        if answer.decision is Decision.LET_IN:
            _let_in(tx, post, by, now)
        made += _fan_out(tx, category, post, policy, now)
    elif answer.decision is Decision.REJECT:
        made += _tell_author(tx, category, post, answer.note, now)
    decided = posts.find(tx, post.id)
    assert decided is not None
    return made + Letters(tx, category, post.category_id, now).decided(decided)


def _record(tx: Tx, post: Post, answer: Answer, by: str | None, now: datetime) -> bool:
    state, reason = _STATES[answer.decision]
    if answer.note:
        reason = f"{reason}: {' '.join(answer.note.split())}"
    return posts.decide(tx, post.id, state, reason, by=by, now=now)


def _let_in(tx: Tx, post: Post, by: str | None, now: datetime) -> None:
    if post.sender is None:
        raise NobodyToLetIn("it does not say clearly who wrote it, so nobody can be let in")
    allowed.add(tx, post.category_id, post.sender, message.key(post.sender), by=by, now=now)


def _fan_out(tx: Tx, category: Category, post: Post, policy: Policy, now: datetime) -> int:
    read = opened(category, raw_messages.read(tx, post.raw_id))
    member = subscriptions.of_author(tx, post.category_id, read.parsed.author)
    made = fanout.fan_out(
        tx,
        category,
        post,
        raw=read.raw,
        parsed=read.parsed,
        is_member=member is not None,
        author_key=member.key if member else None,
        policy=policy,
        now=now,
        body_changed=read.body_changed,
    )
    if not made.acknowledged:
        return made.queued
    getting = made.queued + made.in_digests
    return made.queued + acknowledge(tx, category, post, read.parsed, getting, now)


def _tell_author(tx: Tx, category: Category, post: Post, because: str | None, now: datetime) -> int:
    """Tell the author, unless it may be somebody else who has written that."""
    vouched = False
    if category.posting.authenticate != "off":
        parsed = message.parse(raw_messages.read(tx, post.raw_id))
        if doubt(category.posting, parsed) is not None:
            return 0
        vouched = parsed.author is not None
    return tell_rejected(tx, category, post, because, now, is_vouched=vouched)
