"""SIGSTOP at every point for longer than the lease, while another process takes over."""

import pytest

from tests.faults.killing import Ground
from tests.faults.scenarios import stop_at


@pytest.mark.soak
@pytest.mark.parametrize("scenario", ["imap", "pop3", "fan-out"])
def test_overtaken_at_every_point_nothing_is_taken_in_twice_and_only_doubts_are_repeated(
    ground: Ground, scenario: str
) -> None:
    point = 1
    while stop_at(ground, scenario, point):
        point += 1

    print(f"{scenario}: stopped at each of {point - 1} points: {ground.judge_copies()}")
