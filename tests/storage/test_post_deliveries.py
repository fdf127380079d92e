"""All that goes out of one post is stopped, or given up, at once."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from storage import claims, digests, owner, post_deliveries, updates
from storage.database import Database, Tx
from storage.schema import deliveries
from storage.service_mail import Letter
from storage.states import DeliveryState, Receives
from tests.storage.test_digests import List

LETTER = Letter("<update@example.org>", b"Subject: One\r\n\r\n", b"Hello.\r\n")


@pytest.fixture
def going_out(db: Database, category_id: int, now: datetime) -> tuple[int, int]:
    """Two posts, each for two readers and in a digest for a third; of the first an update too."""
    general = List(db, category_id, now)
    general.member("ann")
    general.member("bob")
    general.member("dora", receives=Receives.DIGEST)
    general.member("uma", receives=Receives.UPDATES)
    (first, *_), (second, *_) = general.post(), general.post()
    with db.transaction() as tx:
        about = {"language": None, "without": None, "author": None, "now": now}
        updates.put(tx, category_id, first, LETTER, sender="l@b", **about)  # type: ignore[arg-type]
    return first, second


def _states(db: Database, post_id: int) -> list[str]:
    with db.reading() as tx:
        its = deliveries.c.outgoing_id.in_(post_deliveries.messages(tx, post_id))
        return list(tx.execute(select(deliveries.c.state).where(its)).scalars())


def _claim(tx: Tx, category_id: int, now: datetime) -> None:
    until = now + timedelta(minutes=5)
    claims.claim(tx, category_id, owner=owner.this_process(), until=until, due=now, limit=1)


def test_a_post_that_is_cancelled_goes_to_nobody_in_no_form(
    db: Database, category_id: int, going_out: tuple[int, int]
) -> None:
    first, second = going_out
    with db.transaction() as tx:
        assert post_deliveries.lock_category(tx, first)
        assert post_deliveries.cancel(tx, first) == 3
        assert post_deliveries.leaving(tx, first) == 0
        [issue] = digests.take(tx, category_id)

    assert _states(db, first) == [DeliveryState.CANCELLED] * 3
    assert _states(db, second) == [DeliveryState.PENDING] * 2
    assert issue.posts == (second,)


def test_a_post_is_held_and_released(
    db: Database, going_out: tuple[int, int], now: datetime
) -> None:
    first, second = going_out
    with db.transaction() as tx:
        assert post_deliveries.hold(tx, first) == 3
    held = _states(db, first), _states(db, second)
    with db.transaction() as tx:
        assert post_deliveries.release(tx, first, now) == 3

    assert held == ([DeliveryState.HELD] * 3, [DeliveryState.PENDING] * 2)
    assert _states(db, first) == [DeliveryState.PENDING] * 3


def test_what_is_leaving_is_left_and_counted(
    db: Database, category_id: int, going_out: tuple[int, int], now: datetime
) -> None:
    first, _ = going_out
    with db.transaction() as tx:
        _claim(tx, category_id, now)
    with db.transaction() as tx:
        assert post_deliveries.cancel(tx, first) == 2
        assert post_deliveries.leaving(tx, first) == 1


@pytest.mark.parametrize("db", ["postgres"], indirect=True)
@pytest.mark.real_servers
def test_it_does_not_wait_for_whoever_is_just_claiming(
    db: Database, category_id: int, going_out: tuple[int, int], now: datetime
) -> None:
    first, _ = going_out
    with db.transaction() as claiming:
        _claim(claiming, category_id, now)
        with db.transaction() as tx:
            assert post_deliveries.cancel(tx, first) == 2
            assert post_deliveries.leaving(tx, first) == 1


def test_of_a_post_that_is_not_there_nothing_is_done(db: Database) -> None:
    with db.transaction() as tx:
        assert not post_deliveries.lock_category(tx, 17)
