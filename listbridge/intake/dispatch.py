"""Dispatch: decide what has been received, one message at a time, each all or nothing."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from time import sleep

from listbridge import clock
from listbridge.category import Category
from listbridge.delivery import fanout
from listbridge.errors import ListbridgeError
from listbridge.intake import events, thread
from listbridge.intake.classify import Kind
from listbridge.intake.judge import Judgement, Understood, consider, understand
from listbridge.intake.tally import Tally
from listbridge.moderation.rules import Action
from storage import categories, inbound, posts, raw_messages
from storage.database import Database, Tx
from storage.errors import StoreError
from storage.inbound import Inbound
from storage.states import PostState, Result

# In hand at this many deaths of the program, a message is set aside instead of tried once more.
_DEATHS = 3

# A database that is started anew is back by then. Seconds.
_STORE_WAITS = (0.5, 2.0, 10.0)

_STATES = {
    Action.ACCEPT: PostState.ACCEPTED,
    Action.HOLD: PostState.HELD,
    Action.REJECT: PostState.REJECTED,
    Action.DISCARD: PostState.DISCARDED,
}
_RESULTS = {
    Kind.BOUNCE: Result.BOUNCE,
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
class _Decision:
    """What was decided, to be counted and told once it is committed."""

    judgement: Judgement
    counter: str
    post_id: int | None = None
    queued: int = 0
    refusal: str | None = None


def nobody_waits() -> None:
    """Deliveries were made, and are sent some time later."""


def dispatch_waiting(
    db: Database,
    category: Category,
    category_id: int,
    tally: Tally,
    queued: Callable[[], None] = nobody_waits,
) -> None:
    """Decide everything this category has received, in the order it came.

    A message that cannot be understood is shunted and the next one goes on; `StoreError` ends it,
    and what is left stays received. `queued` is called after each that led to deliveries.
    """
    with db.reading() as tx:
        waiting = inbound.waiting(tx, category_id)
    for inbound_id in waiting:
        before = tally.queued
        dispatch(db, category, inbound_id, tally)
        if tally.queued > before:
            queued()


def dispatch(db: Database, category: Category, inbound_id: int, tally: Tally) -> None:
    """Decide one received message and count what became of it."""
    with db.transaction() as tx:
        attempts = inbound.begin(tx, inbound_id)
        one = inbound.find(tx, inbound_id)
    if attempts is None or one is None:
        return  # another process has decided it
    try:
        if attempts > _DEATHS:
            reason = f"the program ended {_DEATHS} times while it was handling this message"
            _shunt(db, one, tally, reason, None, None)
        else:
            _decide(db, category, one, tally)
    except StoreError:
        _give_back(db, inbound_id)
        raise


def _give_back(db: Database, inbound_id: int) -> None:
    """Have an attempt not count: it was no fault of the message, which stays received."""
    for wait in (*_STORE_WAITS, None):
        try:
            with db.transaction() as tx:
                inbound.give_back(tx, inbound_id)
        except StoreError:
            if wait is not None:
                sleep(wait)
        else:
            return


def _decide(db: Database, category: Category, one: Inbound, tally: Tally) -> None:
    raw = None
    try:
        with db.reading() as tx:
            raw = raw_messages.read(tx, one.raw_id)
            repeated = inbound.came_before(tx, one.category_id, one.raw_id, one.id)
        if repeated:
            _finish_repeated(db, one, raw, tally)
            return
        understood = understand(raw)
        with db.transaction() as tx:
            decision = _apply(tx, category, one, understood)
    except StoreError:
        raise
    except ListbridgeError as err:
        _shunt(db, one, tally, str(err), None, raw)
    except Exception as err:
        # Whatever a library raised on these bytes: this message is set aside, the next goes on.
        reason = f"handling it failed: {type(err).__name__}"
        _shunt(db, one, tally, reason, _without_content(err), raw)
    else:
        # Only what is committed counts.
        if decision is not None:
            _tell(one, understood, decision, tally)


def _tell(one: Inbound, understood: Understood, decision: _Decision, tally: Tally) -> None:
    tally.add(**{decision.counter: 1}, queued=decision.queued)
    events.decided(
        one,
        understood,
        decision.judgement,
        post_id=decision.post_id,
        queued=decision.queued,
        refusal=decision.refusal,
    )


def _finish_repeated(db: Database, one: Inbound, raw: bytes, tally: Tally) -> None:
    reason = "the same bytes came before"
    with db.transaction() as tx:
        done = inbound.finish(tx, one.id, Result.DUPLICATE, reason=reason, now=clock.now())
    if done:
        tally.add(duplicates=1)
        events.repeated(one, raw, reason)


def _apply(tx: Tx, category: Category, one: Inbound, understood: Understood) -> _Decision | None:
    """Record what the message is; None if another process has decided it meanwhile."""
    categories.lock(tx, one.category_id)
    judgement = consider(tx, category, one.category_id, understood, approved=one.approved)
    finding = judgement.finding
    now = clock.now()
    if finding.kind is Kind.POST:
        return _post(tx, category, one, understood, judgement)
    if finding.kind is Kind.COMMAND:
        done = inbound.shunt(tx, one.id, reason=finding.reason or "", traceback=None, now=now)
    else:
        done = inbound.finish(tx, one.id, _RESULTS[finding.kind], reason=finding.reason, now=now)
    return _Decision(judgement, _COUNTERS[finding.kind]) if done else None


def _post(
    tx: Tx,
    category: Category,
    one: Inbound,
    understood: Understood,
    judgement: Judgement,
) -> _Decision | None:
    """Everything an accepted or held post leads to, in the transaction that decides it."""
    verdict = judgement.verdict
    assert verdict is not None
    result = Result.REPLY if judgement.parent else Result.POST
    now = clock.now()
    if not inbound.finish(tx, one.id, result, reason=verdict.reason, now=now):
        return None
    post_id = posts.add(tx, _new_post(one, understood, judgement), now)
    if verdict.action in (Action.ACCEPT, Action.HOLD):
        if judgement.parent:
            parent, rank = judgement.parent
            posts.hang(tx, post_id, parent=parent, rank=rank)
        names = (understood.message_id, *understood.parsed.aliases)
        thread.adopt_replies(tx, one.category_id, post_id, names)
    counter = _counter(verdict.action, is_reply=judgement.parent is not None)
    if verdict.action is not Action.ACCEPT:
        return _Decision(judgement, counter, post_id)
    post = posts.find(tx, post_id)
    assert post is not None
    made = fanout.fan_out(tx, category, post, raw=understood.raw, parsed=understood.parsed, now=now)
    return _Decision(judgement, counter, post_id, made.queued, made.refusal)


def _counter(action: Action, *, is_reply: bool) -> str:
    if action is Action.ACCEPT:
        return "replies" if is_reply else "posts"
    return _STATES[action].value


def _new_post(one: Inbound, understood: Understood, judgement: Judgement) -> posts.NewPost:
    parsed, verdict = understood.parsed, judgement.verdict
    assert verdict is not None
    return posts.NewPost(
        category_id=one.category_id,
        inbound_id=one.id,
        raw_id=one.raw_id,
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


def _shunt(
    db: Database, one: Inbound, tally: Tally, reason: str, trace: str | None, raw: bytes | None
) -> None:
    # A reason may quote what no database takes, and then not even shunting would help.
    reason = reason.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    with db.transaction() as tx:
        done = inbound.shunt(tx, one.id, reason=reason, traceback=trace, now=clock.now())
    if done:
        tally.add(shunted=1)
        events.shunted(one, reason, raw)


def _without_content(err: Exception) -> str:
    """Return where it failed, without the error's text, which may quote the message."""
    where = "".join(traceback.format_tb(err.__traceback__))
    return f"{where}{type(err).__name__}"
