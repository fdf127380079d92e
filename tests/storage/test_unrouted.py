"""Mail that is kept before it is known whose it is, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest

from storage import arrivals, audit, categories, inbound, raw_messages, unrouted
from storage.database import Database, Tx
from storage.states import InboundState, Result, Source

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ROUTERS = 4


@pytest.fixture
def other(db: Database) -> int:
    with db.transaction() as tx:
        return categories.keep(tx, "other", "other@example.org").id


def keep(tx: Tx, category_id: int, raw: bytes = b"x", *, open_: bool = True) -> tuple[int, int]:
    """Store a message that lies in a mailbox; return the ids of its row and of its arrival."""
    raw_id = raw_messages.keep(tx, raw)
    categories.lock(tx, category_id)
    one = inbound.keep_stored(
        tx, category_id, raw_id, source=Source.MAILBOX, now=NOW, unrouted=open_
    )
    arrival = arrivals.keep(
        tx,
        arrivals.mailbox_id(tx, "imap://box"),
        uidvalidity=1,
        uid=str(one),
        size=1,
        internal_date=None,
        raw_id=raw_id,
        inbound_id=one,
        now=NOW,
    )
    return one, arrival


def give(tx: Tx, one: int, *category_ids: int) -> list[int]:
    """Route a message; return the ids of the rows it became, none if another was faster."""
    if one not in unrouted.lock(tx, [one], category_ids):
        return []
    found = inbound.find(tx, one)
    assert found is not None
    return unrouted.give(tx, found, category_ids)


def test_a_row_is_replaced_by_one_in_each_category_and_its_arrival_follows(
    db: Database, category_id: int, other: int
) -> None:
    with db.transaction() as tx:
        one, arrival = keep(tx, category_id)
        made = give(tx, one, other, category_id)

    with db.reading() as tx:
        rows = [inbound.find(tx, new) for new in made]
        [logged] = arrivals.present(tx, arrivals.mailbox_id(tx, "imap://box"))
        assert inbound.find(tx, one) is None
    assert [(x.category, x.unrouted, x.state, x.source) for x in rows if x] == [
        ("other", False, InboundState.RECEIVED, Source.MAILBOX),
        ("general", False, InboundState.RECEIVED, Source.MAILBOX),
    ]
    assert (logged.id, logged.inbound_id) == (arrival, made[0])
    assert min(made) > one


def test_what_is_for_nobody_yet_came_before_nobodys(db: Database, category_id: int) -> None:
    with db.transaction() as tx:
        keep(tx, category_id)
        copy, _ = keep(tx, category_id, open_=False)
        raw_id = raw_messages.keep(tx, b"x")

        assert not inbound.came_before(tx, category_id, raw_id, copy)
        assert inbound.came_before(tx, category_id, raw_id, None)


@pytest.mark.parametrize("state", [InboundState.SHUNTED, InboundState.DROPPED])
def test_what_is_set_aside_is_not_routed(
    db: Database, category_id: int, state: InboundState
) -> None:
    with db.transaction() as tx:
        one, _ = keep(tx, category_id)
        inbound.shunt(tx, one, reason="", traceback=None, now=NOW)
        if state is InboundState.DROPPED:
            inbound.drop(tx, one)

        assert give(tx, one, category_id) == []


@pytest.mark.parametrize("agree", [True, False])
def test_of_several_who_route_the_same_one_does(
    db: Database, category_id: int, other: int, agree: bool
) -> None:
    """Whether they want the same, or their files differ for a moment."""
    with db.transaction() as tx:
        ones = [keep(tx, category_id, b"%d" % n)[0] for n in range(20)]
    ready = Barrier(ROUTERS)

    def work(number: int) -> list[list[int]]:
        wanted = (category_id, other) if number % 2 else (other, category_id)
        order = wanted if agree else wanted[:1]
        made = []
        for one in ones:
            ready.wait()
            try:
                with db.transaction() as tx:
                    made.append(give(tx, one, *order))
            except BaseException:
                ready.abort()  # the others wait for nobody
                raise
        return made

    with ThreadPoolExecutor(ROUTERS) as pool:
        made = list(pool.map(work, range(ROUTERS)))

    assert [sum(map(bool, some)) for some in zip(*made, strict=True)] == [1] * len(ones)
    with db.reading() as tx:
        rows = [
            one.unrouted for one in inbound.backlog(tx, [category_id, other], datetime.now(UTC))
        ]
    assert rows == [False] * len(ones) * (2 if agree else 1)


def test_arrivals_count_for_every_category_that_got_them(
    db: Database, category_id: int, other: int
) -> None:
    with db.transaction() as tx:
        both, first = keep(tx, category_id, b"1")
        alone, second = keep(tx, category_id, b"2", open_=False)
        give(tx, both, category_id, other)

        found = arrivals.by_category(tx, [first, second], [category_id, other])
        others = arrivals.by_category(tx, [first, second], [other])

    assert alone
    assert found == {category_id: 2, other: 1}
    assert others == {other: 1}


def test_the_audit_names_what_was_decided_for_nobody(db: Database, category_id: int) -> None:
    with db.transaction() as tx:
        one, _ = keep(tx, category_id)
        inbound.finish(tx, one, Result.ROBOT, reason=None, now=NOW)

        assert [(x.what, x.id) for x in audit.problems(tx)] == [("inbound", one)]
