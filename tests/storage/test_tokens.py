"""Tokens and answers: a token is good once, for one category, for a time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from storage import answers, categories, tokens
from storage.database import Database
from storage.states import Purpose
from storage.tokens import Token

SECRET = "mfrggzdfmztwq2lknnwg23tpoa"
ANN = Token(Purpose.SUBSCRIBE, "Ann@example.net", "ann@example.net", "Ann Lee")
DAY = timedelta(days=1)


def keep(db: Database, category_id: int, now: datetime, secret: str = SECRET) -> None:
    with db.transaction() as tx:
        tokens.keep(tx, category_id, secret, ANN, expires_at=now + DAY, now=now)


def use(db: Database, category_id: int, now: datetime, secret: str = SECRET) -> Token | None:
    with db.transaction() as tx:
        return tokens.use(tx, category_id, secret, now)


def test_a_token_stands_once_for_what_it_was_made_for(
    db: Database, category_id: int, now: datetime
) -> None:
    keep(db, category_id, now)

    assert [use(db, category_id, now) for _ in range(2)] == [ANN, None]


def test_a_token_is_used_by_one_of_many_at_the_same_time(
    db: Database, category_id: int, now: datetime
) -> None:
    keep(db, category_id, now)

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: use(db, category_id, now), range(8)))

    assert sorted(map(bool, found)) == [False] * 7 + [True]


def test_a_token_is_of_no_other_category(db: Database, category_id: int, now: datetime) -> None:
    with db.transaction() as tx:
        other = categories.keep(tx, "other", "other@example.org").id
    keep(db, category_id, now)

    assert use(db, other, now) is None
    assert use(db, category_id, now) == ANN


def test_a_token_runs_out_to_the_moment(db: Database, category_id: int, now: datetime) -> None:
    keep(db, category_id, now)

    assert use(db, category_id, now + DAY) is None
    assert use(db, category_id, now + DAY - timedelta(seconds=1)) == ANN


def test_a_token_that_was_shown_is_void_wherever_it_is_from(
    db: Database, category_id: int, now: datetime
) -> None:
    keep(db, category_id, now)
    with db.transaction() as tx:
        tokens.void(tx, ["a" * 26, SECRET])

    assert use(db, category_id, now) is None


def test_what_has_run_out_is_forgotten_with_the_next_one(
    db: Database, category_id: int, now: datetime
) -> None:
    keep(db, category_id, now)
    keep(db, category_id, now + 2 * DAY, "b" * 26)

    with db.reading() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM tokens").scalar_one() == 1


def test_who_was_asked_is_known_until_it_runs_out(
    db: Database, category_id: int, now: datetime
) -> None:
    keep(db, category_id, now)

    with db.reading() as tx:
        assert tokens.asked(tx, category_id, now) == [ANN]
        assert tokens.asked(tx, category_id, now + DAY) == []


def test_answers_are_counted_by_kind_and_address_and_in_all(
    db: Database, category_id: int, now: datetime
) -> None:
    def count(key: str, kind: str, moment: datetime = now) -> bool:
        with db.transaction() as tx:
            return answers.count_one(tx, category_id, key, kind, each=1, in_all=3, now=moment)

    assert [count("ann", "help"), count("ann", "help")] == [True, False]
    assert [count("ann", "welcome"), count("bob", "help"), count("eve", "help")] == [
        True,
        True,
        False,
    ]
    assert count("ann", "help", now + DAY)
