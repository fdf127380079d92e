"""kill -9 at every point of small lists, then at two in a row, and of lists with 200 letters.

LISTBRIDGE_SOAK_KILLS says how many lists of each kind are killed at least [1000].
LISTBRIDGE_SOAK_SEED chooses other points.
"""

import os
import random
from collections.abc import Callable

import pytest

from tests.faults.killing import Ground
from tests.faults.scenarios import PLAYS, kill_at, kill_until_through
from tests.faults.sharing import new_shared, points_after_storing
from tests.ways import WAYS

RUNS = int(os.environ.get("LISTBRIDGE_SOAK_KILLS", "1000"))
SEED = os.environ.get("LISTBRIDGE_SOAK_SEED", "1")
# A life that goes on after another has died in the middle is as long as a whole one at most.
LONGEST_LIFE = 450
MANY_LETTERS = 200
LISTS_WITH_MANY = max(RUNS // 100, 1)


@pytest.mark.soak
@pytest.mark.parametrize(("scenario", "way"), PLAYS)
def test_killed_at_every_point_nothing_is_lost_and_only_doubts_are_repeated(
    ground: Ground, scenario: str, way: str
) -> None:
    ground.way = way
    runs = RUNS // len(WAYS) if scenario == "fan-out" else RUNS
    chance = random.Random(f"{SEED} {scenario} {way}")

    point = 1
    while kill_at(ground, scenario, point):
        point += 1
    for _ in range(runs - point):
        kill_at(ground, scenario, chance.randint(1, point), chance.randint(1, LONGEST_LIFE))

    _tell(ground, f"{scenario}, {way}: each of {point - 1} points, then two in a row")


@pytest.mark.soak
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_lists_with_many_letters_die_time_and_again_and_lose_nothing(
    ground: Ground, protocol: str
) -> None:
    chance = random.Random(f"{SEED} {protocol}")

    for _ in range(LISTS_WITH_MANY):
        ground.way = chance.choice(list(WAYS))
        kill_until_through(ground, protocol, MANY_LETTERS, chance)

    _tell(ground, f"{protocol}, {MANY_LETTERS} letters")


def _tell(ground: Ground, what: str) -> None:
    figures = ground.judge_copies()
    print(f"{what}; seed {SEED}: {figures}")


@pytest.mark.soak
def test_killed_at_every_point_a_shared_mailbox_gives_each_category_its_letters_once(
    ground: Ground, fresh_name: Callable[[str], str]
) -> None:
    points = points_after_storing(new_shared(ground, fresh_name("shared")))
    chance = random.Random(SEED)

    for point in points:
        one = new_shared(ground, fresh_name("shared"))
        one.poll_once(point)
        one.poll_once(chance.choice(points))
        one.come_to_rest()

    print(f"a shared mailbox: seed {SEED}, each of {len(points)} points, then another")
