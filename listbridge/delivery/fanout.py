"""Fan-out: the copy that subscribers get, and one delivery for each of them."""

from dataclasses import dataclass
from datetime import datetime

from listbridge import message
from listbridge.category import Category
from listbridge.delivery import from_choice, otherwise, own_sender
from listbridge.delivery.from_choice import FromChoice
from listbridge.dmarc import Policy
from listbridge.message import CopySettings, Drops, ListCopy, ParsedMessage
from storage import cross_posts, outbox
from storage.database import Tx
from storage.posts import Post
from storage.states import Kind


@dataclass(frozen=True)
class FannedOut:
    """What putting a post into the outbox came to."""

    queued: int  #: deliveries made
    refusal: str | None  #: why no server could take it; then they are failed from the start
    in_digests: int = 0  #: how many get it in a digest
    acknowledged: bool = False  #: whether its author wants to be told that it was accepted


def copy_for(
    category: Category,
    raw: bytes,
    parsed: ParsedMessage,
    *,
    message_id: str,
    date: datetime,
    is_member: bool,
    policy: Policy,
) -> tuple[ListCopy, FromChoice]:
    """Make the copy of a post that the category's subscribers get, and say why it is From whom.

    `policy` is that of the author's domain, see `from_choice.policies`.
    """

    stand_ins = message.new_stand_ins() if category.message.personalise else None

    def made(choice: FromChoice) -> ListCopy:
        settings = CopySettings(
            name=category.name,
            address=category.address,
            list_id=message.list_id(category.address),
            from_mode=choice.mode,
            reply_to=category.message.reply_to,
            takes_posts=category.message.list_post,
            subject_prefix=category.message.subject_prefix,
            footer=category.message.footer,
            stand_ins=stand_ins,
            by_sub_address=own_sender.surely_arrives(category),
            drops=_drops(category),
        )
        return message.list_copy(
            raw, parsed, settings, message_id=message_id, date=date, is_member=is_member
        )

    choice = from_choice.choose(category, parsed.author, policy)
    copy = made(choice)
    if choice.unless_signature_lost and copy.lost_author_signature:
        choice = from_choice.without_signature(parsed.author)
        copy = made(choice)
    return copy, choice


def _drops(category: Category) -> Drops:
    """What the category does not send on."""
    kinds = category.message.drop_attachments
    return Drops(
        kinds=("*/*",) if kinds == "all" else kinds,
        above=category.message.drop_attachments_above,
        html_to_text=category.message.html == "text",
        language=category.language,
    )


def elsewhere(
    tx: Tx,
    category: Category,
    category_id: int,
    parsed: ParsedMessage,
    message_id: str,
    fingerprint: str,
) -> list[int]:
    """Return by which outgoing messages of other categories people have this post already.

    Where the category gives each his copy all the same, there are none. Others must not decide
    about the same post meanwhile, see `cross_posts.lock`.
    """
    posting = category.posting
    if posting.cross_posts == "once" or posting.umbrella_of(message.passed(parsed.head)):
        return cross_posts.elsewhere(tx, category_id, message_id, fingerprint)
    return []


def fan_out(
    tx: Tx,
    category: Category,
    post: Post,
    *,
    raw: bytes,
    parsed: ParsedMessage,
    is_member: bool,
    policy: Policy,
    now: datetime,
    author_key: str | None = None,
    body_changed: bool = False,
) -> FannedOut:
    """Put an accepted post into the outbox; `is_member` and `policy` are those of its author.

    `author_key` is that of the address at which he is a member; it need not be the one he wrote
    from. `body_changed` if `raw` has not the stored body.

    A category that cannot send makes none, so that nothing old goes out once it can. A post that
    no server could take as it is gets its deliveries too, failed from the start with the reason.
    """
    copy, _ = copy_for(
        category,
        raw,
        parsed,
        message_id=post.message_id,
        date=post.date,
        is_member=is_member,
        policy=policy,
    )
    body = copy.body
    if body is None and body_changed:
        body = b"\r\n" + raw[parsed.root.body_start :]
    author = author_key or (None if parsed.author is None else message.key(parsed.author))
    others = elsewhere(tx, category, post.category_id, parsed, post.message_id, post.fingerprint)
    without = None if category.posting.own_copy else author
    new = outbox.NewOutgoing(
        kind=Kind.POST,
        category_id=post.category_id,
        post_id=post.id,
        sender=category.address,  # RFC 5321 3.9.2: a list's mail comes from the list
        head=copy.head,
        body=body,
        raw_id=post.raw_id,
        made_message_id=None if parsed.message_id else post.message_id,
        stand_in=None if copy.stand_ins is None else copy.stand_ins.secret,
        own_senders=copy.stand_ins is not None and own_sender.may_be_used(category),
    )
    queued = outbox.fan_out(
        tx,
        new,
        to_subscribers=category.outgoing is not None,
        without=without,
        author=author,
        refusal=copy.refusal,
        now=now,
        others=others,
    )
    if category.outgoing is None:
        return FannedOut(0, copy.refusal)
    given = otherwise.give(
        tx,
        category,
        post,
        parsed,
        author=author,
        without=without,
        refused=copy.refusal is not None,
        now=now,
    )
    queued += given.updates
    return FannedOut(queued, copy.refusal, given.in_digests, given.acknowledged)
