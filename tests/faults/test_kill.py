"""kill -9 after any statement, commit or protocol line, and then on to the end.

A sample; `make soak` kills at each point there is (tests/soak/test_kills.py).
"""

import random

import pytest

from tests.faults.killing import Ground
from tests.faults.scenarios import (
    LETTERS,
    PLAYS,
    kill_at,
    kill_until_through,
    telling_points,
)

KILLS = {"imap": 16, "pop3": 16, "first start": 16, "fan-out": 6, "personal fan-out": 6}
KILLS_ON_POSTGRESQL = 4
KILLS_OF_SERVE = 3
MANY_LETTERS = 200


@pytest.mark.parametrize(("scenario", "way"), PLAYS)
def test_killed_at_any_point_nothing_is_lost_and_only_doubts_are_repeated(
    ground: Ground, scenario: str, way: str
) -> None:
    ground.way, kills = way, KILLS[scenario]

    for point in telling_points(ground, scenario, kills):
        kill_at(ground, scenario, point)

    assert ground.judge_copies().kills > kills // 2  # the last point comes sooner in some runs


@pytest.mark.parametrize(
    ("scenario", "way"), [("imap", "pipelined"), ("pop3", "lock step"), ("fan-out", "chunked")]
)
def test_the_same_holds_on_postgresql(
    ground: Ground, postgres_url: str, scenario: str, way: str
) -> None:
    ground.postgres_url, ground.way = postgres_url, way

    for point in telling_points(ground, scenario, KILLS_ON_POSTGRESQL):
        kill_at(ground, scenario, point)

    ground.judge_copies()


def test_the_same_holds_for_serve(ground: Ground) -> None:
    for point in telling_points(ground, "imap", KILLS_OF_SERVE):
        made = ground.new_list("imap", LETTERS, more='poll_every = "1s"\n')
        made.serve_until_killed(point)
        made.come_to_rest()

    ground.judge_copies()


@pytest.mark.parametrize(("protocol", "way"), [("imap", "pipelined"), ("pop3", "chunked")])
def test_the_same_holds_for_many_letters_and_one_death_after_the_other(
    ground: Ground, protocol: str, way: str
) -> None:
    ground.way = way

    made = kill_until_through(ground, protocol, MANY_LETTERS, random.Random(protocol))

    ground.judge_copies()
    assert len(made.deaths) > 1
