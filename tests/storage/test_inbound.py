"""The states of an inbound message, and which steps between them there are."""

from collections.abc import Callable
from datetime import datetime

import pytest

from storage import inbound, raw_messages
from storage.database import Database, Tx
from storage.states import InboundState, Result, Source

Step = Callable[[Tx, int, datetime], object]


def _finish(tx: Tx, one: int, now: datetime) -> object:
    return inbound.finish(tx, one, Result.ROBOT, reason="it says so", now=now)


def _shunt(tx: Tx, one: int, now: datetime) -> object:
    return inbound.shunt(tx, one, reason="it failed", traceback="here", now=now)


def _retry(tx: Tx, one: int, now: datetime) -> object:
    return inbound.retry(tx, one)


def _drop(tx: Tx, one: int, now: datetime) -> object:
    return inbound.drop(tx, one)


INTO: dict[InboundState, tuple[Step, ...]] = {
    InboundState.RECEIVED: (),
    InboundState.PROCESSED: (_finish,),
    InboundState.SHUNTED: (_shunt,),
    InboundState.DROPPED: (_shunt, _drop),
}
ARROWS = {
    (InboundState.RECEIVED, _finish): InboundState.PROCESSED,
    (InboundState.RECEIVED, _shunt): InboundState.SHUNTED,
    (InboundState.SHUNTED, _retry): InboundState.RECEIVED,
    (InboundState.SHUNTED, _drop): InboundState.DROPPED,
}


def keep(db: Database, category_id: int, now: datetime, raw: bytes = b"raw") -> int:
    """Store one message."""
    with db.transaction() as tx:
        return inbound.keep(tx, category_id, raw, source=Source.MAILBOX, now=now)[0]


def find(db: Database, one: int) -> inbound.Inbound:
    """Return what is stored of it."""
    with db.reading() as tx:
        found = inbound.find(tx, one)
    assert found is not None
    return found


@pytest.mark.parametrize("state", list(InboundState))
@pytest.mark.parametrize("step", [_finish, _shunt, _retry, _drop])
def test_there_is_no_step_that_is_not_listed(
    db: Database, category_id: int, now: datetime, state: InboundState, step: Step
) -> None:
    one = keep(db, category_id, now)
    with db.transaction() as tx:
        for before in INTO[state]:
            before(tx, one, now)
        done = step(tx, one, now)

    expected = ARROWS.get((state, step))
    assert done is (expected is not None)
    assert find(db, one).state is (expected or state)


@pytest.mark.parametrize("state", [x for x in InboundState if x is not InboundState.RECEIVED])
def test_an_attempt_begins_only_at_what_is_undecided(
    db: Database, category_id: int, now: datetime, state: InboundState
) -> None:
    one = keep(db, category_id, now)
    with db.transaction() as tx:
        begun = [inbound.begin(tx, one), inbound.begin(tx, one)]
        for step in INTO[state]:
            step(tx, one, now)
        late = inbound.begin(tx, one)

    assert (begun, late) == ([1, 2], None)


def test_an_attempt_given_back_does_not_count(
    db: Database, category_id: int, now: datetime
) -> None:
    one = keep(db, category_id, now)
    with db.transaction() as tx:
        inbound.begin(tx, one)
        inbound.give_back(tx, [one])
        inbound.give_back(tx, [one])

        assert inbound.begin(tx, one) == 1


def test_a_retried_message_has_forgotten_its_trouble(
    db: Database, category_id: int, now: datetime
) -> None:
    one = keep(db, category_id, now)
    fresh = find(db, one)
    with db.transaction() as tx:
        inbound.begin(tx, one)
        _shunt(tx, one, now)
        _retry(tx, one, now)

    assert find(db, one) == fresh


def test_equal_bytes_are_stored_once_and_came_before(
    db: Database, category_id: int, now: datetime
) -> None:
    first, second, other = (keep(db, category_id, now, raw) for raw in (b"a", b"a", b"b"))
    with db.reading() as tx:
        raw_a = find(db, first).raw_id
        before = [inbound.came_before(tx, category_id, raw_a, x) for x in (first, second, None)]

        assert before == [False, True, True]
        assert inbound.came_before(tx, category_id, find(db, other).raw_id, other) is False
        assert inbound.came_before(tx, category_id + 1, raw_a, None) is False
        assert find(db, second).raw_id == raw_a
        assert raw_messages.read(tx, raw_a) == b"a"


def test_what_waits_comes_in_the_order_it_came(
    db: Database, category_id: int, now: datetime
) -> None:
    made = [keep(db, category_id, now, b"%d" % n) for n in range(4)]
    with db.transaction() as tx:
        _finish(tx, made[1], now)
        _shunt(tx, made[2], now)

        assert inbound.waiting(tx, category_id) == [made[0], made[3]]
        assert [x.id for x in inbound.shunted(tx)] == [made[2]]
        assert inbound.shunted(tx, category_id + 1) == []
