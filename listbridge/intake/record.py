"""What is recorded of a message, and all that it leads to, in the transaction that decides it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from listbridge import clock
from listbridge.bounces import Book, Recorded
from listbridge.category import Category
from listbridge.delivery import fanout
from listbridge.dmarc import Policy
from listbridge.intake import thread
from listbridge.intake.classify import Kind
from listbridge.intake.judge import Judgement, Understood, as_history, consider
from listbridge.intake.reading import Read
from listbridge.membership import requests
from listbridge.membership.posts import acknowledge, tell_author
from listbridge.membership.request import Request
from listbridge.moderation import answers
from listbridge.moderation.letters import Letters
from listbridge.moderation.rules import Action
from storage import inbound, posts, raw_messages, tokens
from storage.database import Tx
from storage.inbound import Inbound
from storage.posts import Post
from storage.states import PostState, Result, Source

#: Of a message whose very bytes are there already.
REPEATED = "the same bytes came before"
_STATES = {
    Action.ACCEPT: PostState.ACCEPTED,
    Action.HOLD: PostState.HELD,
    Action.REJECT: PostState.REJECTED,
    Action.DISCARD: PostState.DISCARDED,
}
_RESULTS = {
    Kind.ROBOT: Result.ROBOT,
    Kind.DUPLICATE: Result.DUPLICATE,
}
_COUNTERS = {
    Kind.BOUNCE: "bounces",
    Kind.ROBOT: "robots",
    Kind.DUPLICATE: "duplicates",
    Kind.COMMAND: "commands",
}


@dataclass(frozen=True)
class Decision:
    """What was decided, to be counted and told once it is committed."""

    judgement: Judgement | None  #: None where the same bytes came before
    counter: str
    post_id: int | None = None
    queued: int = 0
    refusal: str | None = None
    bounces: Sequence[Recorded] = ()
    moderated: Post | None = None  #: a held post that a moderator has decided about


def record(tx: Tx, category: Category, read: Read) -> Decision | None:
    """Record what the message is; None if another process has decided it meanwhile.

    The category is locked by then.
    """
    one, now = read.one, clock.now()
    if read.understood is None:
        done = inbound.finish(tx, one.id, Result.DUPLICATE, reason=REPEATED, now=now)
        return Decision(None, _COUNTERS[Kind.DUPLICATE]) if done else None
    if read.is_history:
        judgement = as_history(tx, one.category_id, read.understood)
    else:
        judgement = consider(tx, category, one.category_id, read.understood, approved=one.approved)
    finding = judgement.finding
    if finding.kind is Kind.POST:
        return _post(tx, category, one, read.understood, judgement, read.policy(read.author))
    if finding.kind is Kind.BOUNCE:
        return _bounce(tx, category, one, read.understood, judgement)
    if finding.command is not None:
        return _command(
            tx,
            category,
            one,
            read.understood,
            judgement,
            read.policy(read.released_author),
        )
    done = inbound.finish(tx, one.id, _RESULTS[finding.kind], reason=finding.reason, now=now)
    return Decision(judgement, _COUNTERS[finding.kind]) if done else None


def _bounce(
    tx: Tx, category: Category, one: Inbound, understood: Understood, judgement: Judgement
) -> Decision | None:
    now, reason = clock.now(), judgement.finding.reason
    if not inbound.finish(tx, one.id, Result.BOUNCE, reason=reason, now=now):
        return None
    recorded: Sequence[Recorded] = ()
    if understood.report is not None:
        recorded = Book(one.category_id, category).reported(tx, understood.report, one.id, now)
    return Decision(judgement, _COUNTERS[Kind.BOUNCE], bounces=recorded)


def _command(
    tx: Tx,
    category: Category,
    one: Inbound,
    understood: Understood,
    judgement: Judgement,
    policy: Policy,
) -> Decision | None:
    """Everything a command leads to, in the transaction that decides it.

    Where a person has to see to it, it is set aside, if only later by a `NotUnderstood`.
    """
    finding, now = judgement.finding, clock.now()
    assert finding.command is not None
    if reason := requests.refusal(category, finding.command, understood.parsed):
        shunted = inbound.shunt(tx, one.id, reason=reason, traceback=None, now=now)
        judgement = replace(judgement, finding=replace(finding, reason=reason))
        return Decision(judgement, "shunted") if shunted else None
    if not inbound.finish(tx, one.id, Result.COMMAND, reason=finding.reason, now=now):
        return None
    request = Request(tx, category, one.category_id, finding.command, understood.parsed, now)
    done = answers.carry_out(request, policy) or requests.carry_out(request)
    inbound.give_reason(tx, one.id, done.reason)
    judgement = replace(judgement, finding=replace(finding, reason=done.reason))
    return Decision(judgement, _COUNTERS[Kind.COMMAND], queued=done.told, moderated=done.decided)


def _post(
    tx: Tx,
    category: Category,
    one: Inbound,
    understood: Understood,
    judgement: Judgement,
    policy: Policy,
) -> Decision | None:
    """Everything an accepted or held post leads to, in the transaction that decides it."""
    verdict = judgement.verdict
    assert verdict is not None
    result = Result.REPLY if judgement.parent else Result.POST
    now = clock.now()
    if not inbound.finish(tx, one.id, result, reason=verdict.reason, now=now):
        return None
    raw_id = one.raw_id
    if understood.umbrella is not None:
        raw_id = raw_messages.keep(tx, understood.raw)  # the post, not the copy of it that came
    new = _new_post(one, raw_id, understood, judgement)
    # What was said long ago counts as such, for those who ask who has posted lately.
    is_history = one.source is Source.IMPORT
    post_id = posts.add(tx, new, min(new.date, now) if is_history else now)
    if verdict.action in (Action.ACCEPT, Action.HOLD):
        if judgement.parent:
            parent, rank = judgement.parent
            posts.hang(tx, post_id, parent=parent, rank=rank)
        names = (understood.message_id, *understood.parsed.aliases)
        thread.adopt_replies(tx, one.category_id, post_id, names)
    if understood.parsed.tokens:
        tokens.void(tx, understood.parsed.tokens)  # what a list has read is no secret any more
    counter = _counter(verdict.action, is_reply=judgement.parent is not None)
    if is_history:
        return Decision(judgement, counter, post_id)
    post = posts.find(tx, post_id)
    assert post is not None
    if verdict.action is not Action.ACCEPT:
        # Whoever may not have written it has nothing to do with it.
        told = 0 if judgement.is_doubted else tell_author(tx, category, post, now)
        if verdict.action is Action.HOLD:
            told += Letters(tx, category, one.category_id, now).held(post, understood.password)
        return Decision(judgement, counter, post_id, told)
    made = fanout.fan_out(
        tx,
        category,
        post,
        raw=understood.raw,
        parsed=understood.parsed,
        is_member=judgement.is_member,
        author_key=judgement.author_key,
        policy=policy,
        now=now,
        body_changed=understood.password.body_changed,
    )
    told = 0
    if made.acknowledged and not judgement.is_doubted:
        getting = made.queued + made.in_digests
        told = acknowledge(tx, category, post, understood.parsed, getting, now)
    return Decision(judgement, counter, post_id, made.queued + told, made.refusal)


def _counter(action: Action, *, is_reply: bool) -> str:
    if action is Action.ACCEPT:
        return "replies" if is_reply else "posts"
    return _STATES[action].value


def _new_post(
    one: Inbound, raw_id: int, understood: Understood, judgement: Judgement
) -> posts.NewPost:
    parsed, verdict = understood.parsed, judgement.verdict
    assert verdict is not None
    return posts.NewPost(
        category_id=one.category_id,
        inbound_id=one.id,
        raw_id=raw_id,
        message_id=understood.message_id,
        fingerprint=understood.fingerprint,
        aliases=parsed.aliases,
        references=parsed.references,
        sender=parsed.author,
        sender_name=parsed.author_name,
        subject=parsed.subject,
        date=parsed.date or one.received_at,
        state=_STATES[verdict.action],
        reason=verdict.reason,
        trail=verdict.trail,
    )
