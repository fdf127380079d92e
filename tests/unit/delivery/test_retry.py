"""The retry timetable as a table."""

from datetime import timedelta
from random import Random

import pytest

from listbridge.delivery.retry import next_wait

DAYS = timedelta(days=5)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 5), (2, 10), (3, 20), (6, 160), (7, 240), (50, 240), (5000, 240)]
)
def test_the_wait_doubles_up_to_four_hours(attempts: int, minutes: int) -> None:
    waits = [next_wait(attempts, timedelta(0), DAYS, Random(seed)) for seed in range(50)]

    exact = timedelta(minutes=minutes)
    assert all(wait is not None and 0.8 * exact <= wait <= 1.2 * exact for wait in waits)
    assert len(set(waits)) > 1


@pytest.mark.parametrize(
    ("waited", "gives_up"), [(timedelta(0), False), (DAYS * 0.99, False), (DAYS, True)]
)
def test_it_gives_up_after_so_much_waiting(waited: timedelta, gives_up: bool) -> None:
    assert (next_wait(3, waited, DAYS, Random(1)) is None) == gives_up
