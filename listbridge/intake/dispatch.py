"""Dispatch: decide what has been received, in its order, each message all or nothing."""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

from listbridge import clock
from listbridge.bounces import Book, Recorded
from listbridge.bounces import events as bounce_events
from listbridge.category import Category
from listbridge.delivery import fanout, from_choice
from listbridge.dmarc import Policy
from listbridge.intake import events, in_hand, thread, umbrella
from listbridge.intake.classify import Kind
from listbridge.intake.groups import groups
from listbridge.intake.judge import Judgement, Understood, as_history, consider, understand
from listbridge.intake.readers import Reader, Readers
from listbridge.intake.route import route
from listbridge.intake.tally import Tally
from listbridge.membership import requests
from listbridge.membership.posts import acknowledge, tell_author
from listbridge.membership.request import Request
from listbridge.moderation import answers
from listbridge.moderation.letters import Letters
from listbridge.moderation.rules import Action
from storage import categories, cross_posts, inbound, posts, raw_messages, tokens
from storage.database import Database, Tx
from storage.inbound import Inbound
from storage.posts import Post
from storage.states import PostState, Result, Source

# For so long messages are read that are to be decided together, and no transaction that decides
# them takes much longer: others want to write too. Seconds.
_LONG = 0.1

_REPEATED = "the same bytes came before"
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
class _Read:
    """A message as it is stored, and read where that is needed."""

    one: Inbound
    raw: bytes
    understood: Understood | None  #: None where the same bytes came before
    released: Post | None = None  #: the held post that it may let out
    #: Of the domains of those two, as far as they are asked for.
    policies: Mapping[str | None, Policy] = field(default_factory=dict)

    @property
    def is_history(self) -> bool:
        """Whether it comes from an archive, and is sent to nobody."""
        return self.one.source is Source.IMPORT

    @property
    def author(self) -> str | None:
        """Who wrote it, as far as that is known."""
        return self.understood.parsed.author if self.understood else None

    @property
    def released_author(self) -> str | None:
        """Who wrote the held post that it may let out."""
        return self.released.sender if self.released else None

    def policy(self, author: str | None) -> Policy:
        """Return the policy of an author's domain."""
        return self.policies.get(author, Policy.UNKNOWN)


@dataclass(frozen=True)
class _Decision:
    """What was decided, to be counted and told once it is committed."""

    judgement: Judgement | None  #: None where the same bytes came before
    counter: str
    post_id: int | None = None
    queued: int = 0
    refusal: str | None = None
    bounces: Sequence[Recorded] = ()
    moderated: Post | None = None  #: a held post that a moderator has decided about


def nobody_waits(_category_id: int) -> None:
    """Deliveries were made, and are sent some time later."""


def dispatch_waiting(
    db: Database, readers: Readers, queued: Callable[[int], None] = nobody_waits
) -> None:
    """Decide everything that those who are polled have received, in the order it came.

    What came for several is given to each of them first. A message that cannot be understood is
    shunted and the next one goes on; `StoreError` ends it, and what is left stays received.
    `queued` is called with the category's id whenever deliveries have been made.
    """
    with db.reading() as tx:
        waiting = inbound.backlog(tx, readers.ids, clock.now())
    if for_several := [one for one in waiting if one.unrouted]:
        route(db, readers, for_several)
        with db.reading() as tx:
            waiting = inbound.backlog(tx, readers.ids, clock.now())
    for reader in readers.polled:
        own = [one for one in waiting if one.category_id == reader.id and not one.unrouted]
        for group in groups(own):
            _dispatch(db, reader, group, queued)


def dispatch(db: Database, reader: Reader, inbound_id: int) -> None:
    """Decide one received message and count what became of it."""
    _dispatch(db, reader, [inbound_id], nobody_waits)


def dispatch_several(db: Database, reader: Reader, inbound_ids: Sequence[int]) -> None:
    """Decide a few received messages of one category in their order, as far as they still are."""
    _dispatch(db, reader, inbound_ids, nobody_waits)


def _dispatch(
    db: Database, reader: Reader, group: Sequence[int], queued: Callable[[int], None]
) -> None:
    category, tally = reader.category, reader.tally
    told = tally.queued

    def tell() -> None:
        nonlocal told
        if tally.queued > told:
            told = tally.queued
            queued(reader.id)

    in_hand.handle(
        db,
        group,
        lambda waiting: _decide_together(db, category, waiting, tally),
        lambda one: _decide_alone(db, category, one, tally),
        tell,
    )


def _decide_together(
    db: Database, category: Category, waiting: Sequence[Inbound], tally: Tally
) -> int:
    """Decide the first ones in one transaction; return how many, none if the first is unreadable.

    Whatever it raises, nothing is decided then.
    """
    read = deque(_with_policies(category, _read_some(db, category, waiting)))
    decided: list[tuple[_Read, _Decision | None]] = []
    with db.transaction() as tx:
        _lock(tx, category, waiting[0].category_id, read)
        begun = monotonic()
        while read and monotonic() < begun + _LONG:
            one = read.popleft()
            decided.append((one, _record(tx, category, one)))
    for one, decision in decided:
        # Only what is committed counts.
        if decision is not None:
            _tell(one, decision, tally)
    return len(decided)


def _read_some(db: Database, category: Category, waiting: Sequence[Inbound]) -> list[_Read]:
    """Read the first ones, as many as can be read in a moment, or as there are before a bad one."""
    with db.reading() as tx:
        stored = [_stored(tx, one) for one in waiting]
    read: list[_Read] = []
    begun = monotonic()
    for one, (raw, repeated) in zip(waiting, stored, strict=True):
        try:
            read.append(_understood(db, category, one, raw, repeated=repeated))
        except Exception:
            break  # It is read again, alone, and what is wrong with it is seen to then.
        if monotonic() > begun + _LONG:
            break
    return read


def _understood(
    db: Database, category: Category, one: Inbound, raw: bytes, *, repeated: bool
) -> _Read:
    """Read a message, and where it is another list's copy of a post, that post."""
    if repeated:
        return _Read(one, raw, None)
    understood, released = understand(raw, category), None
    understood = umbrella.seen_through(db, category, one.category_id, understood)
    if understood.parsed.tokens:
        with db.reading() as tx:
            released = answers.post_in_question(
                tx, category, one.category_id, understood.parsed, clock.now()
            )
    return _Read(one, raw, understood, released=released)


def _lock(tx: Tx, category: Category, category_id: int, read: Collection[_Read]) -> None:
    """Keep others from deciding in this category and, where that matters, about the same posts."""
    categories.lock(tx, category_id)
    if category.posting.knows_others:
        posts_in_hand = (post for one in read for post in (one.understood, one.released))
        cross_posts.lock(tx, [one.message_id for one in posts_in_hand if one is not None])


def _with_policies(category: Category, read: list[_Read]) -> list[_Read]:
    """Add the policies of the authors' domains, all asked for at the same time."""
    authors = [one.author for one in read if not one.is_history]
    authors += [one.released_author for one in read if one.released]
    found = from_choice.policies(category, authors)
    return [replace(one, policies=found) for one in read] if found else read


def _stored(tx: Tx, one: Inbound) -> tuple[bytes, bool]:
    """Return the bytes of a message, and whether the same came before."""
    raw = raw_messages.read(tx, one.raw_id)
    return raw, inbound.came_before(tx, one.category_id, one.raw_id, one.id)


def _decide_alone(db: Database, category: Category, one: Inbound, tally: Tally) -> None:
    if in_hand.is_deadly(one):
        in_hand.shunt_deadly(db, one, tally)
        return
    decided: tuple[_Read, _Decision | None] | None = None
    with in_hand.shunted_if_bad(db, one, tally) as hand:
        with db.reading() as tx:
            hand.raw, repeated = _stored(tx, one)
        understood = _understood(db, category, one, hand.raw, repeated=repeated)
        [read] = _with_policies(category, [understood])
        with db.transaction() as tx:
            _lock(tx, category, one.category_id, [read])
            decision = _record(tx, category, read)
        decided = read, decision  # only what is committed counts
    if decided is not None and decided[1] is not None:
        _tell(decided[0], decided[1], tally)


def _tell(read: _Read, decision: _Decision, tally: Tally) -> None:
    tally.add(**{decision.counter: 1}, queued=decision.queued)
    if read.understood is None or decision.judgement is None:
        events.repeated(read.one, read.raw, _REPEATED)
        return
    events.decided(
        read.one,
        read.understood,
        decision.judgement,
        post_id=decision.post_id,
        queued=decision.queued,
        refusal=decision.refusal,
    )
    if decision.moderated is not None:
        events.moderated(decision.moderated)
    bounce_events.recorded(read.one.category, decision.bounces)


def _record(tx: Tx, category: Category, read: _Read) -> _Decision | None:
    """Record what the message is; None if another process has decided it meanwhile.

    The category is locked by then.
    """
    one, now = read.one, clock.now()
    if read.understood is None:
        done = inbound.finish(tx, one.id, Result.DUPLICATE, reason=_REPEATED, now=now)
        return _Decision(None, _COUNTERS[Kind.DUPLICATE]) if done else None
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
    return _Decision(judgement, _COUNTERS[finding.kind]) if done else None


def _bounce(
    tx: Tx, category: Category, one: Inbound, understood: Understood, judgement: Judgement
) -> _Decision | None:
    now, reason = clock.now(), judgement.finding.reason
    if not inbound.finish(tx, one.id, Result.BOUNCE, reason=reason, now=now):
        return None
    recorded: Sequence[Recorded] = ()
    if understood.report is not None:
        recorded = Book(one.category_id, category).reported(tx, understood.report, one.id, now)
    return _Decision(judgement, _COUNTERS[Kind.BOUNCE], bounces=recorded)


def _command(
    tx: Tx,
    category: Category,
    one: Inbound,
    understood: Understood,
    judgement: Judgement,
    policy: Policy,
) -> _Decision | None:
    """Everything a command leads to, in the transaction that decides it.

    Where a person has to see to it, it is set aside, if only later by a `NotUnderstood`.
    """
    finding, now = judgement.finding, clock.now()
    assert finding.command is not None
    if reason := requests.refusal(category, finding.command, understood.parsed):
        shunted = inbound.shunt(tx, one.id, reason=reason, traceback=None, now=now)
        judgement = replace(judgement, finding=replace(finding, reason=reason))
        return _Decision(judgement, "shunted") if shunted else None
    if not inbound.finish(tx, one.id, Result.COMMAND, reason=finding.reason, now=now):
        return None
    request = Request(tx, category, one.category_id, finding.command, understood.parsed, now)
    done = answers.carry_out(request, policy) or requests.carry_out(request)
    inbound.give_reason(tx, one.id, done.reason)
    judgement = replace(judgement, finding=replace(finding, reason=done.reason))
    return _Decision(judgement, _COUNTERS[Kind.COMMAND], queued=done.told, moderated=done.decided)


def _post(
    tx: Tx,
    category: Category,
    one: Inbound,
    understood: Understood,
    judgement: Judgement,
    policy: Policy,
) -> _Decision | None:
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
        return _Decision(judgement, counter, post_id)
    post = posts.find(tx, post_id)
    assert post is not None
    if verdict.action is not Action.ACCEPT:
        # Whoever may not have written it has nothing to do with it.
        told = 0 if judgement.is_doubted else tell_author(tx, category, post, now)
        if verdict.action is Action.HOLD:
            told += Letters(tx, category, one.category_id, now).held(post, understood.password)
        return _Decision(judgement, counter, post_id, told)
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
    return _Decision(judgement, counter, post_id, made.queued + told, made.refusal)


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
