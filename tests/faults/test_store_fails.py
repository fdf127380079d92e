"""The store fails in the middle of a round, at this write or that; afterwards all is as it must be.

The soak test does the same at every write, with every error.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from storage.database import Database
from tests.fakes.failing_store import ERRORS, Breakdown, Household, live_through

FOR_GOOD = 10**6
AT = range(1, 101, 9)


@pytest.fixture
def household(sqlite: Database, database_file: Path) -> Callable[..., Household]:
    """Live through a breakdown with a fresh database."""
    fresh = database_file.read_bytes()

    def lived(breakdown: Breakdown, *, rounds: int = 1, new_process: bool) -> Household:
        sqlite.close()
        for file in database_file.parent.iterdir():
            file.unlink()
        database_file.write_bytes(fresh)
        return live_through(database_file, breakdown, rounds=rounds, new_process=new_process)

    return lived


@pytest.mark.parametrize("new_process", [False, True])
def test_a_store_that_fails_from_some_write_on_loses_nothing_and_doubles_nothing_silently(
    household: Callable[..., Household], new_process: bool
) -> None:
    for at in AT:
        breakdown = Breakdown(at, FOR_GOOD, [*ERRORS][at % len(ERRORS)])
        one = household(breakdown, new_process=new_process)
        assert one.wrongs() == [], at
        assert bool(one.tallies[0].error) is bool(breakdown.hits), at


def test_the_process_that_sent_knows_it_when_the_store_is_back(
    household: Callable[..., Household],
) -> None:
    for at in AT:
        one = household(Breakdown(at, FOR_GOOD), new_process=False)
        assert one.repeats == 0, at


def test_a_store_that_fails_again_and_again_has_no_message_set_aside(
    household: Callable[..., Household],
) -> None:
    for at in AT[::2]:
        one = household(Breakdown(at, 2), rounds=5, new_process=True)
        assert one.wrongs() == [], at


@pytest.mark.parametrize("new_process", [False, True])
def test_a_commit_whose_answer_is_lost_is_one_all_the_same(
    household: Callable[..., Household], new_process: bool
) -> None:
    for at in range(1, 25, 3):
        one = household(Breakdown(at, 1, answer_lost=True), new_process=new_process)
        assert one.wrongs() == [], at


def test_the_breakdowns_reach_from_the_first_write_of_a_round_to_the_last(
    household: Callable[..., Household],
) -> None:
    breakdown = Breakdown(FOR_GOOD, 1)
    one = household(breakdown, new_process=True)
    assert one.wrongs() == []
    assert one.repeats == 0
    assert breakdown.most < max(AT)
