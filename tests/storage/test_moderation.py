"""What the store keeps for moderators: codes, whom they let in, what they were sent."""

from datetime import datetime, timedelta

import pytest

from storage import allowed, answers, categories, inbound, scheduled, tokens
from storage.database import Database
from storage.states import InboundState, Purpose, Source
from storage.tokens import Token

HOUR = timedelta(hours=1)
CODE = Token(Purpose.MODERATE, "Mod@example.org", "mod@example.org", "17")


def keep(db: Database, category_id: int, now: datetime, secret: str, token: Token = CODE) -> None:
    with db.transaction() as tx:
        tokens.keep(tx, category_id, secret, token, expires_at=now + HOUR, now=now)


def test_a_code_is_looked_at_as_often_as_is_wanted(
    db: Database, category_id: int, now: datetime
) -> None:
    keep(db, category_id, now, "secret")

    with db.reading() as tx:
        found = [tokens.look(tx, category_id, "secret", now) for _ in range(2)]

    assert found == [(CODE, now + HOUR)] * 2


def test_a_code_stands_for_nothing_later_or_elsewhere(
    db: Database, category_id: int, now: datetime
) -> None:
    keep(db, category_id, now, "secret")
    with db.transaction() as tx:
        other = categories.keep(tx, "other", "other@example.org").id
        assert tokens.look(tx, other, "secret", now) is None
        assert tokens.look(tx, category_id, "secret", now + HOUR) is None
        assert tokens.look(tx, category_id, "another", now) is None


def test_who_was_asked_is_named_once_and_nobody_else(
    db: Database, category_id: int, now: datetime
) -> None:
    for number, detail in enumerate(("17", "17", "1")):
        token = Token(Purpose.MODERATE, CODE.address, CODE.key, detail)
        keep(db, category_id, now, f"code {number}", token)
    keep(db, category_id, now, "no code", Token(Purpose.SUBSCRIBE, "a@b.example", "a", "17"))

    with db.reading() as tx:
        assert tokens.asked_about(tx, category_id, "17") == ["Mod@example.org"]


def test_whoever_was_let_in_is_so_once_and_until_he_is_removed(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        for by in ("mod@example.org", None):
            allowed.add(tx, category_id, "Ann@example.net", "ann@example.net", by=by, now=now)
        other = categories.keep(tx, "other", "other@example.org").id

        assert allowed.is_allowed(tx, category_id, "ann@example.net")
        assert not allowed.is_allowed(tx, other, "ann@example.net")
        assert [(x.address, x.allowed_by) for x in allowed.listed(tx)] == [
            ("Ann@example.net", "mod@example.org")
        ]
        assert allowed.listed(tx, other) == []
        assert [allowed.remove(tx, category_id, "ann@example.net") for _ in "12"] == [True, False]
        assert not allowed.is_allowed(tx, category_id, "ann@example.net")


def test_what_goes_to_moderators_is_counted_for_each_by_kind_and_day(
    db: Database, category_id: int, now: datetime
) -> None:
    def left(key: str, notice: str, at: datetime) -> int | None:
        with db.transaction() as tx:
            return answers.count_apart(tx, category_id, key, notice, each=2, now=at)

    assert [left("mod", "held", now) for _ in "123"] == [1, 0, None]
    assert (left("deputy", "held", now), left("mod", "decided", now)) == (1, 1)
    assert left("mod", "held", now + timedelta(days=1)) == 1


def test_what_goes_to_moderators_takes_nothing_from_others(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        answers.count_apart(tx, category_id, "mod", "help", each=1, now=now)

        limits = {"each": 1, "in_all": 1, "now": now}
        assert answers.count_one(tx, category_id, "mod", "help", **limits)  # type: ignore[arg-type]
        assert not answers.count_one(tx, category_id, "ann", "help", **limits)  # type: ignore[arg-type]


@pytest.mark.parametrize("later", [None, HOUR])
def test_only_what_is_scheduled_is_withdrawn(
    db: Database, category_id: int, now: datetime, later: timedelta | None
) -> None:
    with db.transaction() as tx:
        inbound_id, _ = inbound.keep(
            tx,
            category_id,
            b"Subject: x\r\n\r\nx\r\n",
            source=Source.CLI,
            now=now,
            not_before=later and now + later,
        )

        assert scheduled.withdraw(tx, inbound_id) is (later is not None)

        found = inbound.find(tx, inbound_id)
        assert found is not None
        assert (found.state is InboundState.DROPPED) is (later is not None)
        assert scheduled.listed(tx) == []


def test_scheduled_ones_are_listed_by_their_times(
    db: Database, category_id: int, now: datetime
) -> None:
    with db.transaction() as tx:
        for hours in (3, 1, 2):
            inbound.keep(
                tx,
                category_id,
                f"Subject: {hours}\r\n\r\nx\r\n".encode(),
                source=Source.CLI,
                now=now,
                not_before=now + hours * HOUR,
            )

        assert [x.not_before - now for x in scheduled.listed(tx)] == [HOUR, 2 * HOUR, 3 * HOUR]
        assert scheduled.listed(tx, category_id + 1) == []


def test_what_was_counted_before_the_clock_was_set_back_does_not_count_for_years(
    db: Database, category_id: int, now: datetime
) -> None:
    def count(at: datetime) -> bool:
        with db.transaction() as tx:
            return answers.count_one(tx, category_id, "a", "help", each=1, in_all=1, now=at)

    assert count(now + timedelta(days=3650))

    assert [count(now), count(now)] == [True, False]
