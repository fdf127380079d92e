"""What authors are told about posts of theirs: that they wait, were rejected, or were accepted."""

from datetime import datetime

from listbridge import message
from listbridge.category import Category
from listbridge.membership.subscriptions import of_author
from listbridge.membership.telling import may_answer, tell
from listbridge.message import ParsedMessage
from listbridge.notices import Notice, Writing, word
from storage.database import Tx
from storage.posts import Post
from storage.states import PostState
from storage.subscriptions import Subscription

_NOTICES = {PostState.HELD: Notice.HELD, PostState.REJECTED: Notice.REJECTED}
# Such as robots write; whoever is told of it answers with the next one.
_SILENT = ("repeated",)


def tell_author(tx: Tx, category: Category, post: Post, now: datetime) -> int:
    """Tell a subscriber that the rules hold or reject his post; return how many were told.

    Nobody else is told, as anybody can write in anybody's name, and he only once a day.
    """
    what = _NOTICES.get(post.state)
    rule = _rule(post)
    one = _subscriber(tx, post)
    if what is None or one is None or rule in _SILENT or category.outgoing is None:
        return 0
    if not may_answer(tx, category, post.category_id, what, one.address, now):
        return 0
    # Not what moderators are told: that shows what gets past the rules.
    said = word(rule.replace("_", "-"), one.language or category.language, category.texts)
    _tell(tx, category, post, what, one.address, one.language, said or post.reason or "", now)
    return 1


def tell_rejected(
    tx: Tx,
    category: Category,
    post: Post,
    because: str | None,
    now: datetime,
    *,
    is_vouched: bool = False,
) -> int:
    """Tell an author that a moderator has rejected his post; return how many were told.

    He has to be a subscriber, or vouched for by the mailbox's server, and is told nothing of what
    robots write.
    """
    one = _subscriber(tx, post)
    to = one.address if one else post.sender if is_vouched else None
    if to is None or _rule(post) in _SILENT or category.outgoing is None:
        return 0
    language = one.language if one else None
    said = because or word("by-moderator", language or category.language, category.texts)
    _tell(tx, category, post, Notice.REJECTED, to, language, said or "", now)
    return 1


def _rule(post: Post) -> str:
    """The rule that decided."""
    return post.trail[-1]["rule"] if post.trail else ""


def acknowledge(
    tx: Tx, category: Category, post: Post, parsed: ParsedMessage, recipients: int, now: datetime
) -> int:
    """Tell a subscriber who wants to know it that his post was accepted; return how many were told.

    What a program sent in his name by way of lists is not answered.
    """
    one = _subscriber(tx, post)
    if one is None or message.unanswerable_reason(parsed) is not None:
        return 0
    values = {"subject": post.subject, "recipients": str(recipients)}
    writing = Writing(one.address, language=one.language, values=values, answers=post.message_id)
    tell(tx, category, post.category_id, Notice.ACCEPTED, writing, now)
    return 1


def _subscriber(tx: Tx, post: Post) -> Subscription | None:
    return of_author(tx, post.category_id, post.sender)


def _tell(
    tx: Tx,
    category: Category,
    post: Post,
    what: Notice,
    to: str,
    language: str | None,
    reason: str,
    now: datetime,
) -> None:
    writing = Writing(
        to,
        language=language,
        values={"subject": post.subject, "reason": reason.removesuffix(".")},
        answers=post.message_id,
    )
    tell(tx, category, post.category_id, what, writing, now)
