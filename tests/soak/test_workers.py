"""A thousand times four processes on one PostgreSQL database, of which one dies and one stops.

LISTBRIDGE_SOAK_ROUNDS says how often, LISTBRIDGE_SOAK_SEED chooses other moments.
"""

import os
from random import Random

import pytest

from tests.faults.killing import Ground
from tests.faults.scenarios import work_together

ROUNDS = int(os.environ.get("LISTBRIDGE_SOAK_ROUNDS", "1000"))
SEED = os.environ.get("LISTBRIDGE_SOAK_SEED", "1")


@pytest.mark.soak
def test_whoever_dies_or_stops_the_others_lose_nothing_and_repeat_only_doubts(
    ground: Ground, postgres_url: str
) -> None:
    ground.postgres_url = postgres_url
    chance = Random(f"{SEED} workers")

    for number in range(ROUNDS):
        work_together(ground, ("imap", "pop3")[number % 2], chance)

    print(f"{ROUNDS} rounds of 4 workers; seed {SEED}: {ground.judge_copies()}")
