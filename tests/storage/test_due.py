"""Which categories have something to send."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from storage import categories, claims, due, inbound, outbox, subscriptions
from storage.database import Database, Tx
from storage.dialects import is_postgresql
from storage.outbox import NewOutgoing
from storage.states import Kind, Origin, Source

LATER = timedelta(minutes=5)
Look = Callable[[Tx, datetime], object]


@pytest.fixture
def two(db: Database, now: datetime) -> list[int]:
    """The ids of two categories with a delivery each, the second later; a third has none."""
    with db.transaction() as tx:
        ids = [categories.keep(tx, slug, "a@example.org").id for slug in ("one", "two", "idle")]
        _queue(tx, ids[0], now)
        _queue(tx, ids[1], now + LATER)
    return ids[:2]


def _queue(tx: Tx, category_id: int, now: datetime) -> None:
    address = "ann@example.org"
    subscriptions.put(
        tx, category_id, address=address, key=address, name="", origin=Origin.ADMIN, now=now
    )
    _, raw_id = inbound.keep(tx, category_id, b"x", source=Source.CLI, now=now)
    new = NewOutgoing(Kind.POST, category_id, None, "a@example.org", b"\r\n", None, raw_id, None)
    outbox.fan_out(tx, new, to_subscribers=True, without=None, refusal=None, now=now)


def test_a_category_is_due_with_its_first_delivery(
    db: Database, two: list[int], now: datetime
) -> None:
    with db.reading() as tx:
        found = [due.categories_due(tx, now + n * LATER) for n in (-1, 0, 1)]

    assert found == [[], two[:1], two]


def test_what_is_being_sent_is_not_due_but_sending(
    db: Database, two: list[int], now: datetime
) -> None:
    with db.transaction() as tx:
        claims.claim(tx, two[0], owner="me", until=now, due=now, limit=1)

        assert due.categories_due(tx, now) == []
        assert due.categories_sending(tx) == two[:1]


@pytest.mark.parametrize(
    ("look", "index"),
    [
        (lambda tx, now: due.categories_due(tx, now), "ix_deliveries_waiting"),
        (lambda tx, now: due.count_due(tx, 1, now), "ix_deliveries_waiting"),
        (lambda tx, now: due.categories_sending(tx), "ix_deliveries_sending"),
        (
            lambda tx, now: claims.claim(tx, 1, owner="me", until=now, due=now, limit=1),
            "ix_deliveries_waiting",
        ),
    ],
)
def test_finished_deliveries_are_not_looked_at(
    db: Database, two: list[int], now: datetime, look: Look, index: str
) -> None:
    with db.transaction() as tx:
        plans = _plans(tx, lambda: look(tx, now))

    assert plans
    assert all(index in plan for plan in plans), plans


def _plans(tx: Tx, look: Callable[[], object]) -> list[str]:
    """Return how the database goes about each SELECT that a look makes."""
    sent: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            sent.append((statement, parameters))

    event.listen(tx, "before_cursor_execute", note)
    look()
    event.remove(tx, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN "
    if is_postgresql(tx):
        explain = "EXPLAIN "
        # In a small table everything is read at once, whatever indexes there are.
        tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return [str(tx.exec_driver_sql(explain + query, values).all()) for query, values in sent]
