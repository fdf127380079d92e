"""Which messages are decided together."""

import pytest

from listbridge.intake import groups as grouping
from listbridge.intake.groups import groups
from storage.inbound import Waiting


def waiting(*attempts: int, size: int = 1) -> list[Waiting]:
    return [Waiting(number, 1, one, size, False) for number, one in enumerate(attempts)]


def test_all_that_wait_for_the_first_time_are_one_group() -> None:
    assert list(groups(waiting(0, 0, 0))) == [[0, 1, 2]]


def test_each_that_was_in_hand_at_a_death_is_alone() -> None:
    assert list(groups(waiting(0, 0, 1, 2, 0, 0))) == [[0, 1], [2], [3], [4, 5]]


def test_a_group_is_bounded_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "_MOST", 2)

    assert list(groups(waiting(0, 0, 0))) == [[0, 1], [2]]


def test_a_group_is_bounded_by_size_and_one_that_is_larger_is_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grouping, "_MOST_OCTETS", 5)

    assert list(groups(waiting(0, 0, 0, 0, 0, size=2))) == [[0, 1], [2, 3], [4]]
    assert list(groups(waiting(0, 0, size=9))) == [[0], [1]]
    assert list(groups([])) == []
