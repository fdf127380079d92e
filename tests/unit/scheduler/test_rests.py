"""What has failed is left alone, the longer the more often."""

from datetime import UTC, datetime, timedelta

from scheduler.rests import Rests

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FIRST, LONGEST = timedelta(seconds=30), timedelta(minutes=15)
SLACK = 1.2  # back-off is off by up to a fifth


def test_what_never_failed_does_not_rest() -> None:
    assert not Rests(first=FIRST, longest=LONGEST).is_resting("a", NOW)


def test_what_failed_rests_until_its_time_and_others_do_not() -> None:
    rests = Rests(first=FIRST, longest=LONGEST)
    until = rests.failed("a", NOW)
    assert rests.is_resting("a", until - timedelta(milliseconds=1))
    assert not rests.is_resting("a", until)
    assert not rests.is_resting("b", NOW)


def test_each_failure_makes_the_rest_longer_up_to_a_limit() -> None:
    rests = Rests(first=FIRST, longest=LONGEST)
    waits = [rests.failed("a", NOW) - NOW for _ in range(12)]
    assert FIRST * 0.8 <= waits[0] <= FIRST * SLACK
    assert waits[3] > FIRST * 4
    assert all(wait <= LONGEST * SLACK for wait in waits)
    assert waits[-1] > LONGEST / 2


def test_after_a_success_it_begins_anew() -> None:
    rests = Rests(first=FIRST, longest=LONGEST)
    for _ in range(8):
        rests.failed("a", NOW)
    rests.succeeded("a")
    assert not rests.is_resting("a", NOW)
    assert rests.failed("a", NOW) - NOW <= FIRST * SLACK
