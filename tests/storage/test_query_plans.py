"""What is asked again and again does not read what is finished."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import event, select

from storage import arrivals, backlog, bounces, outbox, subscriptions, wishes
from storage import deliveries as listed
from storage import inbound as messages
from storage import posts as store
from storage.database import Database, Tx
from storage.schema import deliveries, inbound, posts
from storage.states import UNSENT, DeliveryState, PostState

#: Indexes that hold only what is unfinished.
PARTIAL = {
    str(index.name)
    for table in (deliveries, inbound, posts)
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
}


@pytest.fixture
def plans(sqlite: Database, now: datetime) -> dict[str, list[str]]:
    """Each statement that counts the backlog, and how SQLite goes about it."""
    asked: list[tuple[str, Any]] = []
    with sqlite.reading() as tx:

        @event.listens_for(tx, "before_cursor_execute")
        def _note(_tx: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            asked.append((statement, parameters))

        backlog.every(tx, now)
        event.remove(tx, "before_cursor_execute", _note)
        return {
            statement: [
                str(row[3])
                for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]
            for statement, parameters in asked
        }


def test_counting_the_backlog_reads_no_more_than_what_is_unfinished(
    plans: dict[str, list[str]],
) -> None:
    read_whole = {
        step
        for steps in plans.values()
        for step in steps
        if re.match("SCAN (deliveries|inbound|posts|outgoing)", step)
        if not PARTIAL.intersection(step.split())
    }

    assert len(plans) == 6
    assert read_whole == set()


def test_looking_at_the_schedule_reads_only_what_is_unfinished(
    sqlite: Database, now: datetime
) -> None:
    asked: list[tuple[str, Any]] = []
    with sqlite.reading() as tx:

        @event.listens_for(tx, "before_cursor_execute")
        def _note(_tx: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            asked.append((statement, parameters))

        messages.overdue(tx, now)
        event.remove(tx, "before_cursor_execute", _note)
        [(statement, parameters)] = asked
        plan = [
            str(row[3]) for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]

    assert [step for step in plan if "ix_inbound_waiting" in step]


def test_a_fan_out_reads_the_subscriptions_of_its_category_alone(
    sqlite: Database, now: datetime
) -> None:
    values = {"category": 1, "without": "", "author": "ann@example.net", "now": now}
    with sqlite.reading() as tx:
        query = select(*outbox.FILLED.values()).where(*outbox._GETTING_EACH)
        compiled = query.compile(tx.engine)
        named = [{**dict.fromkeys(compiled.params, 1), **values}[x] for x in compiled.positiontup]
        # The driver knows no such times; for the plan any value does.
        plain = tuple(1 if isinstance(x, datetime) else x for x in named)
        plan = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", plain).all()

    # Who has muted the thread is asked once, and not of each subscriber.
    assert [row[3] for row in plan][:2] == [
        "SEARCH subscriptions USING INDEX sqlite_autoindex_subscriptions_1 (category_id=?)",
        "LIST SUBQUERY 2",
    ]
    assert not any(row[3].startswith("SCAN") for row in plan), plan


def test_what_is_wished_besides_posts_is_found_without_reading_who_wishes_nothing(
    sqlite: Database,
) -> None:
    with sqlite.reading() as tx:
        compiled = wishes._ASK.compile(tx.engine)
        plain = tuple("x" for _ in compiled.positiontup)
        plan = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", plain).all()

    assert "USING INDEX ix_subscriptions_otherwise (category_id=?)" in plan[0][3]


def test_whose_an_address_is_is_one_question_that_reads_nobody_else(sqlite: Database) -> None:
    with sqlite.reading() as tx:
        compiled = subscriptions._OF_PERSON.compile(tx.engine)
        plain = tuple("x" for _ in compiled.positiontup)
        plan = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", plain).all()

    assert not any(row[3].startswith("SCAN") for row in plan), plan
    assert any("address_key=?" in row[3] for row in plan), plan


def _plans_on_postgresql(db: Database, ask: Callable[[Tx], object]) -> str:
    """Return how PostgreSQL goes about what is asked, if it may not read a table from end to end.

    It would, as long as there is next to nothing in it.
    """
    plans: list[str] = []

    def note(_tx: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found = cursor.connection.execute(f"EXPLAIN {statement}", parameters).fetchall()
        plans.extend(row[0] for row in found)

    with db.transaction() as tx:
        tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
        event.listen(tx, "before_cursor_execute", note)
        ask(tx)
        event.remove(tx, "before_cursor_execute", note)
    return "\n".join(plans)


def test_what_was_offered_before_is_found_by_its_place(postgres_db: Database) -> None:
    plan = _plans_on_postgresql(postgres_db, lambda tx: arrivals.at(tx, 1, 5, ["7"]))

    assert re.search(r"Index Cond: .*mailbox_id = .*uidvalidity = .*uid", plan), plan


def test_what_came_back_is_found_by_the_message_ids_that_the_report_names(
    postgres_db: Database, now: datetime
) -> None:
    plan = _plans_on_postgresql(
        postgres_db, lambda tx: bounces.sent_copy(tx, 1, "ann@example.net", ["<1@x>"], now)
    )

    assert "ix_outgoing_made_message_id" in plan, plan
    assert "uq_outgoing_post_id" in plan, plan


@pytest.mark.parametrize("index", ["ix_deliveries_waiting", "ix_deliveries_held"])
def test_what_is_cancelled_for_somebody_is_sought_among_what_is_unsent(
    sqlite: Database, postgres_db: Database, index: str
) -> None:
    def cancel(tx: Tx) -> None:
        outbox.cancel_for(tx, 1, "ann@example.net")

    asked: list[tuple[str, Any]] = []
    with sqlite.transaction() as tx:
        event.listen(tx, "before_cursor_execute", lambda *x: asked.append((x[2], x[3])))
        cancel(tx)
    with sqlite.reading() as tx:
        statement, parameters = asked[-1]
        plan = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()

    assert any(index in row[3] for row in plan), plan
    assert index in _plans_on_postgresql(postgres_db, cancel)


@pytest.mark.parametrize(
    "look",
    [
        lambda tx, _: listed.listed(tx, UNSENT),
        lambda tx, _: listed.listed(tx, UNSENT, 20),
        lambda tx, _: listed.listed(tx, [DeliveryState.DEFERRED]),
        lambda tx, _: store.in_category(tx, None, state=PostState.HELD),
        lambda tx, _: messages.shunted(tx),
        lambda tx, now: bounces.sent_copy(tx, 1, "ann@example.net", None, now),
    ],
    ids=["queue", "newest of the queue", "deferred", "held", "shunted", "report by VERP"],
)
def test_what_is_unfinished_is_listed_without_reading_what_is_finished(
    sqlite: Database, now: datetime, look: Callable[[Tx, datetime], object]
) -> None:
    asked: list[tuple[str, Any]] = []
    with sqlite.reading() as tx:
        event.listen(tx, "before_cursor_execute", lambda *x: asked.append((x[2], x[3])))
        look(tx, now)
        statement, parameters = asked[0]
        plan = [row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]

    scans = [step for step in plan if re.match("SCAN (deliveries|inbound|posts|outgoing)", step)]
    assert [step for step in scans if not PARTIAL.intersection(step.split())] == []


def test_a_routed_message_is_removed_without_reading_all_that_came_back(sqlite: Database) -> None:
    with sqlite.reading() as tx:
        plan = tx.exec_driver_sql("EXPLAIN QUERY PLAN DELETE FROM inbound WHERE id = 1").all()

    assert not any(row[3].startswith("SCAN") for row in plan), plan
