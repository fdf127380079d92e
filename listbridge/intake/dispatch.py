"""Dispatch: decide what has been received, in its order, each message all or nothing."""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from time import monotonic

from listbridge import clock
from listbridge.bounces import events as bounce_events
from listbridge.category import Category
from listbridge.intake import events, in_hand
from listbridge.intake.groups import groups
from listbridge.intake.readers import Reader, Readers
from listbridge.intake.reading import Read, read_one, read_some, stored
from listbridge.intake.record import REPEATED, Decision, record
from listbridge.intake.route import route
from listbridge.intake.tally import Tally
from storage import categories, cross_posts, inbound
from storage.database import Database, Tx
from storage.inbound import Inbound

# For so long messages are read that are to be decided together, and no transaction that decides
# them takes much longer: others want to write too. Seconds.
_LONG = 0.1


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
    read = deque(read_some(db, category, waiting, _LONG))
    decided: list[tuple[Read, Decision | None]] = []
    with db.transaction() as tx:
        _lock(tx, category, waiting[0].category_id, read)
        begun = monotonic()
        while read and monotonic() < begun + _LONG:
            one = read.popleft()
            decided.append((one, record(tx, category, one)))
    for one, decision in decided:
        # Only what is committed counts.
        if decision is not None:
            _tell(one, decision, tally)
    return len(decided)


def _lock(tx: Tx, category: Category, category_id: int, read: Collection[Read]) -> None:
    """Keep others from deciding in this category and, where that matters, about the same posts."""
    categories.lock(tx, category_id)
    if category.posting.knows_others:
        posts_in_hand = (post for one in read for post in (one.understood, one.released))
        cross_posts.lock(tx, [one.message_id for one in posts_in_hand if one is not None])


def _decide_alone(db: Database, category: Category, one: Inbound, tally: Tally) -> None:
    if in_hand.is_deadly(one):
        in_hand.shunt_deadly(db, one, tally)
        return
    decided: tuple[Read, Decision | None] | None = None
    with in_hand.shunted_if_bad(db, one, tally) as hand:
        with db.reading() as tx:
            hand.raw, repeated = stored(tx, one)
        read = read_one(db, category, one, hand.raw, repeated=repeated)
        with db.transaction() as tx:
            _lock(tx, category, one.category_id, [read])
            decision = record(tx, category, read)
        decided = read, decision  # only what is committed counts
    if decided is not None and decided[1] is not None:
        _tell(decided[0], decided[1], tally)


def _tell(read: Read, decision: Decision, tally: Tally) -> None:
    tally.add(**{decision.counter: 1}, queued=decision.queued)
    if read.understood is None or decision.judgement is None:
        events.repeated(read.one, read.raw, REPEATED)
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
