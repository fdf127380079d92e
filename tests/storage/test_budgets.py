"""Hourly and daily budgets of an account."""

from datetime import datetime, timedelta

import pytest

from storage import budgets
from storage.database import Database


def _reserve(db: Database, wanted: int, at: datetime, hour: int | None, day: int | None) -> int:
    with db.transaction() as tx:
        return budgets.reserve(tx, "a@h:25", wanted, per_hour=hour, per_day=day, now=at)


def test_without_limits_everything_is_granted(db: Database, now: datetime) -> None:
    assert _reserve(db, 10_000, now, None, None) == 10_000


def test_an_hour_grants_no_more_than_its_limit(db: Database, now: datetime) -> None:
    granted = [_reserve(db, 40, now, 100, None) for _ in range(4)]

    assert granted == [40, 40, 20, 0]


def test_the_next_hour_grants_anew(db: Database, now: datetime) -> None:
    _reserve(db, 100, now, 100, None)

    assert _reserve(db, 50, now + timedelta(minutes=59), 100, None) == 0
    assert _reserve(db, 50, now + timedelta(minutes=61), 100, None) == 50


def test_the_day_limits_what_the_hours_would_grant(db: Database, now: datetime) -> None:
    granted = [_reserve(db, 100, now + timedelta(hours=2 * n), 100, 250) for n in range(4)]

    assert granted == [100, 100, 50, 0]


def test_what_was_not_used_can_be_granted_again(db: Database, now: datetime) -> None:
    _reserve(db, 100, now, 100, None)
    with db.transaction() as tx:
        budgets.give_back(tx, "a@h:25", 30, now)

    assert _reserve(db, 100, now, 100, None) == 30


def _granted_by(
    db: Database, wanted: int, at: datetime, hour: int | None, day: int | None
) -> datetime:
    with db.reading() as tx:
        return budgets.granted_by(tx, "a@h:25", wanted, per_hour=hour, per_day=day, now=at)


def test_what_the_budget_still_allows_is_granted_now(db: Database, now: datetime) -> None:
    _reserve(db, 60, now, 100, None)

    assert _granted_by(db, 40, now, 100, None) == now


def test_the_rest_is_granted_when_what_was_taken_runs_out(db: Database, now: datetime) -> None:
    _reserve(db, 60, now, 100, None)
    later = now + timedelta(minutes=10)
    _reserve(db, 20, later, 100, None)

    granted = [_granted_by(db, 20 + more, later, 100, None) - now for more in (60, 61, 80, 81)]

    assert [x / timedelta(minutes=1) for x in granted] == [60, 70, 70, 70]


@pytest.mark.parametrize(("wanted", "hours"), [(100, 0), (101, 1), (200, 1), (201, 2), (1001, 10)])
def test_a_long_queue_takes_an_hour_for_each_hourly_limit(
    db: Database, now: datetime, wanted: int, hours: int
) -> None:
    assert _granted_by(db, wanted, now, 100, None) == now + timedelta(hours=hours)


def test_the_slower_of_two_limits_decides(db: Database, now: datetime) -> None:
    assert _granted_by(db, 500, now, 100, 200) == now + timedelta(days=2)
    assert _granted_by(db, 500, now, 100, 5000) == now + timedelta(hours=4)


def test_a_limit_that_was_lowered_waits_for_the_surplus_to_run_out(
    db: Database, now: datetime
) -> None:
    _reserve(db, 100, now, 100, None)
    later = now + timedelta(minutes=10)
    _reserve(db, 50, later, 150, None)

    assert _granted_by(db, 1, later, 50, None) == later + timedelta(hours=1)


def test_an_estimate_is_the_moment_at_which_it_is_really_granted(
    db: Database, now: datetime
) -> None:
    """Against a sender that asks every minute and takes whatever it gets."""
    for minute, wanted in ((0, 30), (7, 25), (31, 40)):
        _reserve(db, wanted, now + timedelta(minutes=minute), 100, None)
    moment, left = now + timedelta(minutes=40), 730
    expected = _granted_by(db, left, moment, 100, None)

    while (left := left - _reserve(db, left, moment, 100, None)) > 0:
        moment += timedelta(minutes=1)

    assert moment == expected


def test_forgetting_old_counts_changes_no_budget(db: Database, now: datetime) -> None:
    _reserve(db, 100, now - timedelta(hours=23), None, 100)
    with db.transaction() as tx:
        budgets.tidy(tx, now)

    assert _reserve(db, 100, now, None, 100) == 0
