"""A process that is stopped for longer than its lease stores nothing afterwards that others did.

A sample; `make soak` stops at each point there is (tests/soak/test_stops.py).
"""

import pytest

from tests.faults.killing import Ground
from tests.faults.scenarios import stop_at, telling_points

STOPS = 5


@pytest.mark.parametrize("scenario", ["imap", "pop3", "fan-out"])
def test_stopped_and_overtaken_nothing_is_taken_in_twice_and_only_doubts_are_repeated(
    ground: Ground, scenario: str
) -> None:
    for point in telling_points(ground, scenario, STOPS):
        stop_at(ground, scenario, point)

    ground.judge_copies()
