"""What a post leads to besides its copies: digest entries, and a few lines to who wants no more."""

from dataclasses import dataclass
from datetime import datetime

from listbridge.category import Category
from listbridge.delivery.digest_times import next_due
from listbridge.message import ParsedMessage
from listbridge.message.opening import opening
from listbridge.notices import Notice, Writing, notice
from storage import digests, duties, updates, wishes
from storage.database import Tx
from storage.posts import Post
from storage.states import Duty


@dataclass(frozen=True)
class Otherwise:
    """What was done about a post for those who do not want each by itself."""

    updates: int = 0  #: how many get a few lines about it
    in_digests: int = 0  #: how many get it in their next digest
    acknowledged: bool = False  #: whether its author wants to be told that it was accepted


def give(
    tx: Tx,
    category: Category,
    post: Post,
    parsed: ParsedMessage,
    *,
    author: str | None,
    without: str | None,
    refused: bool,
    now: datetime,
) -> Otherwise:
    """See to everybody who wants a post otherwise; where there is nobody, it is one question.

    `author` and `without` are as in `outbox.fan_out`. A post that was `refused` cannot be sent; a
    digest says so.
    """
    wished = wishes.about_post(tx, post.category_id, author)
    told = 0
    for language in () if refused else wished.languages:
        told += updates.put(
            tx,
            post.category_id,
            post.id,
            notice(category, Notice.UPDATE, _update(category, post, parsed, language), now),
            sender=category.address,
            language=language,
            without=without,
            author=author,
            now=now,
        )
    gathered = 0
    if wished.digests:
        gathered = digests.gather(
            tx, post.category_id, post.id, without=without, author=author, now=now
        )
    if gathered:
        _owe_digest(tx, category, post.category_id, now)
    return Otherwise(told, gathered, wished.acknowledged)


def _owe_digest(tx: Tx, category: Category, category_id: int, now: datetime) -> None:
    owed = duties.owed_at(tx, category_id, Duty.DIGEST)
    if owed is not None and owed <= now:
        return  # to add up what has gathered takes longer with each post
    is_full = digests.gathered(tx, category_id) >= category.digest.max_size
    duties.owe(tx, category_id, Duty.DIGEST, now if is_full else next_due(category.digest, now))


def _update(category: Category, post: Post, parsed: ParsedMessage, language: str | None) -> Writing:
    """An answer to it goes where one to the post goes, and belongs to the post's thread."""
    prefix = category.message.subject_prefix
    subject = post.subject or "(no subject)"
    if prefix and prefix.casefold() not in subject.casefold():
        subject = f"{prefix} {subject}"
    to = {"author": post.sender, "both": f"{post.sender}, {category.address}", "list": None}
    return Writing(
        category.address,
        language=language,
        values={
            "subject": subject,
            "author": post.sender_name or post.sender or "",
            "text": opening(parsed.text),
            "number": str(post.id),
        },
        answers=post.message_id,
        references=parsed.references,
        reply_to=to[category.message.reply_to] if post.sender else None,
    )
