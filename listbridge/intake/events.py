"""What the log says of a message on its way from the mailbox to a decision."""

from collections.abc import Sequence

from listbridge import maillog, message
from listbridge.intake.classify import Kind
from listbridge.intake.judge import Judgement, Understood
from listbridge.moderation.rules import Action
from storage.inbound import Inbound
from storage.posts import Post
from storage.states import PostState

_MESSAGE = {
    Kind.BOUNCE: "message.bounce",
    Kind.COMMAND: "message.command",
    Kind.DUPLICATE: "message.duplicate",
    Kind.ROBOT: "message.robot",
}
_POST = {
    Action.ACCEPT: "post.accepted",
    Action.HOLD: "post.held",
    Action.REJECT: "post.rejected",
    Action.DISCARD: "post.discarded",
}

_HELD = {
    PostState.ACCEPTED: "held.approved",
    PostState.REJECTED: "held.rejected",
    PostState.DISCARDED: "held.discarded",
}


def received(
    category: str,
    inbound_id: int,
    raw: bytes,
    *,
    mailbox: str | None = None,
    uid: str | None = None,
) -> None:
    """Tell that a message is stored, and where it was found."""
    if maillog.is_on():
        maillog.info(
            "message.received",
            category=category,
            inbound=inbound_id,
            message_id=message.glance_id(raw),
            mailbox=mailbox,
            uid=uid,
            size=len(raw),
        )


def routed(one: Inbound, raw: bytes, categories: Sequence[str], inbound_ids: Sequence[int]) -> None:
    """Tell which categories got a message of a mailbox that they share, and under which ids."""
    if maillog.is_on():
        for category, inbound_id in zip(categories, inbound_ids, strict=True):
            maillog.info(
                "message.routed",
                category=category,
                inbound=inbound_id,
                message_id=message.glance_id(raw),
                before=one.id,
            )


def decided(
    one: Inbound,
    understood: Understood,
    judgement: Judgement,
    *,
    post_id: int | None,
    queued: int,
    refusal: str | None,
) -> None:
    """Tell what a message was, and what was decided about it if it is a post."""
    verdict = judgement.verdict
    if verdict is None:
        maillog.info(
            _MESSAGE[judgement.finding.kind],
            category=one.category,
            inbound=one.id,
            message_id=understood.message_id,
            reason=judgement.finding.reason,
        )
        return
    maillog.info(
        _POST[verdict.action],
        category=one.category,
        post=post_id,
        message_id=understood.message_id,
        inbound=one.id,
        received=one.received_at,
        sender=understood.parsed.author,
        parent=judgement.parent and judgement.parent[0],
        reason=verdict.reason,
        queued=queued if verdict.action is Action.ACCEPT else None,
        refusal=refusal,
    )


def moderated(post: Post) -> None:
    """Tell what a moderator has decided by mail."""
    maillog.info(
        _HELD[post.state],
        category=post.category,
        post=post.id,
        message_id=post.message_id,
        reason=post.reason,
        by=post.decided_by,
    )


def repeated(one: Inbound, raw: bytes, reason: str) -> None:
    """Tell that the very same bytes came before."""
    if maillog.is_on():
        maillog.info(
            "message.duplicate",
            category=one.category,
            inbound=one.id,
            message_id=message.glance_id(raw),
            reason=reason,
        )


def shunted(one: Inbound, reason: str, raw: bytes | None) -> None:
    """Tell that a message was set aside."""
    maillog.warning(
        "message.shunted",
        category=one.category,
        inbound=one.id,
        message_id=None if raw is None else message.glance_id(raw),
        reason=reason,
    )
