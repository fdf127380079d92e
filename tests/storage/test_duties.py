"""Duties: each is owed once, at the earliest time that anything gave cause to."""

from datetime import datetime, timedelta

from storage import categories, duties
from storage.database import Database
from storage.states import Duty

HOUR = timedelta(hours=1)


def owe(db: Database, category_id: int, at: datetime) -> None:
    with db.transaction() as tx:
        duties.owe(tx, category_id, Duty.SUMMARY, at)


def due(db: Database, category_id: int, now: datetime) -> list[Duty]:
    with db.reading() as tx:
        return duties.due(tx, category_id, now)


def done(db: Database, category_id: int, next_at: datetime | None) -> None:
    with db.transaction() as tx:
        duties.done(tx, category_id, Duty.SUMMARY, next_at)


def test_a_duty_is_due_from_its_time_on(db: Database, category_id: int, now: datetime) -> None:
    owe(db, category_id, now)

    assert due(db, category_id, now - timedelta(seconds=1)) == []
    assert due(db, category_id, now) == [Duty.SUMMARY]


def test_of_two_causes_the_earlier_one_counts(
    db: Database, category_id: int, now: datetime
) -> None:
    for at in (now + HOUR, now, now + 2 * HOUR):
        owe(db, category_id, at)

    assert due(db, category_id, now) == [Duty.SUMMARY]


def test_a_duty_that_is_done_for_good_needs_new_cause(
    db: Database, category_id: int, now: datetime
) -> None:
    owe(db, category_id, now)
    done(db, category_id, None)
    assert due(db, category_id, now + HOUR) == []

    owe(db, category_id, now)
    assert due(db, category_id, now) == [Duty.SUMMARY]


def test_a_duty_that_comes_again_waits_for_its_time(
    db: Database, category_id: int, now: datetime
) -> None:
    owe(db, category_id, now)
    done(db, category_id, now + HOUR)

    assert due(db, category_id, now) == []
    assert due(db, category_id, now + HOUR) == [Duty.SUMMARY]


def test_a_duty_is_no_other_category_s(db: Database, category_id: int, now: datetime) -> None:
    with db.transaction() as tx:
        other = categories.keep(tx, "other", "other@example.org").id
    owe(db, category_id, now)

    assert due(db, other, now) == []
