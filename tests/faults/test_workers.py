"""Four processes work on one mailbox and one outbox, while one of them dies and one stops.

A sample; `make soak` has a thousand rounds (tests/soak/test_workers.py).
"""

from random import Random

from tests.faults.killing import Ground
from tests.faults.scenarios import work_together

ROUNDS = 4


def test_whoever_dies_or_stops_the_others_lose_nothing_and_repeat_only_doubts(
    ground: Ground, postgres_url: str
) -> None:
    ground.postgres_url = postgres_url
    chance = Random("workers")

    for number in range(ROUNDS):
        work_together(ground, ("imap", "pop3")[number % 2], chance)

    assert ground.judge_copies().kills > ROUNDS // 2
