"""The store fails at every single write of a round, in every way it can."""

import itertools
from pathlib import Path

import pytest

from storage.opening import open_database
from tests.fakes.failing_store import ERRORS, Breakdown, live_through

FOR_GOOD = 10**6
#: How it fails: so many writes in a row, whether only the answer is lost, and in how many rounds.
WAYS = ((FOR_GOOD, False, 1), (1, False, 1), (1, True, 1), (2, False, 5))


@pytest.mark.soak
@pytest.mark.parametrize("new_process", [False, True])
@pytest.mark.parametrize("error", ERRORS)
def test_nothing_is_lost_nothing_is_set_aside_and_nothing_is_silently_sent_twice(
    tmp_path: Path, error: str, new_process: bool
) -> None:
    open_database(f"sqlite:///{tmp_path / 'fresh.db'}").close()
    fresh = (tmp_path / "fresh.db").read_bytes()
    breakdowns = repeats = 0
    # The others differ in no more than their words.
    for number, answer_lost, rounds in WAYS if error == "full" else WAYS[:1]:
        for at in itertools.count(1):
            file = tmp_path / "listbridge.db"
            for left in tmp_path.glob("listbridge.db*"):
                left.unlink()
            file.write_bytes(fresh)
            breakdown = Breakdown(at, number, error, answer_lost)
            one = live_through(file, breakdown, rounds=rounds, new_process=new_process)
            assert one.wrongs() == [], (number, answer_lost, at)
            one.db.close()
            if not breakdown.hits and not answer_lost:
                break
            if answer_lost and at > breakdown.most:
                break
            breakdowns += 1
            repeats += one.repeats
    print(f"{error}, new process {new_process}: {breakdowns} breakdowns, {repeats} copies repeated")
