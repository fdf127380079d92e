"""Hourly and daily budgets of an account."""

from datetime import datetime, timedelta

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


def test_forgetting_old_counts_changes_no_budget(db: Database, now: datetime) -> None:
    _reserve(db, 100, now - timedelta(hours=23), None, 100)
    with db.transaction() as tx:
        budgets.forget_old(tx, now)

    assert _reserve(db, 100, now, None, 100) == 0
